"""A page whose modules or style sheets did not all arrive is loaded again, a few times; it says when that is no use."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from playwright.async_api import Browser, Frame, Page, Route, async_playwright, expect

from tests import witness
from tests.e2e.harness import CHROMIUM
from tests.ui.rendering import served

FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking"]
LINE = "#incomplete"
# app.js, which runs only when all that it imports is there, has seen the dark theme.
ALL_RUN = "() => document.querySelector('[data-theme-toggle]')?.getAttribute('aria-pressed') === 'true'"
FORGOTTEN = "() => sessionStorage.getItem('giaoban:reloads') === null"
LOADS = 4  # the first and three more
PATIENCE = 60_000  # ms: three loads and the pauses between them, on a busy machine

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def address() -> AsyncIterator[str]:
    async with served() as url:
        yield url


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def browser() -> AsyncIterator[Browser]:
    async with async_playwright() as playwright:
        chromium = await playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        witness.watch(chromium)
        yield chromium
        await chromium.close()


class Visit:
    """A page on a network that loses the first `broken` answers of one file; `loads` counts how often it was opened.

    While `silent`, nothing is there when the page asks whether it may load itself again. It is lost when it `may_fail`.
    """

    def __init__(self, page: Page, file: str, broken: float, silent: bool) -> None:
        self.page, self.file, self.broken, self.silent, self.loads = page, file, broken, silent, 0
        self.may_fail = asyncio.Event()
        page.on("framenavigated", self._loaded)

    def _loaded(self, _: Frame) -> None:
        self.loads += 1

    async def _lose(self, route: Route) -> None:
        if self.broken > 0:
            await self.may_fail.wait()
            self.broken -= 1
            await route.abort("internetdisconnected")
        else:
            await route.continue_()

    async def _answer(self, route: Route) -> None:
        if self.silent and route.request.resource_type == "fetch":
            await route.abort("internetdisconnected")
        else:
            await route.continue_()

    async def open(self, url: str) -> None:
        await self.page.route(f"**{self.file}*", self._lose)
        await self.page.route("**/early.js*", self._answer)
        await self.page.goto(url, wait_until="commit")


async def visit(
    browser: Browser, url: str, file: str, broken: float, *, silent: bool = False, at_once: bool = True
) -> Visit:
    page = await browser.new_page(locale="vi-VN", color_scheme="dark")
    made = Visit(page, file, broken, silent)
    if at_once:
        made.may_fail.set()
    await made.open(url)
    return made


@pytest.mark.parametrize("file", ["/static/js/app.js", "/static/js/time.js", "/static/css/forms.css"])
async def test_once_is_mended_without_a_word(address: str, browser: Browser, file: str) -> None:
    """A module of the page itself, one that only others import, a style sheet."""
    seen = await visit(browser, address + "style_guide.html", file, 1)
    await seen.page.wait_for_function("() => performance.getEntriesByType('navigation')[0].type === 'reload'")
    await seen.page.wait_for_function(ALL_RUN)
    await seen.page.wait_for_load_state("load")
    assert 2 <= seen.loads <= LOADS  # a test that makes a network beside us has every browser drop what it loads
    await expect(seen.page.locator(LINE)).to_be_hidden()
    await seen.page.wait_for_function(FORGOTTEN)


async def test_what_is_always_lost_is_told_and_not_asked_for_for_ever(address: str, browser: Browser) -> None:
    seen = await visit(browser, address + "room.html", "/static/js/live.js", float("inf"))
    line = seen.page.locator(LINE)
    await expect(line).to_be_visible(timeout=PATIENCE)
    await expect(line).to_contain_text("Trang chưa tải hết vì mạng chập chờn.")
    assert seen.loads == LOADS
    await seen.page.wait_for_timeout(4500)  # longer than the longest pause
    assert seen.loads == LOADS
    seen.broken = 0
    await line.get_by_role("button", name="Tải lại").click()
    await seen.page.wait_for_function(FORGOTTEN)
    assert seen.loads == LOADS + 1
    await expect(line).to_be_hidden()


async def test_what_was_typed_into_is_left_alone(address: str, browser: Browser) -> None:
    seen = await visit(browser, address + "sign_in.html", "/static/js/app.js", float("inf"), at_once=False)
    await seen.page.locator("[name=username]").press_sequentially("camthuy")
    seen.may_fail.set()
    await expect(seen.page.locator(LINE)).to_be_visible(timeout=PATIENCE)
    assert seen.loads == 1
    assert await seen.page.locator("[name=username]").input_value() == "camthuy"


async def test_an_answer_to_a_form_is_never_asked_for_again(address: str, browser: Browser) -> None:
    seen = await visit(browser, address + "style_guide.html?answer", "/static/js/app.js", float("inf"))
    await expect(seen.page.locator(LINE)).to_be_visible(timeout=PATIENCE)
    assert await seen.page.locator(f"{LINE} button").count() == 0
    assert seen.loads == 1


async def test_without_the_server_it_waits_for_it(address: str, browser: Browser) -> None:
    """A reload would take away even what is there."""
    url = address + "style_guide.html?language=en"
    seen = await visit(browser, url, "/static/js/app.js", 1, silent=True)
    await expect(seen.page.locator(LINE)).to_be_visible(timeout=PATIENCE)
    await expect(seen.page.locator(LINE)).to_contain_text("This page has not loaded completely")
    assert seen.loads == 1
    seen.silent = False
    await seen.page.wait_for_function(ALL_RUN, timeout=PATIENCE)
    assert 2 <= seen.loads <= LOADS  # a test that makes a network beside us has every browser drop what it loads
    await expect(seen.page.locator(LINE)).to_be_hidden()
