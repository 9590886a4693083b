"""Sockets: datagrams, streams, TLS, and who is let in."""

from __future__ import annotations

import asyncio
import socket
import ssl
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import pytest

from server.certificate import own_certificate
from server.telephony.sip import admission as admissions
from server.telephony.sip import streams, timers
from server.telephony.sip.admission import Admission
from server.telephony.sip.agent import Agent
from server.telephony.sip.call import CallState, Ending
from server.telephony.sip.endpoint import Endpoint, Listening
from server.telephony.sip.headers import Address
from server.telephony.sip.message import Response
from server.telephony.sip.outgoing import OutgoingCall
from server.telephony.sip.parsing import parse
from server.telephony.sip.peer import Peer
from server.telephony.sip.uri import read_uri
from tests.telephony.answering import Answering
from tests.telephony.sip.flooding import STRANGER, cost_of_a_stranger
from tests.telephony.sip.making import SDP, request

TRUNK = "127.0.0.1"


Open = Callable[..., Awaitable[tuple[Endpoint, Answering]]]


@pytest.fixture
async def opened() -> AsyncIterator[Open]:
    made: list[Endpoint] = []

    async def one(**settings: object) -> tuple[Endpoint, Answering]:
        phone = Answering()
        usual: dict[str, object] = {"host": TRUNK, "udp_port": 0, "tcp_port": 0, "trunks": [TRUNK]}
        endpoint = Endpoint(Listening(**(usual | settings)), phone)  # type: ignore[arg-type]
        endpoint.start()
        made.append(endpoint)
        return endpoint, phone

    yield one
    for endpoint in made:
        await endpoint.close()


def call(agent: Agent, transport: str, port: int, now: float) -> OutgoingCall:
    local = Address(read_uri("sip:thon1@127.0.0.1"))
    return agent.call(read_uri("sip:02333@127.0.0.1"), local, Peer(transport, TRUNK, port), SDP, now)


def contexts(folder: Path) -> tuple[ssl.SSLContext, ssl.SSLContext]:
    certificate, key = own_certificate(folder, ["sip.trunk.vn"])
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(certificate, key)
    return server, ssl.create_default_context(cafile=str(certificate))


@pytest.mark.parametrize("transport", ["udp", "tcp", "tls"])
async def test_a_call_over_each_transport(transport: str, opened: Open, tmp_path: Path) -> None:
    server, client = contexts(tmp_path)
    tls: dict[str, object] = {
        "tls_port": 0,
        "server_tls": server,
        "client_tls": client,
        "tls_names": {TRUNK: "sip.trunk.vn"},
    }
    here, caller = await opened(**tls)
    there, callee = await opened(**tls)
    outgoing = call(here.agent, transport, there.port(transport), here.now)
    await caller.until(lambda: outgoing.state is CallState.UP)
    await callee.until(lambda: bool(callee.calls) and callee.calls[0].state is CallState.UP)
    assert outgoing.dialog is not None
    assert outgoing.dialog.target.transport == transport
    callee.calls[0].hang_up(there.now)
    await caller.until(lambda: len(caller.endings) == 1)
    assert caller.endings == [Ending(200, "BYE", False)]
    assert not here.agent.calls and not there.agent.calls


async def test_a_trunk_with_another_name_is_not_spoken_to(opened: Open, tmp_path: Path) -> None:
    server, client = contexts(tmp_path)
    here, caller = await opened(client_tls=client, tls_names={TRUNK: "another.vn"})
    there, callee = await opened(tls_port=0, server_tls=server)
    call(here.agent, "tls", there.port("tls"), here.now)
    await caller.until(lambda: len(caller.endings) == 1)
    assert caller.endings[0].status == 408
    assert callee.calls == []


