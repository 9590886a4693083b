"""The design system in Chromium: every size, both themes, by keyboard, for screen readers, and without a script."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any, Literal

import pytest
import pytest_asyncio
from playwright.async_api import Browser, Page, async_playwright

from server.config import ROOT
from tests import witness
from tests.ui.rendering import served

AXE = ROOT / "web/node_modules/axe-core/axe.min.js"
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking"]
FLAGS += ["--disable-component-update", "--disable-sync"]
THEMES: tuple[Literal["light", "dark"], ...] = ("light", "dark")
SIZES = [(360, 800), (1366, 768), (1920, 1080)]
PAGES = ["style_guide.html", "sign_in.html", "error.html", "room.html", "check.html", "hall.html"]
CLIPPED = """() => [...document.querySelectorAll('body *')].filter((element) => {
  const style = getComputedStyle(element);
  const own = [...element.childNodes].some((node) => node.nodeType === 3 && node.textContent.trim());
  if (!own || style.overflowY === 'visible' || !element.offsetParent || element.offsetHeight < 5) return false;
  const size = parseFloat(style.fontSize), line = parseFloat(style.lineHeight);
  // The ink of Ễ begins 1.15 em above the baseline, the font's ascent is 1.0 em and its descent 0.265 em.
  return size * 1.15 > size + (line - size * 1.265) / 2 + parseFloat(style.paddingTop) + 0.5;
}).map((element) => element.outerHTML.slice(0, 120))"""
FILL_GRID = """(count) => {
  const grid = document.querySelector('.grid');
  grid.replaceChildren();
  for (let place = 0; place < count; place += 1) {
    const tile = document.getElementById('tile').content.firstElementChild.cloneNode(true);
    tile.querySelector('[data-unit]').textContent = 'Thị trấn Cam Lộ';
    if (place === 0) tile.dataset.main = '';
    grid.append(tile);
  }
  grid.dataset.count = count;
}"""
TILES = """() => [...document.querySelectorAll('.grid > .tile')].map((tile) => {
  const box = tile.getBoundingClientRect();
  return [box.left, box.top, box.right, box.bottom].map(Math.round);
}).filter(([left, , right]) => right > left)"""

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def address() -> AsyncIterator[str]:
    async with served() as url:
        yield url


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def browser() -> AsyncIterator[Browser]:
    async with async_playwright() as playwright:
        chromium = await playwright.chromium.launch(executable_path="/usr/bin/chromium", args=FLAGS)
        witness.watch(chromium)
        yield chromium
        await chromium.close()


async def opened(browser: Browser, url: str, size: tuple[int, int] = (1366, 768), **options: Any) -> Page:
    page = await browser.new_page(
        service_workers="block",  # none is served here
        viewport={"width": size[0], "height": size[1]},
        reduced_motion="reduce",
        locale="vi-VN",
        **options,
    )
    problems = complaints(page)
    await page.goto(url)
    await page.evaluate("document.fonts.ready")
    assert problems == []
    return page


def complaints(page: Page) -> list[str]:
    """What its scripts complain of from now on."""
    problems: list[str] = []
    page.on("pageerror", lambda error: problems.append(str(error)))
    page.on("console", lambda message: problems.append(message.text) if message.type == "error" else None)
    return problems


@pytest.mark.parametrize("template", PAGES)
async def test_pages_fit_and_are_accessible(address: str, browser: Browser, template: str) -> None:
    page = await opened(browser, address + template, bypass_csp=True)
    axe, problems = AXE.read_text("utf-8"), complaints(page)
    for size in SIZES:
        for theme in THEMES:
            await page.set_viewport_size({"width": size[0], "height": size[1]})
            await page.emulate_media(color_scheme=theme)
            await page.reload()  # what it looks like to begin with
            await page.evaluate("document.fonts.ready")
            assert problems == []
            assert await page.evaluate("document.documentElement.scrollWidth") <= size[0], f"{size} scrolls sideways"
            assert await page.evaluate(CLIPPED) == []
            await page.evaluate(axe)
            found = await page.evaluate("axe.run(document, {resultTypes: ['violations']})")
            serious = [
                (rule["id"], node["html"][:120])
                for rule in found["violations"]
                if rule["impact"] in ("serious", "critical")
                for node in rule["nodes"]
            ]
            assert serious == [], f"{size} {theme}"


@pytest.mark.parametrize("size", [*SIZES, (800, 360)])
async def test_room_grid_holds_one_to_twelve_tiles(address: str, browser: Browser, size: tuple[int, int]) -> None:
    page = await opened(browser, address + "room.html", size)
    for view in ("grid", "speaker"):
        await page.evaluate("(view) => { document.querySelector('.room').dataset.view = view; }", view)
        for count in range(1, 13):
            await page.evaluate(FILL_GRID, count)
            boxes = await page.evaluate(TILES)
            stage = await page.evaluate(
                "(() => { const b = document.querySelector('.grid').getBoundingClientRect();"
                " return [b.left, b.top, b.right, b.bottom].map(Math.round); })()"
            )
            assert len(boxes) == count if view == "grid" else len(boxes) >= min(count, 4)
            for left, top, right, bottom in boxes:
                assert left >= stage[0] and top >= stage[1] - 1 and right <= stage[2] + 1 and bottom <= stage[3] + 1
                assert right - left >= 60 and bottom - top >= 30, f"{view} {count} {size}"
            for place, one in enumerate(boxes):
                for other in boxes[place + 1 :]:
                    apart = one[2] <= other[0] or other[2] <= one[0] or one[3] <= other[1] or other[3] <= one[1]
                    assert apart, f"tiles overlap: {view} {count} {size}"
        assert await page.evaluate("document.documentElement.scrollHeight <= innerHeight")


async def test_targets_are_large_enough(address: str, browser: Browser) -> None:
    page = await opened(browser, address + "style_guide.html", (360, 800))
    small = await page.evaluate(
        """() => [...document.querySelectorAll('a, button, summary, select, input:not([type=hidden])')]
        .map((element) => [element, (element.closest('label') ?? element).getBoundingClientRect()])
        .filter(([element, box]) => element.offsetParent && box.width > 1)
        .filter(([element]) => !element.matches('.row-title, p a, .skip'))
        .filter(([, box]) => box.height < 43.5 || box.width < 43.5)
        .map(([element]) => element.outerHTML.slice(0, 90))"""
    )
    assert small == []


async def test_recipients_count_search_and_groups(address: str, browser: Browser) -> None:
    page = await opened(browser, address + "style_guide.html")
    total = page.locator("[data-total]")
    assert await total.inner_text() == "Đã chọn 1 đơn vị"
    await page.locator("[data-clear]").click()
    assert await total.inner_text() == "Chưa chọn đơn vị nào"
    await page.get_by_label("Các xã, thị trấn (6)").check()
    assert await total.inner_text() == "Đã chọn 6 đơn vị"
    await page.locator("[data-tree-search]").fill("thanh an")
    visible = page.locator(".tree > li li[data-name]:visible > label")
    assert "Xã Thanh An" in await visible.all_inner_texts()
    assert "Xã Cam Hiếu" not in await visible.all_inner_texts()
    await page.locator("[data-tree-search]").fill("thành")
    assert "Xã Thanh An" not in await visible.all_inner_texts()
    assert "Xã Cam Thành" in await visible.all_inner_texts()


async def test_what_was_typed_is_kept_and_given_back(address: str, browser: Browser) -> None:
    page = await opened(browser, address + "style_guide.html")
    await page.get_by_label("Nội dung").fill("Đang viết dở")
    await page.wait_for_timeout(700)  # it is kept 400 ms after the last letter
    await page.reload()
    assert await page.get_by_label("Nội dung").input_value() == "Đang viết dở"
    assert "Đã lấy lại" in await page.locator("#toasts").inner_text()


async def test_undo_takes_a_step_back_before_it_is_sent(address: str, browser: Browser) -> None:
    page = await opened(browser, address + "style_guide.html")
    sent: list[str] = []
    page.on("request", lambda request: sent.append(request.url) if request.method == "POST" else None)
    await page.get_by_role("button", name="Xóa bản nháp").click()
    assert not await page.get_by_role("button", name="Xóa bản nháp").is_visible()
    await page.get_by_role("button", name="Hoàn tác").click()
    assert await page.get_by_role("button", name="Xóa bản nháp").is_visible()
    assert sent == []


async def test_a_question_is_not_answered_by_the_end_of_the_one_before(address: str, browser: Browser) -> None:
    """The dialog's `close` comes later than the keys of somebody quick: no to the first, asked again, yes."""
    page = await opened(browser, address + "style_guide.html")
    answers = await page.evaluate("""async () => {
      const [{ src }] = [...document.scripts].filter((script) => /\\/app\\.js/.test(script.src));
      const { ask } = await import(new URL(src.replace("app.js", "dialog.js")));
      const dialog = document.getElementById("ask");
      const first = ask("A?");
      dialog.close("no");
      const second = ask("B?");
      await new Promise((done) => setTimeout(done, 200));
      const still = dialog.open;
      dialog.querySelector("[data-ask-yes]").click();
      return [await first, still, await second];
    }""")
    assert answers == [False, True, True]


