"""A telephone that loses its network: pages opened before, a confirmation that waits, a notification when closed."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from server.accounts.demo import DEFAULT_PASSWORD
from server.accounts.people import add_membership, end_membership
from server.accounts.permissions import Role
from server.accounts.service import principal_of
from server.store import Store
from server.units.service import by_code
from tests.e2e.harness import App, chromium, running, until
from tests.e2e.test_directive import issue

SECONDS = 30_000
KEPT = "async (path) => Boolean(await (await caches.open('pages')).match(path))"
STORED = """(name) => new Promise((resolve) => {
  const opening = indexedDB.open('giaoban', 1);
  opening.onsuccess = () => {
    const asking = opening.result.transaction(name).objectStore(name).getAll();
    asking.onsuccess = () => { resolve(asking.result); opening.result.close(); };
  };
})"""
PUT = """([name, value, key]) => new Promise((resolve) => {
  const opening = indexedDB.open('giaoban', 1);
  opening.onsuccess = () => {
    const writing = opening.result.transaction(name, 'readwrite');
    writing.objectStore(name).put(value, key);
    writing.oncomplete = () => { resolve(); opening.result.close(); };
  };
})"""
QUIET = "/static/img/icon-192.png"
"""Has the stores of the service worker and no script that would have it send something."""
SUBJECT = "Họp dân về phòng, chống lụt bão"


@pytest.fixture
def app(tmp_path: Path) -> Iterator[App]:
    with running(tmp_path) as started:
        yield started


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as started:
        yield started


def unit(app: App, code: str) -> int:
    store = Store(f"sqlite:///{app.folder}/giaoban.db")
    found = store.read_now(by_code, code)
    store.close()
    assert found is not None
    return found.id


def clerk_of_two(app: App) -> tuple[int, int]:
    """Cam Thủy and Cam Hiếu: the clerk of the first is the clerk of the second from now on, too."""
    first, second = unit(app, "19606"), unit(app, "19615")
    store = Store(f"sqlite:///{app.folder}/giaoban.db")
    person = store.read_now(principal_of, "vanthu.camthuy").account_id
    store.write_now(add_membership, person, second, Role.CLERK, "Văn thư")
    store.close()
    return first, second


def becomes_leader(app: App, who: str, unit_id: int) -> None:
    """Of the same unit: leaders register nothing."""
    store = Store(f"sqlite:///{app.folder}/giaoban.db")
    person, admin = store.read_now(principal_of, who), store.read_now(principal_of, "quantri")
    store.write_now(end_membership, admin, person.account_id, person.acting.id)
    store.write_now(add_membership, person.account_id, unit_id, Role.LEADER, "Chủ tịch")
    store.close()


def registered(app: App, token: str, number: int) -> dict[int, bool]:
    """Which units have registered it, as the issuer sees it."""
    board = app.call(token, "GET", f"/api/v1/directives/{number}")["board"]
    return {one["unit"]: one["registered_at"] is not None for one in board}


def act_in(page: Page, name: str, unit_id: int) -> None:
    """Switch by the account's menu, and wait until the service worker knows it."""
    page.locator("summary.top-tool").click()
    with page.expect_navigation():
        page.get_by_role("button", name=name).click()
    known_unit(page, unit_id)


def sign_in_again(app: App, page: Page, who: str = "vanthu.camthuy") -> None:
    """The same browser signs in anew, which begins in the oldest role."""
    page.context.clear_cookies()
    body = {"username": who, "password": DEFAULT_PASSWORD}
    assert page.context.request.post(f"{app.url}/api/v1/session", data=body).ok


def known_unit(page: Page, unit_id: int) -> None:
    until(lambda: page.evaluate(STORED, "facts")[0].get("unit") == unit_id, 30, "it is known who acts where")


def village(app: App) -> int:
    token = app.token("thon1.camthuy")
    return int(app.call(token, "GET", "/api/v1/session")["acting"]["unit_id"])


