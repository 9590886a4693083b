"""What came as edXML in the register of what the unit received (số đến), its status for the sender, and its file."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa

from server.accounts.permissions import Permission
from server.accounts.principal import Principal
from server.directives.edxml.message import Organ, Staff, Status, StatusCode, described, refusal
from server.directives.model import edxml_table, edxml_words
from server.directives.policy import Policy
from server.directives.rules import DirectiveState
from server.directives.service.access import d
from server.directives.service.commands import once
from server.directives.service.numbers import IN, take_number
from server.directives.shapes import EdxmlRegistered
from server.errors import ConflictError, NotFoundError
from server.http.i18n import _
from server.store import Transaction
from server.store.search import exact
from server.units import service as units

e = edxml_table.c


def register_edxml(
    tx: Transaction, who: Principal, policy: Policy, document_id: int, command_id: str = ""
) -> EdxmlRegistered:
    """Give a document its số đến, the next of the unit's register. Raises ConflictError, NotFoundError."""
    who.require(Permission.REGISTER_DELIVERY)

    def work() -> EdxmlRegistered:
        row = document_of_ours(tx, who, document_id, lock=True)
        if row.registered_at is not None:
            text = _("Văn bản này đã vào sổ, số đến {number}.")
            raise ConflictError("edxml_registered", text, number=row.registry_number)
        if row.refused_at is not None:
            raise ConflictError("edxml_refused", _("Đơn vị đã từ chối văn bản này."))
        if row.answer_agreed:
            raise ConflictError("edxml_withdrawn", _("Nơi gửi đã thu hồi văn bản này nên không vào sổ nữa."))
        if row.withdrawn_at is not None and row.answered_at is None:
            raise ConflictError("edxml_withdrawn", _("Nơi gửi đã xin thu hồi văn bản này. Xin trả lời việc thu hồi."))
        year = policy.year(tx.now)
        number = take_number(tx, IN, who.unit_id, year)
        words = " ".join((row.number_text, row.type_name, row.subject, row.signer, row.organ_name))
        values = {"registered_at": tx.now, "registered_by": who.account_id, "search_exact": exact(words)}
        registry = {"registry_year": year, "registry_number": number}
        tx.execute(sa.update(edxml_table).where(e.id == document_id).values(**values, **registry))
        edxml_words.put(tx, document_id, words)
        return EdxmlRegistered(document=document_id, directive=row.directive_id, **registry)

    return once(tx, who, command_id, ["register_edxml", document_id], work, EdxmlRegistered)


def status_of_edxml(tx: Transaction, who: Principal, policy: Policy, document_id: int) -> Status:
    """What to tell the sender: what was done with it last. Raises NotFoundError."""
    row = document_of_ours(tx, who, document_id)
    issued = tx.one(
        sa.select(d.issued_at, d.signer_name).where(
            d.id == row.directive_id, d.state == DirectiveState.ISSUED.value, d.unit_id == who.unit_id
        )
    )
    said = [
        (row.at, StatusCode.ARRIVED, ""),
        (row.registered_at, StatusCode.RECEIVED, ""),
        (issued.issued_at if issued is not None else None, StatusCode.IN_PROGRESS, ""),
        (row.refused_at, StatusCode.REFUSED, refusal(row.refused_reason, row.refused_note)),
        (
            row.answered_at,
            StatusCode.RECALL_AGREED if row.answer_agreed else StatusCode.RECALL_REFUSED,
            row.answer_note,
        ),
    ]
    at, status, why = max((one for one in reversed(said) if one[0] is not None), key=lambda one: one[0])
    own = units.unit(tx, who.unit_id)
    sender = Organ(policy.organ_id(own.code), own.name)
    return Status(
        organ_id=row.organ_id,
        code=row.number_text,
        promulgated_on=row.promulgated_on,
        document_id=row.document_id,
        sender=sender,
        status=status,
        description=described(status, why or ""),
        at=at,
        staff=Staff(sender.name, who.name),
    )


def original_of(tx: Transaction, who: Principal, document_id: int) -> str:
    """The SHA-256 under which the file is kept as it came. Raises ConflictError once its recall is agreed to."""
    row = document_of_ours(tx, who, document_id)
    if row.answer_agreed:
        raise ConflictError("edxml_withdrawn", _("Đơn vị đã đồng ý thu hồi văn bản này nên không mở được tệp nữa."))
    return str(row.sha256)


def draft_of_edxml(tx: Transaction, who: Principal, document_id: int) -> int | None:
    """The draft or directive that was made of it, if that is still there. Raises NotFoundError."""
    directive: int | None = document_of_ours(tx, who, document_id).directive_id
    return directive


def document_of_ours(tx: Transaction, who: Principal, document_id: int, *, lock: bool = False) -> Any:
    """The row of a document that the person's unit took in. Raises NotFoundError."""
    who.require(Permission.FOLLOW_DIRECTIVE)
    query = sa.select(edxml_table).where(e.id == document_id, e.unit_id == who.unit_id)
    row = tx.one(query.with_for_update() if lock else query)
    if row is None:
        raise NotFoundError("no_edxml", _("Không có văn bản edXML này."))
    return row
