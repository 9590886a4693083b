"""A commune carries a directive on to its villages: child documents, and what they mean for the parent."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import sqlalchemy as sa

from server.accounts.principal import Principal
from server.directives.documents import Problem
from server.directives.model import attachment_table, delivery_table, directive_table
from server.directives.rules import CLOSED, UNREGISTERED, DirectiveState, RecipientRole, Relation, State
from server.directives.service.access import BOTH, d, v
from server.directives.service.problems import MESSAGES
from server.directives.shapes import ChildCounts, DraftInput
from server.errors import ConflictError, UserError
from server.http.i18n import _
from server.store import Transaction

_LATER = directive_table.alias("later")
_MENDS = (Relation.REPLACES.value, Relation.CORRECTS.value)
_NOT_FORWARDED = CLOSED | UNREGISTERED | {State.RECALL_PENDING}


def check_forward(
    tx: Transaction, who: Principal, related: int | None, draft_deadline: Any, exercise: bool
) -> list[Problem]:
    """What is wrong with a draft that is to carry on the directive `related`: it must be the unit's duty still."""
    mine = BOTH.where(v.directive_id == related, v.unit_id == who.unit_id)
    # shared: who completes the parent meanwhile waits and sees the child, or this waits and sees it completed
    row = tx.one(mine.with_for_update(read=True, of=delivery_table)) if related else None
    if row is None or State(row.state) in _NOT_FORWARDED:
        return [Problem("related", "not_forwardable")]
    if row.exercise != exercise:
        return [Problem("exercise", "exercise_apart")]
    if draft_deadline is not None and row.deadline is not None and tx.now < row.deadline < draft_deadline:
        return [Problem("deadline", "after_parent")]
    return []


def parent_deadline(tx: Transaction, directive_id: int, unit_id: int) -> datetime | None:
    """Until when a unit must itself have done what it hands on by a directive, or by what that replaces or corrects.

    None if it is nobody's parent, is done, or is late already: then the time of what was handed on is bounded no more.
    """
    tie = _tie(tx, directive_id)
    while tie.relation in _MENDS:
        tie = _tie(tx, tie.related_id)
    if tie.relation != Relation.FORWARDS.value:
        return None
    parent = tx.one(sa.select(v.deadline, v.state).where(v.directive_id == tie.related_id, v.unit_id == unit_id))
    if parent is None or State(parent.state) in CLOSED or parent.deadline is None or parent.deadline <= tx.now:
        return None
    deadline: datetime = parent.deadline
    return deadline


def _tie(tx: Transaction, directive_id: int) -> Any:
    return tx.one(sa.select(d.relation, d.related_id).where(d.id == directive_id))


def require_within_parent(tx: Transaction, child: Any, deadline: datetime, field: str) -> None:
    """Raise UserError if a new deadline of a child (a row of `BOTH`) is after its issuer's own; `field` of the form."""
    limit = parent_deadline(tx, child.directive_id, child.issuer_id)
    if limit is not None and deadline > limit:
        raise UserError("after_parent", MESSAGES["after_parent"], field=field)


def copy_attachments(tx: Transaction, who: Principal, draft: DraftInput, directive_id: int) -> None:
    """The parent's files go along; their bytes stand in the store once."""
    a = attachment_table.c
    for file in tx.all(sa.select(attachment_table).where(a.directive_id == draft.related).order_by(a.id)):
        values = {"name": file.name, "content_type": file.content_type, "size": file.size, "sha256": file.sha256}
        tx.insert(attachment_table, directive_id=directive_id, account_id=who.account_id, at=tx.now, **values)


def children_of(tx: Transaction, parent: Any) -> ChildCounts | None:
    """How far those are whom the recipient of a delivery (a row of `BOTH`) has handed it on to; None if nobody.

    What replaces or corrects a child is one, too; those of a unit that has ended are with whoever took over from it.
    Found by one statement: a child that is replaced meanwhile is seen with its replacement, or before it.
    """
    made = _carrying(parent.directive_id)
    must = v.role != RecipientRole.INFO.value
    places = {
        "sent": sa.true(),
        "open": sa.and_(must, v.state.not_in([state.value for state in CLOSED])),
        "registered": v.registered_at.is_not(None),
        "reported": v.reported_at.is_not(None),
    }
    counted: list[Any] = [
        sa.func.count(sa.distinct(sa.case((which, v.unit_id)))).label(name) for name, which in places.items()
    ]
    main = sa.func.max(sa.case((made.c.relation != Relation.CORRECTS.value, made.c.id)))
    columns = [sa.func.coalesce(main, sa.func.max(made.c.id)).label("directive"), *counted]
    made_first = made.c.id + 0  # as a sum, or SQLite reads all deliveries and looks each up among what was made
    query = sa.select(*columns).join_from(made, delivery_table, v.directive_id == made_first)
    row: Any = tx.one(query.where(v.issuer_id == parent.unit_id, v.state != State.SUPERSEDED.value))
    return ChildCounts(**row._mapping) if row.sent else None


def _carrying(directive_id: int) -> sa.CTE:
    """Ids and relations of what was issued by any unit to carry a directive on, and of what replaced or mended it."""
    issued = DirectiveState.ISSUED.value
    forwards = sa.and_(d.related_id == directive_id, d.relation == Relation.FORWARDS.value)
    made = sa.select(d.id, d.relation).where(forwards, d.state == issued).cte("made", recursive=True)
    mends = _LATER.c.relation.in_(_MENDS)
    later = sa.select(_LATER.c.id, _LATER.c.relation).join(made, _LATER.c.related_id == made.c.id)
    return made.union(later.where(mends, _LATER.c.state == issued))


def require_no_open_children(tx: Transaction, parent: Any) -> None:
    """A parent cannot be completed while a mandatory child is open (DOMAIN, invariant 5). Raises ConflictError."""
    counts = children_of(tx, parent)
    if counts is not None and counts.open:
        text = _("Còn {n} thôn, khu phố chưa xong việc được triển khai tiếp, nên chưa chấp nhận hoàn thành được.")
        raise ConflictError("children_open", text, n=counts.open)
