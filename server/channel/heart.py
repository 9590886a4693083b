"""Heartbeats of all connections by one task: a wheel with a slot for each second of the interval.

Engine.IO has a task for each connection and wakes once for each of them to look whether it has answered, which costs
more than all that is sent. Connections are spread evenly over the slots, so that no second has more to do than another.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator
from typing import Any, Protocol

from aiohttp import web

log = logging.getLogger("giaoban.channel")
BEAT_SECONDS = 1.0


class Beating(Protocol):
    """A connection that wants heartbeats."""

    unanswered: bool

    def ask(self) -> None:
        """Send a heartbeat, and note that it is unanswered."""

    async def give_up(self) -> None:
        """It has not answered in time."""


class Heart:
    """Asks every connection once in `ping_interval` seconds and gives up who has not answered in `ping_timeout`."""

    def __init__(self, eio: Any) -> None:
        self._eio = eio
        self._slots: list[set[Beating]] = [set() for _ in range(int(eio.ping_interval))]
        self._timeout = int(eio.ping_timeout)
        if not 0 < self._timeout < len(self._slots):
            raise ValueError("a heartbeat must be answered before the next")
        self._slot_of: dict[Beating, set[Beating]] = {}
        self._entered = self._beats = 0

    def enter(self, connection: Beating) -> None:
        """Begin with a connection."""
        self._slot_of[connection] = slot = self._slots[self._entered % len(self._slots)]
        self._entered += 1
        slot.add(connection)

    def leave(self, connection: Beating) -> None:
        """The connection has ended."""
        self._slot_of.pop(connection).discard(connection)

    async def run(self, _app: web.Application) -> AsyncIterator[None]:
        """For the application's `cleanup_ctx`: beat until the end."""
        task = asyncio.create_task(self._beat_on(), name="heartbeats")
        yield
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task

    async def _beat_on(self) -> None:
        while True:
            await asyncio.sleep(BEAT_SECONDS)
            try:
                await self.beat()
            except Exception:
                log.exception("a heartbeat failed; going on")

    async def beat(self) -> None:
        """What is due in one second."""
        asked, waited = self._beats % len(self._slots), (self._beats - self._timeout) % len(self._slots)
        self._beats += 1
        for connection in list(self._slots[asked]):
            connection.ask()
        for connection in [one for one in self._slots[waited] if one.unanswered]:
            await connection.give_up()
        if self._beats % self._timeout == 0:
            await self._look_at_the_others()

    async def _look_at_the_others(self) -> None:
        """Connections that poll have heartbeats of Engine.IO's; whether they are answered is looked at here."""
        for socket in list(self._eio.sockets.values()):
            if socket.closed:
                self._eio.sockets.pop(socket.sid, None)
            elif socket.last_ping and not socket.closing:
                await socket.check_ping_timeout()