async def test_theme_is_remembered_and_the_room_stays_dark(address: str, browser: Browser) -> None:
    page = await opened(browser, address + "style_guide.html", color_scheme="light")
    await page.locator(".menu > summary").click()
    await page.get_by_role("button", name="Nền tối").click()
    await page.reload()
    assert await page.evaluate("document.documentElement.dataset.theme") == "dark"
    await page.evaluate("localStorage.setItem('giaoban:theme', 'light')")
    await page.goto(address + "room.html")
    assert await page.evaluate("document.documentElement.dataset.theme") == "dark"


async def test_keyboard_reaches_the_content_and_walks_lists(address: str, browser: Browser) -> None:
    page = await opened(browser, address + "sign_in.html")
    assert await page.evaluate("document.activeElement.name") == "username"
    await page.goto(address + "style_guide.html")
    await page.locator(".row-title").first.focus()
    await page.keyboard.press("ArrowDown")
    assert "nông thôn mới" in await page.evaluate("document.activeElement.textContent")
    await page.locator(".skip").focus()
    await page.keyboard.press("Enter")
    assert await page.evaluate("document.activeElement.id") == "main"


async def test_forms_work_without_a_script(address: str, browser: Browser) -> None:
    page = await opened(browser, address + "style_guide.html", java_script_enabled=False)
    assert await page.locator("input[type=file]").is_visible()
    assert not await page.locator("[data-tree-search]").is_visible()
    await page.locator("details[data-branch] summary").nth(1).click()
    assert await page.locator("input[value='21']").is_visible()


async def test_english_pages_hold_no_vietnamese_of_ours(address: str, browser: Browser) -> None:
    page = await opened(browser, address + "room.html?language=en")
    assert await page.evaluate("document.documentElement.lang") == "en"
    words = await page.locator(".chair-button").all_inner_texts()
    assert [word.strip() for word in words][:3] == ["Give the floor", "Mute everyone", "Roll call"]
    assert await page.locator(".bar-word").all_inner_texts() == ["Mic", "Camera", "Share", "Raise hand", "Leave"]
