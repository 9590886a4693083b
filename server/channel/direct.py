"""Frames written straight to idle connections, and acknowledgements read without a task each (DESIGN, The channel).

python-socketio does handshakes, rooms and all slow cases; this is the short way for one event to a thousand units. A
connection that is a WebSocket from the start has a task only while there is something to read, and another one while
something waits to be written. What is touched of the private names of Engine.IO and aiohttp stands here and in
`heart.py`, `intake.py`, `line.py` and `reader.py` alone. Both are pinned, and a test fails when one of these names
moves (`tests/channel/test_direct.py`, `test_line.py`).
"""

from __future__ import annotations

import asyncio
import contextvars
import logging
import socket
from collections.abc import Awaitable, Callable, Iterable
from functools import partial
from typing import Any

import socketio
from aiohttp import WSCloseCode, WSMsgType, web
from engineio import exceptions as engine_errors
from engineio import packet as engine
from engineio.async_drivers.aiohttp import WebSocket

from server.channel import malformed, posts
from server.channel.departures import Departures
from server.channel.heart import Heart
from server.channel.intake import Intake, Reading
from server.channel.line import Line, nothing
from server.channel.packets import PING, PONG, acknowledged, frame_of
from server.channel.reader import AckReader

log = logging.getLogger("giaoban.channel")
STALL_SECONDS = 5.0
READ_AT_ONCE = 1 << 16
"""Bytes, where asyncio reads. Its own 256 KB is more than what malloc has at hand, so that each short message costs a
mapping of fresh pages: 14 us instead of 2."""
MOST_QUICK = 200
"""Acknowledgements of a connection that are taken at once between two heartbeats. Whoever sends more goes the usual
way, where messages are counted; so does, after that many, one that began by polling."""
_THIN_LINEAR_TIMEOUTS = 16  # of linux/tcp.h; Python has no name for it
OnAck = Callable[[str, int], bool]
_PING_FRAME = frame_of(PING)
_NOBODY: dict[str, Any] = {}


class _Response(web.WebSocketResponse):
    """Writes no goodbye to a connection that is gone, or is aiohttp's no more."""

    async def close(self, *, code: int = WSCloseCode.OK, message: bytes = b"", drain: bool = True) -> bool:
        transport = self._req.transport if self._req is not None else None
        if self.closed or (transport is not None and not transport.is_closing()):
            return await super().close(code=code, message=message, drain=drain)
        self._set_closed()
        return True


class _Outbox(asyncio.Queue[Any]):
    """The queue of a connection; `on_put` is told of each packet, so that nobody need wait for one."""

    def __init__(self, on_put: Callable[[], None]) -> None:
        super().__init__()
        self._on_put = on_put

    def _put(self, item: Any) -> None:
        super()._put(item)
        self._on_put()

    def release(self) -> None:
        """After the end: tell nobody any more."""
        self._on_put = nothing


