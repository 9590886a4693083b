"""Where a draft came from, if another organ's document came as edXML."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa

from server.directives.edxml.message import Business
from server.directives.model import edxml_table
from server.directives.rules import ReturnReason
from server.directives.service.access import d, v
from server.directives.shapes import Source
from server.store import Transaction

e = edxml_table.c
MOST_SAME = 20


def source_of(tx: Transaction, directive: Any) -> Source | None:
    """The document that a directive (its row) was made of."""
    row = tx.one(sa.select(edxml_table).where(e.directive_id == directive.id))
    if row is None:
        return None
    names = ("organ_name", "number_text", "type_name", "promulgated_on", "business", "at", "withdrawn_at")
    values = {name: getattr(row, name) for name in (*names, "registered_at", "registry_number", "refused_at")}
    return Source(
        document=row.id,
        **values,
        withdrawn_reason=row.withdrawn_reason or "",
        recall_agreed=row.answer_agreed,
        recall_note=row.answer_note or "",
        refused_reason=ReturnReason(row.refused_reason) if row.refused_reason else None,
        refused_note=row.refused_note or "",
        same=same_as(tx, row),
        replaced_by=_replaced_by(tx, row),
    )


def _replaced_by(tx: Transaction, row: Any) -> list[int]:
    """Drafts and directives made of what the same sender says to replace it."""
    about_it = sa.or_(e.concerns == row.document_id, sa.and_(e.document_id == row.document_id, e.id != row.id))
    replaces = sa.and_(e.unit_id == row.unit_id, e.organ_id == row.organ_id, e.business == int(Business.REPLACE))
    found = tx.all(sa.select(e.directive_id).where(replaces, about_it, e.directive_id.is_not(None)).order_by(e.id))
    return [int(one.directive_id) for one in found]


def same_as(tx: Transaction, row: Any) -> list[int]:
    """What else the unit has of the same number, notation, day and organ (Nghị định 30/2020, Phụ lục VI).

    That is what came as edXML under another id, and what a unit of ours has sent here itself. An update and a
    replacement bear a number of their own, or are meant to bear the same.
    """
    same = sa.and_(
        e.unit_id == row.unit_id,
        e.organ_id == row.organ_id,
        e.number_text == row.number_text,
        e.promulgated_on == row.promulgated_on,
        e.business == row.business,
        e.id != row.id,
        e.directive_id.is_not(None),
    )
    sent = sa.and_(
        d.unit_id == row.sender_id,
        d.number_text == row.number_text,
        d.year == row.promulgated_on.year,
        d.exercise.is_(False),
        d.id.in_(sa.select(v.directive_id).where(v.unit_id == row.unit_id)),
    )
    found = tx.all(sa.select(e.directive_id).where(same).order_by(e.id).limit(MOST_SAME))
    if row.sender_id is not None:
        found += tx.all(sa.select(d.id).where(sent).limit(MOST_SAME))
    return [int(one[0]) for one in found]
