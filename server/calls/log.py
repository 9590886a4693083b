"""The log of calls: a row when a call begins, filled in until it has ended."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import msgspec
import sqlalchemy as sa

from server.accounts import service as accounts
from server.calls.model import phone_call
from server.calls.numbers import BETWEEN
from server.calls.rules import Direction, Outcome, Purpose
from server.store import Transaction, search
from server.telephony.numbers import forms
from server.units import service as units

KEPT = timedelta(days=400)
HOUR = timedelta(hours=1)
LEAST_DIGITS = 3
"""Of a part of a number; fewer are a village's."""


class Logged(msgspec.Struct, frozen=True, kw_only=True):
    """One call as the operator sees it; `person` and `unit` are empty where nobody knows."""

    id: int
    direction: Direction
    purpose: Purpose
    number: str
    person: str
    unit: str
    meeting: int | None
    directive: int | None
    started_at: datetime
    answered_at: datetime | None
    ended_at: datetime | None
    outcome: Outcome
    status: int
    cause: int | None
    wrong_pins: int


class About(msgspec.Struct, frozen=True, kw_only=True):
    """A call about a directive, and the unit of the person whom it was for."""

    unit_id: int | None
    call: Logged


def begin(
    tx: Transaction,
    call: str,
    direction: Direction,
    purpose: Purpose,
    number: str,
    at: datetime | None = None,
    /,
    **known: int | None,
) -> int:
    """A call begins; `known` may name account, unit, meeting, directive and who asked for it, as columns.

    `at` is the moment, here and below, where it has passed: the database was away.
    Told twice, as the database went away at the first time, it has begun once.
    """
    c = phone_call.c
    tx.execute(sa.delete(phone_call).where(c.started_at < tx.now - KEPT))
    running = sa.and_(c.started_at >= tx.now - HOUR, c.call == call, c.purpose == purpose, c.ended_at.is_(None))
    begun = tx.one(sa.select(c.id).where(running))
    if begun is not None:
        return int(begun.id)
    return tx.insert(
        phone_call,
        call=call,
        direction=direction,
        purpose=purpose,
        number=number[:40],
        started_at=at or tx.now,
        outcome=Outcome.RUNNING,
        status=0,
        wrong_pins=0,
        **known,
    )


def answered(tx: Transaction, row: int, dialog: str = "", at: datetime | None = None) -> None:
    """Somebody or something has taken it; `dialog` is for whoever ends it after us (`restart`)."""
    tx.execute(sa.update(phone_call).where(phone_call.c.id == row).values(answered_at=at or tx.now, dialog=dialog))


def note(tx: Transaction, /, row: int, **known: int | None) -> None:
    """What has become known of it."""
    tx.execute(sa.update(phone_call).where(phone_call.c.id == row).values(**known))


def wrong_pin(tx: Transaction, row: int) -> None:
    """A wrong PIN was dialled in it."""
    c = phone_call.c
    tx.execute(sa.update(phone_call).where(c.id == row).values(wrong_pins=c.wrong_pins + 1))


def ended(
    tx: Transaction,
    row: int,
    outcome: Outcome,
    status: int,
    cause: int | None,
    call: str = "",
    at: datetime | None = None,
) -> None:
    """It is over. Without a row it is the call of that name: whether it has one is not known."""
    c = phone_call.c
    values: dict[str, Any] = {
        "ended_at": at or tx.now,
        "outcome": outcome,
        "status": status,
        "cause": cause,
        "dialog": "",
    }
    mine = c.id == row if row else c.call == call
    tx.execute(sa.update(phone_call).where(mine, c.ended_at.is_(None)).values(**values))


def was_called_back(tx: Transaction, meeting_id: int, number: str) -> bool:
    """Whether this number was called back into the meeting, successfully or not: once is enough."""
    c = phone_call.c
    query = sa.select(c.id).where(
        c.meeting_id == meeting_id, c.number.in_(sorted(forms(number))), c.purpose == Purpose.BACK
    )
    return tx.one(query.limit(1)) is not None


def asked_for(tx: Transaction, account_id: int, purpose: Purpose, since: datetime) -> int:
    """How many calls of this kind a person has asked for since then."""
    c = phone_call.c
    query = sa.select(sa.func.count()).where(c.asked_by == account_id, c.purpose == purpose, c.started_at > since)
    return int(tx.execute(query).scalar_one())


