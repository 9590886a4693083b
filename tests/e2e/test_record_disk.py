"""The disk is full while a meeting is recorded: it goes on, the chair is told, what was written becomes a record."""

from __future__ import annotations

import errno
import time
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.harness import App, chromium, running, until
from tests.e2e.marked import CHAIR, SOUND_FLAG, VILLAGE, speak
from tests.e2e.rooms import action, figures, hears, sees, start_meeting
from tests.privileges import small_disk

pytestmark = pytest.mark.timeout(180)
DISK_MB = 4


@pytest.fixture
def small(tmp_path: Path) -> Iterator[Path]:
    """A folder for recordings that holds 4 MB."""
    with small_disk(tmp_path / "recordings", f"{DISK_MB}m") as disk:
        yield disk


def record_of(app: App, token: str, meeting: int, state: str) -> dict[str, Any] | None:
    """The record of a meeting once it is in this state."""
    lines = app.call(token, "GET", "/api/v1/records")["records"]
    found = next((line for line in lines if line["meeting_id"] == meeting and line["state"] == state), None)
    return app.call(token, "GET", f"/api/v1/records/{found['id']}") if found else None


def fill(file: Path) -> None:
    """Write until nothing more fits; the recorder writes beside us, so the free space cannot be known before."""
    with file.open("wb", buffering=0) as ballast:
        try:
            while True:
                ballast.write(bytes(4096))
        except OSError as error:
            assert error.errno == errno.ENOSPC, error


def test_a_full_disk(small: Path, tmp_path: Path) -> None:
    with running(tmp_path) as app, chromium(SOUND_FLAG) as browser:
        meeting = start_meeting(app, "Họp khi đĩa đầy")
        chair, village = (person.enter(app, browser, meeting) for person in (CHAIR, VILLAGE))
        action(chair, "record")
        village.locator(".room[data-recording=on]").wait_for()
        speak(chair)
        chair.wait_for_timeout(5000)
        ballast = small / "ballast"
        fill(ballast)
        full_at = time.time()
        chair.get_by_text("Đã dừng ghi hình vì đĩa của máy chủ đầy").first.wait_for(timeout=30_000)
        told_at = time.time()
        print(f"\nthe chair is told {told_at - full_at:.1f} s after the disk is full")
        assert chair.get_attribute(".room", "data-recording") == "off"
        sees(village, int(figures(chair)["me"]))  # the meeting goes on
        hears(village, 1)
        action(chair, "record")  # and a new recording is refused in words
        chair.get_by_text("chưa ghi hình được").first.wait_for()
        sees(chair, int(figures(village)["me"]))
        assert "Traceback" not in app.media_log()
        chair.wait_for_timeout(3000)

        token = app.token("vanthu")
        action(chair, "end")
        chair.locator("[data-ask-yes]").click()
        chair.get_by_text("Cuộc họp đã kết thúc").first.wait_for()
        ballast.unlink()
        app.stop()  # an operator makes room and starts the server: the record is completed then
        app.start()
        record = until(lambda: record_of(app, token, meeting, "ready"), 30, "what was written is a record")
        assert record["duration_ms"] > 4000
        (gap,) = record["gaps"]
        assert gap["reason"] == "disk_full"
        assert abs(datetime.fromisoformat(gap["started_at"]).timestamp() - full_at) < 3
        assert gap["at_ms"] >= record["duration_ms"] - 500
        page = app.page(browser, "vanthu", f"/records/{record['id']}")
        page.get_by_text("(máy chủ hết chỗ lưu)").first.wait_for()
        until(lambda: page.evaluate("document.getElementById('player').duration") or 0, what="it can be played")
