"""A directive to villages whose telephones we did not write: baresip, PJSIP and, as an answering machine, sipp.

The server calls them by itself, as the urgency and the missing device have it. Its messages by SMS find no provider.
"""

from __future__ import annotations

import asyncio
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from server.accounts import service as accounts
from server.calls import numbers
from server.calls.prompts import Voice, prompt
from server.calls.spelling import spoken
from server.media.phone.sounds import read
from server.reach.rules import Channel
from server.store import Store
from tests.e2e.harness import App, chromium, free_port, until
from tests.e2e.issuing import PLAYS, delivery_of, issue_to
from tests.e2e.network import Link, link
from tests.peers import pcap
from tests.peers.baresip import Baresip
from tests.peers.pjsip import RATE, Pjsip
from tests.peers.test_sipp import SCENARIOS
from tests.reach.helpers import messages, reach
from tests.sounds import begin_of, pitch, tone

pytestmark = pytest.mark.timeout(180)
VILLAGES = {"baresip": ("19606.01", "thon1.camthuy"), "pjsip": ("19606.02", "thon2.camthuy")}
NUMBERS = {"thon1.camthuy": "0901234567", "thon2.camthuy": "0907654321"}
BARESIP_TONE, PJSIP_TONE, BEEP = 620.0, 740.0, 1_000.0  # Hz
BODY = (
    "Các thôn kiểm tra hồ chứa, di dời các hộ ở vùng trũng trước 17 giờ ngày 20/11/2026, "
    "chuẩn bị lương thực cho 3 ngày và báo cáo về Ủy ban nhân dân xã."
)
SPEECH = 300.0  # root mean square; an open line has noise of 8


@dataclass
class Place:
    """The application, the network behind which the telephones are, and the token of the issuer's clerk."""

    app: App
    line: Link
    clerk: str
    store: Store

    def delivery(self, number: int) -> dict[str, Any]:
        return delivery_of(self.app, self.clerk, number)

    def state(self, delivery: int) -> str:
        return str(self.delivery(delivery)["state"])

    def ended(self, delivery: int) -> str:
        """What became of the newest call, once it is over."""
        called = until(lambda: [one for one in self.delivery(delivery)["called"] if one["outcome"] != "running"], 30)
        return str(called[-1]["outcome"])


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    folder = tmp_path_factory.mktemp("directives")
    with link() as line:
        app = App(folder, telephone=free_port(), trunk=f"{line.there}:5060", line=line.here)
        app.environment["GIAOBAN_SMS_URL"] = f"http://127.0.0.1:{free_port()}/"
        app.seed()
        store = Store(app.environment["GIAOBAN_DATABASE_URL"])
        for head, number in NUMBERS.items():
            who = store.read_now(accounts.principal_of, head)
            store.write_now(numbers.give, who.account_id, number)
            reach(store, who, Channel.SMS)
        try:
            app.start()
            yield Place(app, line, app.token("vanthu.camthuy"), store)
        finally:
            app.stop()
            store.close()


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