async def test_nothing_goes_unencrypted_to_who_speaks_tls(opened: Open, tmp_path: Path) -> None:
    """A call that came by TLS and has lost its connection: without knowing whom to believe there is no new one."""
    here, caller = await opened(tls_port=0, server_tls=contexts(tmp_path)[0])
    heard: list[bytes] = []

    async def listen(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        heard.append(await reader.read(100))
        writer.close()

    async with await asyncio.start_server(listen, TRUNK, 0) as server:
        call(here.agent, "tls", server.sockets[0].getsockname()[1], here.now)
        await caller.until(lambda: len(caller.endings) == 1, 5)
        await asyncio.sleep(0.1)
    assert heard == []


async def test_who_vanishes_from_a_connection_is_not_waited_for(opened: Open) -> None:
    """By the kernel, in either direction: less than a request waits for its answer, where 15 minutes are usual."""
    here, caller = await opened()
    there, _callee = await opened()
    outgoing = call(here.agent, "tcp", there.port("tcp"), here.now)
    await caller.until(lambda: outgoing.state is CallState.UP)
    for end in (here, there):
        (connection,) = end._streams["tcp"]._connections.values()
        assert connection._transport is not None
        ours = connection._transport.get_extra_info("socket")
        assert ours.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE) == 1
        assert 0 < ours.getsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT) < timers.TIMEOUT * 1_000
        assert ours.getsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE) < 300


async def test_a_refused_connection_ends_the_call_at_once(opened: Open) -> None:
    here, caller = await opened()
    with socket.create_server((TRUNK, 0)) as listening:
        port = listening.getsockname()[1]
    began = here.now
    call(here.agent, "tcp", port, here.now)
    await caller.until(lambda: len(caller.endings) == 1)
    assert here.now - began < 2


async def test_a_call_outlives_its_connection(opened: Open) -> None:
    here, caller = await opened()
    there, callee = await opened()
    outgoing = call(here.agent, "tcp", there.port("tcp"), here.now)
    await callee.until(lambda: bool(callee.calls) and callee.calls[0].state is CallState.UP)
    for connection in list(there._streams["tcp"]._connections.values()):
        connection.abort()
    async with asyncio.timeout(5):
        while len(there._streams["tcp"]) or len(here._streams["tcp"]):
            await asyncio.sleep(0.01)
    assert outgoing.state is CallState.UP
    callee.calls[0].hang_up(there.now)
    await caller.until(lambda: len(caller.endings) == 1)
    assert caller.endings == [Ending(200, "BYE", False)]


async def read_all(reader: asyncio.StreamReader) -> bytes:
    async with asyncio.timeout(5):
        try:
            return await reader.read()
        except ConnectionError:
            return b""


async def test_strangers_get_no_answer(opened: Open, caplog: pytest.LogCaptureFixture) -> None:
    there, callee = await opened()
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as stranger:
        stranger.bind((STRANGER, 0))
        stranger.settimeout(0.1)
        for _ in range(3):
            stranger.sendto(request(body=SDP), (TRUNK, there.port("udp")))
        await asyncio.sleep(0.05)
        with pytest.raises(TimeoutError):
            stranger.recvfrom(1)
    reader, writer = await asyncio.open_connection(TRUNK, there.port("tcp"), local_addr=(STRANGER, 0))
    assert await read_all(reader) == b""
    writer.close()
    assert callee.calls == []
    assert there.admission.turned_away == 4
    assert len([record for record in caplog.records if STRANGER in record.getMessage()]) == 1


async def test_a_strangers_flood_costs_less_than_ten_microseconds_each(opened: Open) -> None:
    """The best of three, as others run here."""
    there, callee = await opened()
    costs = [await cost_of_a_stranger(there, TRUNK) for _ in range(3)]
    assert callee.calls == []
    assert min(costs) < 10e-6, costs


