"""A telephone that we did not write and that nobody on the way can listen to: baresip by TLS, SRTP and Opus.

It checks our certificate and refuses to speak without keys; what it does in a meeting is what every telephone does.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Locator, Page, expect

from server.certificate import own_certificate
from tests.e2e.harness import chromium, free_port, running, until
from tests.e2e.hearing import hears_beeps, hears_none, hears_tone
from tests.e2e.network import link
from tests.e2e.rooms import action, enter, start_meeting
from tests.e2e.telephone import give_pin, seat
from tests.peers.baresip import SECURE_RATE, Baresip
from tests.sounds import loud

pytestmark = pytest.mark.timeout(240)
HEAD = "thon1.camthuy"
TONE = 620.0  # Hz


@pytest.fixture
def seated(tmp_path: Path) -> Iterator[tuple[Baresip, Page]]:
    """The telephone in a meeting, and the chair's page there."""
    with link() as line, chromium() as browser:
        chain, key = own_certificate(tmp_path, [line.here])
        port = free_port()
        settings = {
            "TELEPHONE_TLS_PORT": str(port),
            "TELEPHONE_TLS_CERTIFICATE": str(chain),
            "TELEPHONE_TLS_KEY": str(key),
        }
        trunk = f"{line.there}:5060"
        with running(tmp_path, telephone=free_port(), trunk=trunk, line=line.here, settings=settings) as app:
            pin = give_pin(app, HEAD, "0901 234 567")
            page = enter(app, browser, start_meeting(app), "chutich", width=1280, height=800)
            baresip = Baresip(tmp_path / "baresip", line.there, TONE, line.command(), ca=chain)
            try:
                baresip.do("dial", f"sip:02333873100@{line.here}:{port};transport=tls")
                baresip.told("CALL_ESTABLISHED")
                until(lambda: loud(baresip.heard()), 20, "it is greeted")
                baresip.press(pin)
                until(lambda: (seat(page) or {}).get("present"), 30, "it sits in the roster")
                yield baresip, page
            finally:
                baresip.close()


def received(log: str) -> int:
    """bit/s of sound, by the newest line of its status."""
    return int(next(reversed(re.findall(r"audio=\d+/(\d+) \(bit/s\)", log)), 0))


def _line(page: Page) -> Locator:
    """The telephone's on the chair's board."""
    action(page, "panel")
    page.click("#tab-lines")
    found = seat(page)
    assert found is not None
    return page.locator(f"[data-list=lines] [data-participant='{found['id']}']")


def test_it_speaks_is_heard_held_and_helped(seated: tuple[Baresip, Page]) -> None:
    baresip, page = seated
    baresip.press("1")  # any key ends what is being said, and does nothing else
    hears_beeps(baresip.heard, SECURE_RATE)
    baresip.press("*6")
    until(lambda: hears_tone(page, TONE), 20, "its tone in Chromium")

    baresip.press("*0")
    until(lambda: page.locator(".toast").count() > 0, 20, "the chair is told who asks")
    assert "Thôn 1" in page.locator(".toast").first.inner_text()

    action(page, "microphone")
    hears_none(baresip.heard, SECURE_RATE)
    until(lambda: not loud(baresip.heard()[-2 * SECURE_RATE :]), 20, "nobody says anything")
    baresip.press("*3")
    until(lambda: loud(baresip.heard()[-2 * SECURE_RATE :]), 20, "it is told who speaks")
    action(page, "microphone")

    baresip.do("hold")
    until(lambda: not hears_tone(page, TONE), 20, "who is held says nothing")
    told = len(baresip.log())
    line = _line(page)
    expect(line.locator("[data-fill=rung]")).to_have_text("Dự bằng điện thoại, đang giữ máy", timeout=20_000)
    baresip.do("resume")
    until(lambda: hears_tone(page, TONE), 20, "and goes on")
    until(lambda: received(baresip.log()[told:]) > 5_000, 20, "it gets sound again, of which it keeps no file now")
    expect(line.locator("[data-fill=rung]")).to_have_text("Dự bằng điện thoại", timeout=20_000)
    line.locator("summary").click()
    expect(line.locator("[data-fill=trip]")).to_have_text(re.compile(r"^\d+ ms, chập chờn \d+ ms$"), timeout=30_000)
    expect(line.locator("[data-fill=down]")).to_have_text(re.compile(r"kbit/s, mất \d"), timeout=20_000)
    expect(line.locator("[data-fill=up]")).to_have_text(re.compile(r"kbit/s, mất 0 %"), timeout=20_000)
    assert "failed to decrypt" not in baresip.log(), "by the key that it knows"
    baresip.do("hangup")
    until(lambda: not (seat(page) or {"present": False})["present"], 20, "it has left")
