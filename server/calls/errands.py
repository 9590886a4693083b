"""Calls about directives that the outbox asks for: taken when a line is free, and settled by what became of them."""

from __future__ import annotations

import asyncio
import logging
import secrets
from dataclasses import replace
from datetime import datetime, timedelta
from random import Random

from server.calls import numbers
from server.calls.answering import salvage
from server.calls.conversation import Conversation
from server.calls.means import Means
from server.calls.menu import our_fault, verdict
from server.calls.patience import is_away
from server.calls.places import Precedence
from server.calls.rules import Direction, Outcome, Purpose
from server.directives import service
from server.directives.documents import Urgency
from server.errors import UnavailableError
from server.reach import service as reach
from server.reach.notice import Notice, NoticeKind
from server.reach.rules import Backoff, Channel, Later, Reason
from server.reach.rules import Outcome as Settled
from server.reach.service import Due, Letter
from server.store import Transaction

log = logging.getLogger("giaoban.calls")

PAUSE_SECONDS = 2.0
_OURS = Backoff(tries=1_000, first=timedelta(0), most=timedelta(0))
"""How often and how soon again is in the verdict of each call, by what became of it."""


class Errands:
    """So many calls at once as the settings allow; messages wait in the database for their turn, the urgent first."""

    def __init__(self, means: Means, pause: float = PAUSE_SECONDS) -> None:
        self._means, self._pause = means, pause
        self._settings = means.exchange.settings.telephone
        self._free = asyncio.Semaphore(self._settings.most_directive_calls)
        self._in_hand: set[int] = set()  # messages whose call runs, or whose outcome is owed: nobody is called twice
        self._task: asyncio.Task[None] | None = None
        self._rng = Random()  # noqa: S311 - asked for by `settle`, whose waits have no random part here

    async def start(self) -> None:
        """Begin as soon as the exchange is open: until then the calls that run may be another process's."""
        self._task = asyncio.get_running_loop().create_task(self._run())

    async def close(self) -> None:
        """No new calls; those that run end with the exchange."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def _run(self) -> None:
        await self._means.exchange.opened.wait()
        try:
            await salvage(self._means)
        except Exception:  # whatever it is: without this loop nobody would be called any more
            log.exception("answers that were being spoken could not be kept; the next start tries again")
        while True:
            await self._free.acquire()
            letter = None
            try:
                letter = await self._next()
            except Exception:  # whatever it is: without this loop nobody would be called any more
                log.exception("calls about directives could not be read; trying again")
            if letter is None:
                self._free.release()
                await asyncio.sleep(self._pause)
            else:
                self._means.exchange.spawn(self._errand(letter))

    async def _next(self) -> Letter | None:
        """A call that is due, with a place for it; none while the trunk is down, so that this uses up no tries.

        Nor before it has taken our registration.
        """
        exchange = self._means.exchange
        down = exchange.trunk.registering or (exchange.standing is not None and not exchange.standing.up)
        if down or not self._means.dialler.able:
            return None
        due = await self._first_due()
        if due is None or not await self._have_place(due):
            return None
        found: list[Letter] = []
        try:
            lease = secrets.token_hex(16)
            found = await exchange.store.write(reach.claim, Channel.PHONE, lease, 1, but=set(self._in_hand))
        finally:
            if not found:
                exchange.places.give_back()
        return found[0] if found else None

    async def _first_due(self) -> Notice | None:
        """What it is about; whatever can wait and was late for the evening is not called in the night."""
        store = self._means.exchange.store
        while due := await store.read(reach.first_due, Channel.PHONE, set(self._in_hand)):
            until = self._rests_until(due)
            if until is None:
                return due.notice
            await store.write(reach.put_off, due.id, until)
        return None

    def _rests_until(self, due: Due) -> datetime | None:
        """What was meant for quiet hours is what somebody asked for in them, by the button at the delivery."""
        after, urgency = self._means.policy.after_quiet_hours, Urgency(due.notice.urgency)
        now = self._means.exchange.store.clock()
        asked_for = due.meant_for is not None and after(due.meant_for, urgency) > due.meant_for
        until = after(now, urgency)
        return until if until > now and not asked_for else None

    async def _have_place(self, due: Notice) -> bool:
        """Not for long: something more urgent may be due meanwhile."""
        try:
            async with asyncio.timeout(self._pause):
                await self._means.exchange.places.take(precedence_of(due))
        except TimeoutError:
            return False
        return True

    async def _errand(self, letter: Letter) -> None:
        outcome: Settled
        self._in_hand.add(letter.id)
        try:
            outcome = verdict(await self._call(letter), letter.tries, self._settings.tries)
        except Exception as error:  # whatever it is: the message must be settled, or it is called again and again
            log.exception("the call of message %d failed in a way we do not know", letter.id)
            outcome = our_fault(Reason.FAILING, f"{type(error).__name__}: {error}", letter.tries)
        finally:
            self._means.exchange.places.give_back()
            self._free.release()
        outcome = self._outside_quiet_hours(letter, outcome)
        await self._means.exchange.owed.do(lambda: self._settle(letter, outcome))

    async def _settle(self, letter: Letter, outcome: Settled) -> None:
        owed = False
        try:
            state = await self._means.exchange.store.write(reach.settle, letter, outcome, _OURS, self._rng)
        except UnavailableError as error:
            owed = is_away(error)
            raise
        finally:
            if not owed:
                self._in_hand.discard(letter.id)
        log.info("message %d by telephone, try %d: %s", letter.id, letter.tries, state or "not ours")

    def _outside_quiet_hours(self, letter: Letter, outcome: Settled) -> Settled:
        """Nobody is called again in the night about what can wait."""
        if not isinstance(outcome, Later) or outcome.after is None:
            return outcome
        now = self._means.exchange.store.clock()
        at = self._means.policy.after_quiet_hours(now + outcome.after, Urgency(letter.notice.urgency))
        return replace(outcome, after=at - now)

    async def _call(self, letter: Letter) -> Outcome:
        exchange, store = self._means.exchange, self._means.exchange.store
        units, clock = await store.read(reach.about_units, letter), await store.read(reach.clock_of, letter)
        number = (await store.read(numbers.of, [letter.account])).get(letter.account)
        if number is None:  # taken away since the message was written; one that was changed counts
            return Outcome.WRONG_NUMBER
        policy = self._means.policy
        reading = await store.read(service.reading_of, policy, letter.account, letter.notice, units, clock)
        line = exchange.new_line(number)
        line.account = letter.account
        line.unit = unit = reading.own[0].unit_id if reading.own else reading.issuer
        known = {"account_id": line.account, "unit_id": unit, "directive_id": reading.directive}
        try:
            async with exchange.ending(line):
                await exchange.begin(line, Direction.OUT, Purpose.DIRECTIVE, **known)
                await exchange.owed.do(lambda: store.write(_tell, reading.directive, unit))
                await self._means.dialler.ring(line)
                await Conversation(self._means, line, letter, reading, units).hold()
        finally:
            await exchange.owed.do(lambda: store.write(_tell, reading.directive, unit))
        return line.outcome or Outcome.TRUNK


def precedence_of(notice: Notice) -> Precedence:
    """Escalations and what is urgent go before calls into meetings, all else after them."""
    alarm = notice.kind is NoticeKind.ESCALATION or notice.urgency != Urgency.NORMAL
    return Precedence.ALARM if alarm else Precedence.USUAL


def _tell(tx: Transaction, directive: int, unit: int) -> None:
    """Those who watch the directive's board see how the calls go."""
    tx.notify(f"board:{directive}", {"kind": "board.changed", "directive": directive, "units": [unit]})
