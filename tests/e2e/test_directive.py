"""Directives in the real browser: eight units at once, a live board, the bell, and a server that is killed."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from server.accounts import service as accounts
from server.directives import service
from server.store import Store
from server.units.service import by_code
from tests.directives.helpers import POLICY, draft
from tests.e2e.harness import App, chromium, running, until

SLUGS = ("camlo-tt", "camtuyen", "thanhan", "camthuy", "camthanh", "camhieu", "camchinh", "camnghia")
CODES = ("19597", "19600", "19603", "19606", "19612", "19615", "19618", "19621")
LISTEN = """() => {
  window.mark = 1; window.heard = []; window.notes = 0;
  Document.prototype.hasFocus = () => false;
  const start = OscillatorNode.prototype.start;
  OscillatorNode.prototype.start = function (...when) { window.notes += 1; return start.apply(this, when); };
  document.addEventListener('giaoban:directive.issued', ({ detail }) => window.heard.push(detail.seq));
}"""


@pytest.fixture
def app(tmp_path: Path) -> Any:
    with running(tmp_path) as started:
        yield started


def units_of(app: App) -> list[int]:
    store = Store(f"sqlite:///{app.folder}/giaoban.db")
    found = [store.read_now(by_code, code) for code in CODES]
    store.close()
    return [unit.id for unit in found if unit is not None]


def issue(app: App, token: str, units: list[int], subject: str, urgency: str = "NORMAL", days: int = 3) -> int:
    body = {
        "kind": "Công điện",
        "subject": subject,
        "urgency": urgency,
        "deadline": (datetime.now(UTC) + timedelta(days=days)).isoformat(),
        "recipients": [{"unit": unit} for unit in units],
    }
    return int(app.call(token, "POST", "/api/v1/directives?issue=true", body)["id"])


CONNECTED = """() => import('/static/js/channel.js').then(
  ({ onState }) => new Promise((done) => onState((state) => state === 'connected' && done(true))))"""


def connected(page: Page) -> None:
    """Wait until the page hears of what happens."""
    page.wait_for_function(CONNECTED)


def test_eight_units_receive_it_at_once_and_the_board_follows(app: App) -> None:
    units, leader = units_of(app), app.token("chutich")
    tokens = {slug: app.token(slug) for slug in SLUGS}
    with chromium() as browser:
        pages = [app.page(browser, slug, "/directives/in") for slug in SLUGS]
        for page in pages:
            connected(page)
            page.mouse.click(5, 5)  # browsers allow sound only after a first touch
            page.evaluate(LISTEN)
        directive = issue(app, leader, units, "Ứng phó mưa lũ <b>khẩn</b>", "FLASH")
        for page in pages:
            expect(page.locator(".row-title")).to_contain_text("Ứng phó mưa lũ <b>khẩn</b>", timeout=5000)
            expect(page.locator("#toasts")).to_contain_text("Có chỉ đạo mới")
            assert page.title().startswith("(1) ")
            assert page.evaluate("[window.mark, window.heard.length, window.notes]") == [1, 1, 4]
        for page in pages[2:]:
            page.context.close()

        board = app.page(browser, "chutich", f"/directives/{directive}", width=1366, height=768)
        connected(board)
        board.evaluate("window.mark = 1")
        counter = board.locator(".counter-number")
        expect(counter).to_have_text(["8", "0", "0", "0"], timeout=5000)
        pages[0].locator(".row-title").click()
        row = board.locator(f"tr[data-unit='{units[0]}']")
        expect(row).to_have_attribute("data-state", "SEEN", timeout=5000)
        pages[0].get_by_role("button", name="Tiếp nhận").click()
        expect(row).to_contain_text("số đến 1", timeout=5000)
        for slug in SLUGS[1:]:
            app.call(tokens[slug], "POST", f"/api/v1/directives/{directive}/register")
        expect(counter).to_have_text(["8", "8", "8", "0"], timeout=5000)
        pages[0].fill("[name=text]", "Đã trực ban 24/24 giờ.")
        pages[0].get_by_role("button", name="Gửi báo cáo").click()
        expect(counter).to_have_text(["8", "8", "8", "1"], timeout=5000)
        expect(row).to_have_attribute("data-state", "REPORTED")
        assert board.evaluate("window.mark") == 1
        row.get_by_role("link").click()
        board.get_by_role("button", name="Chấp nhận báo cáo").click()
        expect(row).to_have_attribute("data-state", "COMPLETED")
        assert board.errors + pages[0].errors + pages[1].errors == []  # type: ignore[attr-defined]


def test_a_page_outlives_a_killed_server_and_hears_everything_once(app: App) -> None:
    units, leader = units_of(app), app.token("chutich")
    with chromium() as browser:
        page = app.page(browser, "camthuy", "/directives/in")
        connected(page)
        page.evaluate(LISTEN)
        issue(app, leader, units, "Một")
        until(lambda: page.evaluate("window.heard.length") == 1, what="the first one came")
        for turn in range(3):
            app.kill_control()
            expect(page.locator("#connection")).to_be_visible(timeout=5000)
            store = Store(f"sqlite:///{app.folder}/giaoban.db")  # issued while the page cannot hear of it
            who = store.read_now(accounts.principal_of, "chutich")
            for n in range(2):
                made = draft(units, deadline=datetime.now(UTC) + timedelta(days=1), subject=f"Khi vắng {turn}.{n}")
                store.write_now(service.create_and_issue, who, POLICY, made)
            store.close()
            app.start()
            issue(app, leader, units, f"Sau {turn}")
            expect(page.locator("#connection")).to_be_hidden(timeout=10000)
        until(lambda: page.evaluate("window.heard.length") >= 10, what="all ten came")
        assert page.evaluate("window.heard") == list(range(1, 11))
        expect(page.locator(".row-title")).to_have_count(10)
        states = {
            line["delivery"]["state"]
            for line in app.call(app.token("camthuy"), "GET", "/api/v1/deliveries")["deliveries"]
        }
        until(
            lambda: (
                {
                    line["delivery"]["state"]
                    for line in app.call(app.token("camthuy"), "GET", "/api/v1/deliveries")["deliveries"]
                }
                == {"ARRIVED"}
            ),
            what=f"all have arrived ({json.dumps(sorted(states))})",
        )
        assert page.errors == []  # type: ignore[attr-defined]


def test_an_open_page_says_that_its_document_changed(app: App) -> None:
    """By whatever the other side does, never over what is being written, and not by what is done on it."""
    units, leader, clerk = units_of(app), app.token("chutich"), app.token("vanthu.camthuy")
    unit = units[SLUGS.index("camthuy")]
    directive = issue(app, leader, [unit], "Ứng phó mưa lũ")
    app.call(clerk, "POST", f"/api/v1/directives/{directive}/register")
    with chromium() as browser:
        theirs = app.page(browser, "camthuy", f"/directives/{directive}")
        delivery = app.call(clerk, "GET", f"/api/v1/directives/{directive}")["delivery"]["id"]
        ours = app.page(browser, "chutich", f"/deliveries/{delivery}", width=1366, height=768)
        for page in (theirs, ours):
            connected(page)
            expect(page.locator("#changed")).to_have_role("status")
            expect(page.locator("#changed p")).to_be_hidden()
        until_asked = (datetime.now(UTC) + timedelta(days=9)).isoformat()
        asked = {"reason": "Nước chưa rút", "until": until_asked}
        app.call(clerk, "POST", f"/api/v1/directives/{directive}/extension", asked)
        expect(ours.locator("#changed")).to_contain_text("Văn bản này vừa thay đổi", timeout=5000)
        ours.get_by_role("link", name="Tải lại để xem").click()
        expect(ours.get_by_role("button", name="Cho gia hạn", exact=True)).to_be_visible()
        expect(ours.locator("#changed p")).to_be_hidden()
        connected(ours)
        expect(theirs.locator("#changed p")).to_be_visible()
        theirs.reload()
        connected(theirs)
        text = theirs.locator("[name=text]")
        text.fill("Đang viết dở")
        app.call(leader, "POST", f"/api/v1/directives/{directive}/recall", {"note": "Sai số liệu"})
        expect(theirs.locator("#changed p")).to_be_visible(timeout=5000)
        expect(text).to_have_value("Đang viết dở")
        theirs.evaluate("scrollTo(0, document.body.scrollHeight)")
        expect(theirs.locator("#changed p")).to_be_in_viewport()
        theirs.get_by_role("link", name="Tải lại để xem").click()
        expect(theirs.locator("main")).to_contain_text("Nơi ban hành xin thu hồi văn bản này")
        other = issue(app, leader, [unit], "Việc khác")
        theirs.goto(f"{app.url}/directives/{other}")
        connected(theirs)
        expect(theirs.locator("#changed p")).to_be_hidden()  # that this page has seen it is no change to it
        assert theirs.errors + ours.errors == []  # type: ignore[attr-defined]
