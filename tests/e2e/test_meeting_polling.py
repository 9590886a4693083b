"""A place whose network lets no WebSocket through takes part as everybody does: all that its page says is posted."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page

from tests.e2e.front import without_websockets
from tests.e2e.harness import App, chromium, running, until
from tests.e2e.rooms import action, enter, figures, hears, pressed, sees, start_meeting, wait_connected

pytestmark = pytest.mark.timeout(180)
_ASKED = """performance.getEntriesByType('resource').map(({ name }) => new URL(name))
  .filter(({ pathname }) => pathname === '/socket.io/').map(({ searchParams }) => searchParams.get('transport'))"""


class Meeting:
    """The chair by a WebSocket, a commune by what its proxy lets through."""

    def __init__(self, app: App, chair: Page, commune: Page) -> None:
        self.app, self.chair, self.commune = app, chair, commune
        self.seats = {page: int(figures(page)["me"]) for page in (chair, commune)}

    def both_see_and_hear(self) -> None:
        for page, other in ((self.chair, self.commune), (self.commune, self.chair)):
            sees(page, self.seats[other])
            hears(page, 1)


@pytest.fixture(scope="module")
def meeting(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Meeting]:
    folder: Path = tmp_path_factory.mktemp("polling")
    with running(folder) as app, without_websockets(app, folder / "front") as url, chromium() as browser:
        number = start_meeting(app)
        chair = enter(app, browser, number, "chutich")
        made = Meeting(app, chair, enter(app, browser, number, "camthuy", url=url))
        yield made
        assert made.commune.errors == made.chair.errors == []  # type: ignore[attr-defined]
        assert "Traceback" not in app.log()


def test_both_see_and_hear_each_other(meeting: Meeting) -> None:
    meeting.both_see_and_hear()
    assert set(meeting.commune.evaluate(_ASKED)) == {"polling"}


def test_what_each_does_is_seen_by_the_other(meeting: Meeting) -> None:
    chair, commune = meeting.chair, meeting.commune
    action(commune, "hand")
    until(lambda: chair.locator(".tile[data-hand]").count() == 1, what="the hand is up")
    action(commune, "hand")
    until(lambda: chair.locator(".tile[data-hand]").count() == 0, what="the hand is down")
    action(chair, "mute-all")
    until(lambda: not pressed(commune, "microphone"), what="the commune is muted")
    action(commune, "microphone")
    hears(chair, 1)


def test_long_words_arrive_whole(meeting: Meeting) -> None:
    """More than a segment of TCP, and than what aiohttp has of it at once."""
    chair, commune = meeting.chair, meeting.commune
    words = "Nước lên nhanh. " * 60
    for page in (chair, commune):
        page.locator(".room [data-action=panel]").click()
        page.click("#tab-chat")
    commune.fill("#chat-text", words)
    commune.keyboard.press("Enter")
    until(lambda: words.strip() in chair.inner_text("[data-list=chat]"), what="all of it")
    for page in (chair, commune):
        page.locator("[data-action=panel-close]").click()


def test_a_reload_takes_the_same_seat(meeting: Meeting) -> None:
    meeting.commune.reload()
    wait_connected(meeting.commune)
    assert figures(meeting.commune)["me"] == meeting.seats[meeting.commune]
    meeting.both_see_and_hear()


def test_it_outlives_a_killed_control_process(meeting: Meeting) -> None:
    before = figures(meeting.commune)["session"]
    meeting.app.kill_control()
    meeting.app.start()
    until(lambda: meeting.commune.evaluate("!document.querySelector('#connection:not([hidden])')"), 30, "live again")
    assert figures(meeting.commune)["session"] == before, "nobody had to join again"
    action(meeting.commune, "hand")
    until(lambda: meeting.chair.locator(".tile[data-hand]").count() == 1, what="the hand is up")
    meeting.both_see_and_hear()


def test_the_end_is_told(meeting: Meeting) -> None:
    action(meeting.chair, "end")
    meeting.chair.locator("[data-ask-yes]").click()
    meeting.commune.get_by_text("Cuộc họp đã kết thúc").first.wait_for()
