"""A directive from its draft to the end, in the real browser, by all who have a part in it.

The district's clerk writes, its leader issues; a commune's clerk registers, its leader assigns and forwards, a cadre
answers; a village head confirms without a network; a unit that does nothing is escalated; one gives its copy up.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from server.directives.sweeper import PAUSE_SECONDS
from tests.e2e.clocked import ClockedApp, clocked
from tests.e2e.harness import chromium
from tests.e2e.test_offline import SECONDS, visit

SUBJECT = "Tổng vệ sinh đường làng sau lũ"
SWEPT = 1000 * PAUSE_SECONDS + SECONDS


@pytest.fixture
def app(tmp_path: Path) -> Iterator[ClockedApp]:
    with clocked(tmp_path) as started:
        yield started


class People:
    """Each at their own screen, opened when they are first asked for."""

    def __init__(self, app: ClockedApp, browser: Browser) -> None:
        self.app, self.browser = app, browser
        self.pages: dict[str, Page] = {}

    def at(self, who: str, path: str = "") -> Page:
        """The page of a person, at an address if there is one."""
        if who not in self.pages:
            self.pages[who] = self.app.page(self.browser, who, path or "/", width=1366, height=768)
        elif path:
            self.pages[who].goto(self.app.url + path)
        return self.pages[who]

    def press(self, who: str, name: str, path: str = "") -> Page:
        """Press a button and wait for the page that answers."""
        page = self.at(who, path)
        with page.expect_navigation():
            page.get_by_role("button", name=name, exact=True).first.click()
        return page

    def complaints(self) -> list[str]:
        return [error for page in self.pages.values() for error in page.errors]  # type: ignore[attr-defined]


def local(app: ClockedApp, days: int) -> str:
    """The end of a working day about so many days from now, as a form wants it."""
    day = app.now().astimezone(ZoneInfo("Asia/Ho_Chi_Minh")) + timedelta(days=days)
    while day.weekday() >= 5:
        day += timedelta(days=1)
    return f"{day:%Y-%m-%d}T16:00"


def write(app: ClockedApp, people: People) -> str:
    """The clerk writes to all communes, first not well enough; the leader issues. Gives the page's address."""
    clerk = people.at("vanthu", "/directives/new")
    people.press("vanthu", "Trình lãnh đạo")
    expect(clerk.locator(".errors")).to_contain_text("Xin nhập trích yếu.")
    expect(clerk.locator(".errors")).to_contain_text("Xin chọn ít nhất một nơi nhận.")
    clerk.fill("[name=subject]", SUBJECT)
    clerk.fill("[name=deadline]", local(app, 7))
    clerk.check("[name=urgency][value=FLASH]", force=True)
    clerk.check("[name=recipients_groups][value=communes]")
    leader = people.at("chutich")
    people.press("vanthu", "Trình lãnh đạo")
    if clerk.get_by_role("button", name="Vẫn trình lãnh đạo").count():  # the week holds a day off: it was said first
        people.press("vanthu", "Vẫn trình lãnh đạo")
    expect(clerk.locator(".page-head")).to_contain_text("Chờ ký ban hành")
    leader.get_by_role("link", name=SUBJECT).click(timeout=SECONDS)
    leader.locator("button").filter(has_text=re.compile("^(Vẫn b|B)an hành$")).first.click()
    expect(leader.locator("#board tbody tr")).to_have_count(8)
    return leader.url.removeprefix(app.url)


def row(board: Page, unit: str) -> Locator:
    return board.locator("#board tbody tr").filter(has_text=unit)


def into_the_unit(app: ClockedApp, people: People, path: str) -> str:
    """Cam Thủy's clerk registers, its leader assigns a cadre and sends it on to the villages. Gives its address."""
    people.press("vanthu.camthuy", "Tiếp nhận, vào sổ", path)
    leader = people.at("chutich.camthuy", path)
    cadre = leader.locator("[name=lead] option").filter(has_text="Cán bộ").first.get_attribute("value")
    leader.select_option("[name=lead]", cadre)
    leader.fill("[name=assign_note]", "Làm xong trong tuần")
    people.press("chutich.camthuy", "Phân công")
    expect(leader.locator(".page-head")).to_contain_text("Đã phân công")
    village = people.at("thon2.camthuy")
    leader.get_by_role("link", name="Triển khai xuống thôn, khu phố").click()
    leader.locator("button").filter(has_text=re.compile("^(Vẫn b|B)an hành$")).first.click()
    if leader.get_by_role("button", name="Vẫn ban hành").count():
        people.press("chutich.camthuy", "Vẫn ban hành")
    expect(leader.locator("#board tbody tr").first).to_be_visible()
    village.get_by_role("button", name="ĐÃ NHẬN").click(timeout=SECONDS)  # it came to the page that was open
    expect(row(leader, "Thôn 2,")).to_have_attribute("data-state", "REGISTERED", timeout=SECONDS)
    return leader.url.removeprefix(app.url)


