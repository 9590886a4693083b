"""The link to the media node: starts it, adopts a running one, asks it, hears it, and starts it anew when it dies.

The node is a session of its own, so that it outlives a restart of the control process; whoever comes next finds it by
its socket and learns from `Welcome` what it carries. What must be so in the node is in the database: `on_up` is called
with each `Welcome`, new or adopted, and brings the node in line.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import logging
import os
import signal
import subprocess
import sys
from collections.abc import Awaitable, Callable
from typing import TypeVar

from aiohttp import web

from server.config import ROOT, Settings
from server.errors import ProtocolError, UnavailableError
from server.http.i18n import _
from server.media import protocol
from server.media.protocol import Answer, Command, Event, Failed, GetStats, Hello, Reply, Request, Shutdown, Welcome

log = logging.getLogger("giaoban.media")
KEEP_MEDIA = web.AppKey("keep_media", asyncio.Event)
"""Set when the control process is only restarted: the media node and its meetings go on."""

ANSWER_SECONDS = 5.0
HELLO_SECONDS = 1.5  # a line to a process that is just dying is given up soon
START_SECONDS = 15.0
GOODBYE_SECONDS = 10.0  # a node completes its recordings before it answers
PING_SECONDS = 3.0
PAUSES = (0.0, 0.2, 1.0, 3.0)  # before the first, second... start in a row; a node that lives resets it
STEADY_SECONDS = 10.0
T = TypeVar("T")


class MediaRefusedError(Exception):
    """The node did not carry out a command; `code` is the protocol's."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(f"{code}: {message}")
        self.code = code


def away() -> UnavailableError:
    """What people are told while there is no node."""
    return UnavailableError("media_away", _("Phần âm thanh và hình ảnh đang khởi động lại. Xin thử lại sau vài giây."))


