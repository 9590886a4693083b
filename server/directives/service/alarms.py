"""Alarms: raised once each by a unique key, told to those who must act, and listed for a person while they hold."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
import sqlalchemy as sa

from server.accounts.principal import Principal
from server.calls import numbers
from server.directives.documents import Urgency
from server.directives.model import addressee_table, alarm_table
from server.directives.policy import Policy
from server.directives.posts import Duty
from server.directives.running import Alarm, AlarmKind, ClockName, running, to_tell
from server.directives.service.access import TIMED, d, v
from server.directives.service.assigned import accounts_of, assigned
from server.directives.service.posts import Directory
from server.directives.service.telling import telling_of_alarm
from server.directives.service.whom_to_call import calls_of_alarm
from server.directives.shapes import AlarmDone, AlarmLine
from server.reach import service as reach
from server.store import Transaction
from server.units import service as units

MOST_LINES = 200
a, to = alarm_table.c, addressee_table.c


class Raised(msgspec.Struct, frozen=True):
    """An alarm that this sweep was the first to raise."""

    id: int
    alarm: Alarm
    delivery: Any
    people: list[int]


def raise_due(tx: Transaction, rows: Sequence[Any], due: Mapping[int, list[Alarm]]) -> list[Raised]:
    """Store what is due of each delivery (id → alarms); gives those that are told and were not there yet."""
    wanted = [(row, alarm) for row in rows for alarm in due[row.id]]
    if not wanted:
        return []
    told = {(key, alarm) for key, found in due.items() for alarm in to_tell(found)}
    directory = Directory(tx, {unit for row, _alarm in wanted for unit in (row.unit_id, row.issuer_id)})
    working = accounts_of(assigned(tx, [row.id for row, alarm in wanted if alarm.duty is Duty.ASSIGNEE]))
    raised = []
    for row, alarm in wanted:
        values = {"clock": alarm.clock.value, "due": alarm.due, "kind": alarm.kind.value, "step": alarm.step}
        values |= {"duty": alarm.duty.value, "at": alarm.at, "raised_at": tx.now, "told": (row.id, alarm) in told}
        made = tx.claim(alarm_table, delivery_id=row.id, **values)
        if made is not None and values["told"]:
            raised.append(Raised(made.id, alarm, row, directory.addressees(alarm.duty, row, working)))
    people = [{"alarm_id": one.id, "account_id": account} for one in raised for account in one.people]
    if people:
        tx.execute(sa.insert(addressee_table), people)
    return raised


def tell_raised(tx: Transaction, policy: Policy, raised: Sequence[Raised]) -> None:
    """One event for all units of a directive that the issuer hears of together, one for each recipient otherwise."""
    groups: dict[tuple[Any, ...], list[Raised]] = {}
    for one in raised:
        issuer, row = one.alarm.duty.of_issuer, one.delivery
        to_unit = row.issuer_id if issuer else row.unit_id
        key = (one.alarm.kind, one.alarm.clock, one.alarm.duty, row.directive_id, to_unit)
        groups.setdefault(key, []).append(one)
    involved = [unit for one in raised for unit in (one.delivery.unit_id, one.delivery.issuer_id)]
    names = units.units_by_ids(tx, involved)
    tx.will_tell(key[-1] for key in groups)
    tellings = []
    known = numbers.of(tx, {account for one in raised for account in one.people})
    for (kind, clock, duty, directive, unit), found in groups.items():
        row, people = found[0].delivery, sorted({account for one in found for account in one.people})
        body = {
            "directive": directive,
            "number": row.number_text,
            "subject": row.subject,
            "urgency": row.urgency,
            "exercise": row.exercise,
            "clock": clock.value,
            "duty": duty.value,
            "due": found[0].alarm.due,
            "units": [one.delivery.unit_id for one in found],
            "unit_names": [names[one.delivery.unit_id].short_name for one in found[:5]],
            "accounts": people,
            "href": f"/directives/{directive}",
        }
        tx.emit("delivery.reminder" if kind is AlarmKind.REMINDER else "delivery.escalated", [unit], body)
        about = [(one.delivery.unit_id, names[one.delivery.unit_id].short_name) for one in found]
        sender = names[row.issuer_id].name
        due = found[0].alarm.due
        telling = telling_of_alarm(policy, tx.now, row, kind, clock, due, people, about, sender, known)
        tellings.append(telling)
        if not duty.of_issuer:
            tellings += calls_of_alarm(tx, policy, telling.notice, [unit], clock)
    reach.put(tx, tellings)


def my_alarms(tx: Transaction, who: Principal, policy: Policy) -> list[AlarmLine]:
    """What was raised for this person in this unit and still holds: nobody has acted, and it was not acknowledged."""
    mine = sa.and_(to.account_id == who.account_id, to.acknowledged_at.is_(None))
    newest = sa.select(to.alarm_id).where(mine).order_by(to.alarm_id.desc()).limit(MOST_LINES)
    rows = tx.all(
        TIMED.add_columns(
            *(a.id.label("alarm_id"), a.clock, a.due, a.kind, a.duty, a.raised_at, d.number_text, d.subject)
        )
        .join(alarm_table, a.delivery_id == v.id)
        .where(a.id.in_(newest))
        .order_by(a.id.desc())
    )
    rows = [row for row in rows if _still_holds(policy, row) and who.unit_id == _side(row)]
    names = units.units_by_ids(tx, [row.unit_id for row in rows])
    return [
        AlarmLine(
            id=row.alarm_id,
            delivery=row.id,
            directive=row.directive_id,
            number_text=row.number_text,
            subject=row.subject,
            unit=row.unit_id,
            unit_name=names[row.unit_id].name,
            urgency=Urgency(row.urgency),
            clock=ClockName(row.clock),
            kind=AlarmKind(row.kind),
            duty=Duty(row.duty),
            due=row.due,
            raised_at=row.raised_at,
            exercise=row.exercise,
        )
        for row in rows
    ]


def _still_holds(policy: Policy, row: Any) -> bool:
    return any((one.clock, one.due) == (row.clock, row.due) for one in running(policy, row))


def _side(row: Any) -> int:
    return int(row.issuer_id if Duty(row.duty).of_issuer else row.unit_id)


def acknowledge_alarms(tx: Transaction, who: Principal, ids: Sequence[int]) -> AlarmDone:
    """The person knows of these and hears no more of them; the escalation goes on until somebody acts."""
    mine = sa.and_(to.account_id == who.account_id, to.alarm_id.in_(list(ids)), to.acknowledged_at.is_(None))
    noted = sa.update(addressee_table).where(mine).values(acknowledged_at=tx.now).returning(to.alarm_id)
    done = [row.alarm_id for row in tx.execute(noted)]
    query = sa.select(v.directive_id, v.unit_id, a.clock).join(alarm_table, a.delivery_id == v.id)
    for row in tx.all(query.where(a.id.in_(done))):
        reach.stop(tx, row.directive_id, [row.unit_id], [row.clock], account=who.account_id)
    return AlarmDone(acknowledged=len(done))
