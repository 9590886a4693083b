"""What a caller is asked for: a PIN, or a meeting's code and the unit's; then music until the meeting is open."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from msgspec.structs import replace

from server.accounts import service as accounts
from server.calls import guessing, numbers, pins
from server.calls import log as call_log
from server.calls.line import Line
from server.calls.prompts import MUSIC
from server.calls.rules import PIN_DIGITS, PIN_TRIES, Outcome
from server.errors import NotAllowedError, UnavailableError
from server.meetings.service import telephone
from server.meetings.service.telephone import Found, Waiting
from server.store import Transaction

if TYPE_CHECKING:
    from server.calls.exchange import Exchange

UNIT_DIGITS = 12
LOOK_EVERY = 20.0  # s, should a change of the meeting have been missed


async def serve(exchange: Exchange, line: Line) -> Found | None:
    """From the first word until the meeting is open for this caller; None: told why not, and goodbye."""
    found = await exchange.through_nodes(line, lambda: _welcome(exchange, line))
    if found is not None:
        account = found.who.account_id if found.who else None
        line.account, line.unit = account, found.unit
        known = {"meeting_id": found.meeting, "unit_id": found.unit, "account_id": account}
        await exchange.owed.do(lambda: exchange.store.write(call_log.note, line.row, **known))
        if await exchange.through_nodes(line, lambda: wait_for_chair(exchange, line, found)):
            return found
    await line.say("goodbye")
    return None


async def _welcome(exchange: Exchange, line: Line) -> Found | None:
    await line.say("welcome")
    return await _identify(exchange, line)


async def _identify(exchange: Exchange, line: Line) -> Found | None:
    wrong = 0
    code: int | None = None
    for _try in range(PIN_TRIES):
        words = ["enter_pin"] if code is None else ["enter_unit"]
        if wrong:
            words.insert(0, "wrong_pin" if code is None else "wrong_unit")
        await line.say(*words)
        digits = await _dialled(line, PIN_DIGITS if code is None else UNIT_DIGITS)
        if not digits:
            continue
        if not await line.patient(lambda: guessing.may_try(exchange, line)):
            return None
        if code is None:
            code = await line.patient(partial(exchange.store.read, telephone.meeting_by_code, digits))
            if code is not None:
                wrong = 0
                await line.say("enter_unit")
                digits = await _dialled(line, UNIT_DIGITS)
                if not digits:
                    continue
        found = await line.patient(partial(_find, exchange, line, code, digits))
        if found is not None or line.outcome is not None:
            await exchange.owed.do(lambda: guessing.was_right(exchange, line))
            return found
        wrong += 1
        await exchange.owed.do(lambda: guessing.was_wrong(exchange, line))
    line.outcome = Outcome.WRONG_PIN if wrong else Outcome.GAVE_UP
    return None


async def _dialled(line: Line, most: int) -> str:
    """Digits; those of a node that died meanwhile are torn. Raises UnavailableError then."""
    digits = await line.digits(most)
    if line.lost:
        raise UnavailableError("media_away", "the node went while a code was dialled")
    return digits


async def _find(exchange: Exchange, line: Line, code: int | None, digits: str) -> Found | None:
    """Whom the digits mean; with an outcome set, the person is known but has no meeting, and was told."""
    if code is not None:
        return await exchange.store.read(_unit_of, code, digits, line.asserted)
    account = await exchange.store.read(pins.owner, exchange.key, digits)
    if account is None:
        return None
    try:
        found = await exchange.store.read(_meeting_of, account)
    except NotAllowedError:
        line.outcome = Outcome.TAKEN_OUT
        await line.say("taken_out")
        return None
    if found is None:
        line.outcome = Outcome.NO_MEETING
        await line.say("no_meeting")
    return found


def _meeting_of(tx: Transaction, account_id: int) -> Found | None:
    return telephone.meeting_of(tx, accounts.principals(tx, account_id))


def _unit_of(tx: Transaction, meeting: int, digits: str, asserted: str) -> Found | None:
    """A unit, with the name of who of its people calls where the trunk vouches for their number. It gives no rights."""
    found = telephone.unit_by_code(tx, meeting, digits)
    return found and replace(found, name=numbers.name_at(tx, found.unit, asserted))


async def wait_for_chair(exchange: Exchange, line: Line, found: Found) -> bool:
    """Music until somebody who runs the meeting is there; False when it is over."""
    line.meeting = found.meeting
    waits = False
    while True:
        line.news = False
        pressed = bool(line.keys)
        line.keys.clear()
        state = await line.patient(lambda: exchange.store.read(telephone.waiting, found))
        if state is Waiting.OPEN:
            return True
        if state is Waiting.OVER:
            line.outcome = Outcome.NO_MEETING
            await line.say("ended")
            return False
        if not waits:
            await line.say("wait")
        if not waits or pressed:
            waits = True
            await line.music(MUSIC)
        await line.until(lambda: line.news or bool(line.keys) or line.lost, LOOK_EVERY)
        if line.lost:
            raise UnavailableError("media_away", "the node went while somebody waited for the chair")
