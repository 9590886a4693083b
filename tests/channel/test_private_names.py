"""What of aiohttp, Engine.IO, Socket.IO and asyncio is touched by names that they promise nobody.

The other tests of this folder fail, too, when a newer version moves one, but with a connection that does not open.
These say which name it was, and who touches it.
"""

from __future__ import annotations

import asyncio
import importlib
import ssl
from collections.abc import AsyncIterator
from importlib.metadata import version
from pathlib import Path
from typing import Any

import bidict
import pytest
from aiohttp import ClientSession, web
from aiohttp.base_protocol import BaseProtocol
from aiohttp.test_utils import TestServer

from server import certificate
from server.channel.direct import DirectSocket
from tests.channel.test_channel import Harness, harness, until

assert harness

LINE, DIRECT, INTAKE, HEART, READER, ROOMS = (
    f"server/channel/{name}.py" for name in ("line", "direct", "intake", "heart", "reader", "rooms")
)
AIOHTTP, ENGINE_IO, SOCKET_IO, BIDICT = "aiohttp", "python-engineio", "python-socketio", "bidict"

OF_AN_OPEN_WEBSOCKET = [
    (LINE, "protocol", "_paused _reading_paused _payload_parser transport connection_lost"),
    (DIRECT, "protocol", "_payload_parser transport"),
    (INTAKE, "protocol", "_reading_paused data_received transport"),
    (LINE, "response", "_reader _writer"),
    (DIRECT, "response", "_req _set_closed closed"),
    (LINE, "response._reader", "_buffer _protocol exception read"),
    (LINE, "response._writer", "protocol send_frame close"),
    (READER, "protocol._payload_parser", "feed_data feed_eof"),
    (LINE, "base", "_upgraded _paused _reading_paused _drain_helper pause_reading pause_writing"),
]
OF_A_SERVER = [
    (ENGINE_IO, DIRECT, "sio.eio", "_async handlers sockets send_packet max_http_buffer_size reason"),
    (ENGINE_IO, HEART, "sio.eio", "sockets ping_interval ping_timeout"),
    (ENGINE_IO, DIRECT, "socket", "sid closed closing connected upgraded upgrading queue last_ping receive close"),
    (ENGINE_IO, HEART, "socket", "closed closing last_ping check_ping_timeout"),
    (ENGINE_IO, DIRECT, "driver", "_sock handler server send"),
    (SOCKET_IO, DIRECT, "sio", "environ handlers manager _binary_packet"),
    (SOCKET_IO, DIRECT, "sio.manager", "rooms is_connected pre_disconnect basic_disconnect sid_from_eio_sid"),
    (SOCKET_IO, ROOMS, "sio.manager", "rooms callbacks pending_disconnect pending_connect basic_enter_room"),
    (BIDICT, DIRECT, "members", "_fwdm"),
]


def lost(library: str, thing: str, name: str, ours: str) -> str:
    """The sentence for whoever has installed a newer version."""
    return (
        f"{library} {version(library)} has no `{name}` in its {thing} any more, which {ours} touches: read there what "
        f"it is for, find what {library} has in its place, and only then pin that version"
    )


def check(library: str, ours: str, thing: str, start: Any, names: str) -> None:
    found = start
    for name in thing.split(".")[1:]:
        assert hasattr(found, name), lost(library, thing, name, ours)
        found = getattr(found, name)
    for name in names.split():
        assert hasattr(found, name), lost(library, thing, name, ours)


@pytest.fixture
async def opened() -> AsyncIterator[dict[str, Any]]:
    """aiohttp's own objects while a WebSocket is open that nobody has taken over."""
    things: dict[str, Any] = {"base": BaseProtocol(asyncio.get_running_loop())}
    done = asyncio.Event()

    async def handle(request: web.Request) -> web.WebSocketResponse:
        response = web.WebSocketResponse()
        await response.prepare(request)
        things.update(protocol=request.protocol, response=response)
        await done.wait()
        return response

    app = web.Application()
    app.router.add_get("/", handle)
    async with TestServer(app) as server, ClientSession() as session, session.ws_connect(server.make_url("/")):
        yield things
        done.set()


