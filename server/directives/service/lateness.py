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
from server.directives.model import delivery_table, directive_table
from server.directives.policy import Policy
from server.directives.rules import UNREGISTERED, RecipientRole, State, Timeliness
from server.directives.service import standing
from server.directives.service.access import BOTH, d, v
from server.store import Transaction

MOST_LOOKED_AT = 5_000
AT_WORK = (State.REGISTERED, State.ASSIGNED, State.IN_PROGRESS, State.REWORK)
NOT_AT_WORK = (*UNREGISTERED, State.RECALL_PENDING)


class LateRows(msgspec.Struct, frozen=True):
    """`first` are rows of `BOTH` with `due`, longest overdue first; `by_unit` counts all."""

    first: list[tuple[Any, Any]]
    by_unit: Counter[int]

    @property
    def total(self) -> int:
        """How many there are."""
        return self.by_unit.total()


def late_counts(tx: Transaction, who: Principal, policy: Policy) -> Counter[int]:
    """Overdue deliveries of what the person's unit issued, by unit."""
    return late_rows(tx, who, policy, 0).by_unit


def late_rows(tx: Transaction, who: Principal, policy: Policy, most: int) -> LateRows:
    """Overdue deliveries of what the person's unit issued; at most `most` as rows."""
    dated = sa.and_(
        d.unit_id == who.unit_id,
        v.state.in_([state.value for state in AT_WORK]),
        v.role != RecipientRole.INFO.value,
        v.deadline < tx.now,
        v.extension_asked_at.is_(None),
    )
    count = sa.select(v.unit_id, sa.func.count().label("late")).select_from(
        delivery_table.join(directive_table, d.id == v.directive_id)
    )
    by_unit = Counter({row.unit_id: int(row.late) for row in tx.all(count.where(dated).group_by(v.unit_id))})
    both = BOTH.add_columns(d.number_text, d.kind, d.subject)
    found = [(row, row.deadline) for row in tx.all(both.where(dated).order_by(v.deadline, v.id).limit(most))]
    others = v.state.in_([state.value for state in NOT_AT_WORK])
    rows = tx.all(both.where(d.unit_id == who.unit_id, others).order_by(v.sent_at).limit(MOST_LOOKED_AT))
    for row in rows:
        due, timeliness = standing.of(policy, row, tx.now)
        if timeliness is Timeliness.OVERDUE:
            by_unit[row.unit_id] += 1
            found.append((row, due))
    return LateRows(sorted(found, key=lambda pair: pair[1])[:most], by_unit)
