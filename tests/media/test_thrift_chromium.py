"""The rules by which a page spares its own way out (`uplink.js`), by the clock that is passed in."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise

import pytest
from playwright.sync_api import Page

from server.config import ROOT
from server.media.voices import USUAL, fitting

pytestmark = pytest.mark.timeout(120)
SCRIPT = ROOT / "web/static/js/room/uplink.js"
SECOND = 1000.0

_RUN = """async ({code, looks}) => {
  const { Thrift, fitting } = await import(URL.createObjectURL(new Blob([code], { type: 'text/javascript' })));
  const thrift = new Thrift();
  return looks.map(([seconds, carries, lost, screen, fresh]) => {
    thrift.step({ carries, lost, screen, fresh }, 1000 * seconds);
    return [seconds, thrift.form.kbps, thrift.form.frameMs, thrift.rests];
  });
}"""
Look = tuple[float, float | None, float, bool] | tuple[float, float | None, float, bool, bool]
Found = list[tuple[float, int, int, bool]]


Thrift = Callable[..., Found]


@pytest.fixture
def thrift(page: Page) -> Thrift:
    """What a page makes of looks at (seconds, bit/s that the way carries, share lost, whether a screen is shared).

    And at last, unless it is so, whether that share was reported since the look before.
    """

    def found(*looks: Look) -> Found:
        return [tuple(one) for one in page.evaluate(_RUN, {"code": SCRIPT.read_text(), "looks": looks})]

    return found


def every_half(begin: float, end: float, carries: float | None, lost: float = 0.0, screen: bool = False) -> list[Look]:
    return [(begin + n / 2, carries, lost, screen) for n in range(round(2 * (end - begin)))]


def test_forms_are_those_of_the_server(thrift: Thrift) -> None:
    rates = (40_000, 64_000, 100_000, 199_000, 201_000, 4_000_000)
    for rate in rates:
        ((_, kbps, frame_ms, _),) = thrift((0, rate, 0, False))
        assert (kbps, frame_ms) == fitting(rate)


def test_a_thin_way_costs_the_camera_within_a_second_and_makes_longer_packets(thrift: Thrift) -> None:
    found = thrift(*every_half(0, 3, 2e6), *every_half(3, 6, 100_000))
    assert next(at for at, _, _, rests in found if rests) <= 4.0
    assert [(kbps, ms) for _, kbps, ms, _ in found][-1] == fitting(100_000)
    assert not any(rests for at, _, _, rests in found if at < 3)


def test_a_way_that_carries_a_camera_keeps_it_whatever_is_lost(thrift: Thrift) -> None:
    assert not any(rests for *_, rests in thrift(*every_half(0, 60, 200_000, 0.2)))


def test_a_screen_goes_before_the_camera(thrift: Thrift) -> None:
    found = thrift(*every_half(0, 5, 300_000), *every_half(5, 60, 300_000, screen=True))
    assert [rests for at, *_, rests in found if at < 5] == [False] * 10
    assert all(rests for at, *_, rests in found if at > 6), "no trial where the screen needs all"


def test_a_screen_that_begins_has_a_thin_way_at_once(thrift: Thrift) -> None:
    found = thrift(*every_half(0, 5, 300_000), *every_half(5, 8, 300_000, screen=True))
    assert next(at for at, *_, rests in found if rests) == 5
    ample = thrift(*every_half(0, 5, 2e6), *every_half(5, 8, 2e6, screen=True))
    assert not any(rests for *_, rests in ample)


def test_a_camera_that_rests_is_tried_again_every_fifteen_seconds(thrift: Thrift) -> None:
    found = thrift(*every_half(0, 120, 70_000))
    changes = [(b[0], b[3]) for a, b in pairwise(found) if a[3] != b[3]]
    assert all(later - sooner >= 5 for (sooner, _), (later, _) in pairwise(changes))
    trials = [at for at, rests in changes if not rests]
    assert trials[0] <= 15 and all(b - a <= 16 for a, b in pairwise(trials)) and len(trials) >= 7


def test_a_deep_fall_costs_the_camera_at_the_first_look(thrift: Thrift) -> None:
    found = thrift(*every_half(0, 3, 2e6), (3, 80_000, 0, False))
    assert found[-1][3] and not found[-2][3]


def test_a_way_that_is_good_again_brings_all_back(thrift: Thrift) -> None:
    found = thrift(*every_half(0, 5, 60_000), *every_half(5, 60, 3e6))
    assert found[-1][1:] == (*USUAL, False)


def test_where_the_browser_does_not_tell_a_voice_that_is_lost_costs_the_camera(thrift: Thrift) -> None:
    found = thrift(*every_half(0, 5, None, 0.1), *every_half(5, 7, None, 0.5))
    assert [rests for at, *_, rests in found if at < 5] == [False] * 10
    assert found[-1][3]


def reports(begin: float, *shares: float) -> list[Look]:
    """A report each second; every second look finds the one that is known."""
    return [(begin + n + half, None, share, False, not half) for n, share in enumerate(shares) for half in (0, 0.5)]


def test_an_outage_that_is_over_costs_no_camera(thrift: Thrift) -> None:
    """As Firefox, which does not tell what the way carries, smooths the report of three seconds without a packet."""
    assert not any(rests for *_, rests in thrift(*reports(0, 0, 0, 0.4, 0.2, 0.1, 0.05, 0, 0)))


def test_two_reports_in_a_row_cost_the_camera(thrift: Thrift) -> None:
    found = thrift(*reports(0, 0, 0, 0.3, 0.45, 0.5))
    assert next(at for at, *_, rests in found if rests) == 3


_REPORTS = """async ({code, reports}) => {
  const { Uplink } = await import(URL.createObjectURL(new Blob([code], { type: 'text/javascript' })));
  let now = [];
  const voice = { getStats: async () => new Map(now.map((one) => [one.type, one])) };
  const pc = { connectionState: 'connected', getStats: async () => new Map() };
  const rests = [];
  const uplink = new Uplink({ pc, microphone: voice, screen: { track: null } }, (thrift) => rests.push(thrift.rests));
  uplink.close();
  for (const [timestamp, packetsSent, packetsLost] of reports) {
    now = [{ type: 'outbound-rtp', packetsSent }, { type: 'remote-inbound-rtp', timestamp, packetsLost }];
    await uplink.look();
    await uplink.look();
  }
  return [uplink.lost, rests];
}"""


def test_a_late_report_of_an_outage_counts_for_no_more_than_all(page: Page) -> None:
    """Firefox on a busy machine: 150 packets are told to be missed when only 90 left since the report before."""
    reports = [(1, 100, 0), (2, 150, 0), (5, 240, 150), (6, 290, 150), (7, 340, 150)]
    found = page.evaluate(_REPORTS, {"code": SCRIPT.read_text(), "reports": reports})
    assert found == [0.125, []]
