"""Every page of the demo district: no complaint of a script, nothing sideways, nothing that axe calls serious."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import closing
from typing import Literal

import pytest
from playwright.sync_api import Browser, Page, expect

from server.config import ROOT
from tests.e2e.harness import chromium
from tests.e2e.rooms import start_meeting, wait_connected
from tests.keyboard import focus, tab_to
from tests.ui.states import FLOOD, STATES, State
from tests.ui.visiting import DemoApp, Visitors, demo_district

AXE = (ROOT / "web/node_modules/axe-core/axe.min.js").read_text("utf-8")
LIVE, QUIET = (
    sorted((state for state in STATES if state.live is live), key=lambda state: state.who) for live in (True, False)
)
SOME = 20  # of them at a time, so that none takes minutes
# Width, height, and the theme in which axe looks; the laptop's pages are made of the same parts as those of the wall.
LOOKS: tuple[tuple[int, int, Literal["light", "dark"] | None], ...] = (
    (360, 800, "light"),
    (1366, 768, None),
    (1920, 1080, "dark"),
)
SERIOUS = """async () => (await axe.run(document, { resultTypes: ['violations'] })).violations
  .filter(({ impact }) => impact === 'serious' || impact === 'critical')
  .map(({ id, nodes }) => `${id}: ${nodes.slice(0, 3).map((node) => node.html.slice(0, 160)).join(' | ')}`)"""
# The new colours have come: two frames, then what moves into them at the end of its way.
DRAWN = """async () => {
  await new Promise((drawn) => requestAnimationFrame(() => requestAnimationFrame(drawn)));
  await Promise.allSettled(document.getAnimations().map(({ finished }) => finished));
}"""
ACTIVE = "(document.activeElement.textContent || document.activeElement.name || '').trim()"

pytestmark = pytest.mark.timeout(900)


@pytest.fixture(scope="module")
def app() -> Iterator[DemoApp]:
    with demo_district() as started:
        yield started


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as started:
        yield started


def _look(visitors: Visitors, state: State) -> None:
    _look_at(visitors, visitors.visit(state), state.name)


def _look_at(visitors: Visitors, page: Page, name: str) -> None:
    page.evaluate(AXE)
    for width, height, theme in LOOKS:
        page.set_viewport_size({"width": width, "height": height})
        visitors.check_width(page, name)
        if theme:
            page.emulate_media(color_scheme=theme)
            page.evaluate(DRAWN)
            visitors.problems += [f"{name} at {width}, {theme}: {found}" for found in _serious(page)]


def _serious(page: Page) -> list[str]:
    """What axe finds; on a busy machine some colours are still on their way, so only what stays counts."""
    found: list[str] = page.evaluate(SERIOUS)
    if found:
        page.wait_for_timeout(500)
        found = page.evaluate(SERIOUS)
    return found


@pytest.mark.parametrize("first", range(0, len(QUIET), SOME))
def test_every_page_is_sound_and_accessible(app: DemoApp, browser: Browser, first: int) -> None:
    with closing(Visitors(app, browser, bypass_csp=True)) as visitors:
        for state in QUIET[first : first + SOME]:
            _look(visitors, state)
    assert visitors.problems == []


def test_pages_that_show_a_running_meeting(app: DemoApp, browser: Browser) -> None:
    meeting = start_meeting(app, "Giao ban trực tuyến")
    with closing(Visitors(app, browser, bypass_csp=True)) as visitors:
        for state in LIVE:
            _look(visitors, state)
    app.call(app.token("chutich"), "POST", f"/api/v1/meetings/{meeting}/end")
    assert visitors.problems == []


def test_the_room_itself(app: DemoApp, browser: Browser) -> None:
    visitors = Visitors(app, browser, bypass_csp=True)
    meeting = start_meeting(app, "Giao ban trực tuyến", agenda=[{"title": "Phòng, chống mưa lũ", "minutes": 10}])
    page = visitors.page("chutich", "room")
    page.goto(f"{app.url}/meetings/{meeting}/check")
    page.wait_for_selector("[data-door][data-ready]")
    page.click("[data-action=join]")
    wait_connected(page)
    _look_at(visitors, page, "room")
    page.locator(".room [data-action=panel]").click()
    for tab in ("people", "queue", "agenda", "chat"):
        page.click(f"#tab-{tab}")
        _look_at(visitors, page, f"room, {tab}")
    app.call(app.token("chutich"), "POST", f"/api/v1/meetings/{meeting}/end")
    page.locator("[data-gone]:visible").wait_for()
    _look_at(visitors, page, "after the room")
    page.close()
    assert visitors.problems == []


@pytest.mark.parametrize("who", ["vanthu", "camthuy"])
def test_english_fits_the_smallest_phone(app: DemoApp, browser: Browser, who: str) -> None:
    with closing(Visitors(app, browser, "en")) as visitors:
        for state in QUIET:
            if state.who == who:
                page = visitors.visit(state)
                page.set_viewport_size({"width": 360, "height": 800})
                visitors.check_width(page, state.name)
                assert page.evaluate("document.documentElement.lang") == "en"
    assert visitors.problems == []


def test_signing_in_and_registering_by_keyboard_alone(app: DemoApp, browser: Browser) -> None:
    page = browser.new_page(viewport={"width": 1366, "height": 768}, locale="vi-VN")
    page.goto(app.url + "/directives/in")
    page.keyboard.type("vanthu.camchinh")
    page.keyboard.press("Tab")
    page.keyboard.type("giaoban")
    page.keyboard.press("Enter")
    expect(page).to_have_url(app.url + "/directives/in")
    assert _tab_to(page, FLOOD) <= 20, "the lines come soon after the navigation"
    assert page.evaluate("getComputedStyle(document.activeElement.closest('.row')).outlineStyle !== 'none'"), (
        "the focus is seen"
    )
    page.keyboard.press("Enter")
    page.wait_for_url(re.compile(r"/directives/\d+$"))
    _tab_to(page, "Tiếp nhận, vào sổ")
    page.keyboard.press("Enter")
    expect(page.locator(".page-head .chip").first).to_have_text("Đã tiếp nhận")
    page.context.close()


def _tab_to(page: Page, words: str) -> int:
    """Press Tab until the focus stands on `words`; gives how often that took."""
    for count in range(1, 60):
        page.keyboard.press("Tab")
        if words in page.evaluate(ACTIVE):
            return count
    raise AssertionError(f"Tab does not reach {words}")


def test_issuing_by_keyboard_and_a_dialog_that_escape_closes(app: DemoApp, browser: Browser) -> None:
    visitors = Visitors(app, browser)
    page = visitors.page("vanthu", "compose")
    page.goto(app.url + "/directives/new")
    page.locator("#f-subject").focus()
    page.keyboard.type("Tổng kết năm 2026")
    _tab_to(page, "recipients_groups")
    page.keyboard.press("Space")
    page.locator("#f-subject").focus()
    _tab_to(page, "Trình lãnh đạo")
    page.keyboard.press("Enter")
    expect(page.locator(".page-head .chip").first).to_have_text("Chờ ký ban hành")
    _tab_to(page, "Xóa bản nháp")
    page.keyboard.press("Enter")
    question = page.get_by_role("dialog", name="Xin xác nhận")
    expect(question).to_be_visible()
    assert "Không, quay lại" in page.evaluate(ACTIVE), "the focus stands on the way back"
    page.keyboard.press("Escape")
    expect(question).to_be_hidden()
    assert "Xóa bản nháp" in page.evaluate(ACTIVE), "the focus comes back to the button"
    assert visitors.problems == []


def test_the_urgency_suggests_the_deadline_until_one_is_chosen(app: DemoApp, browser: Browser) -> None:
    visitors = Visitors(app, browser)
    page = visitors.page("vanthu", "compose-deadline")
    page.goto(app.url + "/directives/new")
    deadline = page.locator("#f-deadline")
    suggested = page.evaluate("JSON.parse(document.getElementById('f-deadline').dataset.suggestions)")
    assert len(set(suggested.values())) == 5
    for urgency in ("FLASH", "URGENT", "FLASH_TIMED", "VERY_URGENT"):  # for FLASH_TIMED nothing: it names its hour
        page.check(f"[name=urgency][value={urgency}]", force=True)
        expect(deadline).to_have_value(suggested[urgency])
    page.locator("button[data-fill=f-deadline]").last.click()
    chosen = deadline.input_value()
    page.check("[name=urgency][value=FLASH]", force=True)
    expect(deadline).to_have_value(chosen)
    assert visitors.problems == []


def _submit_draft(app: DemoApp, subject: str) -> None:
    """One more that waits for the leader, fit to be issued; the newest stands first."""
    clerk = app.token("vanthu")
    units = [unit["id"] for unit in app.call(clerk, "GET", "/api/v1/units")["units"] if unit["level"] == "commune"]
    draft = {"kind": "Thông báo", "subject": subject, "recipients": [{"unit": unit} for unit in units]}
    made = app.call(clerk, "POST", "/api/v1/directives", draft)["id"]
    app.call(clerk, "POST", f"/api/v1/directives/{made}/submit")


def test_the_leader_issues_by_keyboard_alone(app: DemoApp, browser: Browser) -> None:
    subject = "Sơ kết công tác quý IV"
    _submit_draft(app, subject)
    page = browser.new_page(viewport={"width": 1366, "height": 768}, locale="vi-VN")
    page.goto(app.url + "/")
    page.keyboard.type("chutich")
    page.keyboard.press("Tab")
    page.keyboard.type("giaoban")
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="Chờ ký ban hành")).to_be_visible()
    page.keyboard.press("Tab")
    skip = focus(page)
    assert skip is not None
    assert skip.words == "Đến nội dung chính"
    page.keyboard.press("Enter")
    page.wait_for_function("() => document.activeElement.id === 'main'")
    stops = tab_to(page, "Ban hành")
    assert len(stops) <= 5, "past the two buttons of the page, the way to all and the draft itself"
    page.keyboard.press("Enter")
    expect(page.locator(".page-head .chip").first).to_have_text("Đã ban hành")
    expect(page.locator(".page-head")).to_contain_text(subject)
    page.context.close()


def test_inbox_register_report_and_archive_without_a_script(app: DemoApp, browser: Browser) -> None:
    visitors = Visitors(app, browser, java_script_enabled=False)
    page = visitors.context("vanthu.camhieu").new_page()
    page.goto(app.url + "/directives/in")
    page.get_by_role("link", name=FLOOD).first.click()
    page.get_by_role("button", name="Tiếp nhận, vào sổ").click()
    expect(page.locator(".page-head .chip").first).to_have_text("Đã tiếp nhận")
    page.fill("[name=text]", "Đã di dời 12 hộ vùng thấp trũng.")
    page.fill("[name=q1]", "12")
    page.get_by_text("Đã trực", exact=True).first.click()
    page.get_by_role("button", name="Gửi báo cáo").click()
    expect(page.locator(".page-head .chip").first).to_have_text("Đã báo cáo")
    page.goto(app.url + "/records")
    page.fill("[name=words]", "phong chong thien tai")
    page.keyboard.press("Enter")
    expect(page.locator(".row-title")).to_contain_text("phòng, chống thiên tai")
