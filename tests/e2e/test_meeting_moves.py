"""A machine that changes networks in mid-meeting goes on without a second join; so does one behind a NAT that moves."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page

from tests.e2e.harness import CHROMIUM, App, chromium, running, until
from tests.e2e.network import Link, link
from tests.e2e.rooms import enter, figures, hears, sees, start_meeting

pytestmark = pytest.mark.timeout(240)
MOVED_SECONDS = 10.0


@pytest.fixture
def far(tmp_path: Path) -> Iterator[tuple[App, Link]]:
    with link() as made, running(tmp_path, made.here) as app:
        yield app, made


def frames(page: Page, other: int) -> int:
    return int(figures(page)["video"].get(f"{other}/camera", {"frames": 0})["frames"])


def test_another_network(far: tuple[App, Link], tmp_path: Path) -> None:
    """Wi-Fi to 4G: the old address is gone at once, and everything that was bound to it."""
    app, line = far
    meeting = start_meeting(app)
    secure = f"--unsafely-treat-insecure-origin-as-secure={app.url}"
    with chromium(secure, wrapper=line.program(tmp_path, CHROMIUM)) as browser:
        chair = enter(app, browser, meeting, "chutich")
        commune = enter(app, browser, meeting, "camthuy")
        one, other = figures(commune), figures(chair)
        sees(commune, other["me"])
        sees(chair, one["me"])
        before = frames(commune, other["me"])
        address = line.renumber(77)
        until(lambda: frames(commune, other["me"]) > before + 10, MOVED_SECONDS, "pictures over the new network")
        sees(chair, one["me"])
        hears(commune, 1)
        for page, was in ((commune, one), (chair, other)):
            now = figures(page)
            assert (now["joined"], now["session"], now["me"]) == (1, was["session"], was["me"]), "no second join"
        assert app.media_log().count(f"to {address}:") >= 2


def test_another_port_of_the_nat(far: tuple[App, Link], tmp_path: Path) -> None:
    """A NAT that forgets its table sends on from other ports; neither the browser nor we are told."""
    app, line = far
    meeting = start_meeting(app)
    secure = f"--unsafely-treat-insecure-origin-as-secure={app.url}"
    with chromium(secure, wrapper=line.program(tmp_path, CHROMIUM)) as browser:
        chair = enter(app, browser, meeting, "chutich")
        commune = enter(app, browser, meeting, "camthuy")
        one, other = figures(commune), figures(chair)
        sees(commune, other["me"])
        sees(chair, one["me"])
        line.rebind()
        until(lambda: app.media_log().count(" moved from ") >= 2, MOVED_SECONDS, "both have moved")
        sees(commune, other["me"])
        sees(chair, one["me"])
        for page, was in ((commune, one), (chair, other)):
            now = figures(page)
            assert (now["joined"], now["session"]) == (1, was["session"]), "no second join"
