"""Credentials for relays: as coturn reckons them, shown with a real coturn, which reaches the media address alone."""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest
from aioice import stun
from aioice.turn import create_turn_endpoint

from server.config import Turn
from server.meetings.turn import IceServer, credential, ice_servers
from tests.conftest import As, DistrictIds
from tests.e2e.harness import until
from tests.e2e.network import Link, link
from tests.e2e.relay import Relay, relay

NOW = datetime(2026, 11, 24, 1, 0, tzinfo=UTC)
TURN = Turn(urls=["turn:turn.example:3478"], secret="so-secret", ttl_minutes=60)


def test_the_password_is_the_hmac_of_the_name() -> None:
    # printf 1795482000:a7 | openssl dgst -sha1 -hmac north -binary | base64
    assert credential("north", "1795482000:a7") == "okuDElUcY0qIQRLtSFp3b6zQrKo="


def test_a_person_gets_a_name_that_ends_by_itself(district: DistrictIds) -> None:
    who = district.who("camthuy")
    given = ice_servers(TURN, who, NOW)
    (server,) = given.ice
    expiry, _, user = server.username.partition(":")
    assert int(expiry) == int((NOW + timedelta(hours=1)).timestamp())
    assert user == f"a{who.account_id}"
    assert server.credential == credential("so-secret", server.username)
    assert given.seconds == 1800, "asked for anew long before the end"


def test_without_relays_nothing_is_given(district: DistrictIds) -> None:
    assert ice_servers(Turn(), district.who("camthuy"), NOW).ice == []


@pytest.mark.parametrize(
    "values",
    [
        {"urls": ["turn:a:1"]},
        {"urls": ["stun:a:1"], "secret": "s"},
        {"urls": ["https://a"], "secret": "s"},
        {"urls": ["turn://turn.example.vn:3478"], "secret": "s"},
        {"urls": ["turn:"], "secret": "s"},
        {"urls": ["turn:a:99999"], "secret": "s"},
        {"urls": ["turns:a:443?transport=tls"], "secret": "s"},
        {"urls": ["turn:a:1?transport=tcp "], "secret": "s"},
        {"ttl_minutes": 0},
    ],
)
def test_settings_that_no_browser_would_take_are_refused(values: dict[str, object]) -> None:
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert(values, Turn)


@pytest.mark.parametrize(
    "url",
    ["turn:a", "turn:10.0.0.1:3478", "turns:turn.a-b.vn:443?transport=tcp", "turn:[2001:db8::1]:3478?transport=udp"],
)
def test_settings_that_every_browser_takes(url: str) -> None:
    assert msgspec.convert({"urls": [url], "secret": "s"}, Turn).urls == [url]


async def test_programs_ask_before_they_join(as_: As) -> None:
    answer = await (await as_("quantri")).get("/api/v1/ice")
    assert await answer.json() == {"ice": [], "seconds": None}
    assert (await (await as_(None)).get("/api/v1/ice")).status == 401


# ---- a real coturn


class Relayed(asyncio.DatagramProtocol):
    """What came back through the relay, and what it refused."""

    def __init__(self) -> None:
        self.heard: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()

    def datagram_received(self, data: bytes, addr: object) -> None:
        self.heard.set_result(data)

    def error_received(self, exc: Exception) -> None:
        self.heard.set_exception(exc)


class Echo(asyncio.DatagramProtocol):
    """Stands where the media node stands."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport: Any = transport

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        self.transport.sendto(data, addr)


@pytest.fixture
def turn(tmp_path: Path) -> Iterator[tuple[Relay, Link]]:
    with link() as line, relay(tmp_path / "turn", line.here) as running:
        yield running, line


async def through(turn: Relay, kind: str, given: IceServer, peer: tuple[str, int]) -> bytes:
    """Send a datagram to `peer` through the relay and give the answer. Raises what the relay says against it."""
    trust = ssl.create_default_context(cafile=str(turn.certificate)) if kind == "tls" else None
    transport, relayed = await create_turn_endpoint(
        Relayed,
        (turn.address, turn.tls_port if kind == "tls" else turn.port),
        username=given.username,
        password=given.credential,
        ssl=trust,
        transport="udp" if kind == "udp" else "tcp",
    )
    try:
        transport.sendto(b"xin chao", peer)
        return await asyncio.wait_for(relayed.heard, 10)
    finally:
        transport.close()
        await asyncio.sleep(0.1)  # it gives the relayed address back


async def test_who_has_credentials_reaches_the_media_address_and_nobody_else(
    turn: tuple[Relay, Link], district: DistrictIds
) -> None:
    running, line = turn
    settings = Turn(urls=running.urls("tcp"), secret=running.secret)
    (given,) = ice_servers(settings, district.who("camthuy"), datetime.now(UTC)).ice
    loop = asyncio.get_running_loop()
    node, _ = await loop.create_datagram_endpoint(Echo, (line.here, 0))
    other, _ = await loop.create_datagram_endpoint(Echo, ("127.0.0.1", 0))
    for kind in ("udp", "tcp", "tls"):
        assert await through(running, kind, given, node.get_extra_info("sockname")) == b"xin chao", kind
    for peer in (other.get_extra_info("sockname"), (line.there, 53), ("10.0.0.1", 53), ("8.8.8.8", 53)):
        with pytest.raises(stun.TransactionFailed, match="403"):
            await through(running, "tcp", given, peer)
    node.close()
    other.close()


async def test_credentials_end_and_cannot_be_made_up(turn: tuple[Relay, Link], district: DistrictIds) -> None:
    running, line = turn
    settings = Turn(urls=running.urls("tcp"), secret=running.secret, ttl_minutes=60)
    who, now = district.who("camthuy"), datetime.now(UTC)
    (stale,) = ice_servers(settings, who, now - timedelta(hours=2)).ice
    (forged,) = ice_servers(msgspec.structs.replace(settings, secret="guessed"), who, now).ice
    for given in (stale, forged):
        with pytest.raises(stun.TransactionFailed, match="401"):
            await through(running, "tcp", given, (line.here, 9))


def test_a_renewed_certificate_is_taken_up(tmp_path: Path) -> None:
    with relay(tmp_path / "turn", "127.0.0.1", look_seconds=1) as running:
        before = _certificate(running)
        running.renew()
        until(lambda: _certificate(running) != before, 15, "the new certificate")


def _certificate(running: Relay) -> bytes:
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    plain = socket.create_connection((running.address, running.tls_port), timeout=5)
    with context.wrap_socket(plain) as secure:
        found = secure.getpeercert(binary_form=True)
    assert found is not None
    return found
