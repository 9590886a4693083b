"""The node's Unix socket: one control process at a time, one JSON object a line (`protocol`).

A new control process replaces the one before it: that is how a meeting outlives a restart of the web side. Events
that happen while nobody listens are not kept; `Welcome` and what follows it tell a newcomer how things stand.
"""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import Awaitable, Callable
from pathlib import Path

import msgspec

from server.errors import ProtocolError
from server.media.protocol import LINE_LIMIT, Answer, Command, Event, Failed, Reply, decode_request, encode

log = logging.getLogger(__name__)

UNSENT_LIMIT = 8 << 20  # bytes; a control process that reads so slowly is hung: cut it off, it will adopt us again


class _AnyRequest(msgspec.Struct):
    id: int


class ControlServer:
    """Listens at `path` (mode 0600); `handle` carries out a command, `welcomed` runs after each `Hello`'s reply."""

    def __init__(
        self, path: Path, handle: Callable[[Command], Awaitable[Answer]], welcomed: Callable[[], None]
    ) -> None:
        self._path = path
        self._handle = handle
        self._welcomed = welcomed
        self._server: asyncio.Server | None = None
        self._writer: asyncio.StreamWriter | None = None
        self._running: set[asyncio.Task[None]] = set()
        self._connections: set[asyncio.Task[None]] = set()

    async def start(self) -> None:
        """Listen; a socket file left behind by a dead node is replaced."""
        self._path.unlink(missing_ok=True)
        before = os.umask(0o177)
        try:
            self._server = await asyncio.start_unix_server(self._connected, self._path, limit=LINE_LIMIT)
        finally:
            os.umask(before)

    @property
    def connected(self) -> bool:
        """Whether a control process is there."""
        return self._writer is not None

    def tell(self, event: Event) -> None:
        """Send an event, if anybody listens."""
        self._write(self._writer, encode(event))

    async def close(self) -> None:
        """Send what waits, close, remove the socket file."""
        writer, self._writer = self._writer, None
        if writer is not None:
            writer.close()
        if self._server is not None:
            self._server.close()
        if self._connections:
            await asyncio.wait(self._connections, timeout=1)
        self._path.unlink(missing_ok=True)

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self._writer is not None:
            log.info("a new control process takes over")
            self._writer.close()
        self._writer = writer
        this = asyncio.current_task()
        if this is not None:
            self._connections.add(this)
            this.add_done_callback(self._connections.discard)
        try:
            while line := await reader.readline():
                self._begin(line, writer)
        except (ConnectionError, ValueError) as error:  # ValueError: a line over the limit
            log.warning("control connection: %s", error)
        finally:
            if self._writer is writer:
                self._writer = None
                log.info("control process gone")
            writer.close()

    def _begin(self, line: bytes, writer: asyncio.StreamWriter) -> None:
        """Tasks begin in order; only those that wait for a disk finish out of it."""
        task = asyncio.get_running_loop().create_task(self._line(line, writer))
        self._running.add(task)
        task.add_done_callback(self._running.discard)

    async def _line(self, line: bytes, writer: asyncio.StreamWriter) -> None:
        try:
            request = decode_request(line)
        except ProtocolError as error:
            log.warning("refused a line from control: %s", error)
            self._refuse(line, writer, str(error))
            return
        answer = await self._handle(request.command)
        self._write(writer, encode(Reply(id=request.id, answer=answer)))
        if request.command.__struct_config__.tag == "hello" and not isinstance(answer, Failed):
            self._welcomed()

    def _refuse(self, line: bytes, writer: asyncio.StreamWriter, why: str) -> None:
        try:
            number = msgspec.json.decode(line, type=_AnyRequest).id
        except msgspec.DecodeError:
            return
        self._write(writer, encode(Reply(id=number, answer=Failed(code="bad_request", message=why))))

    def _write(self, writer: asyncio.StreamWriter | None, data: bytes) -> None:
        if writer is None or writer.is_closing():
            return
        if writer.transport.get_write_buffer_size() > UNSENT_LIMIT:
            log.error("the control process does not read: cut off")
            writer.transport.abort()
            return
        writer.write(data)
