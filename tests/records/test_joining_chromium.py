"""A joined record in Chromium: it plays across a join without a stop, and seeks to the right picture on either side."""

from __future__ import annotations

import asyncio
import datetime as dt
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from playwright.async_api import Page, async_playwright

from server.media.recording.segment import Segment
from server.records.facts import RecordingFacts
from server.records.joining import join
from tests import witness
from tests.e2e.harness import CHROMIUM, FLAGS
from tests.media.material import BLUE, GREEN, RED, Colour, alike, pictures, record, tone
from tests.records.making import BEGIN, ended

pytestmark = pytest.mark.sqlite_only

HTML = "<!doctype html><body><video id=player src=/media preload=auto></video>"
PLAY = """async ([from, to]) => {
  const p = document.getElementById("player");
  p.currentTime = from;
  const seen = [];
  await p.play();
  const start = performance.now();
  while (p.currentTime < to && performance.now() - start < 20000) {
    await new Promise((done) => setTimeout(done, 50));
    seen.push([performance.now() - start, p.currentTime]);
  }
  p.pause();
  return {seen, error: p.error && p.error.message, sound: p.webkitAudioDecodedByteCount};
}"""
SEEK = """async (to) => {
  const p = document.getElementById("player");
  await new Promise((done) => {
    const shown = () => p.requestVideoFrameCallback((now, frame) => done(frame));
    shown(); p.currentTime = to;
  });
  await new Promise((done) => setTimeout(done, 100));
  const context = Object.assign(document.createElement("canvas"), {width: 32, height: 18}).getContext("2d");
  context.drawImage(p, 0, 0, 32, 18);
  return [...context.getImageData(16, 9, 1, 1).data].slice(0, 3);
}"""


@pytest.fixture
def joined(district: Any, root: Path) -> Path:
    """4 s red; after a pause 4 s green and larger; 4 s without a picture; 4 s blue without a sound file."""
    parts: list[tuple[list[Colour], tuple[int, int]]] = [
        ([RED] * 100, (320, 180)),
        ([GREEN] * 100, (640, 360)),
        ([], (320, 180)),
        ([BLUE] * 100, (320, 180)),
    ]
    for number, (colours, size) in enumerate(parts):
        begin = BEGIN + dt.timedelta(seconds=10 * number)
        segment = Segment(root / "rec-1", "r1", 100.0, begin)
        segment.close(record(segment, 4, {"an": tone(440, 4)}, pictures(colours, size)), begin)
    (root / "rec-1/0004-audio.webm").unlink()
    facts = [RecordingFacts(id="r1", directory="rec-1", started_at=BEGIN, stopped_at=BEGIN + dt.timedelta(seconds=34))]
    return root / join(root, "record-1", ended(district, recordings=facts)).playable


@pytest.fixture
async def page(joined: Path) -> AsyncIterator[Page]:
    async def answer(request: web.Request) -> web.StreamResponse:
        if request.path == "/media":
            return web.FileResponse(joined, headers={"Content-Type": "video/webm"})
        return web.Response(text=HTML, content_type="text/html")

    app = web.Application()
    app.router.add_get("/{path:.*}", answer)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    flags = [*FLAGS, "--autoplay-policy=no-user-gesture-required"]
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=CHROMIUM, args=flags)
        witness.watch(browser)
        page = await browser.new_page()
        await page.goto(f"http://127.0.0.1:{runner.addresses[0][1]}/")
        for _try in range(200):
            if await page.evaluate("document.getElementById('player').readyState >= 3"):
                break
            await asyncio.sleep(0.05)
        yield page
        await browser.close()
    await runner.cleanup()


async def test_it_plays_and_seeks_across_joins(page: Page) -> None:
    assert await page.evaluate("document.getElementById('player').duration") == pytest.approx(16, abs=0.1)
    for to, colour in ((13, BLUE), (1, RED), (9, (24, 24, 24)), (5, GREEN), (3.5, RED), (4.5, GREEN)):
        shown = await page.evaluate(SEEK, to)
        assert alike(tuple(shown), colour), (to, shown)
    played = await page.evaluate(PLAY, [3, 13.5])
    assert played["error"] is None
    times = [at for _wall, at in played["seen"]]
    assert times[-1] >= 13.5
    assert times == sorted(times)
    assert played["sound"] > 0
    (begin, first), (end, last) = played["seen"][0], played["seen"][-1]
    assert (end - begin) / 1000 == pytest.approx(last - first, abs=1.5)  # without a stop, and nothing is skipped
