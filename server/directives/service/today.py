"""The unit's day: what is late, due today and this week, by the person who does it and by the unit that owes it."""

from __future__ import annotations

from collections import Counter
from typing import Any

import sqlalchemy as sa

from server.accounts.permissions import Permission
from server.accounts.principal import Principal
from server.directives.day import When, ends, when
from server.directives.policy import Policy
from server.directives.rules import Stage
from server.directives.service import standing
from server.directives.service.access import v
from server.directives.service.assigned import assigned
from server.directives.service.lateness import at, late_counts
from server.directives.shapes import DayLine, UnitDay
from server.store import Transaction
from server.units import service as units

Plan = Counter[When]
_REAL = v.exercise.is_(False)


def unit_day(tx: Transaction, who: Principal, policy: Policy) -> UnitDay:
    """The day of the person's unit, exercises aside; units below are there for those who follow what was issued."""
    open_here = sa.and_(v.unit_id == who.unit_id, at(Stage.WAITING, Stage.WORKING), _REAL)
    whens = {
        delivery: when(one.due, one.timeliness, tx.now, policy.zone)
        for one in standing.judged(tx, policy, open_here)
        for delivery in one.deliveries
    }
    return UnitDay(
        own=_line(who.unit_id, who.acting.unit_name, Counter(whens.values())),
        people=_people(tx, who, whens),
        below=_below(tx, who, policy) if who.may(Permission.FOLLOW_DIRECTIVE) else [],
    )


def _people(tx: Transaction, who: Principal, whens: dict[int, When]) -> list[DayLine]:
    """One line for each person who leads the work on something, who has most late first; work of nobody comes last."""
    plans: dict[int, Plan] = {}
    names: dict[int, str] = {}
    leads = {key: next((one for one in people if one.lead), None) for key, people in assigned(tx, list(whens)).items()}
    for key, moment in whens.items():
        lead = leads.get(key)
        plans.setdefault(lead.account if lead else 0, Counter())[moment] += 1
        if lead:
            names[lead.account] = lead.name
    lines = [_line(account, names.get(account, ""), plan) for account, plan in plans.items()]
    return sorted(lines, key=lambda line: (line.id == 0, *_urgent_first(line)))


def _below(tx: Transaction, who: Principal, policy: Policy) -> list[DayLine]:
    """One line for each unit that owes something on what this unit issued."""
    late = late_counts(tx, who, policy)
    due = _due_this_week(tx, who, policy)
    wanted = {unit for unit in (*late, *due) if late[unit] or due.get(unit)}
    names = units.units_by_ids(tx, wanted)
    lines = []
    for unit in wanted:
        plan = due.get(unit, Counter())
        plan[When.LATE] = late[unit]
        lines.append(_line(unit, names[unit].name, plan))
    return sorted(lines, key=_urgent_first)


def _due_this_week(tx: Transaction, who: Principal, policy: Policy) -> dict[int, Plan]:
    found: dict[int, Plan] = {}
    dated = sa.and_(at(Stage.WORKING), v.deadline >= tx.now, v.deadline < ends(tx.now, policy.zone)[1])
    mine = sa.and_(v.issuer_id == who.unit_id, _REAL)
    for which in (dated, at(Stage.WAITING)):
        for one in standing.judged(tx, policy, mine, which):
            moment = when(one.due, one.timeliness, tx.now, policy.zone)
            if moment in (When.TODAY, When.WEEK):
                for unit in one.units:
                    found.setdefault(unit, Counter())[moment] += 1
    return found


def _line(key: int, name: str, plan: Plan) -> DayLine:
    numbers = {moment.value: plan[moment] for moment in (When.LATE, When.TODAY, When.WEEK, When.LATER)}
    return DayLine(id=key, name=name, **numbers)


def _urgent_first(line: DayLine) -> tuple[Any, ...]:
    return (-line.late, -line.today, -line.week, -line.later, line.name)
