"""A line that carries nothing and says nothing about it: what was pressed is neither waited for nor lost."""

from __future__ import annotations

import signal
from typing import Any

from playwright.sync_api import Browser, Error, Page, expect

from tests.e2e.harness import App, until
from tests.e2e.test_directive import issue
from tests.e2e.test_offline import SECONDS, STORED, SUBJECT, app, browser, registered, unit, visit

__all__ = ["app", "browser"]


def waiting(page: Page) -> list[Any] | None:
    """What is to be sent; None while the page comes anew, as it does by itself when the line is back."""
    try:
        return list(page.evaluate(STORED, "queue"))
    except Error:
        return None


def test_a_confirmation_on_a_line_that_is_dead_is_not_lost(app: App, browser: Browser) -> None:
    """Nothing says that it is dead: no answer comes. The page does not wait for minutes, nor does what was pressed."""
    assert app.control is not None
    number = issue(app, app.token("chutich"), [unit(app, "19606")], SUBJECT)
    page = visit(app, browser, "camthuy", f"/directives/{number}")
    app.control.send_signal(signal.SIGSTOP)
    try:
        page.get_by_role("button", name="Tiếp nhận, vào sổ").click(no_wait_after=True)
        expect(page.locator("#kept")).to_be_visible(timeout=2 * SECONDS)
        expect(page.locator("[data-queued]")).to_have_count(1, timeout=SECONDS)
    finally:
        app.control.send_signal(signal.SIGCONT)
    chair = app.token("chutich")
    until(lambda: registered(app, chair, number)[unit(app, "19606")], 30, "it is sent when the line is back")
    until(lambda: waiting(page) == [], 30, "nothing waits any more")
    page.context.close()


def test_the_browser_is_asked_to_try_again_as_long_as_something_waits(app: App, browser: Browser) -> None:
    """It says once that the network is back; what is not sent then is sent when it asks again by itself."""
    number = issue(app, app.token("chutich"), [unit(app, "19606")], SUBJECT)
    page = visit(app, browser, "camthuy", f"/directives/{number}")
    page.context.set_offline(True)
    page.reload()
    page.get_by_role("button", name="Tiếp nhận, vào sổ").click()
    expect(page.locator("[data-queued]")).to_have_count(1, timeout=SECONDS)
    (worker,) = page.context.service_workers
    tried = """() => new Promise((resolve) => {
      const event = new SyncEvent("sync", { tag: "send" });
      event.waitUntil = (work) => work.then(() => resolve("done"), () => resolve("again"));
      self.dispatchEvent(event);
    })"""
    assert worker.evaluate(tried) == "again"
    page.goto("about:blank")
    page.context.set_offline(False)
    assert worker.evaluate(tried) == "done"
    assert registered(app, app.token("chutich"), number) == {unit(app, "19606"): True}
    page.context.close()
