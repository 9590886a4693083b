"""Frames written straight to idle connections, and acknowledgements read without a task each (DESIGN, The channel).

python-socketio does handshakes, rooms and all slow cases; this is the short way for one event to a thousand units. What
it touches of the private names of Engine.IO and aiohttp stands here alone. Both are pinned, and a test fails when one
of these names moves (`tests/channel/test_direct.py`).
"""

from __future__ import annotations

import asyncio
import logging
import struct
from collections.abc import Callable
from typing import Any

import msgspec
import socketio
from aiohttp import WSMsgType, web
from engineio import packet as engine
from engineio.async_drivers.aiohttp import WebSocket

log = logging.getLogger("giaoban.channel")
STALL_SECONDS = 5.0
ACK = '42["channel.ack",'
LONGEST_ACK = 100
OnAck = Callable[[str, int], bool]
_SHORT, _MEDIUM = 126, 1 << 16


def event_text(name: str, body: bytes) -> str:
    """The Socket.IO packet of an event for the root namespace, as Engine.IO sends it: 4 message, 2 event."""
    return f'42["{name}",{body.decode()}]'


def frame_of(text: str) -> bytes:
    """A text as one WebSocket frame of a server: final, unmasked (RFC 6455, 5.2)."""
    payload = text.encode()
    size = len(payload)
    if size < _SHORT:
        return struct.pack("!BB", 0x81, size) + payload
    if size < _MEDIUM:
        return struct.pack("!BBH", 0x81, 126, size) + payload
    return struct.pack("!BBQ", 0x81, 127, size) + payload


class DirectSocket(WebSocket):  # type: ignore[misc]  # engineio has no types
    """One connection's WebSocket. Made by Engine.IO with `handler`, the bound method of its own socket."""

    on_ack: OnAck | None = None

    def __init__(self, handler: Any, server: Any) -> None:
        super().__init__(handler, server)
        self.owner = handler.__self__
        self.owner.direct = self
        self._stalled: asyncio.TimerHandle | None = None

    async def __call__(self, environ: dict[str, Any]) -> web.WebSocketResponse:
        """As Engine.IO's, without compression: it costs 90 KB a connection and a thread for large frames."""
        self._sock = web.WebSocketResponse(max_msg_size=self.server.max_http_buffer_size, compress=False)
        await self._sock.prepare(environ["aiohttp.request"])
        self.environ = environ
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
            if message.type is WSMsgType.TEXT and data.startswith(ACK) and self._take_ack(data):
                continue
            if not isinstance(data, bytes | str):
                raise OSError("the connection is closed")
            return data

    def _take_ack(self, text: str) -> bool:
        """Whether `42["channel.ack",{"seq":7}]` was taken; anything else goes the usual way, to be refused there."""
        if self.on_ack is None or len(text) > LONGEST_ACK or not text.endswith("]"):
            return False
        try:
            body = msgspec.json.decode(text[len(ACK) : -1], type=dict[str, int])
        except msgspec.MsgspecError:
            return False
        return body.keys() == {"seq"} and self.on_ack(self.owner.sid, body["seq"])

    def write(self, frame: bytes) -> bool:
        """Write a frame if nothing waits before it, else False. Who reads nothing for 5 s is cut off."""
        request = self._sock._req if self._sock is not None else None
        transport = request.transport if request is not None else None
        if transport is None or transport.is_closing() or self.owner.closed or self.owner.closing:
            return False
        if transport.get_write_buffer_size():
            self._watch(transport)
            return False
        if self.owner.queue._unfinished_tasks or not self.owner.queue.empty() or self.owner.upgrading:
            return False
        transport.write(frame)
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


async def send_text(sio: socketio.AsyncServer, room: str, text: str) -> None:
    """Send one packet to everybody in a room: straight where nothing waits, through the queue elsewhere."""
    frame, waiting = frame_of(text), []
    for _sid, eio_sid in sio.manager.get_participants("/", room):
        owner = sio.eio.sockets.get(eio_sid)
        direct = getattr(owner, "direct", None)
        if direct is None or not direct.write(frame):
            waiting.append(eio_sid)
    for eio_sid in waiting:
        await sio.eio.send_packet(eio_sid, engine.Packet(engine.MESSAGE, text[1:]))
