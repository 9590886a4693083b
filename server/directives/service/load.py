"""Whether recipients can carry more: what each has open, late and due, and the first day that is free for all."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime
from typing import Any

import sqlalchemy as sa

from server.directives.likeness import days_of, first_feasible, working_time_left
from server.directives.model import directive_table
from server.directives.occasions import occasion
from server.directives.policy import Policy
from server.directives.rules import Stage, Timeliness
from server.directives.service import standing
from server.directives.service.access import d, v
from server.directives.service.lateness import at
from server.directives.shapes import DraftInput, Load
from server.store import Transaction
from server.units import service as units


def load(
    tx: Transaction, policy: Policy, recipients: Sequence[int], draft: DraftInput, begin: datetime
) -> dict[str, Any]:
    """The fields of a check that a deadline after `begin`, the moment of issue, makes known; none if there is none."""
    deadline, calendar = draft.deadline, policy.calendar
    if deadline is None or deadline <= begin or not recipients:
        return {}
    day = deadline.astimezone(policy.zone).date()
    earliest = policy.suggested_deadline(begin, draft.urgency)
    work, names = _open_work(tx, recipients), units.units_by_ids(tx, recipients)
    full: set[date] = set()
    every = []
    for unit in recipients:
        rows = work.get(unit, [])
        due_on = days_of((row.deadline for row in rows if row.deadline is not None), calendar)
        their_full = {one for one, count in due_on.items() if count >= policy.file.most_due_a_day}
        full |= their_full
        one = Load(
            unit=unit,
            unit_name=names[unit].name if unit in names else "",
            open=len(rows),
            overdue=sum(standing.of(policy, row, tx.now)[1] is Timeliness.OVERDUE for row in rows),
            due_that_day=due_on.get(day, 0),
            busy=day in their_full or len(rows) >= policy.file.most_open,
            first=first_feasible(calendar, earliest, their_full),
        )
        every.append(one)
    told = sorted((one for one in every if one.busy or one.overdue), key=_heaviest_first)
    busiest = min(every, key=_heaviest_first)
    return {
        "day_off": not calendar.is_working_day(day),
        "occasion": occasion(calendar.holiday(day)),
        "short": deadline < policy.register_due(begin, draft.urgency),
        "working_hours": round(working_time_left(calendar, begin, deadline), 1),
        "loads": told,
        "busiest": busiest if busiest.open and not told else None,
        "first_feasible": first_feasible(calendar, earliest, full),
    }


def _open_work(tx: Transaction, recipients: Sequence[int]) -> dict[int, list[Any]]:
    """Deliveries that wait for something, by unit, with what `standing` looks at."""
    is_open = sa.and_(at(Stage.WAITING, Stage.WORKING, Stage.ANSWERED), v.exercise.is_(False))
    times = (v.sent_at, v.deadline, v.registered_at, v.reported_at, v.recall_asked_at, v.extension_asked_at)
    query = sa.select(v.unit_id, v.state, v.role, *times, d.urgency).join(directive_table, d.id == v.directive_id)
    found: dict[int, list[Any]] = {}
    for row in tx.all(query.where(v.unit_id.in_(tx.among(recipients)), is_open)):
        found.setdefault(row.unit_id, []).append(row)
    return found


def _heaviest_first(one: Load) -> tuple[bool, int, int, int]:
    return not one.busy, -one.due_that_day, -one.open, -one.overdue
