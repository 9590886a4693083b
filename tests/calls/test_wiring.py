"""The trunk as the settings have it: registering by each transport, as whom, and being called where we said we are."""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from server.calls.wiring import Trunk, endpoint
from server.certificate import own_certificate
from server.telephony.sip.call import CallState
from server.telephony.sip.endpoint import Endpoint, Listening
from server.telephony.sip.framing import Framing
from server.telephony.sip.headers import Address
from server.telephony.sip.message import Request
from server.telephony.sip.parsing import parse
from server.telephony.sip.peer import Peer
from server.telephony.sip.registration import Standing
from server.telephony.sip.uri import read_uri
from tests.calls.making import HOST, telephone
from tests.telephony.answering import Answering
from tests.telephony.sip.making import SDP
from tests.waiting import until


class Registrar:
    """Takes every registration, after it has asked for a proof."""

    def __init__(self) -> None:
        self.got: list[Request] = []
        self.where = ""
        self._servers: list[asyncio.Server] = []

    async def open(self, transport: str, tls: ssl.SSLContext | None) -> None:
        if transport == "udp":
            loop = asyncio.get_running_loop()
            sending, _protocol = await loop.create_datagram_endpoint(lambda: _Datagrams(self), local_addr=(HOST, 0))
            self.where = f"{HOST}:{sending.get_extra_info('sockname')[1]}"
            return
        server = await asyncio.start_server(self._serve, HOST, 0, ssl=tls)
        self._servers.append(server)
        self.where = f"{HOST}:{server.sockets[0].getsockname()[1]}"

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        framing = Framing()
        while data := await reader.read(65_536):
            for message in framing.feed(data)[0]:
                writer.write(self.answer(message))
        writer.close()

    def answer(self, data: bytes) -> bytes:
        request = parse(data)
        assert isinstance(request, Request)
        self.got.append(request)
        response = request.response(200 if request.get("Authorization") else 401, tag="registrar")
        if response.status == 401:
            response.add("WWW-Authenticate", 'Digest realm="ims.vnpt.vn", nonce="n", qop="auth", algorithm=MD5')
        else:
            response.add("Contact", request.get("Contact"))
        return response.encode()

    async def close(self) -> None:
        for server in self._servers:
            server.close()


class _Datagrams(asyncio.DatagramProtocol):
    def __init__(self, registrar: Registrar) -> None:
        self._registrar = registrar

    def connection_made(self, transport: asyncio.DatagramTransport) -> None:  # type: ignore[override]
        self._transport = transport

    def datagram_received(self, data: bytes, address: tuple[str, int]) -> None:
        self._transport.sendto(self._registrar.answer(data), address)


@pytest.fixture
async def registrar() -> AsyncIterator[Registrar]:
    made = Registrar()
    yield made
    await made.close()


def clock() -> datetime:
    return datetime(2026, 3, 2, 8, tzinfo=UTC)


@pytest.mark.parametrize("transport", ["udp", "tcp", "tls"])
async def test_we_register_and_are_called_where_we_said_that_we_are(
    transport: str, registrar: Registrar, tmp_path: Path
) -> None:
    certificate, key = own_certificate(tmp_path, ["sip.trunk.vn"])
    theirs = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    theirs.load_cert_chain(certificate, key)
    await registrar.open(transport, theirs if transport == "tls" else None)
    tls = {"tls_certificate": str(certificate), "tls_key": str(key), "tls_ca": str(certificate)}
    with socket.create_server((HOST, 0)) as free:
        tls_port = free.getsockname()[1] if transport == "tls" else 0
    settings = telephone(
        trunk=registrar.where,
        transport=transport,
        user="02333873100",
        password="secret",
        register=True,
        tls_name="sip.trunk.vn",
        tls_port=tls_port,
        **tls,
    )
    phone = Answering()
    ours = endpoint(settings, phone)
    ours.start()
    trunk = Trunk(settings, ours, clock)
    caller = Answering()
    client = ssl.create_default_context(cafile=str(certificate))
    there = Endpoint(
        Listening(
            host=HOST, udp_port=0, tcp_port=0, trunks=[HOST], client_tls=client, tls_names={HOST: "sip.trunk.vn"}
        ),
        caller,
    )
    there.start()
    try:
        trunk.start(ours.now)
        await until(lambda: trunk.standing)
        assert trunk.standing == Standing(True, 200, "OK")
        (contact,) = registrar.got[-1].contacts
        assert (contact.uri.user, contact.uri.host) == ("02333873100", HOST)
        assert (contact.uri.transport, contact.uri.port) == (transport, ours.port(transport))
        where = Peer(contact.uri.transport, contact.uri.host, contact.uri.port or 0)
        call = there.agent.call(contact.uri, Address(read_uri(f"sip:0901@{HOST}")), where, SDP, there.now)
        await until(lambda: call.state is CallState.UP)
        assert phone.calls[0].dialled == "02333873100"  # type: ignore[attr-defined]
    finally:
        trunk.stop(ours.now)
        await until(lambda: registrar.got[-1].get("Expires") == "0")
        await ours.close()
        await there.close()


