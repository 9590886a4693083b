"""What came as edXML in the register of what the unit received (số đến), its status for the sender, and its file."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa

from server.accounts.permissions import Permission
from server.accounts.principal import Principal
from server.directives.edxml.message import STATUS_WORDS, Organ, Staff, Status, StatusCode
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
        row = _document_of_ours(tx, who, document_id, lock=True)
        if row.registered_at is not None:
            text = _("Văn bản này đã vào sổ, số đến {number}.")
            raise ConflictError("edxml_registered", text, number=row.registry_number)
        if row.withdrawn_at is not None:
            raise ConflictError("edxml_withdrawn", _("Nơi gửi đã thu hồi văn bản này nên không vào sổ nữa."))
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
    """What to tell the sender: it came, is registered, or has been carried on. Raises NotFoundError."""
    row = _document_of_ours(tx, who, document_id)
    issued = tx.one(
        sa.select(d.issued_at, d.signer_name).where(
            d.id == row.directive_id, d.state == DirectiveState.ISSUED.value, d.unit_id == who.unit_id
        )
    )
    status, at = StatusCode.ARRIVED, row.at
    if row.registered_at is not None:
        status, at = StatusCode.RECEIVED, row.registered_at
    if issued is not None:
        status, at = StatusCode.IN_PROGRESS, issued.issued_at
    own = units.unit(tx, who.unit_id)
    sender = Organ(policy.organ_id(own.code), own.name)
    return Status(
        organ_id=row.organ_id,
        code=row.number_text,
        promulgated_on=row.promulgated_on,
        document_id=row.document_id,
        sender=sender,
        status=status,
        description=STATUS_WORDS[status],
        at=at,
        staff=Staff(sender.name, who.name),
    )


def original_of(tx: Transaction, who: Principal, document_id: int) -> str:
    """The SHA-256 under which the file is kept as it came. Raises NotFoundError."""
    return str(_document_of_ours(tx, who, document_id).sha256)


def _document_of_ours(tx: Transaction, who: Principal, document_id: int, *, lock: bool = False) -> Any:
    who.require(Permission.FOLLOW_DIRECTIVE)
    query = sa.select(edxml_table).where(e.id == document_id, e.unit_id == who.unit_id)
    row = tx.one(query.with_for_update() if lock else query)
    if row is None:
        raise NotFoundError("no_edxml", _("Không có văn bản edXML này."))
    return row
