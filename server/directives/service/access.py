"""Who may touch which directive: each finder gives a row or says that there is none."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa

from server.accounts.permissions import Permission
from server.accounts.principal import Principal
from server.directives.model import change_table, delivery_table, directive_table
from server.directives.rules import DRAFT_STATES, DirectiveState, DraftEvent, Event
from server.directives.service.problems import no_directive
from server.errors import ConflictError
from server.http.i18n import _
from server.store import Transaction
from server.units import service as units
from server.units.service import UnitInfo

d, v = directive_table.c, delivery_table.c
BOTH = sa.select(delivery_table, d.urgency, d.deadline.label("directive_deadline")).join(
    directive_table, d.id == v.directive_id
)
"""A delivery with what of its directive its clocks and events need."""

c = change_table.c
_RENEWS = (Event.SEND_BACK.value, Event.GRANT_EXTENSION.value)
_RENEWED = sa.select(sa.func.max(c.at)).where(c.delivery_id == v.id, c.event.in_(_RENEWS)).correlate(delivery_table)
TIMED = BOTH.add_columns(_RENEWED.scalar_subquery().label("renewed_at"))
"""The same with all that `running.Facts` are."""

UPDATE_DIRECTIVE = sa.update(directive_table).where(d.id == sa.bindparam("directive"))
"""Sets the columns that are given beside `directive`, its id."""
_OURS = sa.select(directive_table).where(d.id == sa.bindparam("directive"), d.unit_id == sa.bindparam("ours"))
_OURS_LOCKED = _OURS.with_for_update()


def require_acting_in(who: Principal, unit_id: int | None) -> None:
    """Raises ConflictError for a command that was meant for another unit than the one that the person acts in now."""
    if unit_id is not None and unit_id != who.unit_id:
        raise ConflictError(
            "other_unit",
            _(
                "Đồng chí đã bấm xác nhận này cho một đơn vị khác với đơn vị đang làm việc. "
                "Xin chuyển sang đơn vị đó rồi làm lại."
            ),
        )


def own_unit(tx: Transaction, who: Principal) -> UnitInfo:
    """The person's unit, asked for once in a transaction."""
    key = ("own_unit", who.unit_id)
    if key not in tx.known:
        tx.known[key] = units.unit(tx, who.unit_id)
    found: UnitInfo = tx.known[key]
    return found


def issued_by(tx: Transaction, unit_id: int) -> sa.ColumnElement[bool]:
    """Directives of a unit, drafts among them, and what was issued by units that it took over from."""
    ended = units.inherited(tx, unit_id)
    if not ended:
        return d.unit_id == unit_id
    return sa.or_(d.unit_id == unit_id, sa.and_(d.unit_id.in_(ended), d.state == DirectiveState.ISSUED.value))


def is_ours(tx: Transaction, who: Principal, directive: Any) -> bool:
    """Whether a directive (its row) is of the person's unit, or of one that it took over from."""
    if directive.unit_id == who.unit_id:
        return True
    return directive.state == DirectiveState.ISSUED and directive.unit_id in units.inherited(tx, who.unit_id)


def directive_of_ours(tx: Transaction, who: Principal, directive_id: int, *, lock: bool = False) -> Any:
    """A directive of the person's own unit, draft or issued, or one that a unit issued which it took over from."""
    row = tx.one(_OURS_LOCKED if lock else _OURS, {"directive": directive_id, "ours": who.unit_id})
    if row is None and units.inherited(tx, who.unit_id):
        query = sa.select(directive_table).where(d.id == directive_id, issued_by(tx, who.unit_id))
        row = tx.one(query.with_for_update() if lock else query)
    if row is None or not who.may(Permission.FOLLOW_DIRECTIVE):
        raise no_directive()
    return row


_NOT_NOW = {
    DirectiveState.ISSUED: ("already_issued", _("Văn bản đã ban hành nên không sửa hay xóa được nữa.")),
    DirectiveState.SCHEDULED: (
        "scheduled",
        _("Văn bản đã ký và đang chờ đến giờ ban hành. Xin rút lại trước khi sửa, xóa hay ban hành ngay."),
    ),
    DirectiveState.DRAFT: ("not_waiting", _("Bản nháp này không chờ ký nên không có gì để trả lại.")),
}


def draft_of_ours(tx: Transaction, who: Principal, directive_id: int, event: DraftEvent = DraftEvent.EDIT) -> Any:
    """A draft of the person's own unit, locked, to which `event` can happen. Raises ConflictError."""
    who.require(Permission.DRAFT_DIRECTIVE)
    row = directive_of_ours(tx, who, directive_id, lock=True)
    draft_after(row, event)
    return row


def draft_after(draft: Any, event: DraftEvent) -> DirectiveState:
    """The state of a draft (its row) after an event. Raises ConflictError if the table has no such step."""
    state = DirectiveState(draft.state)
    after = DRAFT_STATES[state].get(event)
    if after is not None:
        return after
    if event is DraftEvent.TAKE_BACK:
        raise ConflictError("not_scheduled", _("Văn bản này không chờ đến giờ ban hành."))
    raise ConflictError(*_NOT_NOW[state])


def require_revision(draft: Any, revision: int | None) -> None:
    """Raise ConflictError unless a draft (its row) is still as somebody has read it; None means however it is."""
    if revision is not None and draft.revision != revision:
        text = _(
            "Bản nháp đã được sửa sau khi đồng chí mở, nên thao tác vừa rồi chưa được thực hiện. "
            "Xin đọc lại bản hiện nay."
        )
        raise ConflictError("draft_changed", text)


def delivery_to_us(tx: Transaction, who: Principal, directive_id: int, *, lock: bool = False) -> Any:
    """The delivery of a directive to the person's own unit."""
    query = BOTH.where(v.directive_id == directive_id, v.unit_id == who.unit_id)
    row = tx.one(query.with_for_update(of=delivery_table) if lock else query)
    if row is None or not who.may(Permission.READ_DIRECTIVES):
        raise no_directive()
    return row


def deliveries_of(tx: Transaction, directive_id: int) -> list[Any]:
    """All deliveries of a directive, locked in the order of their ids."""
    query = BOTH.where(v.directive_id == directive_id).order_by(v.id)
    return tx.all(query.with_for_update(of=delivery_table))


def delivery_of_ours(tx: Transaction, who: Principal, delivery_id: int) -> Any:
    """A delivery, locked, of a directive that the person's own unit issued, or a unit that it took over from."""
    row = tx.one(BOTH.where(v.id == delivery_id, issued_by(tx, who.unit_id)).with_for_update(of=delivery_table))
    if row is None or not who.may(Permission.FOLLOW_DIRECTIVE):
        raise no_directive()
    return row