async def test_an_ims_knows_us_by_its_domain_and_another_name(registrar: Registrar) -> None:
    await registrar.open("udp", None)
    settings = telephone(
        trunk=registrar.where,
        user="+842333873100",
        domain="ims.vnpt.vn",
        auth_user="842333873100@ims.vnpt.vn",
        password="secret",
        register=True,
    )
    ours = endpoint(settings, Answering())
    ours.start()
    trunk = Trunk(settings, ours, clock)
    try:
        trunk.start(ours.now)
        await until(lambda: trunk.standing)
        request = registrar.got[-1]
        assert (request.target, str(request.to.uri)) == ("sip:ims.vnpt.vn", "sip:+842333873100@ims.vnpt.vn")
        assert request.sender.uri == request.to.uri
        assert 'username="842333873100@ims.vnpt.vn"' in (request.get("Authorization") or "")
        assert str(trunk.local.uri) == "sip:+842333873100@ims.vnpt.vn"
        assert str(trunk.uri("0912000111")) == "sip:0912000111@ims.vnpt.vn"
    finally:
        await ours.close()


async def test_without_a_domain_and_another_name_the_addresses_stand() -> None:
    settings = telephone(trunk="198.51.100.5:5060", user="02333873100", password="secret")
    ours = endpoint(settings, Answering())
    trunk = Trunk(settings, ours, clock)
    assert str(trunk.local.uri) == f"sip:02333873100@{HOST}"
    assert str(trunk.uri("0912000111")) == "sip:0912000111@198.51.100.5"
    assert trunk.credentials is not None and trunk.credentials.username == "02333873100"


def test_calls_that_come_by_tls_go_on_by_it_and_proofs_are_for_the_trunk_alone(tmp_path: Path) -> None:
    """Though calls of ours go by UDP: a connection that is lost is made anew."""
    certificate, key = own_certificate(tmp_path, [HOST])
    tls = {"tls_port": 5061, "tls_certificate": str(certificate), "tls_key": str(key)}
    ours = endpoint(telephone(trunk="198.51.100.5:5060", user="we", password="secret", **tls), Answering())
    assert ours._listening.client_tls is not None
    proof = ours.agent.credentials(Peer("tls", "198.51.100.5", 40_000))
    assert proof is not None and proof.username == "we"
    assert ours.agent.credentials(Peer("udp", HOST, 5060)) is None


def test_since_when_the_trunk_is_up_or_down() -> None:
    at = [clock()]
    settings = telephone(trunk="198.51.100.5:5060")
    trunk = Trunk(settings, endpoint(settings, Answering()), lambda: at[0])
    for minute, up in enumerate([False, False, True, True, False]):
        at[0] = clock() + timedelta(minutes=minute)
        trunk._stands(Standing(up, 200 if up else 503, ""), 0.0)
        assert trunk.since == clock() + timedelta(minutes=[0, 0, 2, 2, 4][minute])
