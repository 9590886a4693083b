"""Messages that are none: their sender's connection ends, and the log has a line of it, not a story."""

from __future__ import annotations

import asyncio
import json
import logging

import pytest
from aiohttp import ClientSession, ClientWebSocketResponse, WSMsgType

from tests.channel.test_channel import Harness, harness, until

assert harness

NONSENSE: dict[str, str | bytes] = {
    "no packet of Engine.IO": "x",
    "no packet of Socket.IO": "4x",
    "an unknown kind": "49",
    "an event without anything": "42",
    "an event that is no list": "42{}",
    "an event without a name": "42[]",
    "a number for a name": "42[1]",
    "a list for a name": "42[[]]",
    "broken JSON": '42["channel.ack",{"seq":',
    "a number that is too long": "42" + "1" * 120,
    "deep JSON": '42["channel.ack",' + "[" * 100_000,
    "deep JSON where no JSON belongs": "4" + "[" * 100_000,
    "an answer that is no list": '431"x"',
    "a refusal, which only servers send": "44",
    "too many attachments": "45" + "1" * 11 + '-["x"]',
    "attachments without an end": "45" + "1" * 10 + '-["x"]',
    "one attachment": '451-["x",{"_placeholder":true,"num":0}]',
    "an attachment of nothing": b"\x00\x01",
}
UPGRADE = ("2probe", "5")


async def _ended(socket: ClientWebSocketResponse) -> bool:
    """Whether the server ends a connection, whatever it has said before."""
    try:
        async with asyncio.timeout(5):
            return [one.type async for one in socket if one.type is WSMsgType.ERROR] == [] and socket.closed
    except TimeoutError:
        return False


async def _send(harness: Harness, began: str, frame: str | bytes) -> bool:
    """Whether the connection of somebody who sends this is ended."""
    url = harness.server.make_url("/socket.io/?EIO=4&transport=polling")
    async with ClientSession() as session:
        if began == "by polling":
            opened = await (await session.get(url)).text()
            url = url.update_query(sid=json.loads(opened[1:])["sid"])
        async with session.ws_connect(url.update_query(transport="websocket")) as socket:
            if began == "by polling":
                for packet in UPGRADE:
                    await socket.send_str(packet)
            await socket.receive()
            if began != "a stranger":
                await socket.send_str('40{"token":"leader.1"}')
                await socket.receive()
            await (socket.send_bytes(frame) if isinstance(frame, bytes) else socket.send_str(frame))
            return await _ended(socket)


@pytest.mark.parametrize("began", ["signed in", "a stranger", "by polling"])
async def test_its_sender_is_let_go_and_others_stay(
    harness: Harness, caplog: pytest.LogCaptureFixture, began: str
) -> None:
    caplog.set_level(logging.INFO)
    other = await harness.connect("leader.2")
    assert [name for name, frame in NONSENSE.items() if not await _send(harness, began, frame)] == []
    await until(lambda: harness.channel.presence.connected() == [2])
    assert other.connected
    assert [record.message for record in caplog.records if record.exc_info or record.levelno >= logging.ERROR] == []
    assert all(len(record.getMessage()) < 300 for record in caplog.records)
