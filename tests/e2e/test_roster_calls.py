"""The room's list on the pages of hosts: calls to missing units, a telephone that comes, and its call for help."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest

from tests.e2e.harness import App, chromium, free_port, running, until
from tests.e2e.rooms import action, appoint, enter, start_meeting, wait_connected
from tests.e2e.telephone import Telephone, give_pin, seat

pytestmark = pytest.mark.timeout(240)
COUNT_TONES = """() => {
  window.tones = 0;
  const start = OscillatorNode.prototype.start;
  OscillatorNode.prototype.start = function (...when) { window.tones += 1; return start.apply(this, when); };
}"""


@pytest.fixture(scope="module")
def telephone() -> Iterator[Telephone]:
    made = Telephone()
    yield made
    made.close()


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory, telephone: Telephone) -> Iterator[App]:
    trunk = f"127.0.0.1:{telephone.endpoint.port('udp')}"
    with running(tmp_path_factory.mktemp("roster"), telephone=free_port(), trunk=trunk) as made:
        yield made


def test_what_became_of_calls_stays_in_the_list(app: App, telephone: Telephone) -> None:
    give_pin(app, "thon1.camthuy", "0901 234 567")
    meeting = start_meeting(app)
    answers = telephone.answers
    telephone.answers = lambda call, now: call.refuse(486, now)
    try:
        with chromium() as browser:
            page, guest = enter(app, browser, meeting, "chutich"), enter(app, browser, meeting, "camtuyen")
            before = len(telephone.incoming)
            action(page, "roll-call")
            page.locator("[data-list=people] [data-call=no_number]").first.wait_for()
            assert page.locator("[data-list=people] [data-action=dial]").count() == 1, "only who has a number"
            action(page, "panel-close")
            action(page, "dial-missing")
            telephone.wait(lambda: len(telephone.incoming) > before)
            action(page, "roll-call")
            busy = page.locator("[data-list=people] [data-call=busy]")
            busy.wait_for()
            assert re.fullmatch(r"máy bận, gọi lại lúc \d\d:\d\d", busy.inner_text())
            assert page.locator("[data-list=people] [data-call=no_number]").count() > 10
            page.reload()
            wait_connected(page)
            action(page, "roll-call")
            busy.wait_for()
            assert "máy bận" in busy.inner_text(), "also after a reload"
            action(guest, "panel")
            guest.locator("[data-list=people] .panel-group").first.wait_for()
            assert guest.locator("[data-call]").count() == 0, "that is for those who run the meeting"
            assert guest.locator("[data-action=dial]").count() == 0
            appoint(app, meeting, "camtuyen")
            guest.locator("[data-list=people] [data-action=dial]").wait_for()  # without loading the page again
            assert "máy bận" in guest.locator("[data-list=people] [data-call=busy]").inner_text()
            assert page.errors == [] and guest.errors == []  # type: ignore[attr-defined]
    finally:
        telephone.answers = answers


def test_hosts_hear_a_telephone_come_and_answer_its_call_for_help(app: App, telephone: Telephone) -> None:
    pin = give_pin(app, "thon1.camthuy", "0901 234 567")
    meeting = start_meeting(app)
    with chromium() as browser:
        page, guest = enter(app, browser, meeting, "chutich"), enter(app, browser, meeting, "camtuyen")
        for one in (page, guest):
            one.evaluate(COUNT_TONES)
        call = telephone.dial(app.telephone_port)
        telephone.press(pin)
        until(lambda: (seat(page) or {}).get("present"), 30, "the telephone sits in the roster")
        until(lambda: page.evaluate("window.tones") == 2, 5, "a soft sound of two notes")
        assert guest.evaluate("window.tones") == 0
        action(page, "roll-call")
        row = page.locator(f"[data-list=people] [data-participant='{(seat(page) or {})['id']}']")
        help_button = row.locator("[data-action=answer-help]")
        assert not help_button.is_visible()
        telephone.press("*0")
        help_button.wait_for()
        assert "gọi thư ký lúc" in row.inner_text()
        page.reload()
        wait_connected(page)
        assert page.locator(".room-people[data-help]").is_visible(), "also with the list closed"
        action(page, "roll-call")
        help_button.click()
        help_button.wait_for(state="hidden")
        assert "gọi thư ký" not in row.inner_text()
        telephone.hang_up(call)
        until(lambda: not (seat(page) or {"present": True})["present"], 20, "it has left")

        page.evaluate(COUNT_TONES)
        page.evaluate("localStorage.setItem('giaoban:sound', 'off')")
        call = telephone.dial(app.telephone_port)
        telephone.press(pin)
        until(lambda: (seat(page) or {}).get("present"), 30, "the telephone is back")
        page.wait_for_timeout(300)
        assert page.evaluate("window.tones") == 0, "no sounds are wanted"
        telephone.hang_up(call)
        assert page.errors == [] and guest.errors == []  # type: ignore[attr-defined]


def test_the_operator_sees_what_becomes_of_a_test_call(app: App, telephone: Telephone) -> None:
    answers, rung = telephone.answers, len(telephone.incoming)
    telephone.answers = lambda call, now: None  # it rings
    try:
        with chromium() as browser:
            page = app.page(browser, "quantri", "/telephone")
            page.fill("[name=number]", "0912 000 111")
            page.click("form[action$=test] button")
            telephone.wait(lambda: len(telephone.incoming) > rung)
            row = page.locator("#telephone-log tr", has_text="0912000111").first
            row.get_by_text("Đang nối").wait_for()
            call = telephone.incoming[-1]
            telephone._loop.call_soon_threadsafe(lambda: call.refuse(486, telephone.endpoint.now))
            row.get_by_text("Máy bận").wait_for()
            assert page.errors == []  # type: ignore[attr-defined]
    finally:
        telephone.answers = answers
