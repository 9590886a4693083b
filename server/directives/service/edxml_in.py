"""Taking in what other systems send as edXML: a document becomes a draft of the unit, its recall a mark on that.

A draft and not a delivery: who issued it is no unit of ours, and what the district makes of it is for its clerk to
write and its leader to sign. The document itself is registered like any other (edxml_register). Taken in once for each
document id; the same file again changes nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from server.accounts.permissions import Permission
from server.accounts.principal import Principal
from server.directives.documents import Problem, Urgency, bears_secrecy_mark, check_deadline, name_bears_secrecy_mark
from server.directives.edxml.message import (
    PRIORITIES,
    Business,
    Document,
    Message,
    Status,
    StatusCode,
    document_type,
    written,
)
from server.directives.model import edxml_table
from server.directives.policy import Policy
from server.directives.service.drafts import create_draft
from server.directives.service.edxml_status import take_status
from server.directives.service.problems import DraftError
from server.directives.service.sources import same_as
from server.directives.shapes import DraftInput, EdxmlDone, Upload
from server.errors import ConflictError, NotFoundError, UserError
from server.http.i18n import _
from server.store import Transaction
from server.units import service as units

e = edxml_table.c


def check_open(message: Message) -> None:
    """Only ordinary documents are taken: the format itself is not for others. Raises DraftError.

    Looked at before any of it is stored, names of files included.
    """
    texts = [message.description] if isinstance(message, Status) else _texts(message)
    names = [] if isinstance(message, Status) else [file.name for file in message.files]
    if any(map(bears_secrecy_mark, texts)) or any(map(name_bears_secrecy_mark, names)):
        raise DraftError([Problem("file", "secret")])


def _texts(document: Document) -> list[str]:
    files = [file.description for file in document.files]
    return [document.subject, document.content, document.sphere, document.type_name, document.reason, *files]


def take_edxml(
    tx: Transaction, who: Principal, policy: Policy, message: Message, digest: str, uploads: Sequence[Upload] = ()
) -> EdxmlDone:
    """Take in a message; `digest` is the SHA-256 of its file, `uploads` are its checked attachments.

    Raises UserError, ConflictError, NotFoundError.
    """
    who.require(Permission.DRAFT_DIRECTIVE)
    check_open(message)
    if isinstance(message, Status) and message.status is StatusCode.RECALL_ASKED:
        return _take_back(tx, who, message)
    if isinstance(message, Status):
        return take_status(tx, who, policy, message)
    _require_addressed(tx, who, policy, message)
    if message.business is Business.RECALL:
        return _take_recall(tx, who, message)
    return _take_document(tx, who, policy, message, digest, uploads)


def _require_addressed(tx: Transaction, who: Principal, policy: Policy, document: Document) -> None:
    """Where it is known what we are called in the exchange, a document for others is refused."""
    code = units.unit(tx, who.unit_id).code
    known = policy.file.edxml.get(code)
    if known and document.recipients and known not in {organ.id for organ in document.recipients}:
        names = ", ".join(organ.name or organ.id for organ in document.recipients[:3])
        raise UserError("edxml_not_ours", _("Văn bản này gửi cho {names}, không phải cho đơn vị."), names=names)


def _take_document(
    tx: Transaction, who: Principal, policy: Policy, document: Document, digest: str, uploads: Sequence[Upload]
) -> EdxmlDone:
    row, made = _claim(tx, who, policy, document, digest)
    if row.sha256 != digest:
        text = _("Văn bản mang mã {id} đã được nhập với nội dung khác. Xin hỏi lại nơi gửi.")
        raise ConflictError("edxml_changed", text, id=document.document_id)
    repeated = not made and row.directive_id is not None
    directive = row.directive_id
    if not repeated:
        directive = create_draft(tx, who, policy, _draft_of(policy, document, tx.now), uploads).id
        tx.execute(sa.update(edxml_table).where(e.id == row.id).values(directive_id=directive))
    same = same_as(tx, row)
    return EdxmlDone(kind="document", directive=directive, document=row.id, repeated=repeated, same=same)


def _claim(tx: Transaction, who: Principal, policy: Policy, document: Document, digest: str) -> tuple[Any, bool]:
    """The document's row, locked, and whether it is new. On PostgreSQL this waits for another who takes it in."""
    sender = units.by_code(tx, policy.unit_code(document.sender.id), document.promulgated_on)
    values = {
        "unit_id": who.unit_id,
        "document_id": document.document_id,
        "business": int(document.business),
        "sha256": digest,
        "organ_id": document.sender.id,
        "organ_name": document.sender.name or document.sender.id,
        "sender_id": sender.id if sender else None,
        "number_text": document.number_text,
        "promulgated_on": document.promulgated_on,
        "type_name": document.type_name,
        "subject": _subject_of(document),
        "signer": document.signer,
        "due": document.due,
        "concerns": document.concerns if document.business in (Business.UPDATE, Business.REPLACE) else "",
        "account_id": who.account_id,
        "at": tx.now,
    }
    made = tx.claim(edxml_table, **values)
    mine = sa.and_(
        e.unit_id == who.unit_id, e.document_id == document.document_id, e.business == int(document.business)
    )
    return tx.one(sa.select(edxml_table).where(mine).with_for_update()), made is not None