def visit(app: App, browser: Browser, who: str, path: str, **options: Any) -> Page:
    """A page that the service worker serves, and has kept."""
    page = app.page(browser, who, path, service_workers="allow", width=360, height=800, **options)
    until(lambda: page.evaluate("navigator.serviceWorker.controller !== null"), 30, "a service worker serves the page")
    page.reload()
    until(lambda: page.evaluate(KEPT, path), 30, "the page is kept")
    style = "async () => (await (await caches.open('files')).keys()).some(({ url }) => url.includes('base.css'))"
    until(lambda: page.evaluate(style), 30, "its files are kept")
    until(lambda: page.evaluate(STORED, "facts"), 30, "it is known whose page it is")
    return page


def test_the_page_that_was_open_before_is_kept_too(app: App, browser: Browser) -> None:
    number = issue(app, app.token("chutich"), [village(app)], SUBJECT)
    page = app.page(browser, "thon1.camthuy", f"/directives/{number}", service_workers="allow")
    until(lambda: page.evaluate(KEPT, f"/directives/{number}"), 30, "the page is kept")
    for path in ("/", "/directives/in"):
        until(lambda path=path: page.evaluate(KEPT, path), 30, "who came by a link finds the rest, too")  # type: ignore[misc]
    page.context.set_offline(True)
    page.goto(f"{app.url}/directives/in")
    expect(page.locator("#kept")).to_be_visible(timeout=SECONDS)
    expect(page.locator("main")).to_contain_text(SUBJECT)
    page.context.close()


def test_a_confirmation_without_a_network_reaches_the_issuer_with_both_times(app: App, browser: Browser) -> None:
    chair = app.token("chutich.camthuy")
    number = issue(app, chair, [village(app)], SUBJECT)
    page = visit(app, browser, "thon1.camthuy", f"/directives/{number}")
    board = app.page(browser, "chutich.camthuy", f"/directives/{number}")
    expect(board.locator("#board tbody tr")).to_have_attribute("data-state", "SEEN", timeout=SECONDS)

    page.context.set_offline(True)
    page.reload()
    expect(page.locator("#kept")).to_contain_text("Đang xem bản giữ trên máy lúc", timeout=SECONDS)
    expect(page.get_by_role("heading", name=SUBJECT)).to_be_visible()
    weight = page.evaluate("getComputedStyle(document.querySelector('#kept')).position")
    assert weight == "fixed"  # the style sheets are there, too
    page.get_by_role("button", name="ĐÃ NHẬN").click()
    expect(page.locator("[data-queued]")).to_contain_text("khi mất mạng. Máy sẽ tự gửi khi có mạng.", timeout=SECONDS)
    expect(page.get_by_role("button", name="ĐÃ NHẬN")).to_have_count(0)
    opened = app.call(chair, "GET", f"/api/v1/directives/{number}")
    assert opened["board"][0]["registered_at"] is None
    page.reload()  # looked at once more: it still waits, and is still known
    expect(page.locator("[data-queued]")).to_have_count(1, timeout=SECONDS)

    page.context.set_offline(False)
    expect(page.locator("#kept")).to_be_hidden(timeout=SECONDS)
    expect(page.locator("[data-queued]")).to_have_count(0, timeout=SECONDS)
    expect(page.locator(".steps")).to_contain_text("Bấm khi mất mạng:", timeout=SECONDS)
    expect(board.locator("#board tbody tr")).to_have_attribute("data-state", "REGISTERED", timeout=SECONDS)
    expect(board.locator("#board")).to_contain_text("khi mất mạng")
    (delivery,) = app.call(chair, "GET", f"/api/v1/directives/{number}")["board"]
    assert delivery["sent_at"] <= delivery["confirmed_at"] < delivery["registered_at"]
    assert page.errors == []  # type: ignore[attr-defined]
    page.context.close()
    board.context.close()


