"""Where a draft came from, if another organ's document came as edXML."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa

from server.directives.model import edxml_table
from server.directives.shapes import Source
from server.store import Transaction

e = edxml_table.c


def source_of(tx: Transaction, directive: Any) -> Source | None:
    """The document that a directive (its row) was made of."""
    row = tx.one(sa.select(edxml_table).where(e.directive_id == directive.id))
    if row is None:
        return None
    names = ("organ_name", "number_text", "type_name", "promulgated_on", "business", "at", "withdrawn_at")
    values = {name: getattr(row, name) for name in names}
    return Source(**values, withdrawn_reason=row.withdrawn_reason or "", same=same_as(tx, row))


def same_as(tx: Transaction, row: Any) -> list[int]:
    """What else the unit has of the same number, notation, day and organ (Nghị định 30/2020, Phụ lục VI).

    An update and a replacement bear a number of their own, or are meant to bear the same.
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
    return [int(one.directive_id) for one in tx.all(sa.select(e.directive_id).where(same).order_by(e.id).limit(20))]