def confirm_without_a_network(people: People, child: str) -> Page:
    """The village head's one big button, pressed in the rain; gives the page, on which the answer has come."""
    head = visit(people.app, people.browser, "thon1.camthuy", child)
    people.pages["thon1.camthuy"] = head
    head.context.set_offline(True)
    head.reload()
    expect(head.locator("#kept")).to_contain_text("Đang xem bản giữ trên máy lúc", timeout=SECONDS)
    button = head.get_by_role("button", name="ĐÃ NHẬN")
    box = button.bounding_box()
    assert box is not None
    assert box["height"] >= 88
    button.click()
    expect(head.locator("[data-queued]")).to_have_count(1, timeout=SECONDS)
    expect(row(people.at("chutich.camthuy"), "Thôn 1,")).not_to_have_attribute("data-state", "REGISTERED")
    head.context.set_offline(False)
    expect(head.locator(".steps")).to_contain_text("Bấm khi mất mạng:", timeout=SECONDS)
    expect(row(people.at("chutich.camthuy"), "khi mất mạng")).to_have_attribute(
        "data-state", "REGISTERED", timeout=SECONDS
    )
    return head


def villages_do_it(app: ClockedApp, people: People, head: Page, child: str) -> None:
    """One village by its two big buttons, the others as programs; the commune's clerk accepts all."""
    head.get_by_role("button", name="ĐÃ LÀM XONG").click()
    with head.expect_navigation():
        head.get_by_role("button", name="Đúng, đã làm xong").click()
    clerk = app.token("vanthu.camthuy")
    board = app.call(clerk, "GET", f"/api/v1{child}")["board"]
    for number in range(2, len(board) + 1):
        village = app.token(f"thon{number}.camthuy")
        if number > 2:
            app.call(village, "POST", f"/api/v1{child}/register")
        app.call(village, "POST", f"/api/v1{child}/responses", {"text": "Thôn đã làm xong."})
    first, *others = app.call(clerk, "GET", f"/api/v1{child}")["board"]
    for one in others:
        app.call(clerk, "POST", f"/api/v1/deliveries/{one['id']}/accept")
    people.press("vanthu.camthuy", "Chấp nhận báo cáo", f"/deliveries/{first['id']}")


def test_from_the_draft_to_the_end(app: ClockedApp) -> None:
    with chromium() as browser:
        people = People(app, browser)
        path = write(app, people)
        child = into_the_unit(app, people, path)
        head = confirm_without_a_network(people, child)

        people.at(
            "chutich.camtuyen"
        )  # Cam Tuyền does nothing: its chair hears 5 minutes after T1, the issuer's 15 after
        app.ahead += timedelta(minutes=31)
        expect(people.at("chutich.camtuyen").get_by_text("Chưa tiếp nhận")).to_be_visible(timeout=SWEPT)
        raised = people.at("chutich", "/").locator(".row").filter(has_text="Chưa tiếp nhận").first
        expect(raised).to_contain_text("7 nơi", timeout=SECONDS)

        people.press("camthuy", "Bắt đầu xử lý", path)
        people.at("camthuy").fill("[name=text]", "Đã dọn 12 km đường.")
        people.press("camthuy", "Gửi báo cáo")
        board = people.at("vanthu", path)
        expect(row(board, "Cam Thủy")).to_have_attribute("data-state", "REPORTED")
        row(board, "Cam Thủy").get_by_role("link").first.click()
        people.press("vanthu", "Chấp nhận báo cáo")
        expect(board.locator("main")).to_contain_text("thôn, khu phố chưa xong")
        villages_do_it(app, people, head, child)
        delivery = people.at("vanthu", path)
        row(delivery, "Cam Thủy").get_by_role("link").first.click()
        people.press("vanthu", "Chấp nhận báo cáo")
        expect(row(people.at("vanthu"), "Cam Thủy")).to_have_attribute("data-state", "COMPLETED")

        leader = people.at("chutich", path)
        leader.get_by_text("Thu hồi văn bản").first.click()
        leader.fill("[name=reason]", "Lũ lên lại, hoãn việc này")
        people.press("chutich", "Thu hồi văn bản")
        people.press("vanthu.camhieu", "Đã hủy bản nhận, đồng ý thu hồi", path)
        expect(row(leader, "Cam Hiếu")).to_have_attribute("data-state", "RECALLED", timeout=SECONDS)
        expect(row(leader, "Cam Thủy")).to_have_attribute("data-state", "COMPLETED")
        assert people.complaints() == []