def test_what_can_no_longer_be_confirmed_is_said(app: App, browser: Browser) -> None:
    number = issue(app, app.token("chutich"), [unit(app, "19606")], SUBJECT)
    page = visit(app, browser, "camthuy", f"/directives/{number}")
    page.context.set_offline(True)
    page.reload()
    page.get_by_role("button", name="Tiếp nhận, vào sổ").click()
    expect(page.locator("[data-queued]")).to_have_count(1, timeout=SECONDS)
    app.call(app.token("vanthu.camthuy"), "POST", f"/api/v1/directives/{number}/register")
    page.context.set_offline(False)
    said = "không được nhận: Đơn vị đã tiếp nhận văn bản này rồi"  # by somebody else, or by a key of a telephone
    expect(page.locator("#toasts")).to_contain_text(said, timeout=SECONDS)
    page.context.close()


def test_a_confirmation_for_one_unit_waits_until_one_acts_there(app: App, browser: Browser) -> None:
    first, second = clerk_of_two(app)
    chair = app.token("chutich")
    number = issue(app, chair, [first, second], SUBJECT)
    one = f"/directives/{number}"
    page = visit(app, browser, "vanthu.camthuy", "/")
    act_in(page, "Cam Hiếu", second)
    page.goto(f"{app.url}{one}")
    until(lambda: page.evaluate(KEPT, one), 30, "the page is kept")
    page.context.set_offline(True)
    page.reload()
    page.get_by_role("button", name="Tiếp nhận, vào sổ").click()
    expect(page.locator("[data-queued]")).to_have_count(1, timeout=SECONDS)
    (item,) = page.evaluate(STORED, "queue")
    assert (item["unit"], item["directive"]) == (second, number)

    page.goto("about:blank")
    page.context.set_offline(False)
    sign_in_again(app, page)
    page.goto(f"{app.url}/directives/in")
    expect(page.locator("#toasts")).to_contain_text("cho đơn vị khác, chưa gửi", timeout=SECONDS)
    known_unit(page, first)
    until(lambda: not page.evaluate(KEPT, one), 30, "nothing is kept of the other unit")
    page.evaluate("navigator.serviceWorker.controller.postMessage({ type: 'flush' })")
    page.wait_for_timeout(1000)
    assert registered(app, chair, number) == {first: False, second: False}
    assert len(page.evaluate(STORED, "queue")) == 1
    page.context.set_offline(True)
    page.goto(f"{app.url}{one}")
    expect(page.get_by_role("heading", name="Chưa mở được trang này vì mất mạng")).to_be_visible(timeout=SECONDS)
    page.context.set_offline(False)
    page.goto(f"{app.url}/")
    act_in(page, "Cam Hiếu", second)
    until(
        lambda: registered(app, chair, number) == {first: False, second: True}, 30, "it is sent there, and there alone"
    )
    until(lambda: page.evaluate(STORED, "queue") == [], 30, "nothing waits any more")
    page.context.close()


def test_a_window_of_another_unit_says_so_and_follows_nothing(app: App, browser: Browser) -> None:
    _first, second = clerk_of_two(app)
    left = app.page(browser, "vanthu.camthuy", "/directives/in")
    other = left.context.new_page()
    other.goto(f"{app.url}/")
    other.locator("summary.top-tool").click()
    with other.expect_navigation():
        other.get_by_role("button", name="Cam Hiếu").click()
    expect(left.locator("#connection")).to_contain_text("chuyển sang đơn vị khác", timeout=SECONDS)
    issue(app, app.token("chutich"), [second], SUBJECT)
    expect(other.locator("#toasts")).to_contain_text(SUBJECT, timeout=SECONDS)
    expect(left.locator("#toasts")).not_to_contain_text(SUBJECT)
    left.reload()
    expect(left.locator("main")).to_contain_text(SUBJECT, timeout=SECONDS)
    expect(left.locator("#connection")).to_be_hidden(timeout=SECONDS)
    left.context.close()


