"""The weak ladder as a person sees it: the word for the link goes down within two seconds, up within fifteen.

And what a browser gets and sends meanwhile: no moving pictures where voices alone fit, and then the way by telephone.
"""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page

from tests.e2e.harness import CHROMIUM, chromium, chromium_beside, free_port, running, until
from tests.e2e.rooms import enter, figures, sees, start_meeting
from tests.e2e.telephone import give_pin
from tests.peers.link import Link, Way, emulated

pytestmark = pytest.mark.timeout(220)
GOOD = Way(delay=0.02)
DOWN_SECONDS, UP_SECONDS = 2.0, 15.0
"""With the way of the news: it comes over the weak link, through the queue that stands there at first."""
STILL_FRAMES = 6  # of two pictures in three seconds: one each that stands, and what comes until its slot is silent
VOICE = 24_000  # bit/s of a voice without its copies, where somebody's link is weak

_RUNGS = """() => {
  window.rungs = [];
  const { session } = document.querySelector('[data-room]').room;
  session.addEventListener('link', ({ detail }) => rungs.push(detail.rung));
}"""
_RECEIVED = """async () => {
  const { inbound } = await document.querySelector('[data-room]').room.session.connection.figures();
  return inbound.filter((one) => one.kind === 'video').reduce((sum, one) => sum + (one.framesDecoded ?? 0), 0);
}"""
_VOICE = """async () => {
  const { outbound } = await document.querySelector('[data-room]').room.session.connection.figures();
  const { timestamp, bytesSent } = outbound.find((one) => one.kind === 'audio');
  const { microphone } = document.querySelector('[data-room]').room.session.connection;
  return { seconds: timestamp / 1000, bits: 8 * bytesSent, most: microphone.getParameters().encodings[0].maxBitrate };
}"""


def word(page: Page) -> str:
    return page.locator("[data-link-word]").inner_text()


def shows(page: Page, seconds: float, *words: str) -> float:
    """Seconds until the page shows one of these words."""
    begin = time.monotonic()
    until(lambda: word(page) in words, seconds, f"{words}, not {word(page)}")
    return time.monotonic() - begin


def weaken(link: Link, way: Way) -> None:
    link.set(down=way, up=GOOD)


def sound_alone(weak: Page, *others: Page) -> None:
    """For three seconds: pictures stand, and everybody's voice takes no more than such a line has room for."""
    weak.wait_for_timeout(1000)  # until the queue has drained
    frames, voices = weak.evaluate(_RECEIVED), [page.evaluate(_VOICE) for page in (weak, *others)]
    weak.wait_for_timeout(3000)
    frames = weak.evaluate(_RECEIVED) - frames
    later: list[dict[str, Any]] = [page.evaluate(_VOICE) for page in (weak, *others)]
    rates = [(b["bits"] - a["bits"]) / (b["seconds"] - a["seconds"]) for a, b in zip(voices, later, strict=True)]
    rung = weak.evaluate("rungs.at(-1)")
    print(f"at 64 kbit/s: rung {rung}, {frames} frames in 3 s, voices of {[round(rate) for rate in rates]} bit/s")
    assert rung in ("still", "sound")
    assert frames <= STILL_FRAMES
    assert max(rates) <= VOICE
    assert all(voice["most"] <= VOICE for voice in later)


def test_the_word_follows_the_link_down_and_up(tmp_path: Path) -> None:
    trunk = "127.0.0.1:9"  # nobody answers there: nothing is called, the page is told that it could be
    with emulated() as link, running(tmp_path, link.near, telephone=free_port(), trunk=trunk) as app:
        link.set(down=GOOD, up=GOOD)
        give_pin(app, "camthuy", "0901 234 567")
        meeting = start_meeting(app)
        secure = f"--unsafely-treat-insecure-origin-as-secure={app.url}"
        script = tmp_path / "chromium-far"
        script.write_text(f'#!/bin/sh\nexec {" ".join(link.command(CHROMIUM))} "$@"\n')
        script.chmod(0o755)
        with chromium(secure) as near, chromium_beside(near, secure, program=str(script)) as far:
            chair = enter(app, near, meeting, "chutich", width=640, height=480)
            village = enter(app, near, meeting, "thon1.camthuy", width=640, height=480)
            commune = enter(app, far, meeting, "camthuy", width=1366, height=768)
            commune.evaluate(_RUNGS)
            for other in (chair, village):
                sees(commune, figures(other)["me"])
            shows(commune, 20, "Mạng tốt")
            commune.wait_for_timeout(8000)  # until the link is known and the ladder at its top
            weaken(link, Way(delay=0.02, rate=130_000))  # at 190 kbit/s two small pictures may fit, which is good
            first = shows(commune, 10, "Mạng trung bình", "Mạng yếu")  # while its queue drains it may carry nothing
            commune.wait_for_timeout(4000)
            weaken(link, Way(delay=0.02, rate=64_000))
            second = shows(commune, 10, "Mạng yếu")
            commune.screenshot(path=tmp_path / "poor.png")
            sound_alone(commune, chair, village)
            call_me = commune.locator("[data-action=call-me]")
            assert not call_me.is_visible(), "it still carries voices"
            weaken(link, GOOD)
            up = shows(commune, 30, "Mạng tốt")
            print(f"down in {first:.1f} and {second:.1f} s, up again in {up:.1f} s")
            assert max(first, second) <= DOWN_SECONDS
            assert up <= UP_SECONDS
            for other in (chair, village):
                sees(commune, figures(other)["me"])
            weaken(link, Way(delay=0.02, rate=10_000))
            begin = time.monotonic()
            call_me.wait_for(state="visible", timeout=20_000)
            print(f"at 10 kbit/s: the button after {time.monotonic() - begin:.1f} s")
            assert commune.errors == []  # type: ignore[attr-defined]
