"""Who is told of a directive beyond the live page: notices for the outbox, in the transaction of what they tell."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from server.directives.documents import Urgency
from server.directives.policy import Policy
from server.directives.running import ISSUED, AlarmKind, ClockName
from server.directives.service.posts import Directory
from server.reach import service as reach
from server.reach.notice import Notice, NoticeKind
from server.store import Transaction

_SHOWN = 5


def tell_issued(
    tx: Transaction, policy: Policy, directive: Any, units: Sequence[int], number_text: str, sender: str
) -> None:
    """A directive (row of the draft) has just been issued to units."""
    urgency = Urgency(directive.urgency)
    plan = policy.ladder("issued", urgency, tx.now)
    if not plan or not reach.anybody(tx):
        return
    directory = Directory(tx, units)
    notice = Notice(
        kind=NoticeKind.ISSUED,
        directive=directive.id,
        number=number_text,
        subject=directive.subject,
        urgency=urgency.value,
        sender=sender,
        due=directive.deadline or policy.register_due(tx.now, urgency),
        href=f"/directives/{directive.id}",
        exercise=directive.exercise,
    )
    posts = [duty.post for duty in policy.file.reach[urgency].told]
    reach.put(
        tx,
        [
            reach.Telling(notice, {one for post in posts for one in directory.find(unit, post)}, plan, ISSUED, [unit])
            for unit in units
        ],
    )


def telling_of_alarm(
    policy: Policy,
    now: datetime,
    row: Any,
    kind: AlarmKind,
    clock: ClockName,
    due: datetime,
    people: Sequence[int],
    units: Sequence[tuple[int, str]],
    sender: str,
) -> reach.Telling:
    """A reminder or an escalation of one directive (`row`: a delivery of it), about `units` with their names."""
    urgency = Urgency(row.urgency)
    notice = Notice(
        kind=NoticeKind(kind.value),
        directive=row.directive_id,
        number=row.number_text,
        subject=row.subject,
        urgency=urgency.value,
        sender=sender,
        unit_names=tuple(name for _unit, name in units[:_SHOWN]),
        units=len(units),
        due=due,
        href=f"/directives/{row.directive_id}",
        exercise=row.exercise,
    )
    return reach.Telling(
        notice, people, policy.ladder(kind.value, urgency, now), clock.value, [unit for unit, _name in units]
    )
