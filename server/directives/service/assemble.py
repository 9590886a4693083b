"""Rows become shapes."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import msgspec
import sqlalchemy as sa

from server.accounts import service as accounts
from server.directives.ball import pieces
from server.directives.capacity import Capacity
from server.directives.documents import DocumentType, Urgency
from server.directives.model import attachment_table, change_table, response_table
from server.directives.policy import Policy
from server.directives.questions import Answer, Question
from server.directives.rules import DirectiveState, RecipientRole, Relation, State, Through
from server.directives.service import standing
from server.directives.service.assigned import assigned
from server.directives.service.drafts import recipients_of
from server.directives.service.extensions import extensions_of
from server.directives.service.forward import children_of
from server.directives.service.hand_back import returns_of
from server.directives.service.inherited import NO_HANDOVERS, Handovers, handovers_of
from server.directives.service.kept import kept_spoken
from server.directives.service.recipients import recipients_now
from server.directives.service.relations import newer_numbers
from server.directives.service.sources import source_of
from server.directives.shapes import Attachment, Called, Change, Delivery, Directive, HandedOver, Held, Response
from server.store import Transaction
from server.units import service as units


def directive_shape(tx: Transaction, row: Any) -> Directive:
    """A row of `directive` with its files and recipients."""
    unit = units.units_by_ids(tx, [row.unit_id])[row.unit_id]
    a = attachment_table.c
    files = tx.all(sa.select(attachment_table).where(a.directive_id == row.id).order_by(a.id))
    recipients = recipients_of(tx, row.id) if row.state == DirectiveState.ISSUED else recipients_now(tx, row)
    return Directive(
        id=row.id,
        state=DirectiveState(row.state),
        unit=row.unit_id,
        unit_name=unit.name,
        kind=DocumentType(row.kind),
        number_text=row.number_text or "",
        notation=row.notation,
        subject=row.subject,
        body=row.body,
        urgency=Urgency(row.urgency),
        deadline=row.deadline,
        issued_at=row.issued_at,
        signer=row.signer_name or "",
        signer_position=row.signer_position or "",
        signer_capacity=Capacity(row.signer_capacity) if row.signer_capacity else None,
        signer_authority=row.signer_authority or "",
        author=accounts.names(tx, [row.author_id]).get(row.author_id, ""),
        changed_at=row.changed_at,
        revision=row.revision,
        attachments=[attachment_shape(file) for file in files],
        recipients=recipients,
        relation=Relation(row.relation) if row.relation else None,
        related=row.related_id,
        questions=questions_in(row.questions),
        exercise=row.exercise,
        scheduled_at=row.scheduled_at,
        schedule_problem=row.schedule_problem or "",
        source=source_of(tx, row),
        returns=[] if row.state == DirectiveState.ISSUED else returns_of(tx, row.id),
    )


def attachment_shape(row: Any) -> Attachment:
    """A row of `attachment`."""
    names = ("id", "name", "content_type", "size", "sha256", "question")
    return Attachment(**{name: getattr(row, name) for name in names})


def questions_in(stored: str | None) -> list[Question]:
    """What the column `questions` holds."""
    return msgspec.json.decode(stored, type=list[Question]) if stored else []


def answers_in(stored: str | None) -> list[Answer]:
    """What the column `answers` holds."""
    return msgspec.json.decode(stored, type=list[Answer]) if stored else []


def delivery_shape(
    tx: Transaction,
    policy: Policy,
    row: Any,
    unit_name: str,
    *,
    history: bool = False,
    changes: Sequence[Any] | None = None,
    called: Sequence[Called] = (),
    unreachable: bool = False,
    pressed_at: datetime | None = None,
    handovers: Handovers | None = None,
    replaced: str = "",
) -> Delivery:
    """A row of `BOTH` as people see it now; with its answers and history if asked, with `changes` who held it when.

    `handovers` are those that it had part in, and `replaced` is the number of what has replaced its directive; both are
    found by themselves with the history. `called` are the calls to the unit
    about it, `unreachable` says that there can be none and nobody sees it either.
    """
    due, timeliness = standing.of(policy, row, tx.now)
    rows = changes_of(tx, [row.id]).get(row.id, []) if history else changes
    handed = handovers_of(tx, [row.id]) if history else handovers or NO_HANDOVERS
    before = handed.taken_over.get(row.id, [])
    return Delivery(
        id=row.id,
        unit=row.unit_id,
        unit_name=unit_name,
        role=RecipientRole(row.role),
        state=State(row.state),
        edxml=standing.edxml(State(row.state)),
        timeliness=timeliness,
        due=due,
        deadline=row.deadline,
        sent_at=row.sent_at,
        arrived_at=row.arrived_at,
        seen_at=row.seen_at,
        registered_at=row.registered_at,
        registered_through=Through(row.registered_through) if row.registered_through else None,
        confirmed_at=row.confirmed_at,
        registry_number=row.registry_number,
        reported_at=row.reported_at,
        completed_at=row.completed_at,
        return_reason=row.return_reason or "",
        return_note=row.return_note or "",
        first_deadline=None if row.role == RecipientRole.INFO else row.directive_deadline,
        assigned=assigned(tx, [row.id]).get(row.id, []) if history else [],
        asking=standing.asking(row),
        children=children_of(tx, row) if history else None,
        held=_held(tx, policy, row, rows, before) if rows is not None else [],
        extensions=extensions_of(tx, row) if history else [],
        responses=_responses(tx, row.id) if history else [],
        changes=[_change(one) for one in rows or ()] if history else [],
        called=list(called),
        unreachable=unreachable,
        pressed_at=pressed_at,
        spoken=kept_spoken(tx, row.id) if history else [],
        taken_over=[_with_responses(tx, one) for one in before] if history else before,
        handed_to=handed.handed_to.get(row.id, []),
        replaced_by=newer_numbers(tx, [row]).get(row.id, "") if history else replaced,
    )


def _with_responses(tx: Transaction, one: HandedOver) -> HandedOver:
    return msgspec.structs.replace(one, responses=_responses(tx, one.delivery))


def _held(
    tx: Transaction, policy: Policy, row: Any, changes: Sequence[Any], before: Sequence[HandedOver]
) -> list[Held]:
    first = before[0].deadline if before else row.directive_deadline
    first = None if row.role == RecipientRole.INFO else first
    assigns = row.registry_number is not None
    urgency, pressed = Urgency(row.urgency), row.confirmed_at
    found = pieces(policy, urgency, row.sent_at, first, changes, tx.now, assigns=assigns, confirmed_at=pressed)
    return [Held(holder=piece.holder, begin=piece.begin, end=piece.end, late=piece.late) for piece in found]


def _responses(tx: Transaction, delivery_id: int) -> list[Response]:
    r, a = response_table.c, attachment_table.c
    rows = tx.all(sa.select(response_table).where(r.delivery_id == delivery_id).order_by(r.version.desc()))
    files = tx.all(sa.select(attachment_table).where(a.response_id.in_([row.id for row in rows])).order_by(a.id))
    return [
        Response(
            version=row.version,
            text=row.text,
            author=row.author_name,
            at=row.at,
            accepted=row.accepted,
            note=row.note or "",
            attachments=[attachment_shape(file) for file in files if file.response_id == row.id],
            answers=answers_in(row.answers),
        )
        for row in rows
    ]


def changes_of(tx: Transaction, delivery_ids: Sequence[int]) -> dict[int, list[Any]]:
    """The history of deliveries, each in its order; one without any change is left out."""
    c, found = change_table.c, dict[int, list[Any]]()
    for row in tx.all(sa.select(change_table).where(c.delivery_id.in_(delivery_ids)).order_by(c.delivery_id, c.id)):
        found.setdefault(row.delivery_id, []).append(row)
    return found


def _change(row: Any) -> Change:
    return Change(
        event=row.event,
        before=State(row.before),
        after=State(row.after),
        at=row.at,
        person=row.account_name or "",
        note=row.note or "",
        through=Through(row.through) if row.through else None,
    )
