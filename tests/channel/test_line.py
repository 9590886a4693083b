"""Pages' connections after their handshake: aiohttp serves them no more, and all that a WebSocket does goes on.

Its private names of others stand in `test_private_names.py`, too, with a sentence each.
"""

from __future__ import annotations

import asyncio
import gc
import socket
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, nullcontext, suppress
from pathlib import Path
from typing import Any

import pytest
from aiohttp import ClientSession, ClientWebSocketResponse, WSMsgType, web
from aiohttp.test_utils import TestServer

from server import certificate
from server.channel import Channel
from server.channel.channel import MESSAGE_LIMIT
from server.channel.direct import DirectSocket
from server.channel.line import Line
from server.store import Store
from tests.channel.test_channel import Harness, direct_of, harness, person, until
from tests.channel.test_direct import client_frame

assert harness

HANDSHAKE = (
    b"GET /socket.io/?EIO=4&transport=websocket HTTP/1.1\r\nHost: h\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
)
SIGN_IN = b'40{"token":"leader.1"}'


@asynccontextmanager
async def opened(harness: Harness) -> AsyncIterator[ClientWebSocketResponse]:
    """A client that is connected and signed in, and answers nothing by itself."""
    url = harness.server.make_url("/socket.io/?EIO=4&transport=websocket")
    async with ClientSession() as session, session.ws_connect(url, autoping=False, autoclose=False) as client:
        await client.receive()
        await client.send_str(SIGN_IN.decode())
        await client.receive()
        yield client


async def write(client: ClientWebSocketResponse, data: bytes) -> None:
    """Bytes that aiohttp's client would not send."""
    client._response.connection.transport.write(data)  # type: ignore[union-attr]
    await asyncio.sleep(0)


def is_empty(harness: Harness) -> bool:
    """Whether nothing is kept of any connection."""
    channel = harness.channel
    sio = channel.sio
    return not any(
        (
            sio.eio.sockets,
            sio.environ,
            sio.manager.rooms,
            sio.eio._async["websocket"].all,
            channel._callers,
            channel._connections,
            channel._by_connection,
            channel._heart._slot_of,
            channel._intake._readings,
            channel._departures._open,
            channel.presence.connected(),
        )
    )


async def test_no_task_waits_on_a_connection_and_aiohttp_knows_it_no_more(harness: Harness) -> None:
    async with opened(harness):  # what is started once has been started
        tasks = len(asyncio.all_tasks())
    await until(lambda: is_empty(harness))
    async with opened(harness), opened(harness), opened(harness):
        await asyncio.sleep(0.05)
        assert len(asyncio.all_tasks()) <= tasks
        assert harness.server.runner is not None
        assert harness.server.runner.server is not None
        assert not harness.server.runner.server.connections
        lines = [direct_of(owner)._line for owner in harness.channel.sio.eio.sockets.values()]
        assert all(line.transport.get_protocol() is line and isinstance(line, Line) for line in lines)


async def test_what_comes_with_the_handshake_is_not_lost(harness: Harness) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", harness.server.port)
    writer.write(HANDSHAKE + client_frame(SIGN_IN) + client_frame(b'420["channel.ack",{"seq":1}]'))
    async with asyncio.timeout(10):
        await reader.readuntil(b'430[{"ok":true}]')
    writer.close()
    await until(lambda: is_empty(harness))


async def test_a_goodbye_is_answered(harness: Harness) -> None:
    async with opened(harness) as client:
        await client.send_frame(b"\x03\xe8", WSMsgType.CLOSE)
        answer = await client.receive(timeout=5)
        assert (answer.type, answer.data) == (WSMsgType.CLOSE, 1000)
        await until(lambda: is_empty(harness))


