"""The issuer decides about an answer: accept it, or send it back with a new deadline."""

from __future__ import annotations

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
from server.directives.service.forward import require_no_open_children
from server.directives.service.news import tell_rework
from server.directives.service.notes import note_of
from server.directives.service.steps import step
from server.directives.shapes import DeliveryDone, SendBackInput
from server.errors import UserError
from server.http.i18n import _
from server.store import Transaction


def accept(tx: Transaction, who: Principal, delivery_id: int, command_id: str = "") -> DeliveryDone:
    """The answer is good: the delivery is completed."""
    who.require(Permission.REVIEW_RESPONSE)

    def work() -> DeliveryDone:
        row = delivery_of_ours(tx, who, delivery_id)
        require_no_open_children(tx, row)
        state = step(tx, row, Event.ACCEPT, who, completed_at=tx.now)
        _judge(tx, who, row, accepted=True, note=None)
        return DeliveryDone(id=row.id, directive=row.directive_id, state=state)

    return once(tx, who, command_id, ["accept", delivery_id], work, DeliveryDone)


def send_back(tx: Transaction, who: Principal, policy: Policy, delivery_id: int, data: SendBackInput) -> DeliveryDone:
    """More is needed. Without a new deadline the old one holds."""
    who.require(Permission.REVIEW_RESPONSE)

    def work() -> DeliveryDone:
        row = delivery_of_ours(tx, who, delivery_id)
        note = note_of(data.note)
        if note is None:
            raise UserError("no_note", _("Xin ghi rõ cần bổ sung gì."), field="note")
        if data.deadline is not None and data.deadline <= tx.now:
            raise UserError("past_deadline", _("Hạn mới phải sau lúc này."), field="deadline")
        state = step(tx, row, Event.SEND_BACK, who, note=note, deadline=data.deadline or row.deadline)
        _judge(tx, who, row, accepted=False, note=note)
        tell_rework(tx, policy, who, row, data.deadline or row.deadline)
        return DeliveryDone(id=row.id, directive=row.directive_id, state=state)

    content = ["send_back", delivery_id, msgspec.to_builtins(data)]
    return once(tx, who, data.command_id, content, work, DeliveryDone)


def _judge(tx: Transaction, who: Principal, delivery: Any, *, accepted: bool, note: str | None) -> None:
    r = response_table.c
    last = sa.select(sa.func.max(r.version)).where(r.delivery_id == delivery.id).scalar_subquery()
    tx.execute(
        sa.update(response_table)
        .where(r.delivery_id == delivery.id, r.version == last)
        .values(accepted=accepted, judged_at=tx.now, judged_by=who.account_id, note=note)
    )