class MediaLink:
    """One node behind `settings.media.socket`. `on_up` and `on_event` are set before `start`."""

    def __init__(self, settings: Settings) -> None:
        self.socket = settings.path(settings.media.socket)
        self._log_file = settings.path(settings.storage.data) / "media.log"
        self._arguments = ["--socket", str(self.socket), "--udp-port", str(settings.media.udp_port)]
        for address in settings.media.addresses:
            self._arguments += ["--address", address]
        self.on_up: Callable[[Welcome], Awaitable[None]] | None = None
        self.on_event: Callable[[Event], None] | None = None
        self.pid: int | None = None
        self._writer: asyncio.StreamWriter | None = None
        self._waiting: dict[int, asyncio.Future[Answer]] = {}
        self._ids = itertools.count(1)
        self._ready = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    # ---- for the rest of the server

    @property
    def ready(self) -> bool:
        """Whether the node is there and in line with the database."""
        return self._ready.is_set()

    async def start(self) -> None:
        """Begin to look after the node; returns at once (`wait_ready` waits)."""
        self._task = asyncio.create_task(self._look_after(), name="media link")

    async def wait_ready(self, seconds: float = START_SECONDS) -> None:
        """Wait until the node is there. Raises UnavailableError."""
        try:
            async with asyncio.timeout(seconds):
                await self._ready.wait()
        except TimeoutError:
            raise away() from None

    async def ask(self, command: Command, kind: type[T], seconds: float | None = None) -> T:
        """Send a command and give its answer of type `kind`.

        Raises MediaRefusedError if the node says no, UnavailableError if it is away or silent.
        """
        if self._writer is None:
            raise away()
        number = next(self._ids)
        answer: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()
        self._waiting[number] = answer
        try:
            self._writer.write(protocol.encode(Request(id=number, command=command)))
            async with asyncio.timeout(ANSWER_SECONDS if seconds is None else seconds):
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

    async def close(self, *, keep: bool) -> None:
        """Let go of the node; unless it is to be kept, it closes its recordings and ends."""
        if self._task is None:
            return
        if not keep and self._writer is not None:
            with contextlib.suppress(UnavailableError, MediaRefusedError):
                await self.ask(Shutdown(), protocol.Done, GOODBYE_SECONDS)
        self._task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await self._task
        self._task = None
        self._let_go()
        self._reap()

    # ---- looking after the node

    async def _look_after(self) -> None:
        """Connect, listen until the line breaks, and again, for ever."""
        loop = asyncio.get_running_loop()
        tries = 0
        while True:
            begin = loop.time()
            try:
                reader = await self._connect()
                await self._serve(reader)
            except (OSError, ProtocolError, UnavailableError, MediaRefusedError, TimeoutError) as error:
                log.error("media node: %r", error)
            finally:
                self._let_go()
            self._reap()
            tries = 0 if loop.time() - begin > STEADY_SECONDS else tries + 1
            log.warning("the line to the media node %s is broken", self.pid)
            await asyncio.sleep(PAUSES[min(tries, len(PAUSES)) - 1] if tries else 0.0)

    async def _connect(self) -> asyncio.StreamReader:
        """The line to a running node, else to one that we start. Raises OSError, TimeoutError."""
        reader = await self._open()
        if reader is not None:
            return reader
        process = self._spawn()
        async with asyncio.timeout(START_SECONDS):
            while process.poll() is None:
                await asyncio.sleep(0.02)
                reader = await self._open()
                if reader is not None:
                    return reader
        raise OSError(f"the media node ended at its start ({process.returncode}), see {self._log_file}")

    async def _open(self) -> asyncio.StreamReader | None:
        """The line to whoever listens at the socket; None if nobody does."""
        try:
            reader, self._writer = await asyncio.open_unix_connection(str(self.socket), limit=protocol.LINE_LIMIT)
        except (FileNotFoundError, ConnectionRefusedError):
            return None
        return reader

    def _spawn(self) -> subprocess.Popen[bytes]:
        self._log_file.parent.mkdir(parents=True, exist_ok=True)
        with self._log_file.open("ab") as output:
            process = subprocess.Popen(  # noqa: S603 - our own module
                [sys.executable, "-m", "server.media.node", *self._arguments],
                cwd=ROOT,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,
            )
        log.info("started media node %d", process.pid)
        self.pid = process.pid
        return process

    async def _serve(self, reader: asyncio.StreamReader) -> None:
        """Greet the node, bring it in line, and listen until it is gone."""
        listening = asyncio.create_task(self._listen(reader), name="media listener")
        try:
            try:
                welcome = await self.ask(Hello(), Welcome, HELLO_SECONDS)
            except MediaRefusedError as error:
                log.warning("the media node speaks another version (%s): it is replaced", error)
                await self.ask(Shutdown(), protocol.Done, GOODBYE_SECONDS)
                return
            self.pid = welcome.pid
            log.info("media node %d on UDP port %d, %d rooms", welcome.pid, welcome.udp_port, len(welcome.rooms))
            if self.on_up is not None:
                await self.on_up(welcome)
            self._ready.set()
            await self._watch(listening)
        finally:
            listening.cancel()
            await asyncio.wait([listening])  # unlike awaiting it, this lets our own cancellation through
        if not listening.cancelled():
            listening.result()  # raises what broke the line

    async def _watch(self, listening: asyncio.Task[None]) -> None:
        """Until the line breaks; a node that does not answer any more is ended, so that a new one can serve."""
        while not listening.done():
            await asyncio.wait([listening], timeout=PING_SECONDS)
            if listening.done():
                break
            try:
                await self.ask(GetStats(), protocol.Stats)
            except UnavailableError:
                if not listening.done() and self.pid:
                    log.error("media node %d does not answer: killed", self.pid)
                    with contextlib.suppress(ProcessLookupError):
                        os.kill(self.pid, signal.SIGKILL)
                return

    async def _listen(self, reader: asyncio.StreamReader) -> None:
        """Hand on what the node says until the line ends, by EOF or reset; then nobody waits for answers any more."""
        try:
            while line := await reader.readline():
                message = protocol.decode_from_node(line)
                if isinstance(message, Reply):
                    waiting = self._waiting.get(message.id)
                    if waiting is not None and not waiting.done():
                        waiting.set_result(message.answer)
                elif self.on_event is not None:
                    self.on_event(message)
        finally:
            self._fail_waiting()

    def _let_go(self) -> None:
        self._ready.clear()
        if self._writer is not None:
            self._writer.close()
            self._writer = None
        self._fail_waiting()

    def _fail_waiting(self) -> None:
        for answer in self._waiting.values():
            if not answer.done():
                answer.set_exception(ConnectionResetError("the media node is gone"))

    def _reap(self) -> None:
        """Take the exit status of a node that was our child; an adopted one is not."""
        if self.pid:
            with contextlib.suppress(ChildProcessError):
                os.waitpid(self.pid, os.WNOHANG)
