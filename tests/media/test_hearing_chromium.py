"""Where hardly any voice arrives the page says so by itself, and takes back what it said (`hearing.js`)."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from playwright.async_api import async_playwright

from server.config import ROOT
from server.media.allocation.ladder import VOICE_LOSS
from tests.e2e.harness import CHROMIUM, FLAGS

pytestmark = pytest.mark.timeout(120)
SCRIPT: Path = ROOT / "web/static/js/room/hearing.js"

_LOADED = """async ([code, work]) => {
  const module = await import(URL.createObjectURL(new Blob([code], { type: 'text/javascript' })));
  return (await eval(work))(module);
}"""
_MISSES = """({ misses }) => {
  const looks = (lost, came) => [0, 1, 2, 3].map((n) => ({ lost: lost * n, came: came * n }));
  return [0, 6, 1].map((lost) => [30, 10, 1].map((came) => misses(looks(lost, came))));
}"""
_A_MEETING = """async ({ Hearing }) => {
  const session = Object.assign(new EventTarget(), { phase: 'inside' });
  const voice = { kind: 'audio', packetsLost: 0, packetsReceived: 0 };
  session.connection = { pc: { connectionState: 'connected' }, figures: async () => ({ inbound: [{ ...voice }] }) };
  const heard = [];
  session.addEventListener('link', ({ detail }) => heard.push([detail.quality, detail.rung, detail.paused.length]));
  new Hearing(session);
  const detail = { quality: 'poor', rung: 'sound', paused: [1], still: [] };
  session.dispatchEvent(new CustomEvent('link', { detail }));
  const run = async (lost, came) => {
    const timer = setInterval(() => { voice.packetsLost += lost; voice.packetsReceived += came; }, 100);
    await new Promise((done) => setTimeout(done, 6000));
    clearInterval(timer);
  };
  await run(0, 5);
  await run(4, 1);
  await run(0, 5);
  return heard;
}"""


async def in_a_page(work: str) -> Any:
    """What a function makes of the module."""
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        page = await browser.new_page()
        found = await page.evaluate(_LOADED, [SCRIPT.read_text(), work])
        await browser.close()
        return found


async def test_what_is_too_much() -> None:
    assert await in_a_page(_MISSES) == [[False, False, False], [False, True, True], [False, False, False]]


def test_the_bound_is_the_server_s() -> None:
    assert f"const LOST = {VOICE_LOSS};" in SCRIPT.read_text()


async def test_the_last_rung_is_told_while_voices_are_lost_and_then_the_server_s_again() -> None:
    assert await in_a_page(_A_MEETING) == [["poor", "sound", 1], ["poor", "telephone", 1], ["poor", "sound", 1]]
