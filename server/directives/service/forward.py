"""A commune carries a directive on to its villages: child documents, and what they mean for the parent."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import sqlalchemy as sa

from server.accounts.principal import Principal
from server.directives.documents import Problem
from server.directives.model import attachment_table, delivery_table, directive_table
from server.directives.rules import CLOSED, UNREGISTERED, DirectiveState, RecipientRole, Relation, State
from server.directives.service.access import BOTH, v
from server.directives.shapes import ChildCounts, DraftInput
from server.errors import ConflictError
from server.http.i18n import _
from server.store import Transaction

_CHILD = directive_table.alias("child")
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
    if row.deadline is not None and draft_deadline is not None and draft_deadline > row.deadline:
        return [Problem("deadline", "after_parent")]
    return []


def copy_attachments(tx: Transaction, who: Principal, draft: DraftInput, directive_id: int) -> None:
    """The parent's files go along; their bytes stand in the store once."""
    a = attachment_table.c
    for file in tx.all(sa.select(attachment_table).where(a.directive_id == draft.related).order_by(a.id)):
        values = {"name": file.name, "content_type": file.content_type, "size": file.size, "sha256": file.sha256}
        tx.insert(attachment_table, directive_id=directive_id, account_id=who.account_id, at=tx.now, **values)


def children_of(tx: Transaction, parents: Iterable[Any]) -> dict[int, ChildCounts]:
    """Counts of the child deliveries of some deliveries (rows of `BOTH`), by the parent's id.

    Those of a unit that has ended are with whoever took over from it.
    """
    rows, c = list(parents), _CHILD.c
    closed = [state.value for state in CLOSED]
    must = v.role != RecipientRole.INFO.value
    query = (
        sa.select(
            c.related_id,
            v.issuer_id,
            sa.func.max(c.id).label("directive"),
            sa.func.count().label("sent"),
            sa.func.sum(sa.case((must & v.state.not_in(closed), 1), else_=0)).label("open"),
            sa.func.sum(sa.case((v.registered_at.is_not(None), 1), else_=0)).label("registered"),
            sa.func.sum(sa.case((v.reported_at.is_not(None), 1), else_=0)).label("reported"),
        )
        .select_from(delivery_table)
        .join(_CHILD, c.id == v.directive_id)
        .where(
            c.related_id.in_([row.directive_id for row in rows]),
            v.issuer_id.in_([row.unit_id for row in rows]),
            c.relation == Relation.FORWARDS.value,
            c.state == DirectiveState.ISSUED.value,
        )
        .group_by(c.related_id, v.issuer_id)
    )
    keys = {(row.directive_id, row.unit_id): row.id for row in rows}
    found = {}
    for row in tx.all(query):
        parent = keys.get((row.related_id, row.issuer_id))
        if parent is not None:
            counts = {name: int(getattr(row, name)) for name in ("directive", "sent", "open", "registered", "reported")}
            found[parent] = ChildCounts(**counts)
    return found


def require_no_open_children(tx: Transaction, parent: Any) -> None:
    """A parent cannot be completed while a mandatory child is open (DOMAIN, invariant 5). Raises ConflictError."""
    counts = children_of(tx, [parent]).get(parent.id)
    if counts is not None and counts.open:
        text = _("Còn {n} thôn, khu phố chưa xong việc được triển khai tiếp, nên chưa chấp nhận hoàn thành được.")
        raise ConflictError("children_open", text, n=counts.open)
