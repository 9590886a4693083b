"""The home page offers, in one tap, that a device rings when its page is closed; once, and only where that can be."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from server.store import Store
from server.units.service import by_code
from tests.e2e.harness import App, chromium, running
from tests.e2e.test_directive import connected, issue

UNDECIDED = """
Object.defineProperty(Notification, 'permission', { get: () => sessionStorage.getItem('answer') ?? 'default' });
Notification.requestPermission = async () => {
  sessionStorage.setItem('answer', window.refuses ? 'denied' : 'granted');
  return Notification.permission;
};
PushManager.prototype.getSubscription = async () => null;
PushManager.prototype.subscribe = async () => ({
  endpoint: 'https://fcm.googleapis.com/fcm/send/x',
  options: {},
  toJSON: () => ({ keys: { p256dh: 'B' + 'A'.repeat(86), auth: 'A'.repeat(22) } }),
});
"""
OFFER = "Bật chuông báo trên máy này"


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> Iterator[App]:
    folder: Path = tmp_path_factory.mktemp("push")
    with running(folder) as started:
        yield started


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as started:
        yield started


def home(app: App, browser: Browser, who: str, script: str = UNDECIDED) -> Page:
    return app.page(browser, who, width=360, height=800, script=script, service_workers="allow")


def devices(app: App) -> int:
    store = Store(f"sqlite:///{app.folder}/giaoban.db")
    found = store.read_now(lambda tx: tx.connection.exec_driver_sql("SELECT count(*) FROM push_subscription").scalar())
    store.close()
    return int(found)


def test_one_tap_switches_it_on(app: App, browser: Browser) -> None:
    before = devices(app)
    page = home(app, browser, "thon1.camthuy")
    page.get_by_role("button", name=OFFER).click()
    expect(page.get_by_role("status").filter(has_text="Máy này sẽ báo cả khi đã đóng trang.")).to_be_visible()
    expect(page.get_by_role("button", name=OFFER)).to_be_hidden()
    assert devices(app) == before + 1
    page.reload()
    connected(page)
    expect(page.get_by_role("button", name=OFFER)).to_be_hidden()
    assert page.errors == []  # type: ignore[attr-defined]


def test_later_is_remembered_and_what_is_renewed_keeps_the_notice(app: App, browser: Browser) -> None:
    page = home(app, browser, "vanthu.camthuy")
    connected(page)
    expect(page.get_by_role("button", name=OFFER)).to_be_visible()
    store = Store(f"sqlite:///{app.folder}/giaoban.db")
    unit = store.read_now(by_code, "19606")
    store.close()
    assert unit is not None
    issue(app, app.token("chutich"), [unit.id], "Việc làm mới trang")
    expect(page.locator("main")).to_contain_text("Việc làm mới trang", timeout=10_000)
    expect(page.get_by_role("button", name=OFFER)).to_be_visible()
    page.get_by_role("button", name="Để sau").click()
    expect(page.get_by_role("button", name=OFFER)).to_be_hidden()
    page.reload()
    connected(page)
    expect(page.get_by_role("button", name=OFFER)).to_be_hidden()


def test_it_is_not_offered_after_a_no_nor_where_it_cannot_be(app: App, browser: Browser) -> None:
    page = home(app, browser, "camthuy", UNDECIDED + "window.refuses = true;")
    before = devices(app)
    page.get_by_role("button", name=OFFER).click()
    expect(page.get_by_role("button", name=OFFER)).to_be_hidden()
    assert devices(app) == before
    without = home(app, browser, "camthuy", UNDECIDED + "delete window.PushManager;")
    connected(without)
    expect(without.get_by_role("button", name=OFFER)).to_be_hidden()
    assert without.errors == []  # type: ignore[attr-defined]
