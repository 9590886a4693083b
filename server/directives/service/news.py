"""What happened to a delivery or a draft, told beyond the live page to those whom it concerns; never to who did it.

What somebody must act on goes by the channels of a new directive until somebody has acted; what is good to know goes by
those of a reminder. Calls are only about directives that have come.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from server.accounts import service as accounts
from server.accounts.permissions import Permission, roles_with
from server.accounts.principal import Principal
from server.directives.documents import Urgency
from server.directives.model import change_table, directive_table
from server.directives.policy import Policy
from server.directives.posts import Duty, Post
from server.directives.rules import UNREGISTERED, Event, State
from server.directives.running import ANSWERED, ASSIGNED, REWORK, ClockName
from server.directives.service.access import d, v
from server.directives.service.assigned import accounts_of, assigned
from server.directives.service.posts import Directory
from server.directives.service.telling import in_writing, notice_of
from server.reach import service as reach
from server.reach.notice import FOR_KNOWLEDGE, Notice, NoticeKind
from server.store import Transaction
from server.units import service as units

TO_SIGN = "to_sign"
"""No clock: that a draft waits for its leader, until it is signed or gone."""
HANDED_BACK = "handed_back"
"""No clock: that a draft is with its author again, until that hands it in or somebody signs it."""
_KNOWN = "known"
"""No clock, and nothing that anybody does makes it needless to know."""


def tell_assigned(tx: Transaction, policy: Policy, who: Principal, row: Any, people: Collection[int]) -> None:
    """The leader named `people` for a delivery (its row, as all rows below): those named before hear no more of it."""
    reach.stop(tx, row.directive_id, [row.unit_id], [ASSIGNED])
    _tell(tx, policy, who, row, NoticeKind.ASSIGNED, people, ASSIGNED, due=row.deadline)


def tell_to_assign(tx: Transaction, policy: Policy, who: Principal, row: Any) -> None:
    """The unit has registered it: its leader, until somebody is named or begins.

    Where leaders are told of the directive itself, those whom a message about it has left for have heard of it.
    """
    urgency = Urgency(row.urgency)
    leaders, due = (
        _leaders(tx, row.unit_id, Permission.ASSIGN_DELIVERY),
        policy.assign_due(tx.now, urgency, row.deadline),
    )
    if Duty.CHAIR in policy.file.reach[urgency].told:
        leaders -= reach.told(tx, row.directive_id, [row.unit_id]).get(row.unit_id, {}).keys()
    _tell(tx, policy, who, row, NoticeKind.TO_ASSIGN, leaders, ClockName.ASSIGN.value, due=due)


def tell_answered(tx: Transaction, policy: Policy, who: Principal, row: Any) -> None:
    """The unit has answered: the issuer's clerk and the author, if still there, until it is judged.

    `row` is from before the answer. Answers that come while others of the directive wait make no second message: ninety
    units would make ninety. The first is not needless until all are judged.
    """
    others = sa.and_(v.directive_id == row.directive_id, v.id != row.id, v.state == State.REPORTED.value)
    if row.state == State.REPORTED:
        return
    if tx.one(sa.select(v.id).where(others).limit(1)) is not None:
        reach.join(tx, row.directive_id, row.unit_id, ANSWERED)
        return
    author: Any = tx.one(sa.select(d.author_id).where(d.id == row.directive_id))
    people = _on_duty(tx, Duty.ISSUER_CLERK, row) | (_members(tx, row.issuer_id) & {author.author_id})
    due = policy.review_due(tx.now, Urgency(row.urgency))
    _tell(tx, policy, who, row, NoticeKind.ANSWERED, people, ANSWERED, due=due, to_issuer=True)


def tell_accepted(tx: Transaction, policy: Policy, who: Principal, row: Any) -> None:
    """The issuer has accepted the answer: whoever works on it."""
    _tell(tx, policy, who, row, NoticeKind.ACCEPTED, Duty.ASSIGNEE, _KNOWN)


def tell_rework(tx: Transaction, policy: Policy, who: Principal, row: Any, due: datetime | None) -> None:
    """The issuer asks for more: whoever works on it."""
    _tell(tx, policy, who, row, NoticeKind.REWORK, Duty.ASSIGNEE, REWORK, due=due)


def tell_returned(tx: Transaction, policy: Policy, who: Principal, row: Any) -> None:
    """The unit gave it back: the issuer's clerk."""
    _tell(tx, policy, who, row, NoticeKind.RETURNED, Duty.ISSUER_CLERK, _KNOWN)


