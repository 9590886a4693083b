"""What a unit has made of a directive that came to it, and what of that others still hold.

Who agrees to a recall has destroyed its copy (Nghị định 30/2020, Điều 18): not as long as it is handed on below.
"""

from __future__ import annotations

from typing import Any

import msgspec
import sqlalchemy as sa

from server.accounts.permissions import Permission
from server.accounts.principal import Principal
from server.directives.model import delivery_table, directive_table
from server.directives.rules import FINAL, DirectiveState, Relation
from server.directives.service.access import d, issued_by, v
from server.directives.shapes import CarriedOn
from server.errors import ConflictError
from server.http.i18n import _
from server.store import Transaction

_COLUMNS = (d.id, d.state, d.number_text, d.subject)


def carried_on(tx: Transaction, who: Principal, directive_id: int) -> list[CarriedOn]:
    """Documents of the person's unit that carry a directive on, and what replaces or corrects those.

    Only what matters still: drafts, and what is issued and held by somebody who is not done with it. Who may not open
    drafts is not told what they are about.
    """
    who.require(Permission.READ_DIRECTIVES)
    lines = _carried_on(tx, who.unit_id, directive_id)
    if who.may(Permission.DRAFT_DIRECTIVE):
        return lines
    return [one if one.state is DirectiveState.ISSUED else msgspec.structs.replace(one, subject="") for one in lines]


def require_not_carried_on(tx: Transaction, delivery: Any) -> None:
    """Raise ConflictError as long as the recipient of a delivery has handed its directive on."""
    for one in _carried_on(tx, delivery.unit_id, delivery.directive_id):
        if one.state is not DirectiveState.ISSUED:
            text = _(
                "Đơn vị còn bản nháp triển khai văn bản này. "
                "Xin xóa bản nháp đó trước, hoặc không đồng ý thu hồi kèm lý do."
            )
            raise ConflictError("carried_on", text)
        text = _(
            "Đơn vị đã triển khai văn bản này bằng {number} và nơi nhận còn giữ. "
            "Xin thu hồi văn bản đó trước, hoặc không đồng ý thu hồi kèm lý do."
        )
        raise ConflictError("carried_on", text, number=one.number_text)


def _carried_on(tx: Transaction, unit_id: int, directive_id: int) -> list[CarriedOn]:
    found = _made_of(tx, unit_id, directive_id)
    ended = [state.value for state in FINAL]
    held = sa.and_(v.directive_id.in_(list(found)), v.state.not_in(ended))
    counts = {row.directive_id: row.held for row in tx.all(_counting(held))} if found else {}
    lines = [
        CarriedOn(
            directive=row.id,
            state=DirectiveState(row.state),
            number_text=row.number_text or "",
            subject=row.subject,
            held=counts.get(row.id, 0),
        )
        for row in found.values()
    ]
    return [one for one in lines if one.held or one.state is not DirectiveState.ISSUED]


def _counting(held: sa.ColumnElement[bool]) -> sa.Select[Any]:
    counted = sa.select(v.directive_id, sa.func.count().label("held")).select_from(delivery_table)
    return counted.where(held).group_by(v.directive_id)


def _made_of(tx: Transaction, unit_id: int, directive_id: int) -> dict[int, Any]:
    """Rows of what the unit carries it on by, and of what came after those; issued ones first."""
    forwards = sa.and_(d.related_id == directive_id, d.relation == Relation.FORWARDS.value)
    query = sa.select(*_COLUMNS).select_from(directive_table).where(issued_by(tx, unit_id))
    near, found = tx.all(query.where(forwards)), dict[int, Any]()
    while near:
        found.update((row.id, row) for row in near)
        near = [row for row in tx.all(query.where(d.related_id.in_([row.id for row in near]))) if row.id not in found]
    return dict(sorted(found.items(), key=lambda item: (item[1].state != DirectiveState.ISSUED, item[0])))
