"""A meeting with the keyboard alone: through the device check, the bar, the panel, the chair's strip, to its end.

The tests follow one meeting from its start to its end. The chair has no mouse; the commune is there to be muted.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.e2e.harness import App, chromium, running, until
from tests.e2e.rooms import action, enter, figures, pressed, start_meeting, wait_connected
from tests.keyboard import focus, tab_to

pytestmark = pytest.mark.timeout(180)
BAR = ["microphone", "camera", "screen", "hand", "leave"]
STRIP = ["invite", "mute-all", "floor-mode", "roll-call", "agenda-next", "record", "end"]


class Meeting:
    """A running meeting; the chair is at the door, the commune is inside."""

    def __init__(self, app: App, browser: Browser) -> None:
        self.app = app
        agenda = [{"title": "Phòng chống bão", "minutes": 10}, {"title": "Việc khác"}]
        self.id = start_meeting(app, "Giao ban bằng bàn phím", agenda=agenda)
        self.commune = enter(app, browser, self.id, "camthuy")
        self.seat = int(figures(self.commune)["me"])
        self.chair = app.page(browser, "chutich", f"/meetings/{self.id}/check", width=1366, height=768)
        self.chair.wait_for_selector("[data-door][data-ready]")
        self.chair.locator("[data-check] [data-action=camera][aria-pressed=true]").wait_for()

    def line(self, name: str) -> str:
        """A button in the commune's line of the panel."""
        return f".person[data-participant='{self.seat}'] [data-action={name}]"


@pytest.fixture(scope="module")
def meeting(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Meeting]:
    folder: Path = tmp_path_factory.mktemp("keyboard")
    with running(folder) as app, chromium() as browser:
        made = Meeting(app, browser)
        yield made
        assert [page.errors for page in (made.chair, made.commune)] == [[], []]  # type: ignore[attr-defined]


def on(page: Page) -> str:
    """The action that has the focus."""
    stop = focus(page)
    return stop.action if stop else ""


def test_through_the_device_check(meeting: Meeting) -> None:
    page = meeting.chair
    stops = tab_to(page, "join")
    order = [stop.action or stop.id for stop in stops if stop.action or stop.id]
    assert order[-7:] == [
        *("microphone", "camera"),
        *("device-audioinput", "device-videoinput", "device-audiooutput"),
        *("test-speaker", "join"),
    ]
    tab_to(page, "camera", back=True)
    for state in ("false", "true"):
        page.keyboard.press("Space")
        expect(page.locator("[data-check] [data-action=camera]")).to_have_attribute("aria-pressed", state)
    tab_to(page, "join")
    page.keyboard.press("Enter")
    wait_connected(page)
    assert on(page) == "microphone", "the focus goes into the room"


def test_the_bar(meeting: Meeting) -> None:
    page = meeting.chair
    for name, keys in (("microphone", "Space"), ("camera", "Space"), ("screen", "Enter"), ("hand", "Enter")):
        assert on(page) == name
        before = pressed(page, name)
        for wanted in (not before, before):
            page.keyboard.press(keys)
            until(lambda name=name, wanted=wanted: pressed(page, name) is wanted, what=f"{name} {wanted}")  # type: ignore[misc]
            assert on(page) == name, "the focus stays"
        page.keyboard.press("Tab")
    assert on(page) == "leave"


def test_nothing_holds_the_focus_and_all_is_reached(meeting: Meeting) -> None:
    page = meeting.chair
    stops = tab_to(page, "leave")
    assert [stop.action for stop in stops if stop.action] == [
        *("panel", "view-grid", "view-speaker", "full-screen"),
        *(STRIP + BAR),
    ]
    assert all(stop.words for stop in stops), "every stop says what it is"


def test_the_panel_its_tabs_and_the_chat(meeting: Meeting) -> None:
    page = meeting.chair
    tab_to(page, "panel")
    page.keyboard.press("Enter")
    expect(page.locator("[data-action=panel]")).to_have_attribute("aria-expanded", "true")
    ways = (("people", ""), ("queue", "ArrowRight"), ("agenda", "ArrowRight"), ("lines", "End"), ("chat", "ArrowLeft"))
    for name, key in ways:
        if key:
            page.keyboard.press(key)
        stop = focus(page)
        assert stop is not None
        assert (stop.id, stop.seen) == (f"tab-{name}", True)
        expect(page.locator(f"#part-{name}")).to_be_visible()
    tab_to(page, "chat-text")
    page.keyboard.type("Đã nghe rõ")
    page.keyboard.press("Enter")
    expect(meeting.commune.locator("[data-list=chat]")).to_contain_text("Đã nghe rõ")
    expect(page.locator("#chat-text")).to_have_value("")
    page.keyboard.press("Escape")
    expect(page.locator(".room-panel")).to_be_hidden()
    assert on(page) == "panel", "the focus comes back to what opened it"