def _subject_of(document: Document) -> str:
    return " ".join(document.subject.split())


def _draft_of(policy: Policy, document: Document, now: datetime) -> DraftInput:
    """What the clerk goes on from: it has no recipients yet, and takes our own notation and number.

    The file names no hour, and none is made up for what is timed by one: somebody reads it in the text. A day that
    nobody can mean, as in what comes from an archive, is no deadline.
    """
    content = document.content if document.content != document.subject else ""
    urgency = PRIORITIES[document.priority]
    day = document.due if urgency is not Urgency.FLASH_TIMED else None
    deadline = policy.calendar.end_of(day) if day else None
    return DraftInput(
        kind=document_type(document.type_name),
        subject=_subject_of(document),
        body=content,
        urgency=urgency,
        deadline=None if check_deadline(deadline, now) else deadline,
    )


def _take_recall(tx: Transaction, who: Principal, document: Document) -> EdxmlDone:
    ids = [one for one in (document.concerns, document.document_id) if one]
    known = sa.and_(e.document_id.in_(ids), e.organ_id == document.sender.id)
    return _recalled(tx, who, known, document.number_text, document.reason, document.at)


def _take_back(tx: Transaction, who: Principal, status: Status) -> EdxmlDone:
    """The same as a status (13), which its sender may also say it by."""
    if status.sender.id != status.organ_id:
        text = _("Mã trạng thái {status} là của nơi gửi văn bản.")
        raise ConflictError("wrong_state", text, status=status.status.value)
    named = sa.and_(e.number_text.in_(written(status.code)), e.promulgated_on == status.promulgated_on)
    known = sa.and_(e.organ_id == status.organ_id, sa.or_(e.document_id == (status.document_id or None), named))
    return _recalled(tx, who, known, status.code, status.description, status.at)


def _recalled(
    tx: Transaction, who: Principal, known: sa.ColumnElement[bool], number: str, reason: str, at: datetime
) -> EdxmlDone:
    """Mark the newest document that is meant. Whoever refused a recall is asked again by a later one."""
    mine = sa.and_(e.unit_id == who.unit_id, known)
    row = tx.one(sa.select(edxml_table).where(mine).order_by(e.id.desc()).limit(1).with_for_update())
    if row is None:
        text = _("Nơi gửi thu hồi văn bản {number}, nhưng đơn vị chưa nhập văn bản này.")
        raise NotFoundError("edxml_unknown", text, number=number)
    if row.refused_at is not None:
        text = _("Nơi gửi thu hồi văn bản {number}, nhưng đơn vị đã từ chối tiếp nhận văn bản này.")
        raise ConflictError("edxml_refused", text, number=number)
    asked_again = row.answer_agreed is False and at > row.answered_at
    repeated = row.withdrawn_at is not None and not asked_again
    if not repeated:
        values = {"withdrawn_at": tx.now, "withdrawn_reason": reason}
        unanswered = dict.fromkeys(("answered_at", "answered_by", "answer_agreed", "answer_note"))
        tx.execute(sa.update(edxml_table).where(e.id == row.id).values(**values, **unanswered))
    return EdxmlDone(kind="recall", directive=row.directive_id, document=row.id, repeated=repeated)
