"""Frames written straight to idle connections, and acknowledgements read without a task each (DESIGN, The channel).

python-socketio does handshakes, rooms and all slow cases; this is the short way for one event to a thousand units. What
it touches of the private names of Engine.IO and aiohttp stands here alone. Both are pinned, and a test fails when one
of these names moves (`tests/channel/test_direct.py`).
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from typing import Any

import socketio
from aiohttp import WSCloseCode, WSMsgType, web
from aiohttp._websocket.helpers import websocket_mask
from engineio import packet as engine
from engineio.async_drivers.aiohttp import WebSocket

from server.channel.packets import acknowledged, frame_of

log = logging.getLogger("giaoban.channel")
STALL_SECONDS = 5.0
OnAck = Callable[[str, int], bool]
_WHOLE_TEXT, _MASKED = 0x81, 0x80  # first byte of a text in one frame; bit of the second that every client's frame has
_LONGEST_SHORT = 125
_HEAD = 6  # bytes of a short frame's head: two, and four of the mask
_LONGEST_HEAD = 10  # bytes that say how long a frame is: two, and eight of its length


class AckReader:
    """Stands before aiohttp's reader of frames and takes acknowledgements out, without a task or a future for each.

    It takes a frame that came alone and whole, where a message may begin; all other bytes go on as they are. What it
    leaves is found by `DirectSocket.wait`. `take(packet)` says whether that was an acknowledgement.
    """

    def __init__(self, reader: Any, take: Callable[[bytes | bytearray], bool]) -> None:
        self._reader, self._take = reader, take
        self._ahead = b""  # of the head of a frame
        self._left = 0  # bytes that the frame at hand still has
        self._fragmented = False

    def feed_data(self, data: bytes) -> tuple[bool, bytes]:
        """What aiohttp's protocol calls with what has come; the answer is its reader's."""
        if (
            data[0] == _WHOLE_TEXT
            and _HEAD < len(data) <= _HEAD + _LONGEST_SHORT
            and data[1] == _MASKED | (len(data) - _HEAD)
            and not (self._left or self._ahead or self._fragmented)
        ):
            packet = bytearray(data[_HEAD:])
            websocket_mask(data[2:_HEAD], packet)
            if self._take(packet):
                return False, b""
        else:
            self._follow(data)
        found: tuple[bool, bytes] = self._reader.feed_data(data)
        return found

    def feed_eof(self) -> None:
        """The connection has ended."""
        self._reader.feed_eof()

    def _follow(self, data: bytes) -> None:
        """Keep in mind where the next frame begins (RFC 6455, 5.2)."""
        data = self._ahead + data
        self._ahead = b""
        at = self._left
        while at < len(data):
            size = _size_of_frame(data[at : at + _LONGEST_HEAD])
            if size is None:
                self._ahead = data[at:]
                break
            if not data[at] & 0x08:  # no control frame, which may stand between the fragments of a message
                self._fragmented = not data[at] & 0x80
            at += size
        self._left = max(0, at - len(data))


def _size_of_frame(frame: bytes) -> int | None:
    """Bytes of a client's frame that begins so, head and all; None if too little of it is there to know."""
    if len(frame) < 2:
        return None
    short = frame[1] & 0x7F
    extra = {126: 2, 127: 8}.get(short, 0)
    if len(frame) < 2 + extra:
        return None
    length = int.from_bytes(frame[2 : 2 + extra]) if extra else short
    return 2 + extra + (4 if frame[1] & _MASKED else 0) + length


class _Response(web.WebSocketResponse):
    """Writes no goodbye to a connection that is gone: five thousand may go at once."""

    async def close(self, *, code: int = WSCloseCode.OK, message: bytes = b"", drain: bool = True) -> bool:
        transport = self._req.transport if self._req is not None else None
        if self.closed or (transport is not None and not transport.is_closing()):
            return await super().close(code=code, message=message, drain=drain)
        self._set_closed()
        return True


