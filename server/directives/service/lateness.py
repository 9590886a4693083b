"""What the units below owe: overdue deliveries of what a unit issued, counted by the database as far as it can.

Whoever has registered is late from the deadline on, so those are counted in SQL however many there are. When others are
late depends on working time: equal ones are judged together, so that all of them count however many there are.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from datetime import datetime
from typing import Any, NamedTuple

import msgspec
import sqlalchemy as sa

from server.accounts.principal import Principal
from server.directives.policy import Policy
from server.directives.rules import RecipientRole, Stage, Timeliness
from server.directives.service import standing
from server.directives.service.access import BOTH, d, v
from server.directives.service.places import Key
from server.store import Transaction

LISTED = (d.number_text, d.kind, d.subject)
"""What lists show beside the columns of `BOTH`."""
Place = tuple[bool, Key]
"""Exercises come after all that is real."""


class LateRows(msgspec.Struct, frozen=True):
    """`first` are rows of `BOTH` with `due`, longest overdue first, exercises last; `by_unit` counts no exercises."""

    first: list[tuple[Any, Any]]
    by_unit: Counter[int]
    exercises: int

    @property
    def total(self) -> int:
        """How many there are."""
        return self.by_unit.total() + self.exercises


def at(*stages: Stage) -> sa.ColumnElement[bool]:
    """Deliveries at one of these stages."""
    return v.stage.in_([stage.value for stage in stages])


def rows_of(tx: Transaction, order: sa.ColumnElement[Any], most: int, *mine: sa.ColumnElement[bool]) -> list[Any]:
    """Rows of `BOTH` with what lists show: found by the columns of deliveries alone, so that their indexes serve."""
    wanted = sa.select(v.id).where(*mine).order_by(order, v.id).limit(most)
    both = BOTH.add_columns(*LISTED)
    return tx.all(both.where(v.id.in_(wanted)).order_by(order, v.id))


def late_counts(tx: Transaction, who: Principal, policy: Policy) -> Counter[int]:
    """Overdue deliveries of what the person's unit issued, by unit; exercises are not counted."""
    return late_rows(tx, who, policy, 0).by_unit


def past_deadline(tx: Transaction, who: Principal) -> sa.ColumnElement[bool]:
    """Deliveries of what the person's unit issued that were registered, and whose deadline has passed."""
    return sa.and_(
        v.issuer_id == who.unit_id,
        at(Stage.WORKING),
        v.role != RecipientRole.INFO.value,
        v.deadline < tx.now,
        v.extension_asked_at.is_(None),
    )


class ToConfirm(NamedTuple):
    """Deliveries of a directive that are overdue to be registered or given up, since the same moment `due`."""

    exercise: bool
    due: datetime
    directive: int
    deliveries: list[int]
    units: list[int]


def late_to_confirm(tx: Transaction, who: Principal, policy: Policy, *which: sa.ColumnElement[bool]) -> list[ToConfirm]:
    """All of what the person's unit issued that is overdue to be registered or given up, in the order of ToConfirm."""
    mine = sa.and_(v.issuer_id == who.unit_id, at(Stage.WAITING))
    return sorted(
        ToConfirm(one.exercise, one.due, one.directive, one.deliveries, one.units)
        for one in standing.judged(tx, policy, mine, *which)
        if one.due is not None and one.timeliness is Timeliness.OVERDUE
    )


def first_places(confirm: Sequence[ToConfirm], most: int, after: Place | None = None) -> list[Place]:
    """The first places of a list behind `after`: `most`, or more where they are due at one moment; in no order then."""
    found: list[Place] = []
    last: tuple[bool, datetime] | None = None
    for one in confirm:
        if len(found) >= most and last != (one.exercise, one.due):
            break
        last = one.exercise, one.due
        places = ((one.exercise, (one.due, delivery)) for delivery in one.deliveries)
        found += [place for place in places if after is None or place > after]
    return found


def late_by_unit(tx: Transaction, who: Principal, confirm: Sequence[ToConfirm]) -> tuple[Counter[int], Counter[int]]:
    """How many overdue deliveries there are by unit, and how many exercises; `confirm` is `late_to_confirm`."""
    unit = (v.unit_id + 0).label("unit")  # as a sum, or SQLite reads all rows in the order of units to group them
    count = sa.select(unit, v.exercise, sa.func.count().label("late")).where(past_deadline(tx, who))
    real, exercises = Counter[int](), Counter[int]()
    for row in tx.all(count.group_by(unit, v.exercise)):
        (exercises if row.exercise else real)[row.unit] += int(row.late)
    for one in confirm:
        (exercises if one.exercise else real).update(one.units)
    return real, exercises


def late_rows(tx: Transaction, who: Principal, policy: Policy, most: int) -> LateRows:
    """Overdue deliveries of what the person's unit issued; at most `most` as rows."""
    dated, confirm = past_deadline(tx, who), late_to_confirm(tx, who, policy)
    by_unit, exercises = late_by_unit(tx, who, confirm)
    dues = {delivery: due for _exercise, (due, delivery) in sorted(first_places(confirm, most))[:most]}
    found = [(row, dues[row.id]) for row in rows_of(tx, v.sent_at, most, v.id.in_(tx.among(dues)))]
    if most:
        found += [(row, row.deadline) for row in rows_of(tx, v.deadline, most, dated, v.exercise.is_(False))]
    if most and exercises:
        found += [(row, row.deadline) for row in rows_of(tx, v.deadline, most, dated, v.exercise.is_(True))]
    found.sort(key=lambda pair: (pair[0].exercise, pair[1]))
    return LateRows(found[:most], by_unit, exercises.total())