def tell_recall_refused(tx: Transaction, policy: Policy, who: Principal, row: Any) -> None:
    """The unit does not give it up: the issuer's clerk, and who asked for it back, if still there."""
    c = change_table.c
    asked = sa.select(c.account_id).where(c.delivery_id == row.id, c.event == Event.RECALL.value)
    last: Any = tx.one(asked.order_by(c.id.desc()).limit(1))
    people = _on_duty(tx, Duty.ISSUER_CLERK, row) | (_members(tx, row.issuer_id) & {last.account_id})
    _tell(tx, policy, who, row, NoticeKind.RECALL_REFUSED, people, _KNOWN, to_issuer=True)


def tell_waived(tx: Transaction, policy: Policy, who: Principal, row: Any) -> None:
    """The unit need not do it any more: whoever works on it, or the clerk if it was not registered."""
    duty = Duty.CLERK if State(row.state) in UNREGISTERED else Duty.ASSIGNEE
    _tell(tx, policy, who, row, NoticeKind.WAIVED, duty, _KNOWN)


def announce_replaced(tx: Transaction, who: Principal, directive: Any, rows: Sequence[Any], by: int) -> None:
    """A directive (its row) was replaced by another: on open pages of the units that held it (rows of its deliveries).

    Its clerk and whoever worked on it, unless the new one has come to the unit and says so itself. Beyond the page it
    goes to whom messages about the old one have left for (`telling.tell_replaced`).
    """
    came = {row.unit_id for row in tx.all(sa.select(v.unit_id).where(v.directive_id == by))}
    rows = [row for row in rows if row.unit_id not in came]
    directory = Directory(tx, [row.unit_id for row in rows])
    working = accounts_of(assigned(tx, [row.id for row in rows]))
    notice, bodies = notice_of(NoticeKind.REPLACED, directive, ""), {}
    for row in rows:
        named = [directory.addressees(duty, row, working) for duty in (Duty.CLERK, Duty.ASSIGNEE)]
        people = {account for accounts in named for account in accounts} - {who.account_id}
        if people:
            bodies[row.unit_id] = announced(notice, people)
    tx.emit_each("delivery.news", bodies)


def tell_asked(tx: Transaction, policy: Policy, who: Principal, row: Any) -> None:
    """The unit asks for more time: the issuer's clerk, until it is decided or the unit has answered."""
    due = policy.review_due(tx.now, Urgency(row.urgency))
    _tell(tx, policy, who, row, NoticeKind.ASKED, Duty.ISSUER_CLERK, ClockName.EXTENSION.value, due=due)


def tell_decided(
    tx: Transaction, policy: Policy, who: Principal, row: Any, asked_by: int, granted_until: datetime | None
) -> None:
    """The issuer decided about a request: who asked, if they are still there; without a new deadline it was refused."""
    kind = NoticeKind.GRANTED if granted_until else NoticeKind.REFUSED
    people = {asked_by} & _members(tx, row.unit_id)
    _tell(tx, policy, who, row, kind, people, ClockName.RESPOND.value, due=granted_until or row.deadline)


