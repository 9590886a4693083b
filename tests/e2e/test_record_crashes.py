"""Either process is killed with `kill -9`, or the server is stopped, while a meeting is recorded.

What was lost is little, and is told of; a server that is stopped as it should be loses nothing that it had received.
"""

from __future__ import annotations

import os
import signal
import time
import urllib.request
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from server.media.recording import journal
from tests.e2e.harness import App, chromium, running, until
from tests.e2e.marked import (
    CHAIR,
    SOUND_FLAG,
    VILLAGE,
    Picture,
    Sound,
    longest_hole,
    pictures,
    seconds_between,
    speak,
    stamp,
)
from tests.e2e.rooms import action, figures, sees, start_meeting, wait_connected

pytestmark = pytest.mark.timeout(180)
LOST_SECONDS = 2.0
LOST_AT_A_STOP = 1.0


class Recording:
    """A meeting of two pages that is being recorded; the chair speaks."""

    def __init__(self, app: App, browser: Browser) -> None:
        self.app = app
        self.of_others = set(self.all_journals())
        self.meeting = start_meeting(app, "Họp có ghi hình")
        self.chair, self.village = (person.enter(app, browser, self.meeting) for person in (CHAIR, VILLAGE))
        self.token = app.token("vanthu")
        action(self.chair, "record")
        self.village.locator(".room[data-recording=on]").wait_for()
        speak(self.chair)
        self.chair.wait_for_timeout(6000)

    def all_journals(self) -> Iterator[Path]:
        return (self.app.folder / "recordings").glob("*/*.journal")

    def journals(self) -> list[Path]:
        """Of this recording: those before it may have been killed in the midst of a line."""
        return [file for file in self.all_journals() if file not in self.of_others]

    def sessions(self) -> list[str]:
        return [figures(page)["session"] for page in (self.chair, self.village)]

    def end(self) -> dict[str, Any]:
        """The chair ends the meeting; gives the record when it is ready."""
        action(self.chair, "end")
        self.chair.locator("[data-ask-yes]").click()
        line = until(self._ready, 30, "the record is ready")
        record: dict[str, Any] = self.app.call(self.token, "GET", f"/api/v1/records/{line['id']}")
        return record

    def _ready(self) -> dict[str, Any] | None:
        found = self.app.call(self.token, "GET", "/api/v1/records")["records"]
        return next((r for r in found if r["meeting_id"] == self.meeting and r["state"] == "ready"), None)

    def played(self, record: dict[str, Any]) -> tuple[list[Picture], Sound]:
        """What the playable file holds."""
        file = self.app.folder / "played.webm"
        request = urllib.request.Request(
            f"{self.app.url}/api/v1/records/{record['id']}/media", headers={"Authorization": f"Bearer {self.token}"}
        )
        with urllib.request.urlopen(request, timeout=30) as reply:
            file.write_bytes(reply.read())
        return [picture for picture in pictures(file) if picture.clear], Sound(file)


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[App, Browser]]:
    folder: Path = tmp_path_factory.mktemp("crashes")
    with running(folder) as started, chromium(SOUND_FLAG) as browser:
        yield started, browser
        assert "Traceback" not in started.log()
        assert "Traceback" not in started.media_log()


@pytest.fixture
def recording(app: tuple[App, Browser]) -> Iterator[Recording]:
    made = Recording(*app)
    yield made
    for page in (made.chair, made.village):
        assert page.errors == []  # type: ignore[attr-defined]
        page.context.close()


def masters(record: dict[str, Any]) -> set[int]:
    """The numbers of the segments that were captured."""
    return {file["segment"] for file in record["files"] if file["role"] == "master"}


def test_a_killed_media_node(recording: Recording, app: tuple[App, Browser]) -> None:
    before = recording.sessions()
    killed_at = time.time()
    recording.app.kill_media()
    for page, old in zip((recording.chair, recording.village), before, strict=True):
        until(lambda page=page, old=old: figures(page)["session"] != old, 20, "joined again by itself")  # type: ignore[misc]
        wait_connected(page)
    back_at = time.time()
    sees(recording.village, int(figures(recording.chair)["me"]))
    recording.chair.locator(".room[data-recording=on]").wait_for()
    recording.chair.wait_for_timeout(5000)
    record = recording.end()
    assert masters(record) == {1, 2}
    shown, sound = recording.played(record)
    # The programme may come back with either of them: whoever's picture arrives first, until somebody speaks.
    length, last, first = longest_hole(shown, CHAIR.colour, VILLAGE.colour)
    lost, late = seconds_between(last, stamp(killed_at)), seconds_between(stamp(back_at), first)
    print(
        f"\nwritten until {lost:.2f} s before the kill; pages back after {back_at - killed_at:.2f} s, "
        f"pictures {late:+.2f} s later; the hole is {length:.2f} s"
    )
    assert lost <= LOST_SECONDS
    assert late <= LOST_SECONDS
    _is_declared(record, last, first)
    _is_told(recording, app[1], record)
    assert sound.heard(CHAIR.tone, 1, float(record["duration_ms"]) / 1000 - 1) > 0.25


