"""How deliveries stand: what is due next, in time or not, and the counts of a directive. Computed, never stored."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from typing import Any, NamedTuple

import sqlalchemy as sa

from server.directives.documents import Urgency
from server.directives.model import delivery_table, directive_table
from server.directives.policy import Policy
from server.directives.rules import (
    EDXML_CODES,
    FINAL,
    UNREGISTERED,
    RecipientRole,
    Stage,
    State,
    Timeliness,
    stage_of,
    timeliness,
)
from server.directives.shapes import Counts
from server.store import Transaction, many

d, v = directive_table.c, delivery_table.c
_ANSWERED = (State.REPORTED, State.COMPLETED)
_WITHDRAWN = (State.RECALLED, State.SUPERSEDED, State.WAIVED)
_UNTIMED = FINAL - {State.COMPLETED}


def edxml(state: State) -> str:
    """The state's code of the exchange format, empty for our own states."""
    return EDXML_CODES.get(state, "")


def of(policy: Policy, row: Any, now: datetime) -> tuple[datetime | None, Timeliness]:
    """When a delivery's next duty is due and how that stands: first to register (T1), then to answer (T3).

    Work without a deadline is not due once it is registered, and never done in time or late.
    """
    state, urgency = State(row.state), Urgency(row.urgency)
    if state in _UNTIMED:
        return None, Timeliness.NONE
    if state is State.RECALL_PENDING:
        due = policy.register_due(row.recall_asked_at, urgency)
        return due, timeliness(due, None, now, (due - row.recall_asked_at) / 4)
    if state in UNREGISTERED or row.role == RecipientRole.INFO:
        due = policy.register_due(row.sent_at, urgency)
        if state in UNREGISTERED and row.deadline is not None:
            due = min(due, row.deadline)
        return due, timeliness(due, row.registered_at, now, (due - row.sent_at) / 4)
    if row.deadline is None:
        return None, Timeliness.NONE
    due, done = row.deadline, row.reported_at if state in _ANSWERED else None
    notice = due - policy.soon_at(due, row.sent_at, urgency)
    return due, timeliness(due, done, now, notice, asked=row.extension_asked_at is not None)


def asking(row: Any) -> bool:
    """Whether more time was asked for and the issuer can decide about that."""
    return row.extension_asked_at is not None and stage_of(State(row.state)) is Stage.WORKING


def counts_of(tx: Transaction, policy: Policy, directives: Mapping[int, Any]) -> dict[int, Counts]:
    """Counts of issued directives (id → row), each kind counted by itself."""
    found = _counted(tx, policy, v.directive_id, directives)
    return {directive: found.get(directive, Counts()) for directive in directives}


def counts_by_unit(tx: Transaction, policy: Policy, directive: Any) -> dict[int, Counts]:
    """The same of one directive (its row) for each of its recipients."""
    return _counted(tx, policy, v.unit_id, {directive.id: directive})


class Judged(NamedTuple):
    """What `of` says about equal deliveries of a directive; `units` are their recipients, in no order."""

    due: datetime | None
    timeliness: Timeliness
    directive: int
    exercise: bool
    deliveries: list[int]
    units: list[int]


def judged(tx: Transaction, policy: Policy, *which: sa.ColumnElement[bool]) -> Iterator[Judged]:
    """What `of` says about these open deliveries, however many there are: what is equal is judged once."""
    directive = (v.directive_id + 0).label("directive_id")  # as a sum, or SQLite reads all rows in its order to group
    dates = (v.deadline, v.sent_at, v.recall_asked_at, v.extension_asked_at)
    same, dialect = (directive, v.state, v.role, v.exercise, *dates), tx.connection.dialect.name
    groups = (
        sa.select(
            *same,
            sa.func.max(v.registered_at).label("registered_at"),
            sa.func.max(v.reported_at).label("reported_at"),
            many.gathered(dialect, v.id).label("ids"),
            many.gathered(dialect, v.unit_id).label("units"),
        )
        .where(*which)
        .group_by(*same)
        .subquery()
    )
    for group in tx.all(sa.select(groups, d.urgency).join(directive_table, d.id == groups.c.directive_id)):
        ids, recipients = many.numbers_in(group.ids), many.numbers_in(group.units)
        yield Judged(*of(policy, group, tx.now), group.directive_id, group.exercise, ids, recipients)


def states_of(tx: Transaction, directive_id: int) -> list[State]:
    """The states in which its deliveries are, each once."""
    rows = tx.all(sa.select(v.state).distinct().where(v.directive_id == directive_id).order_by(v.state))
    return [State(row.state) for row in rows]


def together(counts: Iterable[Counts]) -> Counts:
    """The sum, name by name."""
    total = dict.fromkeys(Counts.__struct_fields__, 0)
    for one in counts:
        for name in total:
            total[name] += getattr(one, name)
    return Counts(**total)


def _counted(tx: Transaction, policy: Policy, key: sa.Column[int], directives: Mapping[int, Any]) -> dict[int, Counts]:
    """Counts by `key`, found by one query, which brings together what is late at the same time."""
    same = (v.directive_id, key, v.state, v.role, v.deadline, v.sent_at, v.recall_asked_at, v.extension_asked_at)
    groups = tx.all(
        sa.select(
            *dict.fromkeys(same),
            sa.func.count().label("sent"),
            sa.func.count(v.arrived_at).label("arrived"),
            sa.func.count(v.seen_at).label("seen"),
            sa.func.count(v.registered_at).label("registered"),
            sa.func.max(v.registered_at).label("registered_at"),
            sa.func.max(v.reported_at).label("reported_at"),
        )
        .where(v.directive_id.in_(list(directives)))
        .group_by(*dict.fromkeys(same))
    )
    found: dict[int, dict[str, int]] = {}
    for group in groups:
        counts = found.setdefault(getattr(group, key.name), dict.fromkeys(Counts.__struct_fields__, 0))
        state = State(group.state)
        for name in ("sent", "arrived", "seen", "registered"):
            counts[name] += getattr(group, name)
        counts["unregistered"] += group.sent if state in UNREGISTERED else 0
        counts["reported"] += group.sent if state in _ANSWERED else 0
        counts["completed"] += group.sent if state is State.COMPLETED else 0
        counts["returned"] += group.sent if state is State.RETURNED else 0
        counts["withdrawn"] += group.sent if state in _WITHDRAWN else 0
        counts["asking"] += group.sent if asking(group) else 0
        counts["unjudged"] += group.sent if state is State.REPORTED else 0
        facts = _Group(group, directives[group.directive_id].urgency)
        counts["overdue"] += group.sent if of(policy, facts, tx.now)[1] is Timeliness.OVERDUE else 0
    return {one: Counts(**counts) for one, counts in found.items()}


class _Group:
    """A group of equal deliveries with the urgency of their directive, as `of` reads it."""

    def __init__(self, group: Any, urgency: str) -> None:
        self.state, self.role, self.deadline = group.state, group.role, group.deadline
        self.sent_at, self.registered_at, self.reported_at = group.sent_at, group.registered_at, group.reported_at
        self.recall_asked_at, self.extension_asked_at = group.recall_asked_at, group.extension_asked_at
        self.urgency = urgency