@pytest.mark.parametrize(("ours", "thing", "names"), OF_AN_OPEN_WEBSOCKET)
async def test_aiohttp_has_what_is_taken_over(opened: dict[str, Any], ours: str, thing: str, names: str) -> None:
    check(AIOHTTP, ours, thing, opened[thing.partition(".")[0]], names)


async def test_aiohttp_reads_through_the_names_that_are_replaced(opened: dict[str, Any]) -> None:
    """A name that is there but is asked for no more would be replaced in vain."""
    protocol, response = opened["protocol"], opened["response"]
    assert response._reader._protocol is protocol, lost(AIOHTTP, "reader of a response", "_protocol", LINE)
    assert response._writer.protocol is protocol, lost(AIOHTTP, "writer of a response", "protocol", LINE)
    given: list[bytes] = []

    class Spy:
        def feed_data(self, data: bytes) -> tuple[bool, bytes]:
            given.append(data)
            return False, b""

        def feed_eof(self) -> None:
            pass

    protocol._payload_parser = Spy()
    protocol.data_received(b"x")
    assert given == [b"x"], f"aiohttp {version(AIOHTTP)} gives what comes no more to `_payload_parser`: see {LINE}"


def test_aiohttp_has_its_way_to_unmask() -> None:
    helpers = importlib.import_module("aiohttp._websocket.helpers")
    assert hasattr(helpers, "websocket_mask"), lost(AIOHTTP, "_websocket.helpers", "websocket_mask", READER)
    text = bytearray(b"abcde")
    helpers.websocket_mask(b"\1\2\3\4", text)
    assert text == bytes(a ^ b for a, b in zip(b"abcde", b"\1\2\3\4\1", strict=True)), f"see {READER}"


@pytest.mark.parametrize(("library", "ours", "thing", "names"), OF_A_SERVER)
async def test_engine_io_and_socket_io_have_what_is_touched(
    harness: Harness, library: str, ours: str, thing: str, names: str
) -> None:
    await harness.connect("leader.1")
    sio = harness.channel.sio
    await until(lambda: bool(harness.channel._callers))
    (socket,) = sio.eio.sockets.values()
    members = sio.manager.rooms["/"]["unit:1"]
    assert isinstance(members, bidict.bidict)
    assert issubclass(sio.eio._async["websocket"], DirectSocket), lost(ENGINE_IO, "sio.eio", "_async", DIRECT)
    (driver,) = sio.eio._async["websocket"].all.values()
    start = {"sio": sio, "socket": socket, "members": members, "driver": driver}[thing.partition(".")[0]]
    check(library, ours, thing, start, names)
    assert hasattr(socket.queue, "_unfinished_tasks"), f"asyncio's queue has no `_unfinished_tasks`: see {DIRECT}"


async def test_asyncio_keeps_the_transport_below_tls_where_it_is_looked_for(tmp_path: Path) -> None:
    server_side, client_side = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER), ssl.create_default_context()
    server_side.load_cert_chain(*certificate.own_certificate(tmp_path, []))
    client_side.check_hostname, client_side.verify_mode = False, ssl.CERT_NONE
    served: asyncio.Queue[Any] = asyncio.Queue()
    server = await asyncio.start_server(lambda _reader, writer: served.put_nowait(writer), "127.0.0.1", ssl=server_side)
    async with server:
        _reader, writer = await asyncio.open_connection(*server.sockets[0].getsockname(), ssl=client_side)
        transport = (await served.get()).transport
        below = getattr(getattr(transport, "_ssl_protocol", None), "_transport", None)
        assert isinstance(below, asyncio.Transport), (
            f"asyncio's transports with TLS have no `_ssl_protocol._transport` any more: see `_lowest` in {LINE}"
        )
        assert below is not transport
        transport.abort()
        writer.transport.abort()
