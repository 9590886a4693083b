"""Who leaves is out at once, whatever the connection does just then; what is switched off meanwhile stays off."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.e2e.harness import App, chromium, running, until
from tests.e2e.rooms import action, enter, figures, says, sees, start_meeting, wait_connected

LINES = ("camera", "microphone")
pytestmark = pytest.mark.timeout(180)
_JOIN_ANEW = "() => { document.querySelector('[data-room]').room.session.join(); }"
_SWITCH_MEANWHILE = """(moment) => {
  const { session, tracks } = document.querySelector('[data-room]').room;
  session.join();
  setTimeout(() => {
    for (const line of ['camera', 'microphone']) {
      if (tracks[line]) document.querySelector(`.bar [data-action=${line}]`).click();
    }
  }, moment);
}"""
_PHASE = "() => document.querySelector('[data-room]').room.session.phase"


class Meeting:
    """A running meeting in which the chair sits and looks."""

    def __init__(self, app: App, browser: Browser) -> None:
        self.app, self.browser = app, browser
        self.id = start_meeting(app)
        self.chair = enter(app, browser, self.id, "chutich")

    def enter(self) -> tuple[Page, int]:
        """A commune in the room, and its seat."""
        page = enter(self.app, self.browser, self.id, "camthuy")
        seat = int(figures(page)["me"])
        sees(self.chair, seat)
        return page, seat

    def seen(self, seat: int) -> dict[str, Any]:
        """What the chair is told of somebody."""
        found: dict[str, Any] = self.chair.evaluate(
            "(seat) => document.querySelector('[data-room]').room.state.people.get(seat)", seat
        )
        return found


@pytest.fixture(scope="module")
def meeting(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Meeting]:
    folder: Path = tmp_path_factory.mktemp("leaving")
    with running(folder) as app, chromium() as browser:
        yield Meeting(app, browser)


def test_who_leaves_while_the_seat_is_taken_anew_does_not_come_back(meeting: Meeting) -> None:
    page, seat = meeting.enter()
    page.evaluate(_JOIN_ANEW)
    action(page, "leave")
    expect(page.locator("[data-gone]")).to_be_visible()
    page.wait_for_timeout(4000)  # longer than the pauses before a second try
    assert page.evaluate(_PHASE) == "gone"
    until(lambda: not meeting.seen(seat)["present"], what="the chair sees that the seat is empty")
    assert page.errors == []  # type: ignore[attr-defined]
    page.context.close()


def test_who_leaves_without_a_network_is_out_at_once(meeting: Meeting) -> None:
    page, seat = meeting.enter()
    page.context.set_offline(True)
    action(page, "leave")
    expect(page.locator("[data-gone]")).to_be_visible(timeout=2000)
    page.context.set_offline(False)
    until(lambda: not meeting.seen(seat)["present"], what="the chair sees that the seat is empty")
    page.context.close()


def test_what_is_switched_off_while_the_seat_is_taken_anew_is_off_for_everybody(meeting: Meeting) -> None:
    page, seat = meeting.enter()
    for moment in (0, 60, 200):  # the offer is made, on its way, perhaps answered
        page.evaluate(_SWITCH_MEANWHILE, moment)
        until(lambda: page.evaluate(_PHASE) == "inside", what="in the seat again")
        until(lambda: not any(meeting.seen(seat)[line] for line in LINES), what=f"off, after {moment} ms")
        assert page.locator(".toast").count() == 0, page.locator(".toast").all_inner_texts()
        for line in LINES:
            action(page, line)
            expect(page.locator(f".bar [data-action={line}]")).to_have_attribute("aria-pressed", "true")
        sees(meeting.chair, seat)
    page.context.close()


def test_who_comes_without_a_network_is_told_to_be_on_the_way(meeting: Meeting) -> None:
    page = meeting.app.page(meeting.browser, "thon1.camthuy", f"/meetings/{meeting.id}/check")
    page.locator("[data-check] [data-action=camera][aria-pressed=true]").wait_for()
    page.context.set_offline(True)
    page.click("[data-action=join]")
    says(page, "Đang vào phòng họp…")
    page.context.set_offline(False)
    wait_connected(page)
    expect(page.locator("[data-own-state]")).not_to_contain_text("Đang vào phòng họp")
    page.context.close()
