"""Kamailio as `config/kamailio` has it, between a trunk at 127.0.0.2 and our SIP: who gets through, and who not."""

from __future__ import annotations

import asyncio
import os
import secrets
import shutil
import signal
import socket
import ssl
import subprocess
from collections.abc import AsyncIterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import pytest

from server.certificate import own_certificate
from server.config import ROOT
from server.telephony.sip.call import CallState
from server.telephony.sip.digest import Credentials
from server.telephony.sip.endpoint import Endpoint, Listening
from server.telephony.sip.headers import Address
from server.telephony.sip.incoming import IncomingCall
from server.telephony.sip.message import Request
from server.telephony.sip.parsing import parse
from server.telephony.sip.peer import Peer
from server.telephony.sip.registration import Registration, Standing
from server.telephony.sip.uri import read_uri
from tests.e2e.harness import free_port
from tests.peers.test_sipp import Sipp
from tests.telephony.answering import Answering
from tests.telephony.sip.making import SDP, request
from tests.waiting import until

CONFIG = ROOT / "config" / "kamailio"
HERE, TRUNK, STRANGER, SECOND = "127.0.0.1", "127.0.0.2", "127.0.0.3", "127.0.0.4"
_LOCAL = """
listen=udp:127.0.0.1:{proxy}
listen=tls:127.0.0.1:{tls}
#!substdef "!GIAOBAN_IP!127.0.0.1!g"
#!substdef "!GIAOBAN_PORT!{giaoban}!g"
#!substdef "!OUTSIDE!127.0.0.1:{proxy}!g"
#!define TRUNK_URI "sip:127.0.0.2:{trunk}"
#!define TRUNKS_FILE "{folder}/trunks"
#!define TOPOLOGY_KEY "{key}"
#!define WITH_TLS
#!define TLS_FILE "{folder}/tls.cfg"
"""
_TLS = """[server:default]
method = TLSv1.2+
certificate = {certificate}
private_key = {key}
"""


@dataclass
class Border:
    """Kamailio's ports, our SIP behind it, the trunk before it, and what the trunk has read."""

    proxy: int
    tls: int
    ours: Endpoint
    phone: Answering
    trunk: Endpoint
    far: Answering
    certificate: Path
    read: list[bytes]


def write_config(folder: Path, **values: object) -> Path:
    """The configuration as it is shipped, with addresses of the test."""
    shutil.copy(CONFIG / "kamailio.cfg", folder)
    certificate, key = own_certificate(folder, [HERE])
    (folder / "local.cfg").write_text(_LOCAL.format(folder=folder, key=secrets.token_hex(16), **values))
    trunks = (TRUNK, SECOND, HERE)  # our connections by TLS come from the last
    (folder / "trunks").write_text("".join(f"1 {address} 32 0\n" for address in trunks))
    (folder / "tls.cfg").write_text(_TLS.format(certificate=certificate, key=key))
    return folder / "kamailio.cfg"


def program() -> str:
    found = shutil.which("kamailio") or "/usr/sbin/kamailio"
    assert Path(found).exists(), "Kamailio is missing: apt-get install kamailio kamailio-tls-modules"
    return found


@pytest.fixture
async def border(tmp_path: Path) -> AsyncIterator[Border]:
    phone, far, read = Answering(), Answering(), []
    ours = Endpoint(Listening(host=HERE, udp_port=0, tcp_port=None, trunks=[HERE]), phone)
    trunk = Endpoint(Listening(host=TRUNK, address=TRUNK, udp_port=0, tcp_port=None, trunks=[HERE]), far)
    ours.start()
    trunk.start()
    take = trunk.layer.receive

    def note(data: bytes, peer: Peer, now: float) -> None:
        read.append(data)
        take(data, peer, now)

    trunk.layer.receive = note  # type: ignore[method-assign]
    proxy, tls = free_port(), free_port()
    config = write_config(tmp_path, proxy=proxy, tls=tls, giaoban=ours.port("udp"), trunk=trunk.port("udp"))
    with (tmp_path / "log").open("wb") as log:
        command = [program(), "-DD", "-E", "-f", str(config), "-Y", str(tmp_path), "-m", "32", "-M", "4"]
        process = subprocess.Popen(command, stdout=log, stderr=log, start_new_session=True)
    try:
        await until(lambda: answers(proxy) or process.poll() is not None, 20)
        assert process.poll() is None, (tmp_path / "log").read_text()
        certificate, _key = own_certificate(tmp_path, [HERE])  # the same again
        yield Border(proxy, tls, ours, phone, trunk, far, certificate, read)
    finally:
        process.terminate()
        with suppress(subprocess.TimeoutExpired):
            process.wait(10)
        with suppress(ProcessLookupError):  # after TLS its processes sometimes wait for each other for good
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        await ours.close()
        await trunk.close()


