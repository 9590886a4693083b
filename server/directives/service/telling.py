"""Who is told of a directive beyond the live page: notices for the outbox, in the transaction of what they tell."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from server.accounts import service as accounts
from server.calls import log, numbers
from server.directives.documents import Urgency
from server.directives.model import directive_table
from server.directives.policy import Policy
from server.directives.rules import Relation
from server.directives.running import ISSUED, AlarmKind, ClockName
from server.directives.service.posts import Directory
from server.directives.service.whom_to_call import calls_of_issue
from server.reach import service as reach
from server.reach.notice import Notice, NoticeKind, Tie
from server.reach.rules import Channel
from server.store import Transaction

_SHOWN = 5
_TIES = {Relation.REPLACES.value: Tie.REPLACES, Relation.CORRECTS.value: Tie.CORRECTS}
_REPLACED = "replaced"
"""No clock, and nothing that anybody does makes it needless to know."""
MOMENT = "moment"
"""No clock either: that a signed document went out at its moment, or did not, until somebody deals with it."""


def tell_issued(
    tx: Transaction,
    policy: Policy,
    directive: Any,
    deadlines: Mapping[int, datetime | None],
    number_text: str,
    sender: str,
) -> None:
    """A directive (row of the draft) has just been issued to units: unit → until when it is to answer.

    Without a deadline (for information above all) it is to be registered in time.
    """
    urgency = Urgency(directive.urgency)
    plan = in_writing(policy, "issued", urgency, tx.now)
    written = bool(plan) and reach.anybody(tx)
    if not written and Channel.PHONE not in policy.channels:
        return
    tie, other = tie_of(tx, directive)
    common: dict[str, Any] = {"number": number_text, "tie": tie, "other": other}
    directory, posts = (
        Directory(tx, deadlines if written else ()),
        [one.post for one in policy.file.reach[urgency].told],
    )
    tellings: list[reach.Telling] = []
    for deadline, units in _by_deadline(deadlines):
        due = deadline or policy.register_due(tx.now, urgency)
        notice = notice_of(NoticeKind.ISSUED, directive, sender, due=due, **common)
        tellings += calls_of_issue(tx, policy, notice, units)
        for unit in units if written else ():
            people = {one for post in posts for one in directory.find(unit, post)}
            tellings.append(reach.Telling(notice, people, plan, ISSUED, [unit]))
    reach.put(tx, tellings)


def _by_deadline(deadlines: Mapping[int, datetime | None]) -> list[tuple[datetime | None, list[int]]]:
    """Units of one deadline together, those without one last: who is told for both reads when to answer."""
    found: dict[datetime | None, list[int]] = {}
    for unit, deadline in deadlines.items():
        found.setdefault(deadline, []).append(unit)
    return sorted(found.items(), key=lambda pair: (pair[0] is None, pair[0]))


def in_writing(policy: Policy, kind: str, urgency: Urgency, now: datetime) -> list[tuple[Channel, datetime]]:
    """The channels of an urgency's ladder that people read, and when."""
    return [step for step in policy.ladder(kind, urgency, now) if step[0] is not Channel.PHONE]


def tie_of(tx: Transaction, directive: Any) -> tuple[Tie | None, str]:
    """What a directive (its row) is to an earlier one, and the number of that; None when it stands alone."""
    tie = _TIES.get(directive.relation)
    if tie is None:
        return None, ""
    d = directive_table.c
    row = tx.one(sa.select(d.number_text).where(d.id == directive.related_id))
    return tie, row.number_text if row else ""


def tell_recalled(tx: Transaction, policy: Policy, directive: Any, units: Sequence[int], sender: str) -> None:
    """Units are asked to give a directive (its row) up: their open pages hear it, and whoever was told of it."""
    urgency = Urgency(directive.urgency)
    due = policy.register_due(tx.now, urgency)
    notice = notice_of(NoticeKind.RECALL, directive, sender, due=due)
    facts = {"directive": notice.directive, "subject": notice.subject, "urgency": notice.urgency}
    tx.emit("directive.recalled", units, {**facts, "exercise": notice.exercise, "href": notice.href})
    _tell_again(tx, policy, notice, units, ClockName.RECALL.value)