def test_a_confirmation_from_before_units_were_named(app: App, browser: Browser) -> None:
    first, second = clerk_of_two(app)
    chair = app.token("chutich")
    numbers = [issue(app, chair, [first, second], f"{SUBJECT} {n}") for n in range(2)]
    page = visit(app, browser, "vanthu.camthuy", "/")
    act_in(page, "Cam Hiếu", second)
    page.goto(f"{app.url}/directives/{numbers[0]}")
    until(lambda: page.evaluate(KEPT, f"/directives/{numbers[0]}"), 30, "the page is kept")
    command = page.locator('form[action$="/register"] input[name=command_id]').input_value()
    page.goto(app.url + QUIET)
    (facts,) = page.evaluate(STORED, "facts")
    old = {"account": facts["account"], "made": 1}
    page.evaluate(PUT, ["queue", {**old, "command": command, "directive": numbers[0]}])
    page.evaluate(PUT, ["queue", {**old, "command": "nowhere", "directive": numbers[1]}])
    page.evaluate("async () => (await navigator.serviceWorker.ready).unregister()")
    page.goto("about:blank")
    sign_in_again(app, page)
    page.goto(f"{app.url}/directives/in")  # as after an update: a service worker begins
    until(
        lambda: registered(app, chair, numbers[1]) == {first: True, second: False},
        30,
        "what names no unit is sent as before",
    )
    until(lambda: len(page.evaluate(STORED, "queue")) == 1, 30, "and is no longer kept")
    (item,) = page.evaluate(STORED, "queue")
    assert (item["directive"], item["unit"]) == (numbers[0], second), "the page that it was pressed on names its unit"
    assert registered(app, chair, numbers[0]) == {first: False, second: False}
    page.context.close()


def test_a_confirmation_for_a_unit_that_one_has_left_is_said_to_be_refused(app: App, browser: Browser) -> None:
    page = visit(app, browser, "camthuy", "/directives/in")
    page.goto(app.url + QUIET)
    (facts,) = page.evaluate(STORED, "facts")
    left = {"account": facts["account"], "made": 1, "command": "c1", "directive": 1, "unit": unit(app, "19615")}
    page.evaluate(PUT, ["queue", left])
    page.goto(f"{app.url}/directives/in")
    expect(page.locator("#toasts")).to_contain_text("Đồng chí không còn vai trò ở đơn vị đó", timeout=SECONDS)
    until(lambda: page.evaluate(STORED, "queue") == [], 30, "it waits no more")
    page.context.close()


def test_a_confirmation_of_a_role_that_one_has_lost_is_said_to_be_refused(app: App, browser: Browser) -> None:
    commune = unit(app, "19606")
    numbers = [issue(app, app.token("chutich"), [commune], f"{SUBJECT} {n}") for n in range(2)]
    page = visit(app, browser, "camthuy", "/directives/in")
    page.goto(app.url + QUIET)
    (facts,) = page.evaluate(STORED, "facts")
    for number in numbers:
        item = {"account": facts["account"], "unit": commune, "made": number, "command": f"c{number}"}
        page.evaluate(PUT, ["queue", {**item, "directive": number}])
    page.evaluate(PUT, ["facts", {**facts, "csrf": "from before the sign-in"}, "page"])
    page.evaluate("navigator.serviceWorker.controller.postMessage({ type: 'flush' })")
    page.wait_for_timeout(1000)
    assert len(page.evaluate(STORED, "queue")) == 2, "too old a page loses nothing"
    becomes_leader(app, "camthuy", commune)
    sign_in_again(app, page, "camthuy")
    page.goto(f"{app.url}/directives/in")
    expect(page.locator("#toasts .toast")).to_have_count(2, timeout=SECONDS)
    expect(page.locator("#toasts")).to_contain_text("không được nhận: Vai trò của đồng chí", timeout=SECONDS)
    assert page.evaluate(STORED, "queue") == []
    page.context.close()


