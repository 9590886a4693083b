"""Calls with sipp, whose SIP is not ours: in and out, with a fifth of all messages lost, given up, with a password.

The scenarios stand in `sipp/`. sipp ends with 0 only when every call went as its scenario says.
"""

from __future__ import annotations

import asyncio
import shutil
import socket
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from server.telephony.sip import watch
from server.telephony.sip.call import CallState, Ending
from server.telephony.sip.digest import Credentials
from server.telephony.sip.endpoint import Endpoint, Listening
from server.telephony.sip.headers import Address
from server.telephony.sip.outgoing import OutgoingCall
from server.telephony.sip.peer import Peer
from server.telephony.sip.uri import read_uri
from tests.telephony.answering import Answering
from tests.telephony.sip.making import SDP

SCENARIOS = Path(__file__).parent / "sipp"
HOST = "127.0.0.1"


@pytest.fixture
async def phone() -> AsyncIterator[Answering]:
    yield Answering()


@pytest.fixture
async def endpoint(phone: Answering) -> AsyncIterator[Endpoint]:
    made = Endpoint(Listening(host=HOST, udp_port=0, tcp_port=0, trunks=[HOST]), phone)
    made.start()
    yield made
    await made.close()


def free_port() -> int:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.bind((HOST, 0))
        return int(probe.getsockname()[1])


class Sipp:
    """One run of sipp."""

    def __init__(self, scenario: str, *options: str, folder: Path) -> None:
        assert shutil.which("sipp"), "sipp is missing: apt-get install sip-tester"
        port = str(free_port())
        self._command = ["sipp", "-sf", str(SCENARIOS / scenario), "-i", HOST, "-p", port, "-nostdin", *options]
        self._folder = folder
        self.port = int(port)

    async def __aenter__(self) -> Sipp:
        pipe = asyncio.subprocess.PIPE
        self._process = await asyncio.create_subprocess_exec(
            *self._command, cwd=self._folder, stdout=pipe, stderr=asyncio.subprocess.STDOUT
        )
        self._output = asyncio.create_task(self._process.stdout.read())  # type: ignore[union-attr]
        return self

    async def succeeds(self, seconds: float) -> None:
        """All calls went as they should."""
        async with asyncio.timeout(seconds):
            code = await self._process.wait()
        assert code == 0, (await self._output).decode("utf-8", "replace")[-3_000:]

    async def __aexit__(self, *_: object) -> None:
        if self._process.returncode is None:
            self._process.kill()
            await self._process.wait()
        await self._output


def call(endpoint: Endpoint, port: int, credentials: Credentials | None = None) -> OutgoingCall:
    local = Address(read_uri("sip:giaoban@127.0.0.1"), "Giao Ban")
    target, peer = read_uri("sip:0901234567@127.0.0.1"), Peer("udp", HOST, port)
    return endpoint.agent.call(target, local, peer, SDP, endpoint.now, credentials=credentials)


async def quiet(endpoint: Endpoint, phone: Answering, calls: int) -> None:
    """Every call has ended here too."""
    await phone.until(lambda: len(phone.endings) == calls, 40)
    assert {(ending.status, ending.reason) for ending in phone.endings} == {(200, "BYE")}
    assert not endpoint.agent.calls


async def test_a_hundred_of_a_hundred_calls_in_with_a_fifth_lost(
    endpoint: Endpoint, phone: Answering, tmp_path: Path
) -> None:
    options = ("-m", "100", "-r", "20", "-lost", "20", f"{HOST}:{endpoint.port('udp')}")
    async with Sipp("uac.xml", *options, folder=tmp_path) as sipp:
        await sipp.succeeds(80)
    await quiet(endpoint, phone, 100)
    assert len(phone.calls) == 100, "no call was taken twice"
    assert endpoint.layer.counts.repeated > 0, "sipp lost nothing"


async def test_a_hundred_of_a_hundred_calls_out_with_a_fifth_lost(
    endpoint: Endpoint, phone: Answering, tmp_path: Path
) -> None:
    """sipp also checks that the routes of its proxies come back in order. It does not always know a repeated INVITE
    for what it is, and must not give the call up for that.
    """
    options = ("-m", "100", "-lost", "20", "-default_behaviors", "all,-abortunexp")
    async with Sipp("uas.xml", *options, folder=tmp_path) as sipp:
        await asyncio.sleep(0.5)
        calls = []
        for _ in range(100):
            calls.append(call(endpoint, sipp.port))
            await asyncio.sleep(0.05)
        await phone.until(lambda: len(phone.ups) == 100, 70)
        for one in calls:
            one.hang_up(endpoint.now)
        await sipp.succeeds(80)
    await quiet(endpoint, phone, 100)


async def test_calls_over_tcp(endpoint: Endpoint, phone: Answering, tmp_path: Path) -> None:
    options = ("-m", "40", "-r", "20", "-t", "t1", f"{HOST}:{endpoint.port('tcp')}")
    async with Sipp("uac.xml", *options, folder=tmp_path) as sipp:
        await sipp.succeeds(30)
    await quiet(endpoint, phone, 40)


async def test_a_caller_gives_up(endpoint: Endpoint, phone: Answering, tmp_path: Path) -> None:
    options = ("-m", "10", "-r", "20", f"{HOST}:{endpoint.port('udp')}")
    async with Sipp("caller_cancels.xml", *options, folder=tmp_path) as sipp:
        await sipp.succeeds(30)
    await phone.until(lambda: len(phone.endings) == 10)
    assert {ending.reason for ending in phone.endings} == {"CANCEL"}


@pytest.mark.parametrize(("password", "status"), [("trong", 486), ("ngoài", 401)])
async def test_a_trunk_asks_for_a_password(
    endpoint: Endpoint, phone: Answering, tmp_path: Path, password: str, status: int
) -> None:
    """sipp works the proof out itself, and answers 486 to a right one, 401 to another."""
    async with Sipp("password.xml", "-m", "1", folder=tmp_path) as sipp:
        await asyncio.sleep(0.5)
        made = call(endpoint, sipp.port, Credentials("giaoban", password))
        await phone.until(lambda: len(phone.endings) == 1)
        await sipp.succeeds(20)
    assert made.state is CallState.ENDED
    assert phone.endings[0].status == status


async def test_a_gateway_with_isup_calls_is_asked_whether_it_is_there_and_hangs_up(
    endpoint: Endpoint, phone: Answering, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watch, "ASKED_EVERY", 0.5)
    async with Sipp("gateway.xml", "-m", "1", f"{HOST}:{endpoint.port('udp')}", folder=tmp_path) as sipp:
        await sipp.succeeds(30)
    await quiet(endpoint, phone, 1)
    offer = phone.calls[0].offer  # type: ignore[attr-defined]
    assert offer.startswith(b"v=0") and b"unique" not in offer


async def test_a_telephone_that_has_forgotten_a_call_ends_it(
    endpoint: Endpoint, phone: Answering, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watch, "ASKED_EVERY", 0.5)
    async with Sipp("forgets.xml", "-m", "1", folder=tmp_path) as sipp:
        await asyncio.sleep(0.5)
        call(endpoint, sipp.port)
        await phone.until(lambda: len(phone.endings) == 1)
        await sipp.succeeds(20)
    assert phone.endings == [Ending(481, "Lost", False)]