async def test_pings_are_answered_and_pongs_are_not(harness: Harness) -> None:
    async with opened(harness) as client:
        await write(client, client_frame(b"1", 0x89) + client_frame(b"x", 0x8A) + client_frame(b"2", 0x89))
        answers = [await client.receive(timeout=5), await client.receive(timeout=5)]
        assert [(answer.type, answer.data) for answer in answers] == [(WSMsgType.PONG, b"1"), (WSMsgType.PONG, b"2")]
        await client.send_str('421["channel.ack",{"seq":1}]')
        assert (await client.receive(timeout=5)).data == '431[{"ok":true}]'


async def test_a_message_in_pieces_is_put_together(harness: Harness) -> None:
    async with opened(harness) as client:
        frame = client_frame(b'421["channel.ack",', 0x01) + client_frame(b"?", 0x89) + client_frame(b'{"seq":1}]', 0x80)
        for at in range(len(frame)):
            await write(client, frame[at : at + 1])
            await asyncio.sleep(0)
        assert (await client.receive(timeout=5)).type is WSMsgType.PONG
        assert (await client.receive(timeout=5)).data == '431[{"ok":true}]'


@pytest.mark.parametrize(
    ("frame", "code"),
    [
        (client_frame(b"x", 0xF1), 1002),  # bits that mean nothing
        (client_frame(b"\xff"), 1007),  # no UTF-8
        (b"\x81\xff" + (MESSAGE_LIMIT + 1).to_bytes(8) + b"mask", 1009),
        (client_frame(b"x"), 1000),  # no packet of Engine.IO's
    ],
)
async def test_what_is_no_message_ends_its_connection_with_the_reason(
    harness: Harness, frame: bytes, code: int
) -> None:
    async with opened(harness) as client:
        await write(client, frame)
        answer = await client.receive(timeout=5)
        assert (answer.type, answer.data) == (WSMsgType.CLOSE, code)
        await until(lambda: is_empty(harness))


async def test_what_was_said_before_the_end_is_heard(harness: Harness) -> None:
    heard: list[int] = []
    harness.channel.on_ack.append(lambda _who, seq: heard.append(seq))
    async with opened(harness) as client:
        for seq in range(100):
            await write(client, client_frame(b'421["channel.ack",{"seq":%d}]' % seq))
        client.get_extra_info("socket").shutdown(socket.SHUT_RDWR)
        await until(lambda: is_empty(harness))
    assert sorted(heard) == list(range(100))


async def test_one_who_asks_and_does_not_read_is_read_no_further(harness: Harness) -> None:
    """Pings whose answers are not taken; without an end to it they would fill the memory."""
    _reader, writer = await asyncio.open_connection("127.0.0.1", harness.server.port)
    writer.write(HANDSHAKE + client_frame(SIGN_IN))
    await until(lambda: harness.channel.presence.connected() == [1])
    (owner,) = harness.channel.sio.eio.sockets.values()
    transport = direct_of(owner)._transport
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(2):
            while True:
                writer.write(client_frame(b"x" * 125, 0x89) * 1000)
                await writer.drain()
    assert transport.get_write_buffer_size() < 1 << 20
    writer.transport.abort()
    await until(lambda: is_empty(harness))


async def test_those_who_vanish_at_once_leave_nothing_behind(harness: Harness) -> None:
    def kept() -> int:
        return sum(isinstance(thing, (DirectSocket, Line)) for thing in gc.get_objects())

    gc.collect()
    gc.disable()  # what is let go of must not wait for it
    try:
        before = kept()
        left: list[Any] = []
        harness.channel.on_leave.append(lambda caller: left.append(caller.sid))
        ends = [await asyncio.open_connection("127.0.0.1", harness.server.port) for _ in range(50)]
        for reader, writer in ends:
            writer.write(HANDSHAKE + client_frame(SIGN_IN))
            await reader.readuntil(b"40{")
        await until(lambda: len(harness.channel._callers) == 50)
        assert harness.channel.presence.connected() == [1]
        for _reader, writer in ends:
            writer.transport.abort()
        await until(lambda: is_empty(harness))
        assert len(set(left)) == 50
        await until(lambda: kept() == before, 5)
    finally:
        gc.enable()


