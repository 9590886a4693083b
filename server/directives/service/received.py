"""What came to a unit, a page at a time: open deliveries by what is due next, done ones by what came last.

A page begins behind the last line of the one before (keyset), so that nothing is left out while lines come and go.
When open ones are due that are to be registered depends on working time; they are few, because they end with the
registration, and are looked at one by one. All others are ordered by the database.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from typing import Any

import sqlalchemy as sa

from server.accounts.principal import Principal
from server.directives.documents import DocumentType, Urgency
from server.directives.model import assignment_table, delivery_table, directive_table
from server.directives.policy import Policy
from server.directives.rules import Stage, State
from server.directives.service import standing
from server.directives.service.access import BOTH, d, v
from server.directives.service.assemble import delivery_shape
from server.directives.service.lateness import LISTED, at, rows_of
from server.directives.service.places import NEVER, Key, key_of, place_of
from server.directives.service.relations import newer_numbers
from server.directives.shapes import Inbox, ReceivedLine
from server.store import Transaction
from server.units import service as units

PAGE = 100
_MOST_SEQ = 2**31 - 1
_JUDGED = (v.id, v.state, v.role, v.deadline, v.sent_at, v.registered_at, v.recall_asked_at, v.extension_asked_at)
_DUE = sa.select(*_JUDGED, v.reported_at, d.urgency).join(directive_table, d.id == v.directive_id)


def inbox(
    tx: Transaction,
    who: Principal,
    policy: Policy,
    *,
    done: bool = False,
    mine: bool = False,
    after: str = "",
    most: int | None = None,
) -> Inbox:
    """A page of the unit's deliveries, open or done, behind the line `after`; `mine` are those the person is named for.

    `after` is `next` of the page before: the key of its last line and its delivery.
    """
    wanted = _wanted(who, (Stage.ANSWERED, Stage.CLOSED) if done else (Stage.WAITING, Stage.WORKING), mine)
    most = most or PAGE
    if done:
        behind = [v.seq < min(int(after.partition(".")[0]), _MOST_SEQ)] if after else []
        rows = rows_of(tx, v.seq.desc(), most + 1, *wanted, *behind)
        places = [f"{row.seq}.{row.id}" for row in rows]
    else:
        keys = _open(tx, policy, _wanted(who, (), mine), key_of(after), most + 1)
        rows = _rows(tx, keys)
        places = [place_of(key) for key in keys]
    total = int(tx.execute(sa.select(sa.func.count()).select_from(delivery_table).where(*wanted)).scalar_one())
    following = places[most - 1] if len(rows) > most else ""
    return Inbox(deliveries=_lines(tx, who, policy, rows[:most]), total=total, next=following)


def due_first(tx: Transaction, who: Principal, policy: Policy, states: Collection[State]) -> ReceivedLine | None:
    """The unit's open delivery in one of these states that is due before all others."""
    wanted = [*_wanted(who, (), mine=False), v.state.in_([state.value for state in states])]
    lines = _lines(tx, who, policy, _rows(tx, _open(tx, policy, wanted, None, 1)))
    return lines[0] if lines else None


def unread(tx: Transaction, unit_id: int) -> int:
    """Deliveries that nobody of the unit has opened."""
    unopened = sa.and_(at(Stage.WAITING), v.state.in_([State.SENT.value, State.ARRIVED.value]))
    query = sa.select(sa.func.count()).select_from(delivery_table).where(v.unit_id == unit_id, unopened)
    return int(tx.execute(query).scalar_one())


def received_line(
    tx: Transaction,
    policy: Policy,
    row: Any,
    issuer: str,
    recipient: str,
    changes: Sequence[Any] | None = None,
    replaced: str = "",
) -> ReceivedLine:
    """A row of `lateness.rows_of`, between these two units; with `changes`, its history, who held it when.

    `replaced` is the number of what has replaced it.
    """
    return ReceivedLine(
        directive=row.directive_id,
        number_text=row.number_text,
        kind=DocumentType(row.kind),
        subject=row.subject,
        unit_name=issuer,
        urgency=Urgency(row.urgency),
        delivery=delivery_shape(tx, policy, row, recipient, changes=changes, replaced=replaced),
        exercise=row.exercise,
    )


def _wanted(who: Principal, stages: Sequence[Stage], mine: bool) -> list[sa.ColumnElement[bool]]:
    wanted = [v.unit_id == who.unit_id, *([at(*stages)] if stages else [])]
    if mine:
        s = assignment_table.c
        wanted.append(v.id.in_(sa.select(s.delivery_id).where(s.account_id == who.account_id)))
    return wanted


def _open(
    tx: Transaction, policy: Policy, wanted: Iterable[sa.ColumnElement[bool]], after: Key | None, most: int
) -> list[Key]:
    """The first `most` open deliveries behind `after`."""
    waiting = tx.all(_DUE.where(*wanted, at(Stage.WAITING)))
    keys: list[Key] = [(standing.of(policy, row, tx.now)[0] or NEVER, row.id) for row in waiting]
    due = sa.func.coalesce(v.deadline, sa.literal(NEVER, v.deadline.type))
    working = sa.select(v.deadline, v.id).where(*wanted, at(Stage.WORKING)).order_by(due, v.id).limit(most)
    if after is not None:
        keys = [key for key in keys if key > after]
        moment, delivery = after
        working = working.where(sa.or_(due > moment, sa.and_(due == moment, v.id > delivery)))
    keys += [(row.deadline or NEVER, row.id) for row in tx.all(working)]
    return sorted(keys)[:most]


def _rows(tx: Transaction, keys: Sequence[Key]) -> list[Any]:
    places = {delivery: place for place, (_due, delivery) in enumerate(keys)}
    rows = tx.all(BOTH.add_columns(*LISTED).where(v.id.in_(tx.among(places))))
    return sorted(rows, key=lambda row: places[row.id])


def _lines(tx: Transaction, who: Principal, policy: Policy, rows: Sequence[Any]) -> list[ReceivedLine]:
    names, newer = units.units_by_ids(tx, [row.issuer_id for row in rows]), newer_numbers(tx, rows)
    return [
        received_line(tx, policy, row, names[row.issuer_id].name, who.acting.unit_name, replaced=newer.get(row.id, ""))
        for row in rows
    ]