async def test_who_says_half_a_message_is_let_go(opened: Open, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(streams, "PATIENCE", 0.2)
    there, _callee = await opened()
    for begun in (b"", b"INVITE sip:a@b SIP/2.0\r\nVia: ", request() + request()[:50]):
        reader, writer = await asyncio.open_connection(TRUNK, there.port("tcp"))
        writer.write(begun)
        began = time.monotonic()
        await read_all(reader)
        assert 0.15 < time.monotonic() - began < 2
        writer.close()


async def test_who_speaks_with_the_end_of_the_tls_handshake_is_heard_and_not_let_go(
    opened: Open, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(streams, "PATIENCE", 0.2)
    server, client = contexts(tmp_path)
    there, _callee = await opened(tls_port=0, server_tls=server)
    reader, writer = await asyncio.open_connection(TRUNK, there.port("tls"))
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    tls = client.wrap_bio(incoming, outgoing, server_hostname="sip.trunk.vn")
    with pytest.raises(ssl.SSLWantReadError):
        tls.do_handshake()
    while True:
        writer.write(outgoing.read())
        incoming.write(await reader.read(65_536))
        try:
            tls.do_handshake()
            break
        except ssl.SSLWantReadError:
            continue
    tls.write(request("OPTIONS"))
    writer.write(outgoing.read())  # the end of the handshake and the message at once
    async with asyncio.timeout(5):
        incoming.write(await reader.read(65_536))
    await asyncio.sleep(0.5)
    assert len(there._streams["tls"]) == 1
    writer.close()


async def test_a_tls_handshake_that_stops_is_let_go(
    opened: Open, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(streams, "PATIENCE", 0.2)
    there, _callee = await opened(tls_port=0, server_tls=contexts(tmp_path)[0])
    reader, writer = await asyncio.open_connection(TRUNK, there.port("tls"))
    await read_all(reader)
    writer.close()
    assert len(there._streams["tls"]) == 0


async def test_what_is_no_sip_closes_the_stream(opened: Open) -> None:
    there, _callee = await opened()
    reader, writer = await asyncio.open_connection(TRUNK, there.port("tcp"))
    writer.write(b"x" * 20_000)
    await read_all(reader)
    writer.close()


async def test_keep_alives_are_answered_and_an_idle_connection_stays(
    opened: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(streams, "PATIENCE", 0.2)
    there, _callee = await opened()
    reader, writer = await asyncio.open_connection(TRUNK, there.port("tcp"))
    writer.write(b"\r\n\r\n")
    assert await reader.readexactly(2) == b"\r\n"
    await asyncio.sleep(0.4)
    writer.write(request("OPTIONS", Via="SIP/2.0/TCP 192.0.2.1;branch=z9hG4bK1"))
    answered = parse(await reader.readuntil(b"\r\n\r\n"))
    assert isinstance(answered, Response) and answered.status == 200
    writer.close()


async def test_one_line_end_keeps_a_connection_alive(opened: Open, monkeypatch: pytest.MonkeyPatch) -> None:
    """RFC 3261 §7.5, RFC 5626 §4.4.1: telephones send one alone; it is no message whose rest is waited for."""
    monkeypatch.setattr(streams, "PATIENCE", 0.2)
    there, _callee = await opened()
    reader, writer = await asyncio.open_connection(TRUNK, there.port("tcp"))
    writer.write(request("OPTIONS", Via="SIP/2.0/TCP 192.0.2.1;branch=z9hG4bK1"))
    await reader.readuntil(b"\r\n\r\n")
    writer.write(b"\r\n")
    await asyncio.sleep(0.5)
    assert len(there._streams["tcp"]) == 1
    writer.write(request("OPTIONS", Via="SIP/2.0/TCP 192.0.2.1;branch=z9hG4bK2"))
    answered = parse(await reader.readuntil(b"\r\n\r\n"))
    assert isinstance(answered, Response) and answered.status == 200
    writer.close()


async def test_who_says_only_one_line_end_is_let_go(opened: Open, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(streams, "PATIENCE", 0.2)
    there, _callee = await opened()
    reader, writer = await asyncio.open_connection(TRUNK, there.port("tcp"))
    writer.write(b"\r\n")
    await read_all(reader)
    assert len(there._streams["tcp"]) == 0
    writer.close()


async def test_too_many_connections_are_closed(opened: Open, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(streams, "MOST_CONNECTIONS", 2)
    there, _callee = await opened()
    opened_ones = [await asyncio.open_connection(TRUNK, there.port("tcp")) for _ in range(3)]
    assert await read_all(opened_ones[2][0]) == b""
    assert len(there._streams["tcp"]) == 2
    for _reader, writer in opened_ones:
        writer.close()


def test_admission() -> None:
    admission = Admission(["203.0.113.0/28", "2001:db8::/32"])
    assert admission.allows("203.0.113.15") and admission.allows("2001:db8::5")
    assert not any(admission.allows(host) for host in ("203.0.113.16", "::1", "trunk.vn", ""))
    with pytest.raises(ValueError):
        Admission(["trunk.vn"])


def test_a_flood_from_many_addresses_fills_no_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(admissions, "_MOST_REMEMBERED", 100)
    admission = Admission(["10.0.0.1"])
    began = time.process_time()
    for number in range(5_000):
        assert not admission.allows(f"10.1.{number >> 8}.{number & 255}")
    assert (time.process_time() - began) / 5_000 < 10e-6
    assert len(admission._remembered) <= 100
    assert admission.allows("10.0.0.1")
