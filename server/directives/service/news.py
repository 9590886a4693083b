"""What happened to a delivery or a draft, told beyond the live page to those whom it concerns; never to who did it.

What somebody must act on goes by the channels of a new directive until somebody has acted; what is good to know goes by
those of a reminder. Calls are only about directives that have come.
"""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from server.accounts import service as accounts
from server.accounts.permissions import Permission, roles_with
from server.accounts.principal import Principal
from server.directives.documents import Urgency
from server.directives.model import directive_table
from server.directives.policy import Policy
from server.directives.posts import Duty, Post
from server.directives.rules import UNREGISTERED, State
from server.directives.running import ASSIGNED, REWORK, ClockName
from server.directives.service.access import d
from server.directives.service.assigned import assigned
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
    """The leader named `people` for a delivery (its row, as all rows below): they hear it on their pages, too.

    Those named before hear no more of it.
    """
    directive: Any = tx.one(sa.select(d.subject, d.exercise).where(d.id == row.directive_id))
    body = {
        "directive": row.directive_id,
        "subject": directive.subject,
        "exercise": directive.exercise,
        "accounts": sorted(set(people) - {who.account_id}),
        "href": f"/directives/{row.directive_id}",
    }
    tx.emit("delivery.assigned", [row.unit_id], body)
    reach.stop(tx, row.directive_id, [row.unit_id], [ASSIGNED])
    _tell(tx, policy, who, row, NoticeKind.ASSIGNED, people, ASSIGNED, due=row.deadline)


def tell_rework(tx: Transaction, policy: Policy, who: Principal, row: Any, due: datetime | None) -> None:
    """The issuer asks for more: whoever works on it."""
    _tell(tx, policy, who, row, NoticeKind.REWORK, Duty.ASSIGNEE, REWORK, due=due)


def tell_returned(tx: Transaction, policy: Policy, who: Principal, row: Any) -> None:
    """The unit gave it back: the issuer's clerk."""
    _tell(tx, policy, who, row, NoticeKind.RETURNED, Duty.ISSUER_CLERK, _KNOWN)


def tell_waived(tx: Transaction, policy: Policy, who: Principal, row: Any) -> None:
    """The unit need not do it any more: whoever works on it, or the clerk if it was not registered."""
    duty = Duty.CLERK if State(row.state) in UNREGISTERED else Duty.ASSIGNEE
    _tell(tx, policy, who, row, NoticeKind.WAIVED, duty, _KNOWN)


def tell_asked(tx: Transaction, policy: Policy, who: Principal, row: Any) -> None:
    """The unit asks for more time: the issuer's clerk, until it is decided or the unit has answered."""
    due = policy.review_due(tx.now, Urgency(row.urgency))
    _tell(tx, policy, who, row, NoticeKind.ASKED, Duty.ISSUER_CLERK, ClockName.EXTENSION.value, due=due)


def tell_decided(
    tx: Transaction, policy: Policy, who: Principal, row: Any, asked_by: int, granted_until: datetime | None
) -> None:
    """The issuer decided about a request: who asked, if they are still there; without a new deadline it was refused."""
    kind = NoticeKind.GRANTED if granted_until else NoticeKind.REFUSED
    there = {member.account_id for member in accounts.members(tx, [row.unit_id])}
    _tell(tx, policy, who, row, kind, {asked_by} & there, ClockName.RESPOND.value, due=granted_until or row.deadline)


def tell_to_sign(tx: Transaction, policy: Policy, who: Principal, draft: Any) -> None:
    """A draft (its row) waits for a signature: the chairs that the unit has named, else all who may issue."""
    plan = in_writing(policy, "issued", Urgency(draft.urgency), tx.now)
    if not plan:
        return
    issuing = accounts.members(tx, [draft.unit_id], sorted(roles_with([Permission.ISSUE_DIRECTIVE])))
    leaders = {member.account_id for member in issuing}
    named = leaders & set(Directory(tx, [draft.unit_id]).named(draft.unit_id, Post.CHAIR))
    notice = notice_of(NoticeKind.TO_SIGN, draft, units.unit(tx, draft.unit_id).name)
    reach.put(tx, [reach.Telling(notice, (named or leaders) - {who.account_id}, plan, TO_SIGN, [draft.unit_id])])


def tell_handed_back(tx: Transaction, policy: Policy, who: Principal, draft: Any) -> None:
    """A leader handed a draft (its row) back: its author, if still in the unit, until it waits again or is gone."""
    plan = in_writing(policy, "reminder", Urgency(draft.urgency), tx.now)
    there = {member.account_id for member in accounts.members(tx, [draft.unit_id])}
    people = ({draft.author_id} & there) - {who.account_id}
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
) -> None:
    """Tell people, or those who hold a duty, of a delivery; the issuer's are shown it on their page of the delivery."""
    ladder = "reminder" if kind in FOR_KNOWLEDGE else "issued"
    plan = in_writing(policy, ladder, Urgency(row.urgency), tx.now)
    people = (_on_duty(tx, to, row) if isinstance(to, Duty) else set(to)) - {who.account_id} if plan else set()
    if not people:
        return
    to_issuer = isinstance(to, Duty) and to.of_issuer
    directive: Any = tx.one(sa.select(directive_table).where(d.id == row.directive_id))
    names = units.units_by_ids(tx, [row.unit_id, row.issuer_id])
    about: dict[str, Any] = {"unit_names": (names[row.unit_id].short_name,), "units": 1} if to_issuer else {}
    notice: Notice = notice_of(kind, directive, names[row.issuer_id].name, due=due, **about)
    reach.put(tx, [reach.Telling(notice, people, plan, clock, [row.unit_id])])


def _on_duty(tx: Transaction, duty: Duty, row: Any) -> set[int]:
    working = {key: [one.account for one in people] for key, people in assigned(tx, [row.id]).items()}
    return set(Directory(tx, [row.unit_id, row.issuer_id]).addressees(duty, row, working))
