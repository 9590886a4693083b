"""A recorded meeting: everybody sees the notice, a killed node costs a gap, the record is in the archive at once."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page

from tests.e2e.harness import App, chromium, running, until
from tests.e2e.rooms import action, enter, figures, sees, start_meeting, wait_connected

pytestmark = pytest.mark.timeout(180)
ARCHIVED_SECONDS = 5.0


@pytest.fixture
def app(tmp_path: Path) -> Iterator[App]:
    with running(tmp_path) as made:
        yield made


def is_recording(page: Page) -> bool:
    return page.get_attribute(".room", "data-recording") == "on" and page.is_visible("[data-recording-badge]")


def test_a_recorded_meeting_becomes_a_record(app: App) -> None:
    meeting = start_meeting(app, "Giao ban có ghi hình", agenda=[{"title": "Một", "minutes": 5}])
    with chromium() as browser:
        chair = enter(app, browser, meeting, "chutich")
        commune = enter(app, browser, meeting, "camthuy")
        action(chair, "agenda-next")
        chair.locator("[data-action=panel-close]").click()
        action(chair, "record")
        for page in (chair, commune):
            until(lambda page=page: is_recording(page), what="the notice of recording")
        commune.get_by_text("Cuộc họp bắt đầu được ghi hình").wait_for()
        time.sleep(4)
        before = figures(chair)["session"]
        app.kill_media()
        until(lambda: figures(chair)["session"] != before, 20)
        for page in (chair, commune):
            wait_connected(page)
        sees(chair, figures(commune)["me"])
        until(lambda: is_recording(chair), what="recording goes on")
        time.sleep(4)
        action(chair, "end")
        chair.locator("[data-ask-yes]").click()
        begin = time.monotonic()
        record = until(lambda: _record(app, meeting), 20, "the record is ready")
        took = time.monotonic() - begin
    assert took <= ARCHIVED_SECONDS, f"{took:.1f} s"
    assert record["title"] == "Giao ban có ghi hình"
    assert record["duration_ms"] > 5000
    assert len(record["gaps"]) == 1, "the killed node's gap is declared"
    assert "Một" in [chapter["title"] for chapter in record["chapters"]]


def _record(app: App, meeting: int) -> dict[str, Any] | None:
    """The meeting's record once it can be played."""
    token = app.token("vanthu")
    for line in app.call(token, "GET", "/api/v1/records")["records"]:
        found: dict[str, Any] = app.call(token, "GET", f"/api/v1/records/{line['id']}")
        if found["meeting_id"] == meeting and found["state"] == "ready":
            return found
    return None
