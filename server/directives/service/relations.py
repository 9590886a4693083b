"""What documents are to each other: which may replace or correct which, and the chain that a reader may see."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from server.accounts.principal import Principal
from server.directives.documents import DocumentType, Problem
from server.directives.rules import HOLDS_COPY, DirectiveState, Relation, State
from server.directives.service.access import d, issued_by, v
from server.directives.service.forward import check_forward, parent_deadline
from server.directives.shapes import Link
from server.store import Transaction
from server.units import service as units

MOST_LINKS = 100
_ISSUED = d.state == DirectiveState.ISSUED.value
_COLUMNS = (d.id, d.number_text, d.kind, d.subject, d.unit_id, d.issued_at, d.relation, d.related_id, d.exercise)


def check_relation(
    tx: Transaction,
    who: Principal,
    relation: Relation | None,
    related: int | None,
    kind: DocumentType,
    deadline: datetime | None,
    exercise: bool,
) -> list[Problem]:
    """What is wrong with a draft that is to be something to an earlier directive; exercises keep among themselves.

    The earlier one is locked until the transaction ends: of two replacements at once, the second sees the first.
    """
    if relation is None:
        return []
    if relation is Relation.FORWARDS:
        return check_forward(tx, who, related, deadline, exercise)
    earlier = sa.select(d.kind, d.exercise).where(d.id == related, issued_by(tx, who.unit_id), _ISSUED)
    row = tx.one(earlier.with_for_update(key_share=True)) if related else None
    if row is None:
        return [Problem("related", "unknown_related")]
    if row.exercise != exercise:
        return [Problem("exercise", "exercise_apart")]
    limit = parent_deadline(tx, related, who.unit_id) if related and deadline else None
    found = [Problem("deadline", "after_parent")] if limit and deadline and deadline > limit else []
    if relation is not Relation.REPLACES:
        return found
    found += [Problem("kind", "other_form")] if row.kind != kind.value else []
    replaced = sa.select(d.id).where(d.related_id == related, d.relation == Relation.REPLACES.value, _ISSUED)
    return [*found, Problem("related", "replaced_already")] if tx.one(replaced) is not None else found


def number_texts(tx: Transaction, who: Principal, directive_ids: Iterable[int]) -> dict[int, str]:
    """Numbers of directives that the person's unit issued or received, by id."""
    wanted = d.id.in_(sorted(set(directive_ids)))
    rows = tx.all(sa.select(d.id, d.number_text).where(wanted, _visible(tx, who)))
    return {row.id: row.number_text for row in rows}


def replacements(tx: Transaction, directive_ids: Iterable[int]) -> dict[int, str]:
    """Numbers of the documents that have replaced these directives, whoever may read them; others are left out."""
    newer = sa.and_(d.related_id.in_(sorted(set(directive_ids))), d.relation == Relation.REPLACES.value, _ISSUED)
    return {row.related_id: row.number_text for row in tx.all(sa.select(d.related_id, d.number_text).where(newer))}


def newer_numbers(tx: Transaction, deliveries: Iterable[Any]) -> dict[int, str]:
    """What has replaced those that units hold a copy of, of these deliveries (rows): its numbers by their ids."""
    held = {row.id: row.directive_id for row in deliveries if State(row.state) in HOLDS_COPY}
    found = replacements(tx, held.values()) if held else {}
    return {delivery: found[directive] for delivery, directive in held.items() if directive in found}


def chain(tx: Transaction, who: Principal, directive_id: int) -> list[Link]:
    """All documents tied to one, in the order of their issue, as far as the person's unit issued or received them.

    Empty for a document that stands alone.
    """
    visible = _visible(tx, who)
    found: dict[int, Any] = {}
    near, looked_at = {directive_id}, {directive_id}
    while near and len(found) < MOST_LINKS:
        tied = sa.or_(d.id.in_(near), d.related_id.in_(near))
        rows = tx.all(sa.select(*_COLUMNS).where(visible, tied).order_by(d.id).limit(MOST_LINKS))
        found.update((row.id, row) for row in rows)
        near = {end for row in rows for end in (row.id, row.related_id) if end} - looked_at
        looked_at |= near
    if len(found) < 2:
        return []
    names = units.units_by_ids(tx, [row.unit_id for row in found.values()])
    return [_link(row, names[row.unit_id].name) for row in sorted(found.values(), key=lambda r: (r.issued_at, r.id))]


def _visible(tx: Transaction, who: Principal) -> sa.ColumnElement[bool]:
    received = sa.select(v.directive_id).where(v.unit_id == who.unit_id)
    return sa.and_(_ISSUED, sa.or_(issued_by(tx, who.unit_id), d.id.in_(received)))


def _link(row: Any, unit_name: str) -> Link:
    return Link(
        directive=row.id,
        number_text=row.number_text,
        kind=DocumentType(row.kind),
        subject=row.subject,
        unit_name=unit_name,
        issued_at=row.issued_at,
        relation=Relation(row.relation) if row.relation else None,
        related=row.related_id,
        exercise=row.exercise,
    )
