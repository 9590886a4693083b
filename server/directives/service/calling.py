"""Directives by telephone: a call at somebody's wish, what a call reads, and what its keys do."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime
from enum import StrEnum
from typing import Any

import msgspec
import sqlalchemy as sa

from server.accounts import service as accounts
from server.accounts.permissions import Permission
from server.accounts.principal import Principal
from server.calls import numbers
from server.directives.documents import Urgency
from server.directives.model import addressee_table, alarm_table, delivery_table, directive_table
from server.directives.policy import Policy
from server.directives.posts import Post
from server.directives.rules import UNREGISTERED, RecipientRole, State, Through
from server.directives.running import HOLDS, ClockName
from server.directives.service.access import BOTH, d, delivery_of_ours, v
from server.directives.service.alarms import acknowledge_alarms
from server.directives.service.assigned import assigned, may_answer
from server.directives.service.posts import Directory
from server.directives.service.receive import register
from server.directives.service.relations import replacements
from server.directives.service.telling import notice_of, tie_of
from server.directives.service.whom_to_call import CALLED, call_about
from server.directives.shapes import CallDone
from server.errors import ConflictError, UnavailableError, UserError
from server.http.i18n import _
from server.reach import service as reach
from server.reach.notice import Notice, NoticeKind, Tie
from server.reach.rules import Channel
from server.reach.service import Hurried
from server.store import Transaction
from server.units import service as units

_NOT_ITS_TEXT = frozenset({NoticeKind.RECALL, NoticeKind.REPLACED})
_ALARMS = frozenset({NoticeKind.REMINDER, NoticeKind.ESCALATION})
_WITHDRAWN = frozenset(
    {State.RETURNED, State.RECALL_PENDING, State.RECALLED, State.SUPERSEDED, State.WAIVED},
)


class Standing(StrEnum):
    """How a directive stands for those who are called about it."""

    OPEN = "open"  # some unit of theirs has not registered it
    CONFIRMED = "confirmed"
    WITHDRAWN = "withdrawn"


class Reading(msgspec.Struct, frozen=True, kw_only=True):
    """What a call reads. `own` is the person in each unit that it is about; nobody: it is about other units.

    `kind` is what has happened; `due` is until when the duty of `clock` is, or was, to be done. `other` is the number
    of the document that it has a `tie` to; `clerks` are numbers of people on duty at the unit `issuer`, in the order in
    which they are tried. `standing` is how it stood when this was read.
    """

    directive: int
    number: str
    subject: str
    body: str
    sender: str
    urgency: Urgency
    exercise: bool
    due: datetime | None
    clock: ClockName
    unit_names: list[str]
    own: list[Principal]
    may_confirm: bool
    may_answer: bool
    clerks: list[str]
    issuer: int
    standing: Standing
    kind: NoticeKind = NoticeKind.ISSUED
    tie: Tie | None = None
    other: str = ""


class Confirmed(msgspec.Struct, frozen=True):
    """What a pressed key has done; without `registered` the person has taken note."""

    registered: bool
    number: int | None


def call_unit(tx: Transaction, who: Principal, policy: Policy, delivery_id: int) -> CallDone:
    """Call a unit now and read it the directive, as the issuer's people wish.

    Raises UnavailableError without a telephone, ConflictError when there is nothing to do or the call runs, UserError
    for a unit without a number.
    """
    row = delivery_of_ours(tx, who, delivery_id)
    if Channel.PHONE not in policy.channels:
        raise UnavailableError("no_telephone", _("Máy chủ này chưa nối đường điện thoại để gọi ra."))
    if State(row.state) not in HOLDS[ClockName.RESPOND]:
        raise ConflictError("nothing_to_call", _("Đơn vị không còn việc gì phải làm với văn bản này."))
    to = numbers.reach(tx, [row.unit_id], CALLED).get(row.unit_id)
    if to is None:
        raise UserError("no_number", _("Chưa có số điện thoại của đơn vị này. Xin báo quản trị ghi số."), field="unit")
    hurried = reach.hurry(tx, row.directive_id, row.unit_id, Channel.PHONE, to.account)
    if hurried is Hurried.RUNNING:
        raise ConflictError("already_calling", _("Đang gọi đơn vị này rồi."))
    if hurried is Hurried.NOTHING:
        clock = ClockName.REGISTER if State(row.state) in UNREGISTERED else ClockName.RESPOND
        directive: Any = tx.one(sa.select(directive_table).where(d.id == row.directive_id))
        sender = units.unit(tx, row.issuer_id).name
        register_by = policy.register_due(row.sent_at, Urgency(row.urgency)) if clock is ClockName.REGISTER else None
        notice = notice_of(NoticeKind.ISSUED, directive, sender, due=row.deadline or register_by)
        reach.put(tx, [call_about(notice, to, tx.now, clock)])
    return CallDone(delivery=delivery_id, person=to.name, number=to.number)


# ---- for a call that is made


def reading_of(
    tx: Transaction, policy: Policy, account: int, notice: Notice, unit_ids: Collection[int], clock: str = ""
) -> Reading:
    """What is read to a person about a directive that concerns these units, because of a clock of theirs."""
    directive: Any = tx.one(sa.select(directive_table).where(d.id == notice.directive))
    about = {row.unit_id: row for row in tx.all(BOTH.where(v.directive_id == directive.id, v.unit_id.in_(unit_ids)))}
    own = [who for who in accounts.principals(tx, account) if who.unit_id in about]
    states = [State(about[who.unit_id].state) for who in own]
    registers = any(
        state in UNREGISTERED and who.may(Permission.REGISTER_DELIVERY) for who, state in zip(own, states, strict=True)
    )
    people = assigned(tx, [row.id for row in about.values()])
    answers = any(
        state in HOLDS[ClockName.RESPOND] and about[who.unit_id].role != RecipientRole.INFO and may_answer(who, working)
        for who, state in zip(own, states, strict=True)
        for working in [people.get(about[who.unit_id].id, [])]
    )
    kind = NoticeKind.RECALL if clock == ClockName.RECALL else notice.kind  # nobody is to follow what is asked back
    names = units.units_by_ids(tx, [directive.unit_id, *about])
    tie, other = (notice.tie, notice.other) if kind is NoticeKind.REPLACED else tie_of(tx, directive)
    return Reading(
        directive=directive.id,
        number=directive.number_text,
        subject=directive.subject,
        body=directive.body if kind not in _NOT_ITS_TEXT and State.RECALLED not in states else "",
        sender=names[directive.unit_id].name,
        urgency=Urgency(directive.urgency),
        exercise=directive.exercise,
        due=notice.due,
        clock=_clock_of(kind, notice, clock, [row.deadline for row in about.values()]),
        unit_names=[names[unit].name for unit in about],
        own=own,
        may_confirm=registers,
        may_answer=answers,
        clerks=_clerks(tx, directive.unit_id),
        issuer=directive.unit_id,
        standing=standing_of(tx, directive.id, unit_ids),
        kind=kind,
        tie=tie,
        other=other,
    )


def _clock_of(kind: NoticeKind, notice: Notice, clock: str, deadlines: Sequence[datetime | None]) -> ClockName:
    """Whose time `due` is: of alarms that of their clock; a new directive names the deadline, if there is one."""
    if kind is NoticeKind.RECALL:
        return ClockName.RECALL
    if kind in _ALARMS and clock:
        return ClockName(clock)
    return ClockName.RESPOND if notice.due is not None and notice.due in deadlines else ClockName.REGISTER


def _on_duty(tx: Transaction, unit_id: int) -> list[int]:
    """The unit's duty officers that it has named, and its clerks."""
    directory = Directory(tx, [unit_id])
    return [*directory.named(unit_id, Post.DUTY_OFFICER), *directory.find(unit_id, Post.CLERK)]