class DirectSocket(WebSocket):  # type: ignore[misc]  # engineio has no types
    """One connection's WebSocket. Made by Engine.IO with `handler`, the bound method of its own socket."""

    on_ack: OnAck | None = None

    def __init__(self, handler: Any, server: Any) -> None:
        super().__init__(handler, server)
        self.owner = handler.__self__
        self._transport: asyncio.Transport | None = None
        self._stalled: asyncio.TimerHandle | None = None

    async def __call__(self, environ: dict[str, Any]) -> web.WebSocketResponse:
        """As Engine.IO's, without compression: it costs 90 KB a connection and a thread for large frames."""
        request: web.Request = environ["aiohttp.request"]
        self._sock = _Response(max_msg_size=self.server.max_http_buffer_size, compress=False)
        await self._sock.prepare(request)
        self.environ = environ
        protocol: Any = request.protocol
        self._transport = protocol.transport
        protocol._payload_parser = AckReader(protocol._payload_parser, self._take_ack)
        self.owner.direct = self
        try:
            await self.handler(self)
        finally:
            if self._stalled is not None:
                self._stalled.cancel()
        return self._sock

    async def wait(self) -> str | bytes:
        """The next message but acknowledgements, which are taken here. Raises OSError at the end."""
        while True:
            message = await self._sock.receive()
            data = message.data
            if message.type is WSMsgType.TEXT and self._take_ack(data.encode()):
                continue
            if not isinstance(data, bytes | str):
                raise OSError("the connection is closed")
            return data

    def _take_ack(self, packet: bytes | bytearray) -> bool:
        seq = acknowledged(packet)
        return seq is not None and self.on_ack is not None and self.on_ack(self.owner.sid, seq)

    def write(self, frame: bytes) -> bool:
        """Write a frame if nothing waits before it, else False. Who reads nothing for 5 s is cut off."""
        transport, owner = self._transport, self.owner
        if transport is None or transport.is_closing() or owner.closed or owner.closing:
            return False
        if transport.get_write_buffer_size():
            self._watch(transport)
            return False
        if owner.queue._unfinished_tasks or owner.upgrading:
            return False
        transport.write(frame)
        if transport.get_write_buffer_size():
            self._watch(transport)
        return True

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


class RoomIndex(socketio.AsyncManager):  # type: ignore[misc]  # socketio has no types
    """Knows the rooms of each connection, so that one who leaves is not looked for in every room there is."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self._rooms_of: dict[tuple[str, str], set[str | None]] = {}

    def basic_enter_room(self, sid: str, namespace: str, room: str | None, eio_sid: str | None = None) -> None:
        """Enter, and note it."""
        super().basic_enter_room(sid, namespace, room, eio_sid)
        self._rooms_of.setdefault((namespace, sid), set()).add(room)

    def basic_leave_room(self, sid: str, namespace: str, room: str | None) -> None:
        """Leave, and note it."""
        super().basic_leave_room(sid, namespace, room)
        self._rooms_of.get((namespace, sid), set()).discard(room)

    def basic_disconnect(self, sid: str, namespace: str, **_options: Any) -> None:
        """As Socket.IO's, by the index."""
        for room in self._rooms_of.pop((namespace, sid), set()):
            super().basic_leave_room(sid, namespace, room)
        self.callbacks.pop(sid, None)
        for pending in (self.pending_connect, self.pending_disconnect):
            sids = pending.get(namespace)
            if sids and sid in sids:
                sids.remove(sid)
                if not sids:
                    del pending[namespace]


def set_up(sio: socketio.AsyncServer, on_ack: OnAck) -> None:
    """Let a server make its connections by `DirectSocket`."""
    made = type("OwnDirectSocket", (DirectSocket,), {"on_ack": staticmethod(on_ack)})
    sio.eio._async = {**sio.eio._async, "websocket": made}


async def send_packet(sio: socketio.AsyncServer, room: str, packet: bytes) -> None:
    """Send one packet to everybody in a room: straight where nothing waits, through the queue elsewhere."""
    if room not in sio.manager.rooms.get("/", ()):
        return
    frame, waiting = frame_of(packet), []
    for _sid, eio_sid in sio.manager.get_participants("/", room):
        owner = sio.eio.sockets.get(eio_sid)
        direct = getattr(owner, "direct", None)
        if direct is None or not direct.write(frame):
            waiting.append(eio_sid)
    for eio_sid in waiting:
        await sio.eio.send_packet(eio_sid, engine.Packet(engine.MESSAGE, packet[1:].decode()))
