"""What a unit says to the sender of a document that came as edXML: refused (02), its recall agreed (15) or not (16).

Refused is what has not been registered (Nghị định 30/2020, Điều 21, 22). Who agrees to a recall has destroyed its copy
(Điều 18): the draft goes, the file is given out no more; the line in the register stays.
"""

from __future__ import annotations

from typing import Any

import msgspec
import sqlalchemy as sa

from server.accounts.permissions import Permission
from server.accounts.principal import Principal
from server.directives.model import delivery_table, directive_table, edxml_table
from server.directives.rules import FINAL, DirectiveState
from server.directives.service.commands import once
from server.directives.service.drafts import delete_draft
from server.directives.service.edxml_register import document_of_ours
from server.directives.service.notes import note_of, reason_of
from server.directives.shapes import EdxmlAnswered, RecallAnswer, ReturnInput
from server.errors import ConflictError
from server.http.i18n import _
from server.store import Transaction

e = edxml_table.c


def refuse_edxml(tx: Transaction, who: Principal, document_id: int, data: ReturnInput) -> EdxmlAnswered:
    """Refuse a document that is not registered yet. Raises ConflictError, NotFoundError."""
    who.require(Permission.REGISTER_DELIVERY)

    def work() -> EdxmlAnswered:
        row = document_of_ours(tx, who, document_id, lock=True)
        if row.refused_at is not None:
            raise ConflictError("edxml_refused", _("Đơn vị đã từ chối văn bản này."))
        if row.registered_at is not None or _issued(tx, row) is not None:
            text = _("Văn bản đã vào sổ hoặc đã được triển khai nên không từ chối được nữa.")
            raise ConflictError("edxml_registered", text)
        if row.withdrawn_at is not None:
            raise ConflictError("edxml_withdrawn", _("Nơi gửi đã xin thu hồi văn bản này. Xin trả lời việc thu hồi."))
        values = {"refused_at": tx.now, "refused_by": who.account_id}
        words = {"refused_reason": data.reason.value, "refused_note": note_of(data.note)}
        tx.execute(sa.update(edxml_table).where(e.id == row.id).values(**values, **words))
        return EdxmlAnswered(document=row.id, directive=row.directive_id)

    content = ["refuse_edxml", document_id, msgspec.to_builtins(data)]
    return once(tx, who, data.command_id, content, work, EdxmlAnswered)


def answer_edxml_recall(tx: Transaction, who: Principal, document_id: int, data: RecallAnswer) -> EdxmlAnswered:
    """Agree to the sender's recall, or refuse it with a reason. Raises ConflictError, NotFoundError, UserError."""
    who.require(Permission.REGISTER_DELIVERY)

    def work() -> EdxmlAnswered:
        row = document_of_ours(tx, who, document_id, lock=True)
        if row.withdrawn_at is None or row.answered_at is not None:
            raise ConflictError("edxml_no_recall", _("Không có yêu cầu thu hồi nào của nơi gửi đang chờ trả lời."))
        note = note_of(data.note) if data.agree else reason_of(data.note)
        directive = _destroy(tx, who, row) if data.agree else row.directive_id
        values = {"answered_at": tx.now, "answered_by": who.account_id}
        words = {"answer_agreed": data.agree, "answer_note": note}
        tx.execute(sa.update(edxml_table).where(e.id == row.id).values(**values, **words))
        return EdxmlAnswered(document=row.id, directive=directive)

    content = ["answer_edxml_recall", document_id, msgspec.to_builtins(data)]
    return once(tx, who, data.command_id, content, work, EdxmlAnswered)


def _destroy(tx: Transaction, who: Principal, row: Any) -> int | None:
    """Delete the draft; what was issued of it stays, once nobody has to do anything for it. Gives what stays."""
    issued = _issued(tx, row)
    if issued is None:
        if row.directive_id is not None:
            delete_draft(tx, who, row.directive_id)
        return None
    v = delivery_table.c
    ended = [state.value for state in FINAL]
    if tx.one(sa.select(v.id).where(v.directive_id == issued.id, v.state.not_in(ended)).limit(1)) is not None:
        text = _("Văn bản đã được triển khai bằng {number}. Xin thu hồi văn bản đó trước, hoặc từ chối kèm lý do.")
        raise ConflictError("edxml_carried_on", text, number=issued.number_text)
    return int(issued.id)


def _issued(tx: Transaction, row: Any) -> Any:
    """The directive that was made of it, if it is issued."""
    d = directive_table.c
    issued = sa.and_(d.id == row.directive_id, d.state == DirectiveState.ISSUED.value)
    return tx.one(sa.select(d.id, d.number_text).where(issued))