class DirectSocket(WebSocket):  # type: ignore[misc]  # engineio has no types
    """One connection's WebSocket. Made by Engine.IO with `handler`, the bound method of its own socket.

    One that is a WebSocket from the start is taken over from aiohttp (`Line`). One that began by polling is served by
    Engine.IO's handler until its end.
    """

    on_ack: OnAck
    heart: Heart
    intake: Intake
    departures: Departures
    ended: Callable[[str, str], Awaitable[None]]
    all: dict[str, DirectSocket]
    """By Engine.IO's id."""
    _sock: Any  # aiohttp's response, or the line
    _line: Line  # this and the next of a connection that was taken over
    _context: contextvars.Context

    def __init__(self, handler: Any, server: Any) -> None:
        super().__init__(handler, server)
        self.owner = handler.__self__
        self._sid: str = self.owner.sid
        self.unanswered = False
        """Whether the last heartbeat still waits for its answer."""
        self._beats = False  # by `heart`; a connection that began by polling has Engine.IO's own heartbeat
        self._quick = 0  # acknowledgements taken at once since the last heartbeat
        self._idle = False  # served by us, and nothing waits to be written
        self._transport: asyncio.Transport | None = None
        self._stalled: asyncio.TimerHandle | None = None
        self._intake: Reading | None = None
        self._reading: asyncio.Task[None] | None = None
        self._writing: asyncio.Task[None] | None = None

    async def __call__(self, environ: dict[str, Any]) -> web.WebSocketResponse:
        """As Engine.IO's, without compression: it costs 90 KB a connection and a thread for large frames."""
        request: web.Request = environ["aiohttp.request"]
        self._sock = response = _Response(max_msg_size=self.server.max_http_buffer_size, compress=False)
        protocol: Any = request.protocol
        try:
            await response.prepare(request)
            self._transport = transport = protocol.transport
            if transport is None:
                raise ConnectionResetError("the client is gone")
        except Exception:
            if not self.owner.connected:
                await self._end()  # Engine.IO would keep it
            raise
        transport.max_size = READ_AT_ONCE
        _be_persistent(transport)
        self.all[self._sid] = self
        if self.owner.connected:
            await self._serve(protocol)
        else:
            self._begin(response, protocol)
        return response

    async def _serve(self, protocol: Any) -> None:
        """Let Engine.IO's handler do what it does."""
        protocol._payload_parser = reader = AckReader(protocol._payload_parser, self._take)
        self._intake = self.intake.enter(protocol, reader.take)
        try:
            await self.handler(self)
        except (ValueError, RecursionError) as error:
            await malformed.end(self.owner, error)
        finally:
            self._forget()
            if self._intake is not None:
                self.intake.leave(self._intake)

    def _begin(self, response: web.WebSocketResponse, protocol: Any) -> None:
        """What Engine.IO's handler does, for a connection that is new; no task waits on it."""
        owner = self.owner
        waiting, owner.queue = owner.queue, _Outbox(self._write_soon)
        self._idle = True
        while not waiting.empty():
            owner.queue.put_nowait(waiting.get_nowait())
        owner.connected = owner.upgraded = self._beats = True
        self._context = contextvars.copy_context()  # of the request, whose id stands in the log
        self._sock = self._line = line = Line(response, protocol, self._take, self._read_soon, self._lost)
        self._intake = self.intake.enter(line, line.reader.take)
        self.heart.enter(self)
        self.departures.enter(self)
        line.tell()

    def _forget(self) -> None:
        if self.all.get(self._sid) is self:
            del self.all[self._sid]
        if self._stalled is not None:
            self._stalled.cancel()

    def _lost(self) -> None:
        """The connection has ended."""
        self._idle = False
        self.heart.leave(self)
        if self._intake is not None:
            self.intake.forget(self._intake)
        self._forget()
        self.departures.leave(self)

    @property
    def busy(self) -> bool:
        """Whether what it has brought is still being read, or something is being written."""
        return self._reading is not None or self._writing is not None

    async def depart(self) -> None:
        """Let go of a connection that has ended, as Engine.IO's `close`, with less in between."""
        for task in (self._reading, self._writing):
            if task is not None:
                await task
        await self._end()
        self.owner.queue.release()
        if self._writing is not None:  # of what was said to it while its end was being told
            await self._writing
        self._line.release()

    async def _end(self) -> None:
        owner = self.owner
        if not (owner.closed or owner.closing):
            owner.closing = True
            try:
                await self.ended(self._sid, self.server.reason.TRANSPORT_CLOSE)
            except Exception:
                log.exception("failed with the end of %s", self._sid)
            owner.closed = True
        self.server.sockets.pop(self._sid, None)

    def abort(self) -> None:
        """End the connection, whatever it still had to get."""
        if self._transport is not None:
            self._transport.abort()

    def _read_soon(self) -> None:
        if self._reading is None:
            self._reading = asyncio.get_running_loop().create_task(self._read_on(), context=self._context)

    async def _read_on(self) -> None:
        """Read what is there; one that brings no packet, or is no client any more, is closed."""
        try:
            while (data := await self._next()) is not None:
                await self._receive(engine.Packet(encoded_packet=data))
                if self.owner.closed:
                    await self.close()
                    break
        except (OSError, ValueError, RecursionError) as error:
            log.debug("no more from %s: %s", self._sid, error)
            await self.close()
        finally:
            self._reading = None

    async def _receive(self, packet: engine.Packet) -> None:
        try:
            await self.owner.receive(packet)
        except engine_errors.EngineIOError as error:
            log.info("refused a packet of %s: %s", self._sid, error)
        except Exception:
            log.exception("failed with a packet of %s", self._sid)

    async def _next(self) -> str | bytes | None:
        """The next message but those that `_take` takes; None if there is none yet. Raises OSError at the end."""
        while True:
            data = await self._line.receive()
            if not isinstance(data, str) or not self._take(data.encode()):
                return data

    def _write_soon(self) -> None:
        self._idle = False
        if self._writing is None:
            self._writing = asyncio.get_running_loop().create_task(self._write_on())

    async def _write_on(self) -> None:
        """Write what waits, in its order; None ends the connection, and after its end nothing waits any more."""
        queue, gone = self.owner.queue, False
        while not queue.empty():
            packet = queue.get_nowait()
            try:
                if packet is None:
                    await self.close()
                elif not gone:
                    await self.send(packet.encode())
            except ConnectionError:
                gone = True
            finally:
                queue.task_done()
        self._writing = None
        self._idle = not gone

    async def wait(self) -> str | bytes:
        """The next message but those that `_take` takes. Raises OSError at the end."""
        while True:
            message = await self._sock.receive()
            data = message.data
            if message.type is WSMsgType.TEXT and self._take(data.encode()):
                continue
            if not isinstance(data, bytes | str):
                raise OSError("the connection is closed")
            return data

    def _take(self, packet: bytes | bytearray) -> bool:
        """An acknowledgement, or the answer to a heartbeat of ours."""
        if packet == PONG and self._beats:
            self.unanswered = False
            return True
        seq = acknowledged(packet)
        if seq is None or self._quick >= MOST_QUICK:
            return False
        self._quick += 1
        return self.on_ack(self._sid, seq)

    def ask(self) -> None:
        """Send a heartbeat; one who is not a client any more by now is left alone by its connection, too."""
        if self.owner.closed and self._transport is not None:
            self._transport.close()
            return
        self.unanswered, self._quick = True, 0
        if not self.write(_PING_FRAME):
            self.owner.queue.put_nowait(engine.Packet(engine.PING))

    async def give_up(self) -> None:
        """End a connection that answers no heartbeats."""
        log.info("%s answers no heartbeats", self.owner.sid)
        await self.owner.close(wait=False, abort=True, reason=self.server.reason.PING_TIMEOUT)
        self.abort()

    def write(self, frame: bytes) -> bool:
        """Write a frame if nothing waits before it, else False. Who reads nothing for 5 s is cut off."""
        transport = self._transport
        if transport is None or transport.is_closing():
            return False
        if transport.get_write_buffer_size():
            self._watch(transport)
            return False
        if not self._idle and self._queues():
            return False
        transport.write(frame)
        if transport.get_write_buffer_size():
            self._watch(transport)
        return True

    def _queues(self) -> bool:
        """Whether something waits, or nothing may be written any more."""
        owner = self.owner
        return bool(owner.closed or owner.closing or owner.upgrading or owner.queue._unfinished_tasks)

    def _watch(self, transport: asyncio.Transport) -> None:
        if self._stalled is None:
            waiting = transport.get_write_buffer_size()
            loop = asyncio.get_running_loop()
            self._stalled = loop.call_later(STALL_SECONDS, self._cut_if_stalled, transport, waiting)

    def _cut_if_stalled(self, transport: asyncio.Transport, before: int) -> None:
        self._stalled = None
        if transport.get_write_buffer_size() >= before and not transport.is_closing():
            log.warning("cut off %s: it has read nothing for %d s", self.owner.sid, STALL_SECONDS)
            transport.abort()


