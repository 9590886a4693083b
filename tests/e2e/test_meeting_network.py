"""A browser that loses its network for ten seconds is back within three of its return: same participant, same place."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.harness import CHROMIUM, App, chromium, running, until
from tests.e2e.network import Link, link
from tests.e2e.rooms import enter, figures, sees, start_meeting

pytestmark = pytest.mark.timeout(180)
LOST_SECONDS = 10.0
BACK_SECONDS = 3.0


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
        time.sleep(LOST_SECONDS)
        assert (
            commune.locator("#connection:not([hidden])").count()
            + commune.locator("[data-own-state]:has-text('nối lại')").count()
        ), "the page says that it has no connection"
        before = figures(commune)["video"].get(f"{other}/camera", {"frames": 0})["frames"]
        line.mend()
        begin = time.monotonic()
        until(lambda: _fresh(figures(commune), other, before), 15, "pictures again")
        took = time.monotonic() - begin
        now = figures(commune)
        assert (now["me"], now["session"]) == (seat, joined["session"]), "no second join"
        assert took <= BACK_SECONDS, f"{took:.1f} s"
        until(lambda: [p[2] for p in figures(chair)["people"]] == [True, True], what="both are in the room")


def _fresh(found: dict[str, object], participant: int, before: int) -> bool:
    """Frames after the return; a new connection counts from zero."""
    video = found["video"]
    assert isinstance(video, dict)
    frames = int(video.get(f"{participant}/camera", {"frames": before})["frames"])
    return frames != before and frames > 0
