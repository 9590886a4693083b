"""Telephones that we did not write, in a meeting with Chromium: baresip, PJSIP and sipp, beyond a network of their own.

PIN by keys, both ways of sound, the floor, a call of ours that is answered.
"""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from playwright.sync_api import Page

from tests.e2e.harness import App, chromium, free_port, running, until
from tests.e2e.hearing import KEYS_NOT_HEARD, beeps, hears_beeps, hears_none, hears_tone, listening_for_keys
from tests.e2e.network import Link, link
from tests.e2e.rooms import action, enter, start_meeting
from tests.e2e.telephone import give_pin, seat
from tests.peers import pcap
from tests.peers.baresip import Baresip
from tests.peers.pjsip import RATE, Pjsip
from tests.peers.strangers import flood
from tests.peers.test_sipp import SCENARIOS
from tests.sounds import loud, tone

pytestmark = pytest.mark.timeout(240)
HEAD, OTHER = "thon1.camthuy", "thon2.camthuy"
CUT = "1"  # any key ends what is being said, and does nothing else
BARESIP_TONE, PJSIP_TONE, SIPP_TONE = 620.0, 740.0, 860.0  # Hz


@dataclass
class Place:
    """The application, the network behind which the telephones are, and the chair's page in the meeting."""

    app: App
    line: Link
    page: Page
    pins: dict[str, str]
    meeting: int

    @property
    def number(self) -> str:
        """What telephones dial."""
        return f"sip:02333873100@{self.line.here}:{self.app.telephone_port}"


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    folder = tmp_path_factory.mktemp("telephones")
    with (
        link() as line,
        running(folder, telephone=free_port(), trunk=f"{line.there}:5060", line=line.here) as app,
        chromium() as browser,
    ):
        pins = {HEAD: give_pin(app, HEAD, "0901 234 567"), OTHER: give_pin(app, OTHER, "0907 654 321")}
        meeting = start_meeting(app)
        page = enter(app, browser, meeting, "chutich", width=1280, height=800)
        yield Place(app, line, page, pins, meeting)


@pytest.fixture
def baresip(place: Place, tmp_path: Path) -> Iterator[Baresip]:
    made = Baresip(tmp_path / "baresip", place.line.there, BARESIP_TONE, place.line.command())
    yield made
    made.close()


@pytest.fixture
def pjsip(place: Place, tmp_path: Path) -> Iterator[Pjsip]:
    made = Pjsip(tmp_path / "pjsip", place.line.there, PJSIP_TONE, place.line.command())
    yield made
    made.close()


def sits(page: Page) -> bool:
    """Whether a telephone is there."""
    return bool((seat(page) or {"present": False})["present"])


def test_baresip_dials_in_and_speaks_when_it_has_the_floor(place: Place, baresip: Baresip) -> None:
    page = place.page
    baresip.do("dial", place.number)
    baresip.told("CALL_ESTABLISHED")
    until(lambda: loud(baresip.heard()), 20, "it is greeted")
    baresip.press(place.pins[HEAD])
    until(lambda: sits(page), 30, "it sits in the roster")
    baresip.press(CUT)
    hears_beeps(baresip.heard)
    action(page, "microphone")
    hears_none(baresip.heard)
    action(page, "microphone")

    assert not hears_tone(page, BARESIP_TONE), "its microphone is off"
    baresip.press("*6")
    until(lambda: hears_tone(page, BARESIP_TONE), 20, "its tone in Chromium")
    action(page, "floor-mode")
    until(lambda: not hears_tone(page, BARESIP_TONE), 20, "no floor, no tone")
    baresip.press("*6")
    baresip.press("*9")
    until(lambda: (seat(page) or {}).get("hand"), 20, "its hand is up")
    assert not hears_tone(page, BARESIP_TONE)
    action(page, "invite")
    until(lambda: (seat(page) or {}).get("floor"), 20, "it has the floor")
    baresip.press("*6")
    until(lambda: hears_tone(page, BARESIP_TONE), 20, "its tone again, now with the floor")
    action(page, "floor-mode")

    baresip.do("hangup")
    until(lambda: not sits(page), 20, "it has left")


def test_baresip_reports_how_our_sound_arrives(place: Place, baresip: Baresip) -> None:
    """RTCP at the sound's port: round trip and loss there, which nobody knows without it."""
    baresip.do("dial", place.number)
    baresip.told("CALL_ESTABLISHED")
    baresip.press(place.pins[HEAD])
    until(lambda: sits(place.page), 30, "it sits in the roster")
    found = (seat(place.page) or {})["id"]
    path = f"/api/v1/meetings/{place.meeting}/lines"

    def line() -> dict[str, Any] | None:
        lines = place.app.call(place.app.token("quantri"), "GET", path)["lines"]
        own = next(one for one in lines if one["participant"] == found)
        return own if own["rtt_ms"] is not None and own["loss_down"] is not None else None

    told = until(line, 30, "its report, and two readings of ours")
    assert told["rtt_ms"] < 200 and told["loss_down"] < 0.02 and told["loss_up"] < 0.02
    assert told["sound"] == "comes" and 60 < told["kbps_up"] < 80
    baresip.do("hangup")
    until(lambda: not sits(place.page), 20, "it has left")


