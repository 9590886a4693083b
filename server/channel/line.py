"""A page's WebSocket after its handshake: aiohttp has done its part, and no task waits for what comes.

For aiohttp an open WebSocket is a request that is still being answered: two tasks, and a dozen calls between them, wait
on each connection. When five thousand vanish at once, to wake and to unwind these costs more than all else. So the
connection is taken over: aiohttp's handler returns, and from then on the connection says itself what comes, and that it
has ended.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable
from typing import Any

from aiohttp import WebSocketError, WSCloseCode, WSMsgType, web
from aiohttp.base_protocol import BaseProtocol

from server.channel.reader import AckReader


def nothing(*_arguments: Any) -> None:
    """In the place of what was to be called."""


def _lowest(transport: Any) -> Any:
    """The transport that has the socket: this one, or that below its TLS; None if that has ended already."""
    encrypting = getattr(transport, "_ssl_protocol", None)
    return transport if encrypting is None else encrypting._transport


def _let_go_of_itself(transport: Any) -> None:
    """What asyncio leaves undone: after its end the transport of a socket keeps methods that are bound to itself.

    After `abort` it does so in every Python until 3.13, in 3.11 after `close`, too. A kilobyte of each connection would
    wait for the garbage collector, which comes seldom, and to what has lived for long all but never (server/serve.py).
    """
    for name in ("_read_ready_cb", "_write_ready"):
        getattr(transport, "__dict__", {}).pop(name, None)


class Line(BaseProtocol):
    """Stands in the place of aiohttp's protocol, and of its response where Engine.IO sends.

    `on_message()` is called when `receive` has something to give, `on_end()` once, when the connection has ended.
    """

    __slots__ = ("_lowest", "_on_end", "_on_message", "_queue", "_writer", "reader")

    def __init__(
        self,
        response: web.WebSocketResponse,
        served: Any,
        take: Callable[[bytes | bytearray], bool],
        on_message: Callable[[], None],
        on_end: Callable[[], None],
    ) -> None:
        """Take over the connection of a response that is prepared from aiohttp's protocol that has `served` it.

        What the client has sent already is not lost: `tell` says so. `take` is given to the reader before aiohttp's.
        """
        super().__init__(asyncio.get_running_loop())
        self._on_message: Callable[[], None] = on_message
        self._on_end: Callable[[], None] = on_end
        self._upgraded = True  # there is no parser of HTTP here that would have to pause
        self._paused, self._reading_paused = served._paused, served._reading_paused
        self.reader = AckReader(served._payload_parser, take)
        opened: Any = response
        self._queue, self._writer = opened._reader, opened._writer
        self._queue._protocol = self._writer.protocol = self
        self.transport = served.transport
        self._lowest = _lowest(served.transport)
        served.transport.set_protocol(self)
        served.transport = served._payload_parser = None  # so that neither is closed
        served.connection_lost(None)  # for aiohttp it is over

    def data_received(self, data: bytes) -> None:
        """Bytes of the client's."""
        self.reader.feed_data(data)
        self.tell()

    def tell(self) -> None:
        """Call `on_message` if there is one."""
        if self._has_message():
            self._on_message()

    def _has_message(self) -> bool:
        return bool(self._queue._buffer) or self._queue.exception() is not None

    def connection_lost(self, exc: BaseException | None) -> None:
        """The connection has ended, whoever ended it."""
        super().connection_lost(exc)
        self._on_end()

    async def receive(self) -> str | bytes | None:
        """The next message that is whole; None if there is none yet. Raises OSError at the end."""
        while self._has_message():
            try:
                message = await self._queue.read()  # which does not wait
            except WebSocketError as error:
                await self.close(code=error.code)
                raise OSError(str(error)) from error
            if message.type in (WSMsgType.TEXT, WSMsgType.BINARY):
                data: str | bytes = message.data
                return data
            if message.type is WSMsgType.PING:
                await self._writer.send_frame(message.data, WSMsgType.PONG)
            elif message.type is WSMsgType.CLOSE:
                await self.close()
                raise OSError("the client has said goodbye")
        return None

    async def send_str(self, text: str) -> None:
        """Send a text. Waits while the client takes no more. Raises ConnectionError after the end."""
        await self._writer.send_frame(text.encode(), WSMsgType.TEXT)

    async def send_bytes(self, data: bytes) -> None:
        """The same of bytes."""
        await self._writer.send_frame(data, WSMsgType.BINARY)

    async def close(self, *, code: int = WSCloseCode.OK) -> None:
        """Say goodbye and close; there is no more to be read."""
        with contextlib.suppress(ConnectionError):
            await self._writer.close(code)
        if self.transport is not None:
            self.transport.close()

    def release(self) -> None:
        """After the end: hold nothing that holds this, so that memory does not wait for the garbage collector."""
        _let_go_of_itself(self._lowest)
        self._lowest = self._queue = self._writer = None
        self._on_message = self._on_end = nothing
        self.reader.release()