async def test_a_handshake_that_fails_leaves_nothing_behind(harness: Harness) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", harness.server.port)
    writer.write(HANDSHAKE.replace(b"Sec-WebSocket-Key", b"X-Other"))
    assert b" 400 " in await reader.readline()
    writer.close()
    await until(lambda: is_empty(harness))


@asynccontextmanager
async def encrypted(folder: Path) -> AsyncIterator[Harness]:
    """A channel behind TLS."""

    async def identify(_cookie: str | None, bearer: str | None) -> Any:
        return person(bearer or "")

    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*certificate.own_certificate(folder, []))
    store = Store(f"sqlite:///{folder}/t.db")
    store.create_schema()
    app = web.Application()
    channel = Channel(store, identify)
    channel.attach(app)
    server = TestServer(app)
    await server.start_server(ssl=context)
    try:
        yield Harness(server, channel, store)
    finally:
        await server.close()
        store.close()


async def test_a_connection_with_tls_is_taken_over_too(tmp_path: Path) -> None:
    async with encrypted(tmp_path) as running, ClientSession() as session:
        url = running.server.make_url("/socket.io/?EIO=4&transport=websocket")
        async with session.ws_connect(url, ssl=False) as client:
            await client.receive()
            await client.send_str(SIGN_IN.decode())
            await client.receive()
            for seq in range(3):
                await client.send_str(f'421["channel.ack",{{"seq":{seq},"x":"{"y" * 100_000}"}}]')
                assert (await client.receive(timeout=5)).data == '431[{"ok":true}]'
            assert running.channel.presence.connected() == [1]
        await until(lambda: is_empty(running))
        async with session.ws_connect(url, ssl=False) as client:
            await client.receive()
            await running.server.close()  # ends it
            assert (await client.receive(timeout=5)).type in (WSMsgType.CLOSE, WSMsgType.CLOSED, WSMsgType.ERROR)
        assert is_empty(running)


def transports_of(server: TestServer) -> list[asyncio.Transport]:
    """Those of asyncio's, alive or not, that have the server's end of a connection."""
    found = [thing for thing in gc.get_objects() if isinstance(thing, asyncio.Transport)]
    return [one for one in found if one.get_extra_info("sockname") == ("127.0.0.1", server.port)]


async def come_and_go(harness: Harness, tls: ssl.SSLContext | None, *, vanish: bool) -> None:
    """Ten pages connect; then they vanish, or close what they have."""
    ends = [await asyncio.open_connection("127.0.0.1", harness.server.port, ssl=tls) for _ in range(10)]
    for reader, writer in ends:
        writer.write(HANDSHAKE + client_frame(SIGN_IN))
        await reader.readuntil(b"40{")
    assert len(transports_of(harness.server)) >= len(ends)  # else they would be looked for in vain
    for _reader, writer in ends:
        if vanish:
            writer.transport.abort()
        else:
            writer.write(client_frame(b"\x03\xe8", 0x88))
            writer.close()
    await until(lambda: is_empty(harness))


@pytest.mark.parametrize("vanish", [True, False])
@pytest.mark.parametrize("tls", [True, False])
async def test_asyncio_keeps_nothing_of_a_connection_that_has_ended(
    harness: Harness, tmp_path: Path, *, tls: bool, vanish: bool
) -> None:
    """Its transport holds itself: a kilobyte each, that is, 4 MB with every 4,000 pages that vanish and come back."""
    client = ssl.create_default_context()
    client.check_hostname, client.verify_mode = False, ssl.CERT_NONE
    gc.collect()
    gc.disable()  # which in a server comes seldom, and to what is old all but never
    try:
        async with encrypted(tmp_path) if tls else nullcontext(harness) as running:
            await come_and_go(running, client if tls else None, vanish=vanish)
            with suppress(TimeoutError):
                await until(lambda: not transports_of(running.server), 5)
            assert not transports_of(running.server), (
                "asyncio's transports outlive their connections: see which of their attributes are methods bound to "
                "themselves, and let `_let_go_of_itself` in server/channel/line.py remove these"
            )
    finally:
        gc.enable()
