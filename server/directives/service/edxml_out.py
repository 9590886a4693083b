"""A directive as an edXML document, for those who issued it and those who received it."""

from __future__ import annotations

from typing import Any

import msgspec
import sqlalchemy as sa

from server.accounts.principal import Principal
from server.directives.documents import BODY_LENGTH
from server.directives.edxml.message import PRIORITIES, Business, Document, Organ, Staff, make_document_id
from server.directives.model import change_table
from server.directives.policy import Policy
from server.directives.questions import Question
from server.directives.rules import DirectiveState, Event, Relation, State
from server.directives.service.access import d
from server.directives.service.edxml_status import require_real
from server.directives.service.problems import wrong_state
from server.directives.service.reading import open_directive
from server.directives.shapes import Attachment, Delivery, Directive, Opened
from server.errors import ConflictError, TooLargeError
from server.http.i18n import _
from server.store import Transaction
from server.units import service as units

_BUSINESS = {Relation.REPLACES: Business.REPLACE, Relation.CORRECTS: Business.UPDATE}


def edxml_of(
    tx: Transaction, who: Principal, policy: Policy, directive_id: int, *, recall: bool = False
) -> tuple[Document, list[Attachment]]:
    """The document without the bytes of its files, and the files to put in; `recall` asks recipients to give it up.

    For the issuer it goes to all recipients (a recall to those who were asked), for a recipient to itself.
    Raises ConflictError, NotFoundError, TooLargeError.
    """
    opened = open_directive(tx, who, policy, directive_id)
    directive = opened.directive
    require_real(directive)
    if directive.state is not DirectiveState.ISSUED or directive.issued_at is None:
        raise ConflictError("not_issued", _("Văn bản chưa ban hành nên chưa xuất được."))
    if opened.delivery is not None and opened.delivery.state is State.RECALLED:
        raise wrong_state(State.RECALLED)
    files = [] if recall else directive.attachments
    if sum(file.size for file in files) > policy.attachment_limit:
        limit = policy.attachment_limit >> 20
        raise TooLargeError("files_too_large", _("Các tệp kèm theo lớn hơn {mb} MB, không xuất được."), mb=limit)
    document = _document(tx, policy, directive, _recipients(opened, recall))
    if recall:
        return _recalled(tx, document, opened), files
    return msgspec.structs.replace(document, content=_content(directive)), files


def _content(directive: Directive) -> str:
    """What it says; questions, which the format does not know, stand below, for people to read: in Vietnamese.

    Raises TooLargeError if that is more than a receiver like us takes.
    """
    if not directive.questions:
        return directive.body
    lines = [_asked(number, one) for number, one in enumerate(directive.questions, 1)]
    content = "\n".join([f"{directive.body}\n\nNội dung cần trả lời:".strip(), *lines])
    if len(content) > BODY_LENGTH:
        raise TooLargeError("content_too_long", _("Nội dung và các câu hỏi quá dài, không xuất được."))
    return content


def _asked(number: int, question: Question) -> str:
    parts = question.unit or "; ".join(question.parts)
    optional = "" if question.required else " (không bắt buộc)"
    return f"{number}. {question.label}{f' ({parts})' if parts else ''}{optional}"


def _recipients(opened: Opened, recall: bool) -> list[Delivery]:
    if not recall:
        return [opened.delivery] if opened.delivery is not None else opened.board or []
    asked = [one for one in opened.board or () if one.state in (State.RECALL_PENDING, State.RECALLED)]
    if not asked:
        raise ConflictError("not_recalled", _("Văn bản này không có nơi nhận nào đang được xin thu hồi."))
    return asked


def _document(tx: Transaction, policy: Policy, directive: Directive, deliveries: list[Delivery]) -> Document:
    issued_at: Any = directive.issued_at
    day = issued_at.astimezone(policy.zone).date()
    found = units.units_by_ids(tx, [directive.unit, *(one.unit for one in deliveries)], day)
    organs = {unit.id: Organ(policy.organ_id(unit.code), unit.name) for unit in found.values()}
    sender, recipients = organs[directive.unit], tuple(organs[one.unit] for one in deliveries)
    return Document(
        document_id=make_document_id(sender.id, day, directive.number_text),
        sender=sender,
        recipients=recipients,
        number=directive.number_text.removesuffix(directive.notation).rstrip("/-"),
        notation=directive.notation,
        promulgated_on=day,
        type_name=directive.kind.value,
        subject=directive.subject,
        competence=directive.signer_authority,
        position=directive.signer_position,
        signer=directive.signer,
        due=directive.deadline.astimezone(policy.zone).date() if directive.deadline else None,
        places=tuple(organ.name for organ in recipients),
        priority=PRIORITIES.index(directive.urgency),
        business=_BUSINESS.get(directive.relation, Business.NEW) if directive.relation else Business.NEW,
        concerns=_earlier(tx, policy, directive, sender),
        at=issued_at,
        staff=Staff(sender.name, directive.author),
    )


def _earlier(tx: Transaction, policy: Policy, directive: Directive, sender: Organ) -> str:
    """The id of the document that this one replaces or corrects; one that it carries on is another organ's."""
    if directive.relation not in _BUSINESS:
        return ""
    row: Any = tx.one(sa.select(d.number_text, d.issued_at).where(d.id == directive.related))
    return make_document_id(sender.id, row.issued_at.astimezone(policy.zone).date(), row.number_text)


def _recalled(tx: Transaction, document: Document, opened: Opened) -> Document:
    c = change_table.c
    mine = sa.and_(c.delivery_id.in_([one.id for one in opened.board or ()]), c.event == Event.RECALL.value)
    last = tx.one(sa.select(c.note).where(mine).order_by(c.id.desc()).limit(1))
    return msgspec.structs.replace(
        document,
        business=Business.RECALL,
        reason=(last.note if last else None) or "",
        concerns=document.document_id,
    )
