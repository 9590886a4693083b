"""The weak ladder as a person sees it: the word for the link goes down within two seconds, up within fifteen."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
from playwright.sync_api import Page

from tests.e2e.harness import CHROMIUM, chromium, chromium_beside, running, until
from tests.e2e.rooms import enter, figures, sees, start_meeting
from tests.peers.link import Link, Way, emulated

pytestmark = pytest.mark.timeout(200)
GOOD = Way(delay=0.02)
DOWN_SECONDS, UP_SECONDS = 2.0, 15.0
"""With the way of the news: it comes over the weak link, through the queue that stands there at first."""


def word(page: Page) -> str:
    return page.locator("[data-link-word]").inner_text()


def shows(page: Page, seconds: float, *words: str) -> float:
    """Seconds until the page shows one of these words."""
    begin = time.monotonic()
    until(lambda: word(page) in words, seconds, f"{words}, not {word(page)}")
    return time.monotonic() - begin


def weaken(link: Link, way: Way) -> None:
    link.set(down=way, up=GOOD)


def test_the_word_follows_the_link_down_and_up(tmp_path: Path) -> None:
    with emulated() as link, running(tmp_path, link.near) as app:
        link.set(down=GOOD, up=GOOD)
        meeting = start_meeting(app)
        secure = f"--unsafely-treat-insecure-origin-as-secure={app.url}"
        script = tmp_path / "chromium-far"
        script.write_text(f'#!/bin/sh\nexec {" ".join(link.command(CHROMIUM))} "$@"\n')
        script.chmod(0o755)
        with chromium(secure) as near, chromium_beside(near, secure, program=str(script)) as far:
            chair = enter(app, near, meeting, "chutich", width=640, height=480)
            village = enter(app, near, meeting, "thon1.camthuy", width=640, height=480)
            commune = enter(app, far, meeting, "camthuy", width=1366, height=768)
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
            commune.wait_for_timeout(4000)
            weaken(link, GOOD)
            up = shows(commune, 30, "Mạng tốt")
            print(f"down in {first:.1f} and {second:.1f} s, up again in {up:.1f} s")
            assert max(first, second) <= DOWN_SECONDS
            assert up <= UP_SECONDS
            for other in (chair, village):
                sees(commune, figures(other)["me"])
            assert commune.errors == []  # type: ignore[attr-defined]