def test_muting_and_the_recording(meeting: Meeting) -> None:
    page, commune = meeting.chair, meeting.commune
    tab_to(page, "mute-all")
    page.keyboard.press("Enter")
    until(lambda: not pressed(commune, "microphone"), what="all are muted")
    action(commune, "microphone")
    tab_to(page, "record")
    for state in ("on", "off"):
        page.keyboard.press("Enter")
        commune.locator(f".room[data-recording={state}]").wait_for()
        assert on(page) == "record"


def test_one_person_is_muted_and_taken_out(meeting: Meeting) -> None:
    page, commune = meeting.chair, meeting.commune
    until(lambda: pressed(commune, "microphone"), what="the commune speaks")
    tab_to(page, "roll-call", back=True)
    page.keyboard.press("Enter")
    assert focus(page).id == "tab-people"  # type: ignore[union-attr]
    page.locator(meeting.line("mute")).wait_for()
    tab_to(page, "remove")  # after “mute” in its line; the chair's own line has no “remove”
    page.keyboard.press("Shift+Tab")
    assert on(page) == "mute"
    page.keyboard.press("Enter")
    until(lambda: not pressed(commune, "microphone"), what="one is muted")
    page.locator(meeting.line("mute")).wait_for(state="hidden")
    until(lambda: on(page) == "appoint", what="the focus stays in the line, though it was drawn anew")
    page.keyboard.press("Tab")
    assert on(page) == "remove"
    question = page.get_by_role("dialog", name="Xin xác nhận")
    page.keyboard.press("Enter")
    expect(question).to_be_visible()
    assert focus(page).words == "Không, quay lại"  # type: ignore[union-attr]
    page.keyboard.press("Escape")
    expect(question).to_be_hidden()
    assert on(page) == "remove"
    page.keyboard.press("Enter")
    tab_to(page, "Mời ra")
    page.keyboard.press("Enter")
    expect(commune.get_by_text("Đồng chí đã được mời ra khỏi phòng họp")).to_be_visible()
    page.locator(meeting.line("readmit")).wait_for()
    until(lambda: on(page) == "readmit", what="the focus stands on the way back")
    page.keyboard.press("Enter")
    page.locator(meeting.line("readmit")).wait_for(state="detached")
    page.keyboard.press("Escape")
    expect(page.locator(".room-panel")).to_be_hidden()
    assert on(page) == "roll-call"


def test_leaving_and_coming_back(meeting: Meeting) -> None:
    page = meeting.commune
    page.goto(f"{meeting.app.url}/meetings/{meeting.id}/check")
    page.wait_for_selector("[data-door][data-ready]")
    tab_to(page, "join")
    page.keyboard.press("Enter")
    wait_connected(page)
    tab_to(page, "panel")
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")  # a sheet on this narrow page: the bar lies under it, and is not reached
    stops = tab_to(page, "tab-people")
    assert not {stop.action for stop in stops} & set(BAR)
    page.keyboard.press("Escape")
    tab_to(page, "leave")
    page.keyboard.press("Enter")
    expect(page.get_by_text("Đồng chí đã rời phòng họp")).to_be_visible()
    assert on(page) == "come-back"
    page.keyboard.press("Enter")
    page.wait_for_selector("[data-door][data-ready]")


def test_the_end(meeting: Meeting) -> None:
    page = meeting.chair
    tab_to(page, "end")
    question = page.get_by_role("dialog", name="Xin xác nhận")
    page.keyboard.press("Enter")
    expect(question).to_be_visible()
    page.keyboard.press("Escape")
    expect(question).to_be_hidden()
    assert on(page) == "end"
    page.keyboard.press("Enter")
    tab_to(page, "Kết thúc họp")
    page.keyboard.press("Enter")
    expect(page.get_by_text("Cuộc họp đã kết thúc").first).to_be_visible()
    assert focus(page).words == "Về trang cuộc họp"  # type: ignore[union-attr]
