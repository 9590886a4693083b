"""The issuer decides about an answer: accept it, or send it back with a new deadline."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import msgspec
import sqlalchemy as sa

from server.accounts.permissions import Permission
from server.accounts.principal import Principal
from server.directives.model import response_table
from server.directives.policy import Policy
from server.directives.rules import Event
from server.directives.service.access import delivery_of_ours
from server.directives.service.commands import once
from server.directives.service.forward import require_no_open_children, require_within_parent
from server.directives.service.news import tell_accepted, tell_rework
from server.directives.service.notes import note_of
from server.directives.service.problems import require_near
from server.directives.service.steps import step
from server.directives.shapes import AcceptInput, DeliveryDone, SendBackInput
from server.errors import ConflictError, UserError
from server.http.i18n import _
from server.store import Transaction

NEWEST = AcceptInput()


def accept(
    tx: Transaction, who: Principal, policy: Policy, delivery_id: int, data: AcceptInput = NEWEST
) -> DeliveryDone:
    """The answer is good: the delivery is completed. Raises ConflictError."""
    who.require(Permission.REVIEW_RESPONSE)

    def work() -> DeliveryDone:
        row = delivery_of_ours(tx, who, delivery_id)
        _require_version(tx, row, data.version)
        require_no_open_children(tx, row)
        state = step(tx, row, Event.ACCEPT, who, completed_at=tx.now)
        _judge(tx, who, row, accepted=True, note=None)
        tell_accepted(tx, policy, who, row)
        return DeliveryDone(id=row.id, directive=row.directive_id, state=state)

    content = ["accept", delivery_id, msgspec.to_builtins(data)]
    return once(tx, who, data.command_id, content, work, DeliveryDone)


def send_back(tx: Transaction, who: Principal, policy: Policy, delivery_id: int, data: SendBackInput) -> DeliveryDone:
    """More is needed, until a new deadline; the old one holds only as long as it lies ahead.

    Raises ConflictError, UserError.
    """
    who.require(Permission.REVIEW_RESPONSE)

    def work() -> DeliveryDone:
        row = delivery_of_ours(tx, who, delivery_id)
        _require_version(tx, row, data.version)
        note = note_of(data.note)
        if note is None:
            raise UserError("no_note", _("Xin ghi rõ cần bổ sung gì."), field="note")
        deadline = _deadline_of_rework(tx, row, data.deadline)
        state = step(tx, row, Event.SEND_BACK, who, note=note, deadline=deadline)
        _judge(tx, who, row, accepted=False, note=note)
        tell_rework(tx, policy, who, row, deadline)
        return DeliveryDone(id=row.id, directive=row.directive_id, state=state)

    content = ["send_back", delivery_id, msgspec.to_builtins(data)]
    return once(tx, who, data.command_id, content, work, DeliveryDone)


def _deadline_of_rework(tx: Transaction, delivery: Any, wanted: datetime | None) -> datetime | None:
    """Until when more is to come: neither late at once nor after what the issuer owes itself. Raises UserError."""
    if wanted is None:
        old: datetime | None = delivery.deadline
        if old is not None and old <= tx.now:
            text = _("Hạn cũ đã qua, nên yêu cầu bổ sung phải có hạn mới.")
            raise UserError("no_deadline", text, field="deadline")
        return old
    if wanted <= tx.now:
        raise UserError("past_deadline", _("Hạn mới phải sau lúc này."), field="deadline")
    require_near(wanted, tx.now, "deadline")
    require_within_parent(tx, delivery, wanted, "deadline")
    return wanted


def _require_version(tx: Transaction, delivery: Any, version: int | None) -> None:
    """Raise ConflictError if the newest answer of a locked delivery is not the one that somebody has read."""
    r = response_table.c
    newest = tx.one(sa.select(sa.func.max(r.version).label("version")).where(r.delivery_id == delivery.id))
    if version is not None and newest is not None and newest.version != version:
        text = _(
            "Đơn vị đã gửi báo cáo mới sau khi đồng chí mở, nên thao tác vừa rồi chưa được thực hiện. "
            "Xin đọc báo cáo mới nhất."
        )
        raise ConflictError("answer_changed", text)


def _judge(tx: Transaction, who: Principal, delivery: Any, *, accepted: bool, note: str | None) -> None:
    r = response_table.c
    last = sa.select(sa.func.max(r.version)).where(r.delivery_id == delivery.id).scalar_subquery()
    tx.execute(
        sa.update(response_table)
        .where(r.delivery_id == delivery.id, r.version == last)
        .values(accepted=accepted, judged_at=tx.now, judged_by=who.account_id, note=note)
    )
