"""The rules by which a page lets pictures and voices wait for each other (`playout.js`), on made figures."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import Page

from server.config import ROOT

pytestmark = pytest.mark.timeout(120)
SCRIPT = ROOT / "web/static/js/room/playout.js"

_RULE = """async ({code, name, args}) => {
  const rules = await import(URL.createObjectURL(new Blob([code], { type: 'text/javascript' })));
  return rules[name](...args);
}"""
# A browser that makes what arrives wait as long as it needs or is told to, whichever is longer.
_PLAYED = """async ({code, needs, tells}) => {
  const { Playout } = await import(URL.createObjectURL(new Blob([code], { type: 'text/javascript' })));
  const kinds = ['video', 'audio'];
  const receivers = kinds.map((kind) => ({ track: { kind }, jitterBufferTarget: null }));
  const streams = kinds.map((kind) => ({ id: kind, kind, type: 'inbound-rtp', jitter: kind === 'audio' ? 0.04 : 0,
    jitterBufferEmittedCount: 0, jitterBufferDelay: 0, ...tells && { jitterBufferMinimumDelay: 0 } }));
  const pc = { getStats: async () => new Map(streams.map((one) => [one.id, { ...one }])),
    getTransceivers: () => receivers.map((receiver) => ({ receiver })) };
  const turn = new Promise((done) => { window.setInterval = (look) => done(look); });
  new Playout(pc);
  const look = await turn;
  const found = [];
  for (const second of needs) {
    streams.forEach((stream, n) => {
      stream.jitterBufferEmittedCount += 20;
      stream.jitterBufferDelay += 20 * Math.max(second[n], receivers[n].jitterBufferTarget ?? 0) / 1000;
      if (tells) stream.jitterBufferMinimumDelay += 20 * second[n] / 1000;
    });
    look();
    await new Promise((done) => setTimeout(done));
    found.push(receivers.map((receiver) => receiver.jitterBufferTarget));
  }
  return found;
}"""


Rule = Callable[..., Any]


@pytest.fixture
def rule(page: Page) -> Rule:
    """`rule("need", ...)`: what a function of the module makes of these arguments."""
    return lambda name, *args: page.evaluate(_RULE, {"code": SCRIPT.read_text(), "name": name, "args": args})


def played(page: Page, needs: list[tuple[int, int]], *, tells: bool) -> Any:
    """The targets of pictures and voices, look by look."""
    return page.evaluate(_PLAYED, {"code": SCRIPT.read_text(), "needs": needs, "tells": tells})


def figures(kind: str, played: int, **more: float) -> dict[str, Any]:
    """Counters of one stream after so many frames or samples; the waits given are of each, in seconds."""
    grown = {key: value * played if key.startswith("jitterBuffer") else value for key, value in more.items()}
    return {"id": kind, "type": "inbound-rtp", "kind": kind, "jitterBufferEmittedCount": played, **grown}


def test_a_stream_needs_what_it_waits_or_would_wait_if_it_were_free(rule: Rule) -> None:
    before, now = ({**figures("video", n, jitterBufferDelay=0.3, jitterBufferMinimumDelay=0.05)} for n in (20, 60))
    assert rule("need", now, before, False) == pytest.approx(300)
    assert rule("need", now, before, True) == pytest.approx(50)
    assert rule("need", figures("video", 25, jitterBufferDelay=0.3), before, False) is None
    assert rule("need", figures("video", 60, jitterBufferDelay=0.3), figures("video", 20), True) == 0


def test_a_voice_waits_from_its_usual_packet_not_from_the_fastest(rule: Rule) -> None:
    before, now = (figures("audio", n, jitterBufferDelay=0.1, jitter=0.02) for n in (48_000, 96_000))
    assert rule("need", now, before, False) == pytest.approx(130)


def test_what_comes_in_another_order_is_not_missing(rule: Rule) -> None:
    before = {"packetsLost": 10, "packetsReceived": 100, "nackCount": 0}
    assert rule("missing", {"packetsLost": 20, "packetsReceived": 190, "nackCount": 10}, before) == 0.1
    assert rule("missing", {"packetsLost": 4, "packetsReceived": 190, "nackCount": 60}, before) == 0


def test_the_sooner_waits_for_the_later(rule: Rule) -> None:
    assert rule("targets", [20], [120], []) == {"picture": 110, "voice": 0}
    assert rule("targets", [120], [20], []) == {"picture": 0, "voice": 110}
    assert rule("targets", [20], [40], [150]) == {"picture": 150, "voice": 140}
    assert rule("targets", [], [120], []) == {"picture": 0, "voice": 0}
    assert rule("targets", [100], [105], []) == {"picture": 0, "voice": 0}


def test_a_wait_is_kept_for_a_while_so_that_nothing_swings(page: Page) -> None:
    """A voice that needs 200 ms for one second: pictures follow at once, and once back."""
    needs = [(85, 20)] * 3 + [(85, 200)] + [(85, 20)] * 12  # the voice's jitter of 40 ms is 60 more
    found = played(page, needs, tells=True)
    assert found == [[None, None]] * 3 + [[250, None]] * 8 + [[None, None]] * 5


@pytest.mark.parametrize("tells", [True, False])
def test_no_wait_grows_from_itself(page: Page, tells: bool) -> None:
    """Whether or not the browser says what it would need unbound (Firefox does not)."""
    for needs, right in (((120, 20), [None, 110]), ((20, 120), [170, None])):
        found = played(page, [needs] * 40, tells=tells)
        assert found[1] == found[-1] == right
