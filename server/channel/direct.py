"""Frames written straight to idle connections, and acknowledgements read without a task each (DESIGN, The channel).

python-socketio does handshakes, rooms and all slow cases; this is the short way for one event to a thousand units. A
connection that is a WebSocket from the start has one task, which reads; another one writes while something waits. What
is touched of the private names of Engine.IO and aiohttp stands here and in `heart.py`, `intake.py` and `reader.py`
alone. Both are pinned, and a test fails when one of these names moves (`tests/channel/test_direct.py`).
"""

from __future__ import annotations

import asyncio
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

from server.channel.heart import Heart
from server.channel.intake import Intake
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
    """Writes no goodbye to a connection that is gone: five thousand may go at once."""

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


class DirectSocket(WebSocket):  # type: ignore[misc]  # engineio has no types
    """One connection's WebSocket. Made by Engine.IO with `handler`, the bound method of its own socket."""

    on_ack: OnAck
    heart: Heart
    intake: Intake
    ended: Callable[[str, str], Awaitable[None]]
    all: dict[str, DirectSocket]
    """By Engine.IO's id."""

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
        self._writing: asyncio.Task[None] | None = None

    async def __call__(self, environ: dict[str, Any]) -> web.WebSocketResponse:
        """As Engine.IO's, without compression: it costs 90 KB a connection and a thread for large frames."""
        request: web.Request = environ["aiohttp.request"]
        self._sock = _Response(max_msg_size=self.server.max_http_buffer_size, compress=False)
        await self._sock.prepare(request)
        self.environ = environ
        protocol: Any = request.protocol
        self._transport = transport = protocol.transport
        transport.max_size = READ_AT_ONCE
        _be_persistent(transport)
        protocol._payload_parser = reader = AckReader(protocol._payload_parser, self._take)
        self.owner.direct = self.all[self._sid] = self
        reading = self.intake.enter(protocol, reader.take)
        try:
            await (self.handler(self) if self.owner.connected else self._serve())
        finally:
            if self.all.get(self._sid) is self:
                del self.all[self._sid]
            if reading is not None:
                self.intake.leave(reading)
            if self._stalled is not None:
                self._stalled.cancel()
        return self._sock

    async def _serve(self) -> None:
        """What Engine.IO's handler does, for a connection that is new."""
        owner = self.owner
        waiting, owner.queue = owner.queue, _Outbox(self._write_soon)
        self._idle = True
        while not waiting.empty():
            owner.queue.put_nowait(waiting.get_nowait())
        owner.connected = owner.upgraded = self._beats = True
        self.heart.enter(self)
        try:
            await self._read_on()
        finally:
            self.heart.leave(self)
            if self._writing is not None:
                owner.queue.put_nowait(None)
                await self._writing
            self._idle = False
            await self._sock.close()
            await self._end()
            self.server.sockets.pop(owner.sid, None)  # Engine.IO does so, too, but not where the task was cancelled

    async def _end(self) -> None:
        """As Engine.IO's `close`, with less in between: five thousand may go at once."""
        owner = self.owner
        if owner.closed or owner.closing:
            return
        owner.closing = True
        try:
            await self.ended(owner.sid, self.server.reason.TRANSPORT_CLOSE)
        except Exception:
            log.exception("failed with the end of %s", owner.sid)
        owner.closed = True

    async def _read_on(self) -> None:
        owner = self.owner
        while not owner.closed:
            try:
                packet = engine.Packet(encoded_packet=await self.wait())
            except (OSError, ValueError) as error:
                log.debug("no more from %s: %s", owner.sid, error)
                return
            try:
                await owner.receive(packet)
            except engine_errors.EngineIOError as error:
                log.info("refused a packet of %s: %s", owner.sid, error)
            except Exception:
                log.exception("failed with a packet of %s", owner.sid)

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
        if self._transport is not None:
            self._transport.abort()

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


def set_up(sio: socketio.AsyncServer, on_ack: OnAck) -> tuple[Heart, Intake]:
    """Let a server make its connections by `DirectSocket`; gives what must run to ask them and to read them."""
    heart, intake = Heart(sio.eio), Intake()
    shared = {"on_ack": staticmethod(on_ack), "heart": heart, "intake": intake, "all": dict[str, DirectSocket]()}
    shared["ended"] = partial(_ended, sio)
    made = type("OwnDirectSocket", (DirectSocket,), shared)
    sio.eio._async = {**sio.eio._async, "websocket": made}
    usual = sio.eio.handlers["connect"]

    async def connected(eio_sid: str, environ: dict[str, Any]) -> None:
        await usual(eio_sid, environ)
        if environ.get("HTTP_UPGRADE", "").lower() == "websocket":
            sio.eio.sockets[eio_sid].last_ping = None  # so that Engine.IO starts no task for its heartbeats

    sio.eio.on("connect", connected)
    return heart, intake


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