def _is_declared(record: dict[str, Any], last: int, first: int) -> None:
    """The gap says when nothing was recorded, to about the second."""
    (gap,) = record["gaps"]
    assert gap["reason"] == "crash"
    start, end = (datetime.fromisoformat(gap[name]).timestamp() for name in ("started_at", "ended_at"))
    assert abs(seconds_between(last, stamp(start))) < 1.0, gap
    assert seconds_between(stamp(end), first) < LOST_SECONDS, gap


def _is_told(recording: Recording, browser: Browser, record: dict[str, Any]) -> None:
    """The record's page names the gap with its time of day."""
    page: Page = recording.app.page(browser, "vanthu", f"/records/{record['id']}")
    start = datetime.fromisoformat(record["gaps"][0]["started_at"])
    page.get_by_text("Bản ghi có chỗ thiếu").wait_for()
    local = page.evaluate(
        f"new Date('{start.astimezone(UTC).isoformat()}').toLocaleTimeString('vi-VN', "
        "{ timeZone: 'Asia/Ho_Chi_Minh', hour12: false })"
    )
    page.get_by_text(f"giây lúc {local} (máy chủ media dừng)").first.wait_for()
    page.context.close()


def test_a_killed_control_process(recording: Recording) -> None:
    before = recording.sessions()
    begin = time.time()
    recording.app.kill_control()
    recording.chair.wait_for_timeout(2000)
    sees(recording.village, int(figures(recording.chair)["me"]))
    recording.app.start()
    for page in (recording.chair, recording.village):
        until(lambda page=page: page.evaluate("!document.querySelector('#connection:not([hidden])')"), 20)  # type: ignore[misc]
    assert recording.sessions() == before, "nobody had to join again"
    recording.chair.locator(".room[data-recording=on]").wait_for()
    back = time.time()
    recording.chair.wait_for_timeout(3000)
    record = recording.end()
    assert masters(record) == {1}
    assert record["gaps"] == []
    shown, sound = recording.played(record)
    length, _last, _first = longest_hole(shown, CHAIR.colour)
    print(f"\ncontrol away for {back - begin:.2f} s; the longest step between pictures {length:.2f} s")
    assert length <= 1.0
    assert seconds_between(shown[0].made, stamp(begin)) > 0 < seconds_between(stamp(back), shown[-1].made)
    assert sound.heard(CHAIR.tone, 1, float(record["duration_ms"]) / 1000 - 1) > 0.3


@pytest.mark.parametrize("whom", ["the control process", "both processes"])  # as a container and as systemd do it
def test_a_server_that_is_stopped_and_started_again(recording: Recording, whom: str) -> None:
    app, before = recording.app, recording.sessions()
    assert app.control is not None
    stopped_at = time.time()
    if whom == "both processes":
        for pid in app.media_pids():
            os.kill(pid, signal.SIGTERM)
    app.control.terminate()
    for page in (recording.chair, recording.village):
        page.locator("#connection").get_by_text("Máy chủ đang khởi động lại").wait_for()
    assert app.control.wait(20) == 0
    print(f"\nstopped after {time.time() - stopped_at:.2f} s")
    app.stop()  # as a container ends: what is left of the node is killed
    closed = [journal.read(file)[-1] for file in recording.journals()]
    assert closed and all(isinstance(line, journal.Ended) and line.reason == "" for line in closed)
    recording.chair.wait_for_timeout(1000)
    app.start()
    for page, old in zip((recording.chair, recording.village), before, strict=True):
        until(lambda page=page, old=old: figures(page)["session"] != old, 20, "joined again by itself")  # type: ignore[misc]
        wait_connected(page)
        expect(page.locator("#connection")).to_be_hidden()
    back_at = time.time()
    recording.chair.locator(".room[data-recording=on]").wait_for()
    recording.chair.wait_for_timeout(4000)
    record = recording.end()
    assert [file["name"] for file in record["files"] if file["recovered"]] == [], "nothing had to be recovered"
    verdict = app.call(recording.token, "POST", f"/api/v1/records/{record['id']}/verification")
    assert verdict["intact"], verdict
    shown, sound = recording.played(record)
    length, last, first = longest_hole(shown, CHAIR.colour, VILLAGE.colour)
    lost, late = seconds_between(last, stamp(stopped_at)), seconds_between(stamp(back_at), first)
    print(f"\nwritten until {lost:.2f} s before the stop; pictures {late:+.2f} s after the return; hole {length:.2f} s")
    assert lost <= LOST_AT_A_STOP
    assert late <= LOST_SECONDS
    assert {gap["reason"] for gap in record["gaps"]} <= {"stopped"}
    start = datetime.fromisoformat(record["gaps"][0]["started_at"]).timestamp()
    assert start >= stopped_at - LOST_AT_A_STOP
    at = record["gaps"][0]["at_ms"] / 1000
    assert sound.heard(CHAIR.tone, at - 4, at) > 0.25, "the voice is there to the end"
    assert sound.heard(CHAIR.tone, at, float(record["duration_ms"]) / 1000) > 0.1, "and again afterwards"
