"""A record in Chromium: it plays, a chapter seeks to the right picture, keys work, the check shows its outcome."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from playwright.async_api import Page, async_playwright

from server.config import ROOT
from server.demo_recording import make_demo_recording
from server.records import finding, service
from server.records.archive import Archiver
from server.records.views import ChapterLine
from server.store import Store
from tests import witness
from tests.e2e.harness import CHROMIUM, FLAGS
from tests.records.making import BEGIN, demo_webm, ended, make_record

pytestmark = pytest.mark.sqlite_only

AXE = ROOT / "web/node_modules/axe-core/axe.min.js"
CHAPTERS = [
    ChapterLine(start_ms=0, title="Mở đầu", kind="agenda"),
    ChapterLine(start_ms=12_000, title="Xã Cam Thủy · Trần Thị Bình", kind="speaker"),
    ChapterLine(start_ms=21_000, title="Kết luận", kind="agenda"),
]
# The colour in the middle of each of the first two name plates: the one who speaks is green.
PLATES = """() => {
  const video = document.getElementById("player");
  const canvas = Object.assign(document.createElement("canvas"), {width: 640, height: 360});
  const context = canvas.getContext("2d");
  context.drawImage(video, 0, 0, 640, 360);
  return [130, 280].map((x) => [...context.getImageData(x, 240, 1, 1).data].slice(0, 3));
}"""


@pytest.fixture
async def page(page_as: Any, app_client: Any) -> AsyncIterator[Page]:
    clerk = await page_as("vanthu")
    url = str(app_client.make_url("/"))
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        witness.watch(browser)
        context = await browser.new_context(base_url=url, viewport={"width": 1366, "height": 768})
        await context.add_cookies([{"name": "session", "value": clerk.secret, "url": url}])
        yield await context.new_page()
        await browser.close()


@pytest.fixture
async def record_id(store: Store, district: Any, root: Path) -> int:
    return make_record(store, root, ended(district), content=demo_webm(), chapters=CHAPTERS)


async def until(page: Page, expression: str) -> None:
    """Wait until an expression is true; Playwright's own waiting needs eval, which the page's policy forbids."""
    for _try in range(400):
        if await page.evaluate(expression):
            return
        await asyncio.sleep(0.05)
    raise AssertionError(f"never true: {expression}")


async def green_plate(page: Page) -> list[bool]:
    """Which plates are green, once a picture is there."""
    for _try in range(100):
        colours = await page.evaluate(PLATES)
        if any(sum(colour) for colour in colours):
            break
        await asyncio.sleep(0.05)
    return [_is_green(colour) for colour in colours]


def _is_green(colour: list[int]) -> bool:
    return colour[1] > colour[0] + 40 and colour[1] > colour[2] + 20


async def test_a_chapter_seeks_and_plays(page: Page, record_id: int, store: Store, district: Any) -> None:
    await page.goto(f"/records/{record_id}")
    await until(page, "document.getElementById('player').readyState >= 2")
    assert await page.evaluate("document.getElementById('player').duration") == pytest.approx(30, abs=0.5)
    assert await green_plate(page) == [True, False]
    await page.get_by_role("button", name="Trần Thị Bình").click()
    await until(page, "document.getElementById('player').currentTime > 12.3")
    state = await page.evaluate(
        """() => { const p = document.getElementById("player"); const q = p.getVideoPlaybackQuality();
        return {time: p.currentTime, paused: p.paused, frames: q.totalVideoFrames, width: p.videoWidth,
                sound: p.webkitAudioDecodedByteCount}; }"""
    )
    assert 12 <= state["time"] < 20
    assert state["width"] == 640
    assert state["paused"] is False
    assert state["frames"] > 1
    assert state["sound"] > 0
    assert await green_plate(page) == [False, True]
    assert await page.locator(".chapter[aria-current]").inner_text() == "00:12\nXã Cam Thủy · Trần Thị Bình"
    views = [c for c in store.read_now(finding.get, district.who("vanthu"), record_id).custody if c.what == "viewed"]
    assert len(views) == 1


async def test_by_keyboard_and_by_address(page: Page, record_id: int) -> None:
    await page.goto(f"/records/{record_id}#t=5")
    await until(page, "document.getElementById('player').readyState >= 2")
    assert await page.evaluate("document.getElementById('player').currentTime") == pytest.approx(5, abs=0.3)
    await page.keyboard.press("l")
    assert await page.evaluate("document.getElementById('player').currentTime") == pytest.approx(15, abs=0.3)
    await page.keyboard.press("j")
    assert await page.evaluate("document.getElementById('player').currentTime") == pytest.approx(5, abs=0.3)
    await page.locator(".chapter[data-start]").first.focus()
    await page.keyboard.press("ArrowDown")
    await page.keyboard.press("ArrowDown")
    await page.keyboard.press("Enter")
    await until(page, "document.getElementById('player').currentTime > 21")
    await page.locator("#f-purpose").press_sequentially("jkl")
    assert await page.locator("#f-purpose").input_value() == "jkl"
    assert await page.evaluate("document.getElementById('player').currentTime") > 21


async def test_the_check_names_what_changed(page: Page, record_id: int, root: Path) -> None:
    await page.goto(f"/records/{record_id}")
    result = page.locator("[data-verify-result]")
    await page.get_by_role("button", name="Kiểm tra toàn vẹn").click()
    await result.get_by_text("Nguyên vẹn").wait_for()
    (root / "rec-1/seg-1-audio.webm").unlink()
    await page.get_by_role("button", name="Kiểm tra toàn vẹn").click()
    await result.get_by_text("rec-1/seg-1-audio.webm: không còn tệp").wait_for()


async def test_a_page_that_waits_shows_the_record_by_itself(
    page: Page, store: Store, district: Any, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    go_on = asyncio.Event()
    archive_now = Archiver.archive

    async def archive_later(self: Archiver, record_id: int) -> None:
        await go_on.wait()
        await archive_now(self, record_id)

    monkeypatch.setattr(Archiver, "archive", archive_later)
    make_demo_recording(root / "rec-1", BEGIN, 3)
    record_id = await store.write(service.create_record, ended(district))
    await page.goto(f"/records/{record_id}")
    assert await page.get_by_text("Trang sẽ tự cập nhật").is_visible()
    await page.wait_for_timeout(500)  # the live channel connects
    go_on.set()
    await page.locator("#player").wait_for()


@pytest.mark.parametrize("width", [360, 1366, 1920])
async def test_pages_fit_and_have_their_labels(page: Page, record_id: int, width: int) -> None:
    await page.set_viewport_size({"width": width, "height": 800})
    for path in ("/records", f"/records/{record_id}", "/records?words=x"):
        await page.goto(path)
        assert await page.evaluate("document.documentElement.scrollWidth <= innerWidth")
        await page.evaluate(AXE.read_text("utf-8"))
        found = await page.evaluate("axe.run(document, {resultTypes: ['violations']})")
        serious = [v["id"] for v in found["violations"] if v["impact"] in ("serious", "critical")]
        assert serious == []
