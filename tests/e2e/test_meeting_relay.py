"""A place whose network lets no UDP out takes part through coturn, over TCP and over TLS."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page

from tests.e2e.harness import CHROMIUM, App, chromium
from tests.e2e.network import Link, link
from tests.e2e.relay import Relay, relay
from tests.e2e.rooms import enter, figures, hears, sees, start_meeting

pytestmark = pytest.mark.timeout(240)
_PAIR = """async () => {
  const { pc } = document.querySelector('[data-room]').room.session.connection;
  const all = await pc.getStats();
  const transport = [...all.values()].find((one) => one.type === 'transport');
  const pair = all.get(transport.selectedCandidatePairId);
  const local = all.get(pair.localCandidateId);
  return { type: local.candidateType, relay: local.relayProtocol ?? '', address: local.address, url: local.url ?? '' };
}"""

_WAYS = """async () => {
  const { iceServers } = await import('/static/js/room/ice.js');
  const { waysOut } = await import('/static/js/check/ways.js');
  return waysOut(await iceServers());
}"""
FLAGS = ("--ignore-certificate-errors",)  # coturn's certificate here is our own


@pytest.fixture
def far(tmp_path: Path) -> Iterator[tuple[App, Link, Relay]]:
    """The application, not yet started, and coturn on our end of a link."""
    with link() as line, relay(tmp_path / "turn", line.here) as turn:
        app = App(tmp_path, line.here)
        app.environment["GIAOBAN_TURN_SECRET"] = turn.secret
        app.seed()
        try:
            yield app, line, turn
        finally:
            app.stop()


@contextmanager
def far_browser(app: App, line: Link, folder: Path) -> Iterator[Browser]:
    secure = f"--unsafely-treat-insecure-origin-as-secure={app.url}"
    with chromium(secure, *FLAGS, wrapper=line.program(folder, CHROMIUM)) as browser:
        yield browser


@pytest.mark.parametrize("kind", ["tcp", "tls"])
def test_a_meeting_without_udp(far: tuple[App, Link, Relay], kind: str, tmp_path: Path) -> None:
    app, line, turn = far
    line.block_udp()
    app.environment["GIAOBAN_TURN_URLS"] = ",".join(turn.urls(kind))
    app.start()
    meeting = start_meeting(app)
    with far_browser(app, line, tmp_path) as browser:
        chair = enter(app, browser, meeting, "chutich")
        commune = enter(app, browser, meeting, "camthuy")
        sees(commune, figures(chair)["me"])
        sees(chair, figures(commune)["me"])
        hears(commune, 1)
        for page in (chair, commune):
            path = pair(page)
            assert (path["type"], path["relay"], path["address"]) == ("relay", kind, turn.address)
        assert line.udp_blocked() > 0, "it was tried, and nothing got through"
    _nothing_is_told(app, turn)


def test_who_needs_no_relay_uses_none(far: tuple[App, Link, Relay], tmp_path: Path) -> None:
    app, line, turn = far
    app.environment["GIAOBAN_TURN_URLS"] = ",".join(turn.urls("udp", "tcp", "tls"))
    app.start()
    meeting = start_meeting(app)
    with far_browser(app, line, tmp_path) as browser:
        chair = enter(app, browser, meeting, "chutich")
        commune = enter(app, browser, meeting, "camthuy")
        sees(commune, figures(chair)["me"])
        chair.wait_for_timeout(3000)  # relayed paths are found last
        sees(chair, figures(commune)["me"])
        assert [pair(page)["type"] for page in (chair, commune)] == ["host", "host"]
        assert commune.evaluate(_WAYS) == {"udp": True, "tcp": True, "tls": True}, "though each way is open"


def pair(page: Page) -> dict[str, Any]:
    """Our side of the candidate pair in use."""
    found: dict[str, Any] = page.evaluate(_PAIR)
    return found


def _nothing_is_told(app: App, turn: Relay) -> None:
    """Neither the secret nor a password made of it stands in a log."""
    told = app.log() + app.media_log()
    assert told and turn.secret not in told
    assert not re.search(r"credential", told)
    assert turn.secret not in turn.log
