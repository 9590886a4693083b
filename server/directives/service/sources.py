"""Where a draft came from, if another organ's document came as edXML."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa

from server.directives.model import edxml_table
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
    values = {name: getattr(row, name) for name in (*names, "registered_at", "registry_number")}
    return Source(document=row.id, **values, withdrawn_reason=row.withdrawn_reason or "", same=same_as(tx, row))


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