def latest(
    tx: Transaction, most: int, before: int | None = None, words: str = "", outcome: Outcome | None = None
) -> list[Logged]:
    """The newest calls, the newest first; with `before` those older than that row.

    `words` are digits of a number, or a part of the name of a unit or of the one above it.
    """
    query = sa.select(phone_call).order_by(phone_call.c.id.desc()).limit(most)
    if before is not None:
        query = query.where(phone_call.c.id < before)
    if outcome is not None:
        query = query.where(phone_call.c.outcome == outcome)
    if words.strip():
        query = query.where(_about(tx, words))
    return _shown(tx, tx.all(query))


def _about(tx: Transaction, words: str) -> sa.ColumnElement[bool]:
    digits = BETWEEN.sub("", words.strip())
    if digits.removeprefix("+").isdecimal() and len(digits) >= LEAST_DIGITS:
        number = phone_call.c.number
        return sa.or_(
            number.contains(digits, autoescape=True), *(number.startswith(one) for one in sorted(forms(digits)))
        )
    tree = units.tree(tx)
    names = {unit: search.words(" ".join(one.short_name for one in tree.path(unit)[-2:])) for unit in tree.units}
    return phone_call.c.unit_id.in_([unit for unit, name in names.items() if _are_in(search.words(words), name)])


def _are_in(wanted: list[str], name: list[str]) -> bool:
    """Whether each word begins one of the name; who looks for village 1 does not mean village 10."""
    begun = [any(one == word or (not word.isdecimal() and one.startswith(word)) for one in name) for word in wanted]
    return bool(begun) and all(begun)


def heard(tx: Transaction, directive_id: int) -> dict[int, set[int]]:
    """Who took a call about a directive, by unit, unless no key was pressed: they may have heard what it says."""
    c = phone_call.c
    taken = sa.and_(c.directive_id == directive_id, c.purpose == Purpose.DIRECTIVE, c.answered_at.is_not(None))
    known = sa.and_(taken, c.unit_id.is_not(None), c.account_id.is_not(None), c.outcome != Outcome.NO_KEY)
    found: dict[int, set[int]] = {}
    for row in tx.all(sa.select(c.unit_id, c.account_id).where(known)):
        found.setdefault(row.unit_id, set()).add(row.account_id)
    return found


def about(tx: Transaction, directive_id: int) -> list[About]:
    """All calls about a directive, in their order."""
    rows = tx.all(sa.select(phone_call).where(phone_call.c.directive_id == directive_id).order_by(phone_call.c.id))
    shown = _shown(tx, rows)
    return [About(unit_id=row.unit_id, call=call) for row, call in zip(rows, shown, strict=True)]


def _shown(tx: Transaction, rows: list[Any]) -> list[Logged]:
    names = accounts.names(tx, [row.account_id for row in rows if row.account_id])
    places = units.units_by_ids(tx, [row.unit_id for row in rows if row.unit_id])
    return [_logged(row, names.get(row.account_id, ""), places.get(row.unit_id)) for row in rows]


def _logged(row: Any, person: str, unit: units.UnitInfo | None) -> Logged:
    return Logged(
        id=row.id,
        direction=Direction(row.direction),
        purpose=Purpose(row.purpose),
        number=row.number,
        person=person,
        unit=unit.short_name if unit is not None else "",
        meeting=row.meeting_id,
        directive=row.directive_id,
        started_at=row.started_at,
        answered_at=row.answered_at,
        ended_at=row.ended_at,
        outcome=Outcome(row.outcome),
        status=row.status,
        cause=row.cause,
        wrong_pins=row.wrong_pins,
    )


def wrong_codes(tx: Transaction) -> int:
    """How many wrong codes were dialled within the last hour, from whatever number."""
    c = phone_call.c
    query = sa.select(sa.func.coalesce(sa.func.sum(c.wrong_pins), 0)).where(c.started_at > tx.now - HOUR)
    return int(tx.execute(query).scalar_one())


def guesses(tx: Transaction, since: datetime) -> list[tuple[str, int]]:
    """Numbers from which wrong PINs came since then, with how many, most first."""
    c = phone_call.c
    total = sa.func.sum(c.wrong_pins)
    query = sa.select(c.number, total).where(c.started_at >= since, c.wrong_pins > 0).group_by(c.number)
    return [(row[0], int(row[1])) for row in tx.all(query.order_by(total.desc(), c.number).limit(20))]
