"""Requests for more time: asked before the deadline, decided by the issuer; the first date stays known."""

from __future__ import annotations

from typing import Any

import msgspec
import sqlalchemy as sa

from server.accounts.permissions import Permission
from server.accounts.principal import Principal
from server.directives.model import extension_table
from server.directives.policy import Policy
from server.directives.rules import Event
from server.directives.service.access import delivery_of_ours, delivery_to_us
from server.directives.service.assigned import require_may_answer
from server.directives.service.commands import once
from server.directives.service.forward import require_within_parent
from server.directives.service.news import tell_asked, tell_decided
from server.directives.service.notes import note_of, reason_of
from server.directives.service.problems import require_near
from server.directives.service.steps import step
from server.directives.shapes import DeliveryDone, Extension, ExtensionDecision, ExtensionInput
from server.errors import ConflictError, UserError
from server.http.i18n import _
from server.store import Transaction

x = extension_table.c


def ask_extension(
    tx: Transaction, who: Principal, policy: Policy, directive_id: int, data: ExtensionInput
) -> DeliveryDone:
    """Ask for more time before the deadline has passed; until it is decided the deadline stays.

    Raises NotAllowedError for who was not named for it and does not speak for the unit, UserError, ConflictError.
    """
    who.require(Permission.ANSWER_DELIVERY)

    def work() -> DeliveryDone:
        row = delivery_to_us(tx, who, directive_id, lock=True)
        require_may_answer(tx, who, row)
        reason = reason_of(data.reason)
        _check(tx, row, data)
        state = step(tx, row, Event.ASK_EXTENSION, who, note=reason, extension_asked_at=tx.now)
        tx.insert(
            extension_table,
            delivery_id=row.id,
            asked_at=tx.now,
            asked_by=who.account_id,
            reason=reason,
            deadline_before=row.deadline,
            until=data.until,
        )
        tell_asked(tx, policy, who, row)
        return DeliveryDone(id=row.id, directive=directive_id, state=state, registry_number=row.registry_number)

    content = ["ask_extension", directive_id, msgspec.to_builtins(data)]
    return once(tx, who, data.command_id, content, work, DeliveryDone)


def _check(tx: Transaction, row: Any, data: ExtensionInput) -> None:
    if row.deadline is None:
        raise ConflictError("no_deadline", _("Văn bản này không có hạn trả lời nên không cần gia hạn."))
    if tx.now > row.deadline:
        raise ConflictError("past_deadline", _("Đã quá hạn trả lời nên không xin gia hạn được nữa."))
    if row.extension_asked_at is not None:
        raise ConflictError("extension_pending", _("Đơn vị đã xin gia hạn và đang chờ nơi ban hành quyết định."))
    if data.until <= row.deadline:
        raise UserError("bad_extension", _("Hạn xin lùi phải sau hạn đang có."), field="until")
    require_near(data.until, tx.now, "until")


def decide_extension(
    tx: Transaction, who: Principal, policy: Policy, delivery_id: int, data: ExtensionDecision
) -> DeliveryDone:
    """Grant it (until the date asked for, or another after the present one), or refuse with a reason."""
    who.require(Permission.REVIEW_RESPONSE)

    def work() -> DeliveryDone:
        row = delivery_of_ours(tx, who, delivery_id)
        pending = sa.and_(x.delivery_id == delivery_id, x.decided_at.is_(None), x.asked_at == row.extension_asked_at)
        asked = tx.one(sa.select(extension_table).where(pending)) if row.extension_asked_at else None
        if asked is None:
            raise ConflictError("no_extension", _("Không có đề nghị gia hạn nào đang chờ."))
        note = note_of(data.note) if data.grant else reason_of(data.note)
        values: dict[str, Any] = {}
        if data.grant:
            values["deadline"] = until = data.until or asked.until
            if until <= max(row.deadline, tx.now):
                raise UserError("bad_extension", _("Hạn mới phải sau hạn đang có và sau lúc này."), field="until")
            require_near(until, tx.now, "until")
            require_within_parent(tx, row, until, "until")
        event = Event.GRANT_EXTENSION if data.grant else Event.REFUSE_EXTENSION
        state = step(tx, row, event, who, note=note, **values)
        judged = {"decided_at": tx.now, "decided_by": who.account_id, "granted": data.grant, "note": note}
        tx.execute(sa.update(extension_table).where(x.id == asked.id).values(**judged))
        tell_decided(tx, policy, who, row, asked.asked_by, values.get("deadline"))
        return DeliveryDone(id=row.id, directive=row.directive_id, state=state)

    content = ["decide_extension", delivery_id, msgspec.to_builtins(data)]
    return once(tx, who, data.command_id, content, work, DeliveryDone)


def extensions_of(tx: Transaction, delivery: Any) -> list[Extension]:
    """All requests of a delivery, newest first."""
    rows = tx.all(sa.select(extension_table).where(x.delivery_id == delivery.id).order_by(x.id.desc()))
    return [
        Extension(
            asked_at=row.asked_at,
            reason=row.reason,
            deadline_before=row.deadline_before,
            until=row.until,
            pending=row.decided_at is None and row.asked_at == delivery.extension_asked_at,
            granted=row.granted,
            decided_at=row.decided_at,
            note=row.note or "",
        )
        for row in rows
    ]