def _clerks(tx: Transaction, unit_id: int) -> list[str]:
    people = _on_duty(tx, unit_id)
    known = numbers.of(tx, people)
    return list(dict.fromkeys(known[one] for one in people if one in known))


def standing_of(tx: Transaction, directive_id: int, unit_ids: Collection[int]) -> Standing:
    """How the directive stands for these units now."""
    query = sa.select(delivery_table.c.state).where(v.directive_id == directive_id, v.unit_id.in_(unit_ids))
    states = {State(row.state) for row in tx.all(query)}
    if states & UNREGISTERED:
        return Standing.OPEN
    return Standing.WITHDRAWN if states & _WITHDRAWN else Standing.CONFIRMED


def replaced_by(tx: Transaction, directive_id: int) -> str:
    """The number of the document that has taken the place of this one; empty when none has."""
    return replacements(tx, [directive_id]).get(directive_id, "")


def confirm_by_phone(
    tx: Transaction, policy: Policy, people: Sequence[Principal], account: int, directive_id: int, call: str
) -> Confirmed:
    """The key that confirms: registered for each unit of the person that has not yet; alarms about it are noted."""
    number, done = None, False
    for who in people:
        state = tx.one(sa.select(v.state).where(v.directive_id == directive_id, v.unit_id == who.unit_id))
        if state is None or State(state.state) not in UNREGISTERED or not who.may(Permission.REGISTER_DELIVERY):
            continue
        command = f"{call}:{who.unit_id}"
        number = register(tx, who, policy, directive_id, command, through=Through.TELEPHONE).registry_number
        done = True
    _acknowledge(tx, account, directive_id)
    return Confirmed(done, number)


def _acknowledge(tx: Transaction, account: int, directive_id: int) -> None:
    a, to = alarm_table.c, addressee_table.c
    mine = sa.and_(v.directive_id == directive_id, to.account_id == account, to.acknowledged_at.is_(None))
    joined = sa.select(a.id).join(addressee_table, to.alarm_id == a.id).join(delivery_table, v.id == a.delivery_id)
    ids = [row.id for row in tx.all(joined.where(mine))]
    people = accounts.principals(tx, account)
    if ids and people:
        acknowledge_alarms(tx, people[0], ids)


def clerk_wanted(tx: Transaction, reading: Reading, person: str, number: str) -> None:
    """Nobody could take the call: the issuer's clerks are told to call back."""
    body = {
        "directive": reading.directive,
        "number": reading.number,
        "subject": reading.subject,
        "units": [who.unit_id for who in reading.own],
        "unit_names": reading.unit_names[:5],
        "person": person,
        "telephone": number,
        "exercise": reading.exercise,
        "accounts": sorted(set(_on_duty(tx, reading.issuer))),
        "href": f"/directives/{reading.directive}",
    }
    tx.emit("directive.clerk_wanted", [reading.issuer], body)