def answers(port: int) -> bool:
    """Whether Kamailio is there: to a trunk's request that has come too far it says so itself."""
    return status(port, request("OPTIONS", Max_Forwards="0"), TRUNK) == 483


def status(port: int, message: bytes, source: str, seconds: float = 0.3) -> int | None:
    """What is answered to one datagram, None for nothing."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asking:
        asking.bind((source, 0))
        asking.settimeout(seconds)
        asking.sendto(message.replace(b"rport", b"rport;x=y", 1), (HERE, port))
        try:
            return int(asking.recv(65_535).split(b" ")[1])
        except (TimeoutError, ConnectionError):
            return None


def test_its_files_are_in_order(tmp_path: Path) -> None:
    config = write_config(tmp_path, proxy=5_060, tls=5_061, giaoban=5_062, trunk=5_064)
    assert (CONFIG / "trunks").read_text().startswith("1 198.51.100.0 28 0"), "as in the test's own"
    for file in (config, CONFIG / "kamailio.cfg"):
        done = subprocess.run([program(), "-c", "-f", str(file)], capture_output=True, text=True, check=False)
        assert done.returncode == 0 and "config file ok" in done.stdout + done.stderr, done.stderr[-2_000:]


async def test_calls_of_the_trunk_come_in(border: Border, tmp_path: Path) -> None:
    options = ("-i", TRUNK, "-m", "20", "-r", "10", f"{HERE}:{border.proxy}")
    async with Sipp("uac.xml", *options, folder=tmp_path) as sipp:
        await sipp.succeeds(40)
    await border.phone.until(lambda: len(border.phone.endings) == 20)
    assert {ending.reason for ending in border.phone.endings} == {"BYE"}


async def test_calls_of_ours_go_out_and_the_trunk_sees_none_of_our_addresses(border: Border) -> None:
    local = Address(read_uri(f"sip:giaoban@{HERE}"), "Giao Ban")
    peer = Peer("udp", HERE, border.proxy)
    call = border.ours.agent.call(read_uri("sip:0901@trunk.vn"), local, peer, SDP, border.ours.now)
    await border.phone.until(lambda: call.state is CallState.UP)
    await border.far.until(lambda: border.far.calls[0].state is CallState.UP)
    invite = next(data for data in border.read if data.startswith(b"INVITE"))
    ours = f"{HERE}:{border.ours.port('udp')}".encode()
    routing = [line for line in invite.split(b"\r\n") if line.startswith((b"Via", b"Contact", b"Record-Route"))]
    assert len(routing) >= 2 and not any(ours in line for line in routing), routing
    border.far.calls[0].hang_up(border.trunk.now)
    await border.phone.until(lambda: len(border.phone.endings) == 1)
    assert border.phone.endings[0].reason == "BYE", "what the trunk says in a call finds its way back"


async def test_a_call_stays_with_the_element_of_the_trunk_that_has_it(border: Border) -> None:
    """Calls come from any address of the trunk; another than that which calls of ours go to is one of its, too."""
    phone = Answering()
    second = Endpoint(Listening(host=SECOND, address=SECOND, udp_port=0, tcp_port=None, trunks=[HERE]), phone)
    second.start()
    try:
        local, proxy = Address(read_uri(f"sip:0901@{SECOND}")), Peer("udp", HERE, border.proxy)
        call = second.agent.call(read_uri(f"sip:02333@{HERE}"), local, proxy, SDP, second.now)
        await phone.until(lambda: call.state is CallState.UP)
        await until(lambda: border.phone.calls and border.phone.calls[0].state is CallState.UP)
        border.phone.calls[0].reinvite(SDP, border.ours.now)
        await until(lambda: len(border.phone.ups) == 2)
        border.phone.calls[0].hang_up(border.ours.now)
        await phone.until(lambda: len(phone.endings) == 1, 5)
        assert phone.endings[0].reason == "BYE"
        assert not [data for data in border.read if data.startswith((b"BYE", b"INVITE"))]
    finally:
        await second.close()


async def test_a_trunk_that_we_register_at_calls_us_there(border: Border) -> None:
    """Our own port is not open to it."""
    through, standings = Peer("udp", HERE, border.proxy), list[Standing]()
    address = read_uri("sip:+842333873100@ims.vnpt.vn")
    proof = Credentials("we", "secret")
    registration = Registration(border.ours.agent, through, address, proof, lambda said, now: standings.append(said))
    registration.start(border.ours.now)
    await until(lambda: standings, 10)
    asked = parse(next(data for data in border.read if data.startswith(b"REGISTER")))
    assert isinstance(asked, Request) and asked.target == "sip:ims.vnpt.vn"
    (contact,) = asked.contacts
    assert (contact.uri.host, contact.uri.port) == (HERE, border.proxy)
    where = Peer("udp", contact.uri.host, contact.uri.port or 0)
    call = border.trunk.agent.call(contact.uri, Address(read_uri(f"sip:0901@{TRUNK}")), where, SDP, border.trunk.now)
    await border.far.until(lambda: call.state is not CallState.CALLING)
    assert call.state is CallState.UP, border.far.endings
    incoming = border.phone.calls[0]
    assert isinstance(incoming, IncomingCall) and incoming.dialled == contact.uri.user
    registration.stop(border.ours.now)
    call.hang_up(border.trunk.now)
    await border.phone.until(lambda: len(border.phone.endings) == 1)


async def test_strangers_are_not_answered_and_their_flood_disturbs_nobody(border: Border, tmp_path: Path) -> None:
    assert status(border.proxy, request(body=SDP), STRANGER) is None
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as stranger:
        stranger.bind((STRANGER, 0))
        stranger.setblocking(False)
        options = ("-i", TRUNK, "-m", "20", "-r", "10", f"{HERE}:{border.proxy}")
        async with Sipp("uac.xml", *options, folder=tmp_path) as sipp:
            for number in range(3_000):
                stranger.sendto(request(body=SDP, branch=f"z9hG4bKf{number}"), (HERE, border.proxy))
                if number % 20 == 0:
                    await asyncio.sleep(0.01)
            await sipp.succeeds(40)
        with pytest.raises(BlockingIOError):
            stranger.recv(1)
    assert len(border.phone.calls) == 20


async def test_a_trunk_that_floods_is_held_back(border: Border) -> None:
    """Thirty calls a second come through; who goes on after that is not read any more."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as trunk:
        trunk.bind((TRUNK, 0))
        trunk.setblocking(False)
        refused = 0
        for number in range(200):
            call = request(body=SDP, branch=f"z9hG4bKt{number}", Call_ID=f"{number}@192.0.2.1", Max_Forwards="70")
            trunk.sendto(call, (HERE, border.proxy))
        for _ in range(100):
            await asyncio.sleep(0.01)
            try:
                refused += trunk.recv(65_535).startswith(b"SIP/2.0 503")
            except BlockingIOError:
                continue
        assert refused > 30
        assert len(border.phone.calls) <= 90
        for number in range(1_000):
            trunk.sendto(request("OPTIONS", branch=f"z9hG4bKo{number}", Max_Forwards="0"), (HERE, border.proxy))
    await until(lambda: not answers(border.proxy))