def tell_to_sign(tx: Transaction, policy: Policy, who: Principal, draft: Any) -> None:
    """A draft (its row) waits for a signature: the chairs that the unit has named, else all who may issue."""
    plan = in_writing(policy, "issued", Urgency(draft.urgency), tx.now)
    if not plan:
        return
    people = _leaders(tx, draft.unit_id, Permission.ISSUE_DIRECTIVE) - {who.account_id}
    notice = notice_of(NoticeKind.TO_SIGN, draft, units.unit(tx, draft.unit_id).name)
    reach.put(tx, [reach.Telling(notice, people, plan, TO_SIGN, [draft.unit_id])])


def tell_handed_back(tx: Transaction, policy: Policy, who: Principal, draft: Any) -> None:
    """A leader handed a draft (its row) back: its author, if still in the unit, until it waits again or is gone."""
    plan = in_writing(policy, "reminder", Urgency(draft.urgency), tx.now)
    people = ({draft.author_id} & _members(tx, draft.unit_id)) - {who.account_id}
    if plan and people:
        notice = notice_of(NoticeKind.HANDED_BACK, draft, units.unit(tx, draft.unit_id).name)
        reach.put(tx, [reach.Telling(notice, people, plan, HANDED_BACK, [draft.unit_id])])


def _tell(
    tx: Transaction,
    policy: Policy,
    who: Principal,
    row: Any,
    kind: NoticeKind,
    to: Duty | Collection[int],
    clock: str,
    due: datetime | None = None,
    *,
    to_issuer: bool = False,
) -> None:
    """Tell people, or those who hold a duty, of a delivery, on their open pages and beyond.

    The issuer's are shown it on their page of the delivery.
    """
    people = (_on_duty(tx, to, row) if isinstance(to, Duty) else set(to)) - {who.account_id}
    if not people:
        return
    to_issuer = to_issuer or (isinstance(to, Duty) and to.of_issuer)
    directive: Any = tx.one(sa.select(directive_table).where(d.id == row.directive_id))
    names = units.units_by_ids(tx, [row.unit_id, row.issuer_id])
    about: dict[str, Any] = {"unit_names": (names[row.unit_id].short_name,), "units": 1} if to_issuer else {}
    sender = names[row.issuer_id].name
    notice: Notice = notice_of(kind, directive, sender, issuer=row.issuer_id, due=due, **about)
    _announce(tx, notice, row.issuer_id if to_issuer else row.unit_id, people)
    ladder = "reminder" if kind in FOR_KNOWLEDGE else "issued"
    plan = in_writing(policy, ladder, Urgency(row.urgency), tx.now)
    if plan:
        reach.put(tx, [reach.Telling(notice, people, plan, clock, [row.unit_id])])


def _announce(tx: Transaction, notice: Notice, unit: int, people: Collection[int]) -> None:
    """The same on the open pages of the people, who are of this unit."""
    kind = "delivery.assigned" if notice.kind is NoticeKind.ASSIGNED else "delivery.news"
    tx.emit(kind, [unit], announced(notice, people))


def announced(notice: Notice, people: Collection[int]) -> dict[str, Any]:
    """The body of the event that tells `people` of a notice on their pages."""
    return {
        "what": notice.kind.value,
        "directive": notice.directive,
        "subject": notice.subject,
        "unit_names": list(notice.unit_names),
        "exercise": notice.exercise,
        "accounts": sorted(people),
        "href": notice.href,
    }


def _members(tx: Transaction, unit: int) -> set[int]:
    return {member.account_id for member in accounts.members(tx, [unit])}


def _leaders(tx: Transaction, unit: int, permission: Permission) -> set[int]:
    """The chairs that a unit has named of those who may do it, else all who may."""
    may = {member.account_id for member in accounts.members(tx, [unit], sorted(roles_with([permission])))}
    return may & set(Directory(tx, [unit]).named(unit, Post.CHAIR)) or may


def _on_duty(tx: Transaction, duty: Duty, row: Any) -> set[int]:
    working = accounts_of(assigned(tx, [row.id]))
    return set(Directory(tx, [row.unit_id, row.issuer_id]).addressees(duty, row, working))
