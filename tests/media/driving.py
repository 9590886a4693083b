"""A media node process for tests and benches, driven over its own socket as the control process drives it."""

from __future__ import annotations

import asyncio
import itertools
import os
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TypeVar

from server.config import ROOT
from server.media import protocol as p
from server.media.joining.bounds import Bounds
from server.meetings.places import MEMORY
from tests import witness

A = TypeVar("A", bound=p.Answer)
E = TypeVar("E", bound=p.Event)


class Control:
    """The control process's end of the socket: `call` commands, `events` in the order they came."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.events: list[p.Event] = []
        self._writer = writer
        self._ids = itertools.count(1)
        self._waiting: dict[int, asyncio.Future[p.Answer]] = {}
        self._news = asyncio.Condition()
        self._task = asyncio.create_task(self._read(reader))

    @classmethod
    async def connect(cls, socket: Path) -> Control:
        """Connect and say hello; tries until the node listens."""
        for _ in range(200):
            try:
                reader, writer = await asyncio.open_unix_connection(socket, limit=p.LINE_LIMIT)
                break
            except (FileNotFoundError, ConnectionRefusedError):
                await asyncio.sleep(0.05)
        else:
            raise TimeoutError(f"no node at {socket}")
        control = cls(reader, writer)
        control.welcome = await control.call(p.Hello(), p.Welcome)
        return control

    welcome: p.Welcome

    async def call(self, command: p.Command, expect: type[A]) -> A:
        """Send a command; its answer must be of the type expected."""
        number = next(self._ids)
        self._waiting[number] = asyncio.get_running_loop().create_future()
        self._writer.write(p.encode(p.Request(id=number, command=command)))
        answer = await asyncio.wait_for(self._waiting[number], 10)
        assert isinstance(answer, expect), answer
        return answer

    async def do(self, command: p.Command) -> None:
        """A command that is answered by `Done`."""
        await self.call(command, p.Done)

    async def event(self, kind: type[E], matches: Callable[[E], bool] = lambda e: True, timeout: float = 10) -> E:
        """The first event, past or to come, of this kind that matches; it and those before it are then forgotten."""

        def position() -> int | None:
            found = (n for n, e in enumerate(self.events) if isinstance(e, kind) and matches(e))
            return next(found, None)

        async with self._news:
            await asyncio.wait_for(self._news.wait_for(lambda: position() is not None), timeout)
        number = position()
        assert number is not None
        event = self.events[number]
        del self.events[: number + 1]
        assert isinstance(event, kind)
        return event

    async def close(self) -> None:
        """Go away, as a control process does that is restarted."""
        self._task.cancel()
        self._writer.close()

    async def _read(self, reader: asyncio.StreamReader) -> None:
        while line := await reader.readline():
            message = p.decode_from_node(line)
            if isinstance(message, p.Reply):
                self._waiting.pop(message.id).set_result(message.answer)
            else:
                async with self._news:
                    self.events.append(message)
                    self._news.notify_all()


class NodeProcess:
    """A running node: `pid`, `socket`, `control`, and its log as text."""

    def __init__(self, process: asyncio.subprocess.Process, socket: Path, log: Path) -> None:
        self.process = process
        self.socket = socket
        self._log = log
        self.control: Control

    @property
    def pid(self) -> int:
        return self.process.pid

    @property
    def log(self) -> str:
        return self._log.read_text()


@asynccontextmanager
async def node_process(
    folder: Path,
    *prefix: str,
    address: str = "127.0.0.1",
    bounds: Bounds = Bounds(),  # noqa: B008 - frozen
) -> AsyncIterator[NodeProcess]:
    """A node on a free port with a connected control; `prefix` goes before the command (taskset). Ended afterwards."""
    socket, log = folder / "node.sock", folder / "node.log"
    command = [*prefix, sys.executable, "-m", "server.media.node", "--socket", str(socket), "--udp-port", "0"]
    command += ["--address", address, "--log", str(log), "--uplink-mbit", str(bounds.uplink_mbit)]
    command += ["--downlink-mbit", str(bounds.downlink_mbit)]
    process = await asyncio.create_subprocess_exec(*command, cwd=ROOT, env=MEMORY | os.environ)
    node = NodeProcess(process, socket, log)
    heard = witness.add(lambda: f"media node {process.pid}", lambda: node.log)
    try:
        node.control = await Control.connect(socket)
        yield node
    finally:
        if process.returncode is None:
            process.terminate()
            await asyncio.wait_for(process.wait(), 10)
        heard.over = True
