"""Messages that are none: their sender's connection ends, and the log has a line of it, not a story."""

from __future__ import annotations

import asyncio
import logging

import pytest
from aiohttp import ClientSession, ClientWebSocketResponse, WSMsgType

from tests.channel.test_channel import Harness, harness, until

assert harness

NONSENSE = {
    "no packet of Socket.IO": ["4x"],
    "an unknown kind": ["49"],
    "an event without anything": ["42"],
    "an event that is no list": ["42{}"],
    "an event without a name": ["42[]"],
    "a number for a name": ["42[1]"],
    "a list for a name": ["42[[]]"],
    "broken JSON": ['42["channel.ack",{"seq":'],
    "a number that is too long": ["42" + "1" * 120],
    "deep JSON": ['42["channel.ack",' + "[" * 100_000],
    "deep JSON where no JSON belongs": ["4" + "[" * 100_000],
    "an answer that is no list": ['431"x"'],
    "a refusal, which only servers send": ["44"],
    "too many attachments": ["45" + "1" * 11 + '-["x"]'],
    "an attachment of nothing": [b"\\x00\\x01"],
    "an attachment in a place that is not there": ['451-["x",{"_placeholder":true,"num":5}]', b"\\x00"],
    "an attachment by a name": ['451-["x",{"_placeholder":true,"num":"one"}]', b"\\x00"],
}


async def _ended(socket: ClientWebSocketResponse) -> bool:
    """Whether the server ends a connection, whatever it has said before."""
    async with asyncio.timeout(5):
        return [one.type async for one in socket if one.type is WSMsgType.ERROR] == [] and socket.closed


@pytest.mark.parametrize("frames", NONSENSE.values(), ids=list(NONSENSE))
@pytest.mark.parametrize("signed_in", [True, False])
async def test_its_sender_is_let_go_and_others_stay(
    harness: Harness, caplog: pytest.LogCaptureFixture, frames: list[str | bytes], signed_in: bool
) -> None:
    caplog.set_level(logging.INFO)
    other = await harness.connect("leader.2")
    url = harness.server.make_url("/socket.io/?EIO=4&transport=websocket")
    async with ClientSession() as session, session.ws_connect(url) as socket:
        await socket.receive()
        if signed_in:
            await socket.send_str('40{"token":"leader.1"}')
            await socket.receive()
        for frame in frames:
            await (socket.send_bytes(frame) if isinstance(frame, bytes) else socket.send_str(frame))
        assert await _ended(socket)
    await until(lambda: harness.channel.presence.connected() == [2])
    assert other.connected
    assert [record.message for record in caplog.records if record.exc_info or record.levelno >= logging.ERROR] == []
    assert all(len(record.getMessage()) < 300 for record in caplog.records)
