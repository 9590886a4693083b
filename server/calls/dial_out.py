"""Calling people: into a meeting, back after a line broke, or to try the trunk. Only a pressed key is a human."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterable
from contextlib import AsyncExitStack
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

import msgspec

from server.accounts import service as accounts
from server.calls import in_meeting, numbers
from server.calls import log as call_log
from server.calls.line import NODE_SECONDS, HungUpError, Line
from server.calls.patience import patiently
from server.calls.places import Places, Precedence
from server.calls.restart import Cut
from server.calls.rules import Direction, Outcome, Purpose, again_after
from server.errors import UnavailableError
from server.meetings.names import room_of
from server.meetings.service import calling, telephone
from server.meetings.service.telephone import Found
from server.store import Transaction

if TYPE_CHECKING:
    from server.calls.exchange import Exchange

log = logging.getLogger("giaoban.calls")

ASKED_TIMES = 3
ANSWER_SECONDS = 5.0  # after each time that it is asked
_WORDS = {
    Purpose.MEETING: "invitation",
    Purpose.OWN: "invitation",
    Purpose.BACK: "called_back",
    Purpose.TEST: "test_call",
}


class Job(msgspec.Struct, frozen=True, kw_only=True):
    """Somebody to be reached. Without an account it is a unit's telephone; a test has neither unit nor meeting."""

    number: str
    purpose: Purpose = Purpose.MEETING
    meeting: int | None = None
    unit: int | None = None
    account: int | None = None
    asked_by: int | None = None

    @property
    def key(self) -> tuple[object, ...]:
        """Jobs of one key are one."""
        return self.purpose, self.meeting, self.number


class Dialler:
    """Makes calls, so many at once as the settings allow; the others wait for their turn, who is only missing last."""

    def __init__(self, exchange: Exchange) -> None:
        self._exchange = exchange
        settings = exchange.settings.telephone
        self._turns = Places(settings.most_calls_out)
        self._most_tries = settings.tries
        self._running: set[tuple[object, ...]] = set()
        self.sleep: Callable[[float], Awaitable[None]] = asyncio.sleep
        exchange.on_dropped.append(self._dropped)

    @property
    def able(self) -> bool:
        """Whether there is a trunk for our calls."""
        return self._exchange.open and self._exchange.trunk.peer is not None

    @property
    def numbers(self) -> list[str]:
        """The district's, for those who call in."""
        return self._exchange.settings.telephone.numbers if self._exchange.open else []

    @property
    def busy(self) -> bool:
        """Whether anybody is called, or will be."""
        return bool(self._running)

    def is_calling(self, job: Job) -> bool:
        """Whether it is being done, or waits for its turn."""
        return job.key in self._running

    def call(self, jobs: Iterable[Job]) -> int:
        """Begin to reach them; who is being called already is not called twice. Gives how many are new."""
        before = len(self._running)
        for job in jobs:
            if not self.is_calling(job):
                self._running.add(job.key)
                self._exchange.spawn(self._reach(job))
        return len(self._running) - before

    def _dropped(self, cut: Cut) -> None:
        """Call back once, if the chair allows."""
        if self.able and cut.meeting is not None:
            self._exchange.spawn(self._call_back(cut, cut.meeting))

    async def _call_back(self, cut: Cut, meeting: int) -> None:
        number = await patiently(lambda: self._exchange.store.read(_called_back_at, meeting, cut))
        if number is None:
            return
        log.info("%s was cut off and is called back", number)
        await self._exchange.conductor.pool.wait_for(room_of(meeting), NODE_SECONDS)
        self.call([Job(number=number, purpose=Purpose.BACK, meeting=meeting, unit=cut.unit, account=cut.account)])

    async def _reach(self, job: Job) -> None:
        order = Precedence.MEETING if job.purpose is Purpose.MEETING else Precedence.AWAITED
        try:
            tries = 0
            await self._exchange.trunk.answered()
            while True:
                async with AsyncExitStack() as turn:
                    await turn.enter_async_context(self._turns.taken(order))
                    async with self._exchange.places.taken(order):
                        if not await patiently(lambda: self._exchange.store.read(_is_wanted, job)):
                            await self._exchange.owed.do(lambda: self._exchange.store.write(_forget, job))
                            return
                        await self._tell(job, Outcome.RUNNING)
                        outcome = await self._try(job, turn)
                tries += 1
                most = self._most_tries if job.purpose is Purpose.MEETING else 1
                pause = again_after(outcome, tries, most)
                await self._tell(job, outcome, pause)
                if pause is None:
                    return
                await self.sleep(pause.total_seconds())
        finally:
            self._running.discard(job.key)

    async def _tell(self, job: Job, outcome: Outcome, again: timedelta | None = None) -> None:
        exchange, at = self._exchange, self._exchange.store.clock()
        await exchange.owed.do(lambda: exchange.store.write(_tell, job, outcome, again, at))

    async def _try(self, job: Job, turn: AsyncExitStack) -> Outcome:
        exchange = self._exchange
        line = exchange.new_line(job.number)
        line.account, line.unit = job.account, job.unit
        known = {"account_id": job.account, "unit_id": job.unit, "meeting_id": job.meeting, "asked_by": job.asked_by}
        async with exchange.ending(line):
            await exchange.begin(line, Direction.OUT, job.purpose, **known)
            await self.ring(line, job.meeting)
            try:
                if not await exchange.through_nodes(line, lambda: _confirmed(line, job.purpose)):
                    return line.outcome or Outcome.NO_KEY
            except HungUpError:
                line.outcome = line.outcome or Outcome.NO_KEY
                raise
            await turn.aclose()  # who sits in the meeting keeps nobody waiting
            found = await line.patient(lambda: exchange.store.read(_found, job))
            if found is not None:
                await in_meeting.take_part(exchange, line, found)
        return line.outcome or Outcome.TRUNK

    async def ring(self, line: Line, meeting: int | None = None, beside: str | None = None) -> None:
        """Until somebody or something answers, at the node of a meeting or of the call `beside`.

        Raises HungUpError, UnavailableError, ProtocolError.
        """
        exchange, trunk = self._exchange, self._exchange.trunk
        peer = trunk.peer
        if peer is None:
            raise UnavailableError("no_trunk", "")
        settings = exchange.settings.telephone
        side = await line.open(settings.address, meeting, beside)
        line.call = exchange.endpoint.agent.call(
            trunk.uri(line.number),
            trunk.local,
            peer,
            side.offer(),
            exchange.now(),
            credentials=trunk.credentials,
            ring_for=settings.ring_seconds,
        )
        line.call.mark = line
        await line.until(lambda: line.up)
        await line.agree(side.accept(line.answered or b""))
        await exchange.answered(line)


