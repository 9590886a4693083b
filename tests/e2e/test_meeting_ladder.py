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
LOOK = 0.3  # s that the news may take on the weak link itself, and the page to be asked


def word(page: Page) -> str:
    return page.locator("[data-link-word]").inner_text()


def shows(page: Page, words: str, seconds: float) -> float:
    """Seconds until the page shows the word."""
    begin = time.monotonic()
    until(lambda: word(page) == words, seconds, f"{words}, not {word(page)}")
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
            shows(commune, "Mạng tốt", 20)
            commune.wait_for_timeout(8000)  # until the link is known and the ladder at its top
            took = {}
            for words, way in (("Mạng trung bình", 170_000), ("Mạng yếu", 64_000)):
                weaken(link, Way(delay=0.02, rate=way))
                took[words] = shows(commune, words, 10)
                commune.screenshot(path=tmp_path / f"{way}.png")
                commune.wait_for_timeout(4000)
            weaken(link, GOOD)
            up = shows(commune, "Mạng tốt", 30)
            print(f"{took}, up again in {up:.1f} s")
            for seconds in took.values():
                assert seconds <= DOWN_SECONDS + LOOK
            assert up <= UP_SECONDS + LOOK
            for other in (chair, village):
                sees(commune, figures(other)["me"])
            assert commune.errors == []  # type: ignore[attr-defined]
