"""Guessing at codes by telephone: slowed and locked by the caller's number, and slowed for all when there is too much.

A number can be forged, so that every try comes from another one: the wrong codes of the whole line count, too. Once
they are too many in an hour, codes are looked at one after the other, each after a pause, whoever dials them: 28,800 a
day of the 100 million that there are. Whoever knows no code finds one of 20 meetings' after 165 days, and a certain
person's after 4.8 years, in the mean; of 700 people anybody's after 5 days.
"""

from __future__ import annotations

import asyncio
import hmac
import logging
from typing import TYPE_CHECKING

from server.accounts import service as accounts
from server.calls import log as call_log
from server.calls.line import Line
from server.calls.rules import Outcome
from server.calls.script import lasting
from server.errors import TooManyError
from server.store import Store, Transaction

if TYPE_CHECKING:
    from server.calls.exchange import Exchange

log = logging.getLogger("giaoban.calls")

LONGEST_PAUSE = 20  # s that somebody who dialled wrong waits on the line; longer is told, and hung up
SLOW_SECONDS = 3.0  # of the line for each code
_SECRET = "phone"  # noqa: S105 - what is guessed at, in the counters


class Gate:
    """Lets codes through to be looked at. `most` are the wrong ones of an hour from which on everybody is slowed."""

    def __init__(self, store: Store, most: int) -> None:
        self._store, self._most = store, most
        self._turn = asyncio.Lock()
        self._slow = False

    async def pass_through(self, line: Line) -> None:
        """At once, or when it is this line's turn. Raises HungUpError."""
        wrong = await self._store.read(call_log.wrong_codes)
        slow = wrong >= self._most
        if slow is not self._slow:
            self._slow = slow
            if slow:
                log.error(
                    "codes of the telephone are being guessed: %d wrong ones in an hour; everybody is slowed", wrong
                )
            else:
                log.warning("codes of the telephone are guessed no more: nobody is slowed")
        if slow:
            async with self._turn:
                await line.until(lambda: False, SLOW_SECONDS)


async def may_try(exchange: Exchange, line: Line) -> bool:
    """Slow down who guesses; False: locked out, which was told."""
    await exchange.gate.pass_through(line)
    while True:
        try:
            await exchange.store.write(accounts.begin_guess, _SECRET, _source(exchange, line), exchange.settings.access)
        except TooManyError as error:
            seconds = int(str(error.params["retry_after"]))
            if seconds > LONGEST_PAUSE:
                log.warning("PINs are locked for %s: %d s", line.number or "hidden numbers", seconds)
                line.outcome = Outcome.LOCKED
                await line.say("locked", *lasting(seconds), "then_call_again")
                return False
            await line.until(lambda: False, seconds)
            continue
        return True


def _source(exchange: Exchange, line: Line) -> str:
    """By what a caller's tries are counted: the number; where it is hidden, what does not tell it; else ""."""
    if line.number or not line.asserted:
        return line.number
    return "hidden " + hmac.digest(exchange.key, f"phone {line.asserted}".encode(), "sha256").hex()[:16]


async def was_right(exchange: Exchange, line: Line) -> None:
    """The number starts anew."""
    await exchange.store.write(accounts.forgive_guess, _SECRET, _source(exchange, line))


async def was_wrong(exchange: Exchange, line: Line) -> None:
    """It counts for number and line."""
    await exchange.store.write(_note_wrong, line)


def _note_wrong(tx: Transaction, line: Line) -> None:
    call_log.wrong_pin(tx, line.row)
    log.warning("a wrong PIN from %s", line.number or "a hidden number")
