"""How many calls of ours the trunk carries at once, whatever they are for, and who goes first when it is full."""

from __future__ import annotations

import asyncio
import heapq
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from enum import IntEnum
from itertools import count


class Precedence(IntEnum):
    """What goes first."""

    CLERK = 0  # somebody waits on the line
    ALARM = 1  # escalations, and directives that are urgent
    AWAITED = 2  # by who was cut off from a meeting, has asked for the own call, or tries the trunk
    MEETING = 3
    USUAL = 4


class Places:
    """`most` of them. Who finds none waits, by precedence and then in the order of coming."""

    def __init__(self, most: int) -> None:
        self._free = most
        self._waiting: list[tuple[Precedence, int, asyncio.Future[None]]] = []
        self._numbers = count()

    @asynccontextmanager
    async def taken(self, precedence: Precedence) -> AsyncIterator[None]:
        """Have one for as long as this lasts."""
        await self.take(precedence)
        try:
            yield
        finally:
            self.give_back()

    async def take(self, precedence: Precedence) -> None:
        """Wait for one; `give_back` must follow. Who is cancelled meanwhile has none."""
        if self._free:
            self._free -= 1
            return
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        heapq.heappush(self._waiting, (precedence, next(self._numbers), turn))
        try:
            await turn
        except asyncio.CancelledError:
            if turn.done() and not turn.cancelled():  # both at once: the next one has it
                self.give_back()
            self._waiting = [one for one in self._waiting if one[2] is not turn]
            heapq.heapify(self._waiting)
            raise

    def give_back(self) -> None:
        """To the first who waits."""
        while self._waiting:
            _precedence, _number, turn = heapq.heappop(self._waiting)
            if not turn.done():
                turn.set_result(None)
                return
        self._free += 1
