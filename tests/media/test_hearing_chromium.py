"""Where hardly any voice arrives the page says so by itself, and takes back what it said (`hearing.js`)."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page

from server.config import ROOT
from server.media.allocation.ladder import VOICE_LOSS

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
  let look, every;
  window.setInterval = (...given) => { [look, every] = given; };
  new Hearing(session);
  const detail = { quality: 'poor', rung: 'sound', paused: [1], still: [] };
  session.dispatchEvent(new CustomEvent('link', { detail }));
  const run = async (lost, came) => {
    for (let second = 0; second < 6; second += 1) {
      voice.packetsLost += lost;
      voice.packetsReceived += came;
      await look();
    }
  };
  await run(0, 50);
  await run(40, 10);
  await run(0, 50);
  return { every, heard };
}"""


def found(page: Page, work: str) -> Any:
    """What a function makes of the module."""
    return page.evaluate(_LOADED, [SCRIPT.read_text(), work])


def test_what_is_too_much(page: Page) -> None:
    assert found(page, _MISSES) == [[False, False, False], [False, True, True], [False, False, False]]


def test_the_bound_is_the_server_s() -> None:
    assert f"const LOST = {VOICE_LOSS};" in SCRIPT.read_text()


def test_the_last_rung_is_told_while_voices_are_lost_and_then_the_server_s_again(page: Page) -> None:
    told = [["poor", "sound", 1], ["poor", "telephone", 1], ["poor", "sound", 1]]
    assert found(page, _A_MEETING) == {"every": 1000, "heard": told}