def hears_speech(heard: Callable[[], np.ndarray], rate: int) -> None:
    """From now on, within half a second of it."""
    before = heard().size

    def speech() -> bool:
        newest = heard()[before:][-rate // 2 :].astype(np.float64)
        return newest.size == rate // 2 and float(np.sqrt(np.mean(newest**2))) > SPEECH

    until(speech, 30, "something is said")


def hears_the_body(heard: Callable[[], np.ndarray], folder: Path) -> None:
    """Between the prompt before it and the menu it is read for as long as it takes to say it."""
    before, menu = (read(prompt(name)).at(8_000) for name in ("body_is", "directive_menu"))
    end = until(lambda: begin_of(menu[:16_000], heard()), 90, "it is read to its end")
    begin = begin_of(before, heard()[:end])
    assert begin is not None, "the text is announced"
    said = asyncio.run(Voice(folder / "speech").speak(spoken(BODY)))
    assert said is not None
    wanted = read(said).at(8_000).size
    assert abs(end - begin - before.size - wanted) < 0.4 * 8_000, f"{wanted / 8_000:.1f} s long"


def by_sms(place: Place, directive: int) -> list[str]:
    """States of the messages about a directive by SMS."""
    found = messages(place.store, channel=Channel.SMS.value)
    return [row.state for row in found if f'"directive":{directive},' in row.notice]


def test_baresip_is_called_and_a_key_confirms_and_stops_the_other_channels(
    place: Place, baresip: Baresip, tmp_path: Path
) -> None:
    village, _head = VILLAGES["baresip"]
    directive, delivery = issue_to(place.app, village, body=BODY)
    baresip.told("CALL_INCOMING", 30)
    assert by_sms(place, directive) in (["waiting"], ["sending"]), "it is tried again and again"
    baresip.do("accept")
    baresip.told("CALL_ESTABLISHED")
    hears_speech(baresip.heard, 8_000)
    assert place.state(delivery) == "SENT", "who has pressed nothing has confirmed nothing"
    baresip.press("1")
    hears_the_body(baresip.heard, tmp_path)
    assert place.state(delivery) == "SENT"
    baresip.press("2")
    until(lambda: place.state(delivery) == "REGISTERED", 20, "it is confirmed")
    assert place.delivery(delivery)["registered_through"] == "TELEPHONE"
    until(lambda: by_sms(place, directive) == ["stopped"], 20, "no SMS follows")
    baresip.do("hangup")
    assert place.ended(delivery) == "confirmed"


def test_pjsip_is_called_and_speaks_an_answer_that_the_issuer_s_page_plays(place: Place, pjsip: Pjsip) -> None:
    village, _head = VILLAGES["pjsip"]
    _directive, delivery = issue_to(place.app, village)
    pjsip.told("RINGING", 30)
    pjsip.do("accept")
    pjsip.told("CONFIRMED")
    hears_speech(pjsip.heard, RATE)
    pjsip.do("press", "1")
    hears_speech(pjsip.heard, RATE)
    pjsip.do("press", "3")
    said = place.app.folder / "data" / "answers"
    until(lambda: any(file.stat().st_size > 6_000 for file in said.glob("*.webm")), 30, "its tone is recorded")
    pjsip.do("press", "#")
    until(lambda: place.delivery(delivery)["spoken"], 20, "the answer is kept before it is sent")
    pjsip.do("press", "1")
    until(lambda: place.state(delivery) == "REPORTED", 20, "it is sent")
    pjsip.do("hang_up")
    assert place.ended(delivery) == "confirmed"

    (response,) = place.delivery(delivery)["responses"]
    (sound,) = response["attachments"]
    stored = place.app.folder / "data" / "files" / sound["sha256"][:2] / sound["sha256"]
    samples = read(str(stored)).at(8_000)[8_000:16_000]
    assert abs(pitch(samples) - PJSIP_TONE) < 5, "what was said, at its pitch"
    with chromium() as browser:
        page = place.app.page(browser, "vanthu.camthuy", f"/deliveries/{delivery}")
        assert page.evaluate(PLAYS) is None


@contextmanager
def answering_machine(place: Place, folder: Path) -> Iterator[None]:
    """By sipp; it says its greeting and a beep, and hangs up after six seconds."""
    greeting = np.concatenate([tone(440, 2) * np.linspace(0.2, 1, 16_000), tone(BEEP, 0.5)])
    pcap.write(folder / "said.pcap", pcap.sound(greeting))
    options = ["-i", place.line.there, "-mi", place.line.there, "-p", "5060"]
    scenario = str(SCENARIOS / "answering_machine.xml")
    command = place.line.command("sipp", "-sf", scenario, "-m", "1", "-nostdin", *options)
    with subprocess.Popen(command, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.STDOUT) as process:
        try:
            yield
            output, _ = process.communicate(timeout=60)
        finally:
            process.kill()
    assert process.returncode == 0, output.decode("utf-8", "replace")[-2_000:]


def test_an_answering_machine_confirms_nothing_and_is_called_again_in_three_minutes(
    place: Place, tmp_path: Path
) -> None:
    village, _head = VILLAGES["baresip"]
    with answering_machine(place, tmp_path):
        directive, delivery = issue_to(place.app, village)
    assert place.ended(delivery) == "no_key"
    assert place.state(delivery) == "SENT"
    (call,) = [
        row for row in messages(place.store, channel=Channel.PHONE.value) if f'"directive":{directive},' in row.notice
    ]
    until(lambda: messages(place.store, id=call.id)[0].state == "waiting", 20, "it is to be called again")
    again = messages(place.store, id=call.id)[0]
    assert (again.tries, again.reason) == (1, "no_key")
    assert abs(again.due_at - again.changed_at - timedelta(minutes=3)) < timedelta(seconds=5)