async def _confirmed(line: Line, purpose: Purpose) -> bool:
    """Whether a key says that a human is there and comes; the outcome says what else was pressed."""
    for _time in range(ASKED_TIMES):
        await line.say(_WORDS[purpose])
        key = await line.key(ANSWER_SECONDS)
        if key is None and line.lost:
            raise UnavailableError("media_away", "the node went during an invitation")
        if key is None:
            continue
        if purpose is Purpose.TEST:
            line.outcome = Outcome.HEARD
            await line.say("test_heard", "goodbye")
            return False
        if key == "1":
            return True
        if key == "9":
            line.outcome = Outcome.DECLINED
            await line.say("declined", "goodbye")
            return False
    line.outcome = Outcome.NO_KEY
    return False


def _found(tx: Transaction, job: Job) -> Found | None:
    """As whom the person sits in the meeting."""
    if job.meeting is None:
        return None
    if job.account is not None:
        return telephone.as_whom(tx, accounts.principals(tx, job.account), job.meeting)
    return Found(meeting=job.meeting, who=None, unit=job.unit) if job.unit is not None else None


def _called_back_at(tx: Transaction, meeting: int, cut: Cut) -> str | None:
    """The number that is noted for whom we know, else the one that called; None where nobody is to be called."""
    own = numbers.of(tx, [cut.account]).get(cut.account) if cut.account is not None else None
    number = own or cut.number
    if not number or not telephone.may_call_back(tx, meeting) or call_log.was_called_back(tx, meeting, number):
        return None
    return number


def _is_wanted(tx: Transaction, job: Job) -> bool:
    """Whether the call is of use yet: the meeting runs, and the person has not come in another way.

    Whoever comes by the meeting's code is nobody by name: the number tells. A call to a unit wants anybody of it,
    a call back wants this telephone, beside which the unit may have another.
    """
    if job.meeting is None:
        return True
    if job.purpose is Purpose.OWN and job.account is not None:
        return telephone.is_beside(tx, job.meeting, job.account)
    here = calling.here(tx, job.meeting)
    if here is None or any(numbers.same(seat.number, job.number) for seat in here if seat.account_id is None):
        return False
    if job.purpose is Purpose.MEETING and job.unit in {seat.unit_id for seat in here}:
        return False
    return job.account is None or job.account not in {seat.account_id for seat in here}


def _forget(tx: Transaction, job: Job) -> None:
    """The unit is not called any more, as somebody has come."""
    if job.purpose is Purpose.MEETING and job.meeting is not None and job.unit is not None:
        calling.tell(tx, job.meeting, job.unit, "")


def _tell(tx: Transaction, job: Job, outcome: Outcome, again: timedelta | None, at: datetime) -> None:
    """Tell those in the meeting's room how the call goes and after how long it is made again, or who asked for it."""
    if job.meeting is None:
        return
    if job.purpose is Purpose.OWN and job.account is not None:
        telephone.tell_own_call(tx, job.meeting, job.account, outcome)
    elif job.unit is not None:
        calling.tell(tx, job.meeting, job.unit, outcome, None if again is None else at + again, at)