def _be_persistent(transport: asyncio.Transport) -> None:
    """Let the kernel repeat what is lost of few short messages at even distances (tcp(7), `tcp_thin_linear_timeouts`).

    On a line that drops much it would wait twice as long each time, and so long after the line is good again.
    """
    opened = transport.get_extra_info("socket")
    if opened is not None and opened.family in (socket.AF_INET, socket.AF_INET6):
        opened.setsockopt(socket.IPPROTO_TCP, _THIN_LINEAR_TIMEOUTS, 1)


def set_up(
    sio: socketio.AsyncServer, on_ack: OnAck, remember: Callable[[web.Request], Any]
) -> tuple[Heart, Intake, Departures]:
    """Let a server make its connections by `DirectSocket`; gives what must run to ask, read and end them.

    Of the request that opened a connection Socket.IO keeps what `remember` takes out of it, for its `connect` event.
    """
    heart, intake, departures = Heart(sio.eio), Intake(), Departures()
    shared = {"on_ack": staticmethod(on_ack), "heart": heart, "intake": intake, "departures": departures}
    shared |= {"ended": partial(_ended, sio), "all": dict[str, DirectSocket]()}
    made = type("OwnDirectSocket", (DirectSocket,), shared)
    translate = posts.whole(sio.eio._async["translate_request"], sio.eio.max_http_buffer_size, sio.eio.sockets)
    sio.eio._async = {**sio.eio._async, "websocket": made, "translate_request": translate}
    usual = sio.eio.handlers["connect"]

    async def connected(eio_sid: str, environ: dict[str, Any]) -> None:
        await usual(eio_sid, environ)
        sio.environ[eio_sid] = remember(environ["aiohttp.request"])  # which itself is 6 KB, and slow to let go of
        if environ.get("HTTP_UPGRADE", "").lower() == "websocket":
            sio.eio.sockets[eio_sid].last_ping = None  # so that Engine.IO starts no task for its heartbeats

    sio.eio.on("connect", connected)
    return heart, intake, departures