def test_what_the_unit_has_given_up_is_kept_on_no_device(app: App, browser: Browser) -> None:
    chair, clerk = app.token("chutich"), app.token("vanthu.camthuy")
    numbers = [issue(app, chair, [unit(app, "19606")], f"{SUBJECT} {n}") for n in range(3)]
    ways = [f"/directives/{number}" for number in numbers]

    def recall(number: int) -> None:
        app.call(chair, "POST", f"/api/v1/directives/{number}/recall", {"note": "Sai số liệu"})
        app.call(clerk, "POST", f"/api/v1/directives/{number}/recall-answer", {"agree": True})

    page = visit(app, browser, "camthuy", ways[0])
    for way in (f"{ways[0]}?lan=2", *ways[1:], "/directives/in"):
        page.goto(app.url + way)
        until(lambda way=way: page.evaluate(KEPT, way), 30, "the page is kept")  # type: ignore[misc]
    recall(numbers[0])
    for way in (ways[0], f"{ways[0]}?lan=2"):
        until(lambda way=way: not page.evaluate(KEPT, way), 30, "an open page hears it")  # type: ignore[misc]
    page.goto("about:blank")
    recall(numbers[1])
    page.goto(f"{app.url}/directives/in")
    until(lambda: not page.evaluate(KEPT, ways[1]), 30, "one that was closed asks")
    page.goto(app.url + ways[0])
    expect(page.locator("main")).to_contain_text("Đơn vị đã hủy bản nhận", timeout=SECONDS)
    assert page.evaluate(KEPT, ways[2]), "all others stay"
    page.context.set_offline(True)
    page.goto(app.url + ways[0])
    expect(page.get_by_role("heading", name="Chưa mở được trang này vì mất mạng")).to_be_visible(timeout=SECONDS)
    page.context.close()


def test_pages_that_were_not_opened_and_pages_of_others(app: App, browser: Browser) -> None:
    page = visit(app, browser, "camthuy", "/directives/in")
    page.context.set_offline(True)
    page.goto(f"{app.url}/records")
    expect(page.get_by_role("heading", name="Chưa mở được trang này vì mất mạng")).to_be_visible(timeout=SECONDS)
    page.get_by_role("link", name="Chỉ đạo đến").click()
    expect(page.locator("#kept")).to_be_visible(timeout=SECONDS)
    page.context.set_offline(False)
    expect(page.locator("#kept")).to_be_hidden(timeout=SECONDS)
    page.locator("summary.top-tool").click()
    page.get_by_role("button", name="Đăng xuất").click()
    page.wait_for_url("**/sign-in", timeout=SECONDS)
    gone = "async () => !(await caches.has('pages')) || (await (await caches.open('pages')).keys()).length === 0"
    until(lambda: page.evaluate(gone), 30, "nothing is kept of who has left")
    page.context.set_offline(True)
    page.goto(f"{app.url}/directives/in")
    expect(page.get_by_role("heading", name="Chưa mở được trang này vì mất mạng")).to_be_visible(timeout=SECONDS)
    page.context.close()


def test_a_notification_for_a_closed_page(app: App, browser: Browser) -> None:
    page = visit(app, browser, "camthuy", "/directives/in", devices=("notifications",))
    tools = page.context.new_cdp_session(page)
    found: list[dict[str, Any]] = []
    tools.on("ServiceWorker.workerRegistrationUpdated", lambda event: found.extend(event["registrations"]))
    tools.send("ServiceWorker.enable")
    until(lambda: page.evaluate("1") and found, 30, "the service worker is registered")
    said = {
        "title": "Chỉ đạo mới",
        "body": "05/CĐ-UBND",
        "href": "/directives/12",
        "tag": "directive-12",
        "urgent": True,
    }
    message = {"origin": app.url, "registrationId": found[0]["registrationId"], "data": json.dumps(said)}
    tools.send("ServiceWorker.deliverPushMessage", message)
    shown = """async () => (await (await navigator.serviceWorker.ready).getNotifications())
      .map(({ title, body, tag, data }) => ({ title, body, tag, href: data.href }))"""
    (notification,) = until(lambda: page.evaluate(shown), 30, "the notification is shown")
    assert notification == {key: said[key] for key in ("title", "body", "tag", "href")}
    page.context.close()
