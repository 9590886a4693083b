"""What the units below owe: overdue deliveries of what a unit issued, counted by the database as far as it can.

Whoever has registered is late from the deadline on, so those are counted in SQL however many there are. When others are
late depends on working time; they are few, because they end with the registration, and are looked at one by one.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

import msgspec
import sqlalchemy as sa

from server.accounts.principal import Principal
from server.directives.policy import Policy
from server.directives.rules import RecipientRole, Stage, Timeliness
from server.directives.service import standing
from server.directives.service.access import BOTH, d, v
from server.store import Transaction

MOST_LOOKED_AT = 5_000
LISTED = (d.number_text, d.kind, d.subject)
"""What lists show beside the columns of `BOTH`."""


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


def late_to_confirm(tx: Transaction, who: Principal, policy: Policy) -> list[tuple[Any, Any]]:
    """Overdue rows of `BOTH` with `due`, of what the person's unit issued: to be registered or given up."""
    rows = rows_of(tx, v.sent_at, MOST_LOOKED_AT, v.issuer_id == who.unit_id, at(Stage.WAITING))
    judged = [(row, *standing.of(policy, row, tx.now)) for row in rows]
    return [(row, due) for row, due, timeliness in judged if timeliness is Timeliness.OVERDUE]


def late_by_unit(
    tx: Transaction, who: Principal, confirm: Sequence[tuple[Any, Any]]
) -> tuple[Counter[int], Counter[int]]:
    """How many overdue deliveries there are by unit, and how many exercises; `confirm` is `late_to_confirm`."""
    unit = (v.unit_id + 0).label("unit")  # as a sum, or SQLite reads all rows in the order of units to group them
    count = sa.select(unit, v.exercise, sa.func.count().label("late")).where(past_deadline(tx, who))
    real, exercises = Counter[int](), Counter[int]()
    for row in tx.all(count.group_by(unit, v.exercise)):
        (exercises if row.exercise else real)[row.unit] += int(row.late)
    for row, _due in confirm:
        (exercises if row.exercise else real)[row.unit_id] += 1
    return real, exercises


def late_rows(tx: Transaction, who: Principal, policy: Policy, most: int) -> LateRows:
    """Overdue deliveries of what the person's unit issued; at most `most` as rows."""
    dated, found = past_deadline(tx, who), late_to_confirm(tx, who, policy)
    by_unit, exercises = late_by_unit(tx, who, found)
    first = rows_of(tx, v.deadline, most, dated, v.exercise.is_(False)) if most else []
    if most and exercises:
        first += rows_of(tx, v.deadline, most, dated, v.exercise.is_(True))
    found += [(row, row.deadline) for row in first]
    found.sort(key=lambda pair: (pair[0].exercise, pair[1]))
    return LateRows(found[:most], by_unit, exercises.total())
