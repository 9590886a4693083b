"""A browser that loses its network for ten seconds is back within three of its return: same participant, same place."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import expect

from tests.e2e.harness import CHROMIUM, App, chromium, running, until
from tests.e2e.network import Link, link
from tests.e2e.rooms import enter, figures, says, sees, start_meeting

pytestmark = pytest.mark.timeout(180)
LOST_SECONDS = 10.0
BACK_SECONDS = 3.0
TOLD_SECONDS = 4.0  # the browser itself takes five and more


@pytest.fixture
def far(tmp_path: Path) -> Iterator[tuple[App, Link]]:
    """The application on our end of a link that can be cut."""
    with link() as made, running(tmp_path, made.here) as app:
        yield app, made


def test_ten_seconds_without_network(far: tuple[App, Link], tmp_path: Path) -> None:
    app, line = far
    meeting = start_meeting(app)
    secure = f"--unsafely-treat-insecure-origin-as-secure={app.url}"
    with chromium(secure, wrapper=line.program(tmp_path, CHROMIUM)) as browser:
        chair = enter(app, browser, meeting, "chutich")
        commune = enter(app, browser, meeting, "camthuy")
        joined = figures(commune)
        seat, other = joined["me"], figures(chair)["me"]
        sees(commune, other)
        line.cut()
        cut = time.monotonic()
        says(commune, "Mất kết nối, đang nối lại…")
        assert time.monotonic() - cut <= TOLD_SECONDS
        assert commune.locator("[data-link-word]").inner_text() == "Mạng yếu"
        time.sleep(LOST_SECONDS - (time.monotonic() - cut))
        says(commune, "Mất kết nối, đang nối lại…")
        before = figures(commune)["video"].get(f"{other}/camera", {"frames": 0})["frames"]
        line.mend()
        begin = time.monotonic()
        until(lambda: _fresh(figures(commune), other, before), 15, "pictures again")
        took = time.monotonic() - begin
        now = figures(commune)
        assert (now["me"], now["session"]) == (seat, joined["session"]), "no second join"
        assert took <= BACK_SECONDS, f"{took:.1f} s"
        expect(commune.locator("[data-own-state]")).not_to_contain_text("Mất kết nối")
        until(lambda: [p[2] for p in figures(chair)["people"]] == [True, True], what="both are in the room")


def _fresh(found: dict[str, object], participant: int, before: int) -> bool:
    """Frames after the return; a new connection counts from zero."""
    video = found["video"]
    assert isinstance(video, dict)
    frames = int(video.get(f"{participant}/camera", {"frames": before})["frames"])
    return frames != before and frames > 0
