"""Putting a caller through to the clerk on duty of the unit that issued the directive; else a note to call back."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any

from server.calls import log as call_log
from server.calls.line import Line
from server.calls.means import Means
from server.calls.places import Precedence
from server.calls.prompts import MUSIC
from server.calls.rules import Direction, Outcome, Purpose
from server.directives import service
from server.directives.service import Reading
from server.store import Transaction

MOST_CLERKS = 3  # that are tried, one after the other
ASKED_TIMES = 2
ANSWER_SECONDS = 5.0
PLACE_SECONDS = 20.0  # that somebody waits for the trunk to have room for the call to the clerk


class Clerk:
    """The clerk's side of one caller's wish. `talked` says that they have spoken."""

    def __init__(self, means: Means, line: Line, reading: Reading) -> None:
        self._means, self._line, self._reading = means, line, reading
        self.talked = False

    async def connect(self) -> None:
        """Try them in turn; a key of the caller ends it. Raises HungUpError."""
        line, exchange = self._line, self._means.exchange
        await line.say("calling_clerk")
        for number in self._reading.clerks[:MOST_CLERKS]:
            await line.music(MUSIC)
            if not await self._while_waiting(self._call_in_turn(number)):
                return
            if self.talked:
                line.keys.clear()  # were pressed to nobody while they talked
                await line.say("clerk_gone")
                return
        if not self._reading.clerks:
            await exchange.owed.do(lambda: exchange.store.write(self._note_nobody))
        wish = self._reading, self._person, line.number
        await exchange.owed.do(lambda: exchange.store.write(service.clerk_wanted, *wish))
        await line.say("clerk_away")

    async def _while_waiting(self, work: Coroutine[Any, Any, None]) -> bool:
        """Until the clerk's call is over; False when the caller has pressed a key before they talked."""
        line = self._line
        task = asyncio.get_running_loop().create_task(work)
        task.add_done_callback(lambda _task: line.touch())
        line.keys.clear()
        try:
            await line.until(lambda: task.done() or line.lost or (bool(line.keys) and not self.talked))
            return task.done()
        finally:
            if not task.done():
                task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    async def _call_in_turn(self, number: str) -> None:
        places = self._means.exchange.places
        try:
            async with asyncio.timeout(PLACE_SECONDS):
                await places.take(Precedence.CLERK)
        except TimeoutError:
            return
        try:
            await self._call(number)
        finally:
            places.give_back()

    async def _call(self, number: str) -> None:
        """Ring one clerk; whoever presses a key is put through, and stays until one of both hangs up."""
        exchange, line = self._means.exchange, self._line
        other = exchange.new_line(number)
        async with exchange.ending(other):
            await exchange.begin(other, Direction.OUT, Purpose.CLERK, **self._known())
            await self._means.dialler.ring(other, beside=line.name)
            other.outcome = Outcome.NO_KEY
            for _time in range(ASKED_TIMES):
                await other.say("clerk_wanted")
                if await other.key(ANSWER_SECONDS) is not None:
                    await exchange.phones.join(line.name, other.name)
                    other.outcome, self.talked = Outcome.TALKED, True
                    await other.until(lambda: other.lost)
                    return

    def _known(self) -> dict[str, int | None]:
        unit = self._reading.own[0].unit_id if self._reading.own else self._reading.issuer
        return {"unit_id": unit, "directive_id": self._reading.directive}

    def _note_nobody(self, tx: Transaction) -> None:
        """A clerk without a number: the wish stands among the calls all the same."""
        row = call_log.begin(tx, self._line.name, Direction.OUT, Purpose.CLERK, "", **self._known())
        call_log.ended(tx, row, Outcome.WRONG_NUMBER, 0, None)

    @property
    def _person(self) -> str:
        return self._reading.own[0].name if self._reading.own else ""
