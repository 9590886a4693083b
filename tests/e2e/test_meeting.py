"""Three browsers meet through our media node: they see and hear each other, and nothing that dies ends the meeting.

The tests follow one meeting from its start to its end, each leaving it as it was found.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page

from tests.e2e.harness import App, chromium, running, until
from tests.e2e.rooms import (
    PEOPLE,
    action,
    enter,
    figures,
    hears,
    pressed,
    says,
    sees,
    silent,
    start_meeting,
    wait_connected,
)

pytestmark = pytest.mark.timeout(180)


class Meeting:
    """One running meeting with its three pages."""

    def __init__(self, app: App, browser: Browser) -> None:
        self.app, self.browser = app, browser
        agenda = [{"title": "Phòng chống bão", "minutes": 10}, {"title": "Việc khác"}]
        self.id = start_meeting(app, "Giao ban tuần", agenda=agenda)
        self.pages: dict[str, Page] = {}
        for name in PEOPLE:  # the chair's screen is wide: its camera sends all three layers
            width, height = (1000, 640) if name == "chutich" else (640, 480)
            self.pages[name] = enter(app, browser, self.id, name, width=width, height=height)
        self.seats: dict[str, int] = {name: int(figures(page)["me"]) for name, page in self.pages.items()}

    def everybody_sees_everybody(self, seconds: float = 25) -> None:
        for name, page in self.pages.items():
            for other, seat in self.seats.items():
                if other != name:
                    picture = sees(page, seat, seconds=seconds)
                    assert picture["width"] * 9 == picture["height"] * 16

    def everybody_hears_everybody(self, seconds: float = 25) -> None:
        for page in self.pages.values():
            hears(page, len(self.pages) - 1, seconds)


@pytest.fixture(scope="module")
def meeting(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Meeting]:
    folder: Path = tmp_path_factory.mktemp("meeting")
    with running(folder) as app, chromium() as browser:
        made = Meeting(app, browser)
        yield made
        assert {name: page.errors for name, page in made.pages.items()} == {name: [] for name in made.pages}  # type: ignore[attr-defined]
        assert "Traceback" not in app.log()
        assert "Traceback" not in app.media_log()


def test_everybody_sees_and_hears_everybody(meeting: Meeting) -> None:
    meeting.everybody_sees_everybody()
    meeting.everybody_hears_everybody()
    for page in meeting.pages.values():
        assert [frames > 0 for _rid, frames, _width in figures(page)["sent"]].count(True) >= 1


def test_one_offer_for_all_no_renegotiation(meeting: Meeting) -> None:
    for page in meeting.pages.values():
        lines = "document.querySelector('[data-room]').room.session.connection.pc.getTransceivers().length"
        assert page.evaluate(lines) == 18
        assert figures(page)["joined"] == 1


def test_microphone_and_camera_off_and_on(meeting: Meeting) -> None:
    page, chair = meeting.pages["camthuy"], meeting.pages["chutich"]
    seat = meeting.seats["camthuy"]
    action(page, "camera")
    until(lambda: f"{seat}/camera" not in figures(chair)["video"], what="the picture is gone")
    assert page.evaluate("document.querySelector('[data-room]').room.tracks.camera") is None
    action(page, "microphone")
    until(lambda: not pressed(page, "microphone"))
    says(page, "Micro đang tắt")
    action(meeting.pages["thon1.camthuy"], "microphone")
    assert silent(chair)
    action(page, "camera")
    action(page, "microphone")
    action(meeting.pages["thon1.camthuy"], "microphone")
    sees(chair, seat)
    hears(chair, 2)


def test_a_shared_screen_becomes_the_large_picture(meeting: Meeting) -> None:
    page, chair = meeting.pages["camthuy"], meeting.pages["chutich"]
    seat = meeting.seats["camthuy"]
    action(page, "screen")
    picture = sees(chair, seat, "screen")
    assert picture["width"] > 0
    assert chair.get_attribute(".room", "data-view") == "screen"
    assert chair.get_attribute(".tile[data-main]", "data-kind") == "screen"
    action(chair, "screen")
    chair.get_by_text("đang chia sẻ màn hình. Xin chờ").wait_for()
    action(page, "screen")
    until(lambda: chair.get_attribute(".room", "data-view") == "grid", what="the grid is back")


def test_views_of_the_speaker_and_of_all(meeting: Meeting) -> None:
    chair = meeting.pages["chutich"]
    action(chair, "view-speaker")
    until(lambda: chair.locator(".tile[data-main]").count() == 1)
    assert chair.get_attribute(".tile[data-main]", "data-participant") != str(meeting.seats["chutich"])
    action(chair, "view-grid")
    until(lambda: chair.locator(".tile[data-main]").count() == 0)
    assert chair.locator(".grid > .tile").count() == 3


def test_hands_and_the_floor(meeting: Meeting) -> None:
    chair, commune, village = (meeting.pages[name] for name in PEOPLE)
    action(chair, "floor-mode")
    until(lambda: not pressed(commune, "microphone"), what="only the invited may speak")
    action(commune, "microphone")
    commune.get_by_text("Bấm Giơ tay để xin phát biểu").wait_for()
    assert silent(village, 1.0) is False  # the chair is heard
    action(village, "hand")
    action(commune, "hand")
    says(commune, "thứ 2")
    action(chair, "invite")
    says(village, "mời đồng chí phát biểu")
    assert chair.locator(f".tile[data-floor][data-participant='{meeting.seats['thon1.camthuy']}']").count() == 1
    action(village, "microphone")
    hears(commune, 2)
    action(commune, "hand")
    action(chair, "floor-mode")
    for page in (commune, village):
        until(lambda page=page: not page.locator(".chair-strip").is_visible())
        if not pressed(page, "microphone"):
            action(page, "microphone")
    chair.locator("[data-action=panel-close]").click()
    meeting.everybody_hears_everybody()


def test_the_chair_mutes_one_and_all(meeting: Meeting) -> None:
    chair, commune, village = (meeting.pages[name] for name in PEOPLE)
    action(chair, "roll-call")
    chair.locator(f".person[data-participant='{meeting.seats['camthuy']}'] [data-action=mute]").click()
    until(lambda: not pressed(commune, "microphone"), what="one is muted")
    says(commune, "Chủ trì đã tắt micro")
    assert pressed(village, "microphone")
    chair.locator("[data-action=panel-close]").click()
    action(chair, "mute-all")
    until(lambda: not pressed(village, "microphone"), what="all are muted")
    assert pressed(chair, "microphone")
    assert silent(chair)
    for page in (commune, village):
        action(page, "microphone")
    hears(chair, 2)


def test_chat_is_text_and_nothing_else(meeting: Meeting) -> None:
    chair, commune = meeting.pages["chutich"], meeting.pages["camthuy"]
    for page in (chair, commune):
        page.locator(".room [data-action=panel]").click()
        page.click("#tab-chat")
    commune.fill("#chat-text", "<img src=x onerror=alert(1)> xin chào")
    commune.keyboard.press("Enter")
    until(lambda: "<img src=x" in chair.inner_text("[data-list=chat]"))
    assert chair.locator("[data-list=chat] img").count() == 0
    for page in (chair, commune):
        page.locator("[data-action=panel-close]").click()


def test_a_reload_takes_the_same_seat(meeting: Meeting) -> None:
    page, chair = meeting.pages["camthuy"], meeting.pages["chutich"]
    page.reload()
    wait_connected(page)
    assert figures(page)["me"] == meeting.seats["camthuy"]
    assert len([p for p in figures(chair)["people"] if p[2]]) == 3
    meeting.everybody_sees_everybody()
    hears(chair, 2)


def test_who_was_taken_out_stays_out_until_let_in(meeting: Meeting) -> None:
    chair, village = meeting.pages["chutich"], meeting.pages["thon1.camthuy"]
    seat = meeting.seats["thon1.camthuy"]
    action(chair, "roll-call")
    chair.locator(f".person[data-participant='{seat}'] [data-action=remove]").click()
    chair.locator("[data-ask-yes]").click()
    village.get_by_text("Đồng chí đã được mời ra khỏi phòng họp").wait_for()
    until(lambda: chair.locator(f".tile[data-participant='{seat}']").count() == 0)
    village.goto(f"{meeting.app.url}/meetings/{meeting.id}/check")
    assert village.locator("[data-action=join]").count() == 0
    chair.locator(f".person[data-participant='{seat}'] [data-action=readmit]").click()
    chair.locator("[data-action=panel-close]").click()
    until(lambda: chair.evaluate(f"!document.querySelector('[data-room]').room.state.people.get({seat}).removed"))
    village.close()
    meeting.pages["thon1.camthuy"] = enter(meeting.app, meeting.browser, meeting.id, "thon1.camthuy")
    assert figures(meeting.pages["thon1.camthuy"])["me"] == seat
    meeting.everybody_sees_everybody()


def test_who_is_not_invited_is_refused_in_words(meeting: Meeting) -> None:
    app = meeting.app
    chair = app.token("chutich")
    units = {u["code"]: u["id"] for u in app.call(chair, "GET", "/api/v1/units")["units"]}
    closed = app.call(chair, "POST", "/api/v1/meetings", {"title": "Riêng", "units": [units["19606"]]})["id"]
    page = app.page(meeting.browser, "camtuyen", f"/meetings/{closed}/check")
    page.get_by_text("không được mời dự cuộc họp này").first.wait_for()
    page.close()
    app.call(chair, "POST", f"/api/v1/meetings/{closed}/end")


def test_the_meeting_outlives_a_killed_control_process(meeting: Meeting) -> None:
    app, chair = meeting.app, meeting.pages["chutich"]
    before = {name: figures(page)["session"] for name, page in meeting.pages.items()}
    (node,) = app.media_pids()
    app.kill_control()
    sees(chair, meeting.seats["camthuy"])  # the pictures go on without control
    app.start()
    assert app.media_pids() == [node]
    for name, page in meeting.pages.items():
        until(lambda page=page: page.evaluate("!document.querySelector('#connection:not([hidden])')"), 20)
        assert figures(page)["session"] == before[name], "nobody had to join again"
    action(meeting.pages["camthuy"], "hand")
    until(lambda: chair.locator(".tile[data-hand]").count() == 1, what="the room is live again")
    action(meeting.pages["camthuy"], "hand")
    meeting.everybody_hears_everybody()


def test_a_killed_media_node_comes_back_by_itself(meeting: Meeting) -> None:
    before: dict[str, Any] = {name: figures(page)["session"] for name, page in meeting.pages.items()}
    killed = meeting.app.kill_media()
    until(lambda: [pid for pid in meeting.app.media_pids() if pid != killed], 10, "a new node")
    for name, page in meeting.pages.items():
        until(lambda page=page, name=name: figures(page)["session"] != before[name], 20, "joined again by itself")
        wait_connected(page)
        assert figures(page)["me"] == meeting.seats[name]
    meeting.everybody_sees_everybody()
    meeting.everybody_hears_everybody()


def test_the_chair_ends_it_for_all(meeting: Meeting) -> None:
    chair = meeting.pages["chutich"]
    action(chair, "end")
    chair.locator("[data-ask-yes]").click()
    for page in meeting.pages.values():
        page.get_by_text("Cuộc họp đã kết thúc").first.wait_for()
    page = meeting.app.page(meeting.browser, "camthuy", f"/meetings/{meeting.id}/room")
    assert page.url.endswith(f"/meetings/{meeting.id}")
    page.get_by_text("Đã kết thúc").first.wait_for()
    page.close()