@pytest.mark.parametrize(
    ("message", "answer"),
    [
        (request("OPTIONS", Max_Forwards="0"), 483),
        (request("REGISTER"), 405),
        (request("MESSAGE"), 405),
        (request("BYE", To="<sip:a@127.0.0.1>;tag=x"), 481),
        (request(CSeq="1 BYE"), 400),
        (request(X_Long="a" * 20_000), 513),
    ],
)
async def test_what_is_wrong_goes_no_further(border: Border, message: bytes, answer: int) -> None:
    assert status(border.proxy, message, TRUNK, 3) == answer
    assert border.ours.layer.counts.refused == 0 and not border.phone.calls


async def test_a_trunk_may_speak_tls(border: Border) -> None:
    client = ssl.create_default_context(cafile=str(border.certificate))
    phone = Answering()
    listening = Listening(
        host=TRUNK, address=TRUNK, udp_port=None, tcp_port=None, tls_port=None, trunks=[HERE], client_tls=client
    )
    trunk = Endpoint(listening, phone)
    trunk.start()
    try:
        local = Address(read_uri(f"sip:0901@{TRUNK}"))
        call = trunk.agent.call(read_uri(f"sip:02333@{HERE}"), local, Peer("tls", HERE, border.tls), SDP, trunk.now)
        await phone.until(lambda: call.state is not CallState.CALLING)
        assert call.state is CallState.UP, phone.endings
        call.hang_up(trunk.now)
        await border.phone.until(lambda: len(border.phone.endings) == 1)
    finally:
        await trunk.close()
