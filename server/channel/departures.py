"""Letting go of connections that have ended: one task for all that ended in the same moment.

After a cut of power thousands do; a task for each would cost as much again as what is done in them.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from typing import Protocol

from aiohttp import web

log = logging.getLogger("giaoban.channel")
END_SECONDS = 1.0  # at the stop of the server
AT_ONCE = 50  # that are let go of before others have their turn: two milliseconds


class Departing(Protocol):
    """A connection that ends one day."""

    @property
    def busy(self) -> bool:
        """Whether something is still being done with what it has brought or was to get."""

    async def depart(self) -> None:
        """Let go of it after its end; waits only if it is busy."""

    def abort(self) -> None:
        """End it; it leaves when it has ended."""


class Departures:
    """Lets go of connections in the order of their ends; one that is busy delays no other."""

    def __init__(self) -> None:
        self._open: set[Departing] = set()
        self._ended: list[Departing] = []
        self._tasks: set[asyncio.Task[None]] = set()
        self._nobody_left = asyncio.Event()

    def enter(self, connection: Departing) -> None:
        """A connection has begun."""
        self._open.add(connection)

    def leave(self, connection: Departing) -> None:
        """It has ended."""
        self._open.discard(connection)
        if connection.busy:
            self._start([connection])
            return
        self._ended.append(connection)
        if len(self._ended) == 1:
            self._start(self._ended)

    def _start(self, ended: list[Departing]) -> None:
        task = asyncio.get_running_loop().create_task(self._let_go(ended))
        self._tasks.add(task)
        task.add_done_callback(self._done)

    async def _let_go(self, ended: list[Departing]) -> None:
        if ended is self._ended:
            self._ended = []  # who ends from now on is for the next task
        for number, connection in enumerate(ended, 1):
            try:
                await connection.depart()
            except Exception:
                log.exception("failed with the end of a connection")
            if number % AT_ONCE == 0:
                await asyncio.sleep(0)

    def _done(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not self._tasks and not self._open:
            self._nobody_left.set()

    async def run(self, _app: web.Application) -> AsyncIterator[None]:
        """For the application's `cleanup_ctx`: at the end all connections end, and what is to be done then is done."""
        yield
        if not self._open and not self._tasks:
            return
        self._nobody_left.clear()
        for connection in list(self._open):
            connection.abort()
        try:
            await asyncio.wait_for(self._nobody_left.wait(), END_SECONDS)
        except TimeoutError:
            log.warning("%d connections did not end", len(self._open))
