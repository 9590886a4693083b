"""One connection to a media node: questions with their answers, and the node's events in between (`media.protocol`)."""

from __future__ import annotations

import asyncio
import itertools
import logging
import socket
import struct
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from server.errors import ProtocolError, UnavailableError
from server.http.i18n import _
from server.media import protocol
from server.media.protocol import Answer, Command, Event, Failed, Reply, Request

log = logging.getLogger("giaoban.media")
_UCRED = struct.Struct("iII")  # struct ucred, unix(7): pid, uid, gid
T = TypeVar("T")


class MediaRefusedError(Exception):
    """The node did not carry out a command; `code` is the protocol's."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(f"{code}: {message}")
        self.code = code


def away() -> UnavailableError:
    """What people are told while there is no node."""
    return UnavailableError("media_away", _("Phần âm thanh và hình ảnh đang khởi động lại. Xin thử lại sau vài giây."))


class MediaLine:
    """An open connection. `listening` ends when the line is broken, with what broke it; `hear` gets the events.

    `heard` counts all that the node has said: one that answers others is alive.
    """

    def __init__(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, hear: Callable[[Event], None]
    ) -> None:
        self._writer = writer
        self._hear = hear
        self._waiting: dict[int, asyncio.Future[Answer]] = {}
        self._ids = itertools.count(1)
        self.heard = 0
        self.listening = asyncio.create_task(self._listen(reader), name="media listener")

    @classmethod
    async def open(cls, path: Path, hear: Callable[[Event], None]) -> MediaLine | None:
        """The line to whoever listens at the socket; None if nobody does. Raises OSError."""
        try:
            reader, writer = await asyncio.open_unix_connection(str(path), limit=protocol.LINE_LIMIT)
        except (FileNotFoundError, ConnectionRefusedError):
            return None
        return cls(reader, writer, hear)

    @property
    def peer(self) -> int:
        """The process that listens at the other end (SO_PEERCRED): known before it has said a word."""
        data = self._writer.get_extra_info("socket").getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _UCRED.size)
        pid: int = _UCRED.unpack(data)[0]
        return pid

    async def ask(self, command: Command, kind: type[T], seconds: float) -> T:
        """Send a command and give its answer of type `kind`.

        Raises MediaRefusedError if the node says no, UnavailableError if it is away or silent.
        """
        if self.listening.done():
            raise away()
        number = next(self._ids)
        answer: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()
        self._waiting[number] = answer
        try:
            self._writer.write(protocol.encode(Request(id=number, command=command)))
            async with asyncio.timeout(seconds):
                await self._writer.drain()
                found = await answer
        except (TimeoutError, ConnectionError) as error:
            log.warning("no answer to %s: %r", type(command).__name__, error)
            raise away() from error
        finally:
            self._waiting.pop(number, None)
        if isinstance(found, Failed):
            raise MediaRefusedError(found.code, found.message)
        if not isinstance(found, kind):
            raise ProtocolError(f"{type(found).__name__} in answer to {type(command).__name__}")
        return found

    async def close(self) -> BaseException | None:
        """End the line; who waits for an answer is told. Gives what broke it, if something did."""
        self._writer.close()
        self.listening.cancel()
        await asyncio.wait([self.listening])  # unlike awaiting it, this lets our own cancellation through
        return None if self.listening.cancelled() else self.listening.exception()

    async def _listen(self, reader: asyncio.StreamReader) -> None:
        """Hand on what the node says until the line ends, by EOF or reset; then nobody waits for answers any more."""
        try:
            while line := await reader.readline():
                self.heard += 1
                message = protocol.decode_from_node(line)
                if isinstance(message, Reply):
                    waiting = self._waiting.get(message.id)
                    if waiting is not None and not waiting.done():
                        waiting.set_result(message.answer)
                else:
                    self._hear(message)
        finally:
            for answer in self._waiting.values():
                if not answer.done():
                    answer.set_exception(ConnectionResetError("the media node is gone"))