def tell_replaced(
    tx: Transaction, policy: Policy, directive: Any, units: Sequence[int], sender: str, by: int, by_number: str
) -> None:
    """A directive (its row) was replaced by another: who was told of it, and is not told of the new one, hears it."""
    notice = notice_of(NoticeKind.REPLACED, directive, sender, tie=Tie.REPLACED_BY, other=by_number)
    _tell_again(tx, policy, notice, units, _REPLACED, but=reach.addressed(tx, by))


def tell_moment(
    tx: Transaction, policy: Policy, directive: Any, people: Sequence[int], sender: str, number: str
) -> None:
    """Who wrote and who signed a directive (its row) for a moment hear that it was issued; without a `number`, not."""
    kind, ladder = (NoticeKind.RELEASED, "issued") if number else (NoticeKind.HELD, "escalation")
    plan = in_writing(policy, ladder, Urgency(directive.urgency), tx.now)
    notice = Notice(
        kind=kind,
        directive=directive.id,
        number=number,
        subject=directive.subject,
        urgency=directive.urgency,
        sender=sender,
        issuer=directive.unit_id,
        href=f"/directives/{directive.id}",
        exercise=directive.exercise,
    )
    reach.put(tx, [reach.Telling(notice, people, plan, MOMENT, [directive.unit_id])])


def notice_of(
    kind: NoticeKind, directive: Any, sender: str, *, issuer: int = 0, number: str = "", **more: Any
) -> Notice:
    """The facts of a directive (its row).

    `issuer` is the unit that follows it up, if that is another by now; `number` what it has just got.
    """
    return Notice(
        kind=kind,
        directive=directive.id,
        number=number or directive.number_text or "",  # a draft has none yet
        subject=directive.subject,
        urgency=directive.urgency,
        sender=sender,
        issuer=issuer or directive.unit_id,
        href=f"/directives/{directive.id}",
        exercise=directive.exercise,
        **more,
    )


def _tell_again(
    tx: Transaction, policy: Policy, notice: Notice, units: Sequence[int], clock: str, but: Collection[int] = ()
) -> None:
    """Tell people of these units whom messages about the directive have left for; the issuer's know by themselves.

    Also who has heard it by telephone and confirmed nothing: to them no message has left yet.
    """
    told = reach.told(tx, notice.directive, units)
    for unit, people in log.heard(tx, notice.directive).items():
        for account in people if unit in units else ():
            told.setdefault(unit, {}).setdefault(account, set()).add(Channel.PHONE)
    known = numbers.of(tx, {account for people in told.values() for account in people})
    at = policy.after_quiet_hours(tx.now, Urgency(notice.urgency))
    tellings = []
    for member in accounts.members(tx, sorted(told)) if told else ():
        channels: set[Channel] = told[member.unit_id].get(member.account_id, set()) & set(policy.channels)
        if channels and member.account_id not in but:
            plan = [(channel, at) for channel in sorted(channels)]
            tellings.append(reach.Telling(notice, {member.account_id}, plan, clock, [member.unit_id], known))
    reach.put(tx, tellings)


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
    known: Mapping[int, str],
) -> reach.Telling:
    """A reminder or an escalation of one directive (`row`: a delivery of it), about `units` with their names.

    `known` are telephone numbers of people.
    """
    urgency = Urgency(row.urgency)
    notice = Notice(
        kind=NoticeKind(kind.value),
        directive=row.directive_id,
        number=row.number_text,
        subject=row.subject,
        urgency=urgency.value,
        sender=sender,
        issuer=row.issuer_id,
        unit_names=tuple(name for _unit, name in units[:_SHOWN]),
        units=len(units),
        due=due,
        href=f"/directives/{row.directive_id}",
        exercise=row.exercise,
    )
    plan = policy.ladder(kind.value, urgency, now)
    return reach.Telling(notice, people, plan, clock.value, [unit for unit, _name in units], known)