async def _ended(sio: socketio.AsyncServer, eio_sid: str, reason: str) -> None:
    """A connection is over: what Socket.IO does then for its one namespace, with less in between."""
    sid = sio.manager.sid_from_eio_sid(eio_sid, "/")
    if sid is not None and sio.manager.is_connected(sid, "/"):
        sio.manager.pre_disconnect(sid, "/")
        sio._binary_packet.pop(eio_sid, None)
        try:
            await sio.handlers["/"]["disconnect"](sid, reason)
        finally:
            sio.manager.basic_disconnect(sid, "/")
    sio.environ.pop(eio_sid, None)


async def send_packet(sio: socketio.AsyncServer, room: str, packet: bytes) -> None:
    """Send one packet to everybody in a room: straight where nothing waits, through the queue elsewhere."""
    await queue_packet(sio, write_packet(sio, room, packet), packet)


async def queue_packet(sio: socketio.AsyncServer, connections: Iterable[str], packet: bytes) -> None:
    """Let a packet wait its turn on connections (ids of Engine.IO's)."""
    for eio_sid in connections:
        await sio.eio.send_packet(eio_sid, engine.Packet(engine.MESSAGE, packet[1:].decode()))


def write_packet(sio: socketio.AsyncServer, room: str, packet: bytes) -> list[str]:
    """Write a packet to everybody in a room with whom nothing waits; gives the other connections."""
    members = sio.manager.rooms.get("/", _NOBODY).get(room)
    if members is None:
        return []
    frame, sockets, waiting = frame_of(packet), sio.eio._async["websocket"].all, []
    for eio_sid in members._fwdm.values():  # the plain dictionary in Socket.IO's bidict, which is slow to walk
        direct = sockets.get(eio_sid)
        if direct is None or not direct.write(frame):
            waiting.append(eio_sid)
    return waiting
