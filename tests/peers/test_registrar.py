"""A trunk that wants us to register, with a password: Kamailio as the exchange, baresip as a telephone behind it."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.e2e.harness import App, chromium, free_port, running, until
from tests.e2e.network import Link, link
from tests.e2e.rooms import action, enter, start_meeting
from tests.e2e.telephone import give_pin
from tests.peers.baresip import Baresip
from tests.peers.test_kamailio import program
from tests.sounds import loud

pytestmark = pytest.mark.timeout(240)
CONFIG = Path(__file__).with_name("exchange.cfg")
PORT = 5_080
NUMBER, PASSWORD = "02333873100", "mat-khau-7"


@dataclass
class Office:
    """The application, registered, and the telephone."""

    app: App
    baresip: Baresip
    exchange: str


@pytest.fixture
def office(tmp_path: Path) -> Iterator[Office]:
    with link() as line:
        exchange = f"{line.there}:{PORT}"
        process = start_exchange(line, tmp_path)
        try:
            settings = {"USER": NUMBER, "PASSWORD": PASSWORD, "REGISTER": "true"}
            settings = {f"TELEPHONE_{name}": value for name, value in settings.items()}
            with running(tmp_path, telephone=free_port(), trunk=exchange, line=line.here, settings=settings) as app:
                baresip = Baresip(tmp_path / "baresip", line.there, 620.0, line.command())
                try:
                    yield Office(app, baresip, exchange)
                finally:
                    baresip.close()
        finally:
            process.terminate()
            process.wait(10)


def start_exchange(line: Link, folder: Path) -> subprocess.Popen[bytes]:
    defined = {
        "LISTEN": f"udp:{line.there}:{PORT}",
        "OFFICE": f'"{line.here}"',
        "TELEPHONE": f'"sip:{line.there}:5060"',
        "PASSWORD": f'"{PASSWORD}"',
    }
    options = [option for name, value in defined.items() for option in ("-A", f"{name}={value}")]
    options += ["-DD", "-E", "-f", str(CONFIG), "-Y", str(folder), "-m", "32", "-M", "4"]
    with (folder / "exchange.log").open("wb") as log:
        return subprocess.Popen(line.command(program(), *options), stdout=log, stderr=log)


def greeted(baresip: Baresip) -> None:
    until(lambda: loud(baresip.heard()), 20, "a voice")


def test_it_registers_is_called_calls_and_signs_off(office: Office) -> None:
    app, baresip, operator = office.app, office.baresip, office.app.token("quantri")
    until(lambda: app.call(operator, "GET", "/api/v1/telephone")["trunk_up"], 30, "the trunk is up")
    assert app.call(operator, "GET", "/api/v1/telephone")["trunk_said"] == "200 OK"

    baresip.do("dial", f"sip:{NUMBER}@{office.exchange}")
    baresip.told("CALL_ESTABLISHED")
    greeted(baresip)
    baresip.do("hangup")
    baresip.told("CALL_CLOSED")

    give_pin(app, "thon1.camthuy", "0901 234 567")
    with chromium() as browser:
        page = enter(app, browser, start_meeting(app), "chutich", width=1280, height=800)
        action(page, "dial-missing")
        baresip.told("CALL_INCOMING")
        baresip.do("accept")
        baresip.told("CALL_ESTABLISHED")
        greeted(baresip)
        baresip.do("hangup")
        baresip.told("CALL_CLOSED")

    app.stop()
    baresip.do("dial", f"sip:{NUMBER}@{office.exchange}")
    assert "404" in baresip.told("CALL_CLOSED")["param"], "a server that stops is not registered any more"