def test_a_stranger_s_flood_of_calls_disturbs_neither_the_meeting_nor_its_telephones(
    place: Place, baresip: Baresip
) -> None:
    page, operator = place.page, place.app.token("quantri")
    turned_away = lambda: place.app.call(operator, "GET", "/api/v1/telephone")["strangers"]  # noqa: E731
    baresip.do("dial", place.number)
    baresip.told("CALL_ESTABLISHED")
    baresip.press(place.pins[HEAD])
    until(lambda: sits(page), 30, "it sits in the roster")
    baresip.press(CUT)
    hears_beeps(baresip.heard)
    before, known = baresip.heard().size, turned_away()
    with flood(place.line.here, place.app.telephone_port) as stranger:
        until(lambda: baresip.heard().size - before > 6 * 8_000, 20, "sound goes on")
        baresip.press("*6")
        until(lambda: hears_tone(page, BARESIP_TONE), 20, "its keys and its voice, while the flood lasts")
    sound = baresip.heard()[before : before + 6 * 8_000]
    assert beeps(sound) >= 10, "two beeps a second, one after the other"
    assert stranger.sent > 10_000 and not stranger.answered
    until(lambda: turned_away() - known > 0.9 * stranger.sent, 20, "all were turned away, and counted")
    baresip.do("hangup")
    until(lambda: not sits(page), 20, "it has left")


def test_baresip_is_called_and_only_a_key_counts(place: Place, baresip: Baresip) -> None:
    page = place.page
    action(page, "dial-missing")
    baresip.told("CALL_INCOMING")
    baresip.do("accept")
    baresip.told("CALL_ESTABLISHED")
    until(lambda: loud(baresip.heard()), 20, "the invitation is read")
    assert not sits(page), "who has pressed nothing is not there"
    baresip.press("1")
    until(lambda: sits(page), 20, "it sits in the roster")
    baresip.do("hangup")
    until(lambda: not sits(page), 20, "it has left")


def test_pjsip_dials_in_by_g722(place: Place, pjsip: Pjsip) -> None:
    page = place.page
    pjsip.do("call", place.number)
    pjsip.told("CONFIRMED")
    until(lambda: loud(pjsip.heard()), 20, "it is greeted")
    pjsip.do("press", place.pins[OTHER])
    until(lambda: sits(page), 30, "it sits in the roster")
    pjsip.do("press", CUT)
    hears_beeps(pjsip.heard, RATE)
    pjsip.do("press", "*6")
    until(lambda: hears_tone(page, PJSIP_TONE), 20, "its tone in Chromium")
    pjsip.do("hang_up")
    until(lambda: not sits(page), 20, "it has left")


@contextmanager
def sipp(place: Place, scenario: str, folder: Path, *options: str) -> Iterator[None]:
    """A call by sipp, which goes as its scenario says to the end."""
    line = place.line
    where = ["-i", line.there, "-mi", line.there, "-p", "5080", f"{line.here}:{place.app.telephone_port}"]
    command = line.command("sipp", "-sf", str(SCENARIOS / scenario), "-m", "1", "-nostdin", *options, *where)
    with subprocess.Popen(command, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.STDOUT) as process:
        try:
            yield
            output, _ = process.communicate(timeout=60)
        finally:
            process.kill()
    assert process.returncode == 0, output.decode("utf-8", "replace")[-2_000:]
    until(lambda: not sits(place.page), 20, "it has left")


def test_sipp_dials_in_and_is_heard(place: Place, tmp_path: Path) -> None:
    """Its SIP and the keys of the PIN are its own; the rest is a capture that it plays."""
    pcap.write(tmp_path / "said.pcap", pcap.events("*6"), pcap.sound(tone(SIPP_TONE, 8)))
    with sipp(place, "dials_pin.xml", tmp_path, "-d", "8000", "-key", "pin", place.pins[HEAD]):
        until(lambda: sits(place.page), 30, "it sits in the roster")
        until(lambda: hears_tone(place.page, SIPP_TONE), 30, "its tone in Chromium")


def test_keys_that_are_nothing_but_sound(place: Place, tmp_path: Path) -> None:
    """Where the telephone has no other way (RFC 4733 is not offered); nobody hears them."""
    page, pin, microphone = place.page, pcap.tones_of_keys(place.pins[HEAD]), pcap.tones_of_keys("*6")
    begin = [np.zeros(8_000), pin, np.zeros(40_000), microphone, np.zeros(12_000), tone(SIPP_TONE, 4)]
    keys = [np.zeros(8_000), pcap.tones_of_keys("1234567809"), np.zeros(8_000), tone(SIPP_TONE, 5)]
    pcap.write(tmp_path / "said.pcap", pcap.sound(np.concatenate(begin + keys)))
    with sipp(place, "says.xml", tmp_path, "-d", "22000", "-key", "formats", "8"):
        until(lambda: sits(page), 30, "it sits in the roster")
        until(lambda: hears_tone(page, SIPP_TONE), 30, "its tone in Chromium")
        with listening_for_keys(page) as heard:
            until(lambda: not hears_tone(page, SIPP_TONE), 20, "it presses keys")
            until(lambda: hears_tone(page, SIPP_TONE), 20, "its tone again")
        assert heard.loudest < KEYS_NOT_HEARD
