"""Reading in asyncio's place: the same bytes in the same order, the same end, and aiohttp's pauses are kept.

These tests also hold the private name that `server/channel/intake.py` touches.
"""

from __future__ import annotations

import asyncio
import os
import socket
from collections.abc import AsyncIterator

import pytest
from aiohttp import web
from aiohttp.web_protocol import RequestHandler

from server.channel import intake as module
from server.channel.intake import Intake, Reading
from server.channel.packets import frame_of
from tests.channel.test_channel import Harness, direct_of, harness, until

assert harness


class Protocol(asyncio.Protocol):
    """In the place of aiohttp's: what it was given, and whether it takes more."""

    def __init__(self) -> None:
        self.transport: asyncio.Transport | None = None
        self.got = b""
        self.lost = False
        self.fails = False
        self._reading_paused = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        if self.fails:
            raise RuntimeError("as asked")
        self.got += data

    def connection_lost(self, error: Exception | None) -> None:
        self.lost = True


class Line:
    """A connection that is read by an intake; `other` is the far end, and `taken` what was taken out."""

    def __init__(self, intake: Intake) -> None:
        self.intake = intake
        self.protocol = Protocol()
        self.taken: list[bytes] = []
        self.reading: Reading | None = None

    async def open(self, pair: tuple[socket.socket, socket.socket]) -> Line:
        self.other, near = pair
        near.setblocking(False)
        await asyncio.get_running_loop().connect_accepted_socket(lambda: self.protocol, near)
        self.reading = self.intake.enter(self.protocol, self.take)
        return self

    def take(self, data: bytes) -> bool:
        if data.startswith(b"ack"):
            self.taken.append(data)
        return data.startswith(b"ack")


class Lines:
    """An intake that runs, and its connections."""

    def __init__(self) -> None:
        self.intake = Intake()
        self.made: list[Line] = []

    async def open(self, pair: tuple[socket.socket, socket.socket] | None = None) -> Line:
        self.made.append(Line(self.intake))
        return await self.made[-1].open(pair or socket.socketpair())


@pytest.fixture
async def lines() -> AsyncIterator[Lines]:
    made = Lines()
    running = made.intake.run(web.Application())
    await anext(running)
    yield made
    for line in made.made:
        line.other.close()
    await until(lambda: all(line.protocol.lost for line in made.made))
    with pytest.raises(StopAsyncIteration):
        await anext(running)


async def test_what_is_not_taken_goes_to_the_protocol_in_order(lines: Lines, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "READ_AT_ONCE", 7)
    line = await lines.open()
    sent = bytes(range(97, 123)) * 40
    line.other.sendall(sent)
    await until(lambda: len(line.protocol.got) == len(sent))
    assert line.protocol.got == sent
    line.other.sendall(b"ack 1")
    await until(lambda: line.taken == [b"ack 1"])
    assert line.protocol.got == sent


async def test_the_end_of_a_connection_is_the_end(lines: Lines) -> None:
    closed, reset = await lines.open(), await lines.open()
    closed.other.close()
    await until(lambda: closed.protocol.lost)
    assert reset.protocol.transport is not None
    reset.protocol.transport.abort()
    await until(lambda: reset.protocol.lost)
    for line in (closed, reset):
        assert line.reading is not None
        lines.intake.leave(line.reading)
    assert not lines.intake._readings


async def test_who_cannot_take_more_is_left_to_asyncio(lines: Lines) -> None:
    line = await lines.open()
    line.protocol._reading_paused = True  # as aiohttp says while too much waits
    line.other.sendall(b"first")
    await until(lambda: line.protocol.got == b"first")
    line.other.sendall(b"second")
    other = await lines.open()
    other.other.sendall(b"here")
    await until(lambda: other.protocol.got == b"here")
    assert line.protocol.got == b"first"
    assert line.protocol.transport is not None
    line.protocol.transport.resume_reading()
    await until(lambda: line.protocol.got == b"firstsecond")


async def test_one_that_fails_is_cut_off_and_no_other(lines: Lines) -> None:
    bad, good = await lines.open(), await lines.open()
    bad.protocol.fails = True
    bad.other.sendall(b"x")
    good.other.sendall(b"y")
    await until(lambda: bad.protocol.lost and good.protocol.got == b"y")
    assert not good.protocol.lost


async def test_one_that_is_being_closed_gets_nothing_more(lines: Lines) -> None:
    line = await lines.open()
    assert line.protocol.transport is not None
    line.other.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    line.protocol.transport.write(b"x" * 1_000_000)  # so that it stays open until the far end has read
    line.protocol.transport.close()
    line.other.sendall(b"too late")
    line.other.shutdown(socket.SHUT_WR)
    await until(lambda: line.protocol.lost)
    assert not line.protocol.got


async def test_who_leaves_is_read_by_asyncio(lines: Lines) -> None:
    line = await lines.open()
    assert line.reading is not None
    lines.intake.leave(line.reading)
    line.other.sendall(b"ack that nobody takes out")
    await until(lambda: line.protocol.got == b"ack that nobody takes out")
    assert not line.taken


async def test_a_descriptor_that_is_used_again_belongs_to_the_new_one(lines: Lines) -> None:
    old, (far, near) = await lines.open(), socket.socketpair()
    assert old.reading is not None
    assert old.protocol.transport is not None
    old.protocol.transport.abort()
    await until(lambda: old.protocol.lost)
    os.dup2(near.fileno(), old.reading.fd)
    near.close()
    new = await lines.open((far, socket.socket(fileno=old.reading.fd)))
    assert new.reading is not None
    assert new.reading.fd == old.reading.fd
    lines.intake.leave(old.reading)
    new.other.sendall(b"still here")
    await until(lambda: new.protocol.got == b"still here")
    assert not new.protocol.transport.is_reading()  # type: ignore[union-attr]


async def test_connections_of_pages_are_read_here(harness: Harness) -> None:
    assert hasattr(RequestHandler, "_reading_paused")
    client = await harness.connect("leader.1")
    (reading,) = harness.channel._intake._readings.values()
    assert reading.protocol._reading_paused is False
    assert not reading.transport.is_reading()
    answer = await client.call("channel.ack", {"seq": 1, "x": "y" * 200_000}, timeout=5)  # many reads
    assert answer == {"ok": True}
    await client.disconnect()
    await until(lambda: not harness.channel._intake._readings)


async def test_a_heartbeat_is_answered_here(harness: Harness) -> None:
    await harness.connect("leader.1")
    (owner,) = harness.channel.sio.eio.sockets.values()
    assert direct_of(owner).write(frame_of(b"2"))
    direct_of(owner).unanswered = True
    await until(lambda: not direct_of(owner).unanswered)
