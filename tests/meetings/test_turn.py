"""Credentials for relays: as coturn reckons them, shown with a real coturn, which reaches the media address alone."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec
import pytest
from aioice import stun
from aioice.turn import TurnClientTcpProtocol, create_turn_endpoint

from server.config import Turn
from server.meetings.turn import credential, ice_servers
from tests.conftest import As, DistrictIds
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
        {"ttl_minutes": 0},
    ],
)
def test_settings_that_no_browser_would_take_are_refused(values: dict[str, object]) -> None:
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert(values, Turn)


async def test_programs_ask_before_they_join(as_: As) -> None:
    answer = await (await as_("quantri")).get("/api/v1/ice")
    assert await answer.json() == {"ice": [], "seconds": None}
    assert (await (await as_(None)).get("/api/v1/ice")).status == 401


# ---- a real coturn


@pytest.fixture
def turn(tmp_path: Path) -> Iterator[tuple[Relay, Link]]:
    with link() as line, relay(tmp_path / "turn", line.here) as running:
        yield running, line


@asynccontextmanager
async def allocation(turn: Relay, username: str, password: str):  # type: ignore[no-untyped-def]
    """A relayed address over TCP, as a browser makes one; gives aioice's client."""
    made: list[TurnClientTcpProtocol] = []

    class Kept(asyncio.DatagramProtocol):
        """Puts what comes into `made[0].heard`."""

    transport, _ = await create_turn_endpoint(
        Kept, (turn.address, turn.port), username=username, password=password, transport="tcp"
    )
    yield transport
    transport.close()
    await asyncio.sleep(0)
