"""A telephone that loses its network: pages opened before, a confirmation that waits, a notification when closed."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from server.store import Store
from server.units.service import by_code
from tests.e2e.harness import App, chromium, running, until
from tests.e2e.test_directive import issue

SECONDS = 30_000
KEPT = "async (path) => Boolean(await (await caches.open('pages')).match(path))"
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
    said_hello = """() => new Promise((resolve) => {
      const opening = indexedDB.open('giaoban', 1);
      opening.onsuccess = () => {
        const asking = opening.result.transaction('facts').objectStore('facts').get('page');
        asking.onsuccess = () => { resolve(Boolean(asking.result?.csrf)); opening.result.close(); };
      };
    })"""
    until(lambda: page.evaluate(said_hello), 30, "it is known whose page it is")
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
    expect(page.locator("#toasts")).to_contain_text("không được nhận", timeout=SECONDS)
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
