"""What the units below owe: overdue deliveries of what a unit issued, counted by the database as far as it can.

Whoever has registered is late from the deadline on, so those are counted in SQL however many there are. When others are
late depends on working time; they are few, because they end with the registration, and are looked at one by one.
"""

from __future__ import annotations

from collections import Counter
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


def late_rows(tx: Transaction, who: Principal, policy: Policy, most: int) -> LateRows:
    """Overdue deliveries of what the person's unit issued; at most `most` as rows."""
    dated = sa.and_(
        v.issuer_id == who.unit_id,
        at(Stage.WORKING),
        v.role != RecipientRole.INFO.value,
        v.deadline < tx.now,
        v.extension_asked_at.is_(None),
    )
    unit = (v.unit_id + 0).label("unit")  # as a sum, or SQLite reads all rows in the order of units to group them
    count = sa.select(unit, v.exercise, sa.func.count().label("late")).where(dated).group_by(unit, v.exercise)
    groups = tx.all(count)
    by_unit = Counter({row.unit: int(row.late) for row in groups if not row.exercise})
    exercises = sum(int(row.late) for row in groups if row.exercise)
    first = rows_of(tx, v.deadline, most, dated, v.exercise.is_(False)) if most else []
    if most and exercises:
        first += rows_of(tx, v.deadline, most, dated, v.exercise.is_(True))
    found = [(row, row.deadline) for row in first]
    rows = rows_of(tx, v.sent_at, MOST_LOOKED_AT, v.issuer_id == who.unit_id, at(Stage.WAITING))
    for row in rows:
        due, timeliness = standing.of(policy, row, tx.now)
        if timeliness is Timeliness.OVERDUE:
            by_unit[row.unit_id] += not row.exercise
            exercises += row.exercise
            found.append((row, due))
    return LateRows(sorted(found, key=lambda pair: (pair[0].exercise, pair[1]))[:most], by_unit, exercises)
