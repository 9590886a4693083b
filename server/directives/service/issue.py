"""The issue: number, deliveries and events in one transaction (DOMAIN, invariant 3)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import msgspec
import sqlalchemy as sa

from server.accounts.permissions import Permission
from server.accounts.principal import Principal
from server.directives.documents import DocumentType, DraftFacts, Problem, Urgency, check_issue
from server.directives.model import delivery_table, recipient_table
from server.directives.policy import Policy
from server.directives.rules import DirectiveState, DraftEvent, RecipientRole, Relation, Stage, State
from server.directives.running import Facts, alarms
from server.directives.service.access import (
    UPDATE_DIRECTIVE,
    draft_after,
    draft_of_ours,
    own_unit,
    require_revision,
)
from server.directives.service.commands import once
from server.directives.service.drafts import create_draft, may_send_to
from server.directives.service.news import HANDED_BACK, TO_SIGN, tell_to_sign
from server.directives.service.numbers import OUT, series, take_number
from server.directives.service.problems import DraftError
from server.directives.service.recipients import recipients_now, settle_recipients
from server.directives.service.registers import make_searchable
from server.directives.service.relations import check_relation
from server.directives.service.signature import SIGNED, signature
from server.directives.service.telling import MOMENT, tell_issued
from server.directives.service.withdraw import supersede
from server.directives.shapes import DirectiveDone, DraftInput, IssueInput, Upload
from server.reach import service as reach
from server.store import Transaction
from server.store.events import unit_sequence

r, v = recipient_table.c, delivery_table.c
Recipients = Sequence[tuple[int, RecipientRole]]
AS_IT_IS = IssueInput()


def issue(
    tx: Transaction, who: Principal, policy: Policy, directive_id: int, data: IssueInput = AS_IT_IS
) -> DirectiveDone:
    """Issue a draft: it gets its number and goes to all recipients. Raises DraftError, ConflictError."""
    who.require(Permission.ISSUE_DIRECTIVE)

    def work() -> DirectiveDone:
        row = draft_of_ours(tx, who, directive_id, DraftEvent.ISSUE)
        require_revision(row, data.revision)
        return release(tx, who, policy, row, signature(tx, who, data.capacity))

    return once(tx, who, data.command_id, ["issue", directive_id, msgspec.to_builtins(data)], work, DirectiveDone)


def require_fit(
    tx: Transaction, who: Principal, directive_id: int, revision: int | None = None, at: datetime | None = None
) -> None:
    """Raise DraftError with all that keeps a draft from being issued, ConflictError if it is another `revision`.

    `at` is the moment of issue, if it is not now.
    """
    row = draft_of_ours(tx, who, directive_id, DraftEvent.ISSUE)
    require_revision(row, revision)
    check_fit(tx, who, row, at or tx.now)


def submit(tx: Transaction, who: Principal, policy: Policy, directive_id: int) -> DirectiveDone:
    """Hand a draft to the leader, who is told. It must be fit to be issued. Raises DraftError, ConflictError."""
    row = draft_of_ours(tx, who, directive_id, DraftEvent.SUBMIT)
    state = draft_after(row, DraftEvent.SUBMIT)
    check_fit(tx, who, row, tx.now)
    if row.state != state:
        settle_recipients(tx, row)
        tx.execute(UPDATE_DIRECTIVE, {"directive": directive_id, "state": state.value, "changed_at": tx.now})
        body = {"directive": directive_id, "subject": row.subject, "href": f"/directives/{directive_id}"}
        body |= {"exercise": row.exercise}
        tx.emit("directive.waiting", [who.unit_id], body)
        reach.stop(tx, directive_id, [who.unit_id], [HANDED_BACK])
        tell_to_sign(tx, policy, who, row)
    return DirectiveDone(id=directive_id, state=state, revision=row.revision)


def create_and_issue(
    tx: Transaction, who: Principal, policy: Policy, draft: DraftInput, uploads: Sequence[Upload] = ()
) -> DirectiveDone:
    """Write and issue at once, as a leader may; `draft.command_id` covers both."""
    who.require(Permission.ISSUE_DIRECTIVE)
    made = create_draft(tx, who, policy, draft, uploads)
    return issue(tx, who, policy, made.id, IssueInput(command_id=issue_id(draft.command_id)))


def issue_id(command_id: str) -> str:
    """The id of the second of two commands that were given as one: write, then issue."""
    return f"issue:{command_id}"[:64] if command_id else ""


def release(
    tx: Transaction, who: Principal, policy: Policy, row: Any, signed_now: Mapping[str, Any] | None = None
) -> DirectiveDone:
    """Issue a locked draft, which the person signs now or has signed for this moment. Raises DraftError."""
    directive_id, recipients = row.id, check_fit(tx, who, row, tx.now)
    settle_recipients(tx, row)
    state = draft_after(row, DraftEvent.ISSUE if signed_now else DraftEvent.RELEASE)
    signer = signed_now or {name: getattr(row, name) for name in SIGNED}
    own = own_unit(tx, who)
    year = policy.year(tx.now)
    number = take_number(tx, series(OUT, row.exercise), who.unit_id, year)
    number_text = policy.number_text(number, row.notation, own.bloc.value, row.exercise)
    values = {
        "state": state.value,
        "year": year,
        "number": number,
        "number_text": number_text,
        **signer,
        "issued_at": tx.now,
        "changed_at": tx.now,
    }
    tx.execute(UPDATE_DIRECTIVE, {"directive": directive_id, **values})
    parts = (number_text, row.kind, row.subject, signer["signer_name"])
    make_searchable(tx, directive_id, *parts, organ=f"{own.name} {own.short_name}")
    _deliver(tx, policy, row, recipients, {"number": number_text, "unit_name": own.name})
    deadlines = {unit: _deadline(row, role) for unit, role in recipients}
    tell_issued(tx, policy, row, deadlines, number_text, own.name)
    if row.state in (DirectiveState.DRAFT, DirectiveState.WAITING):
        # that it waits, or is with its author, is no news any more
        reach.stop(tx, directive_id, [who.unit_id], [MOMENT, TO_SIGN, HANDED_BACK])
    if row.relation == Relation.REPLACES:
        supersede(tx, who, policy, row.related_id, directive_id, number_text)
    return DirectiveDone(id=directive_id, state=state, number_text=number_text)


def check_fit(tx: Transaction, who: Principal, row: Any, at: datetime) -> Recipients:
    """The recipients of a draft. Raises DraftError with all that keeps it from being issued at a moment."""
    recipients = [(one.unit, one.role) for one in recipients_now(tx, row)]
    facts = DraftFacts(row.notation, row.subject, row.body, recipients, row.deadline, urgency=Urgency(row.urgency))
    problems = check_issue(facts, at)
    if not may_send_to(tx, who.unit_id, [unit for unit, _role in recipients]):
        problems.append(Problem("recipients", "unknown_recipient"))
    relation = Relation(row.relation) if row.relation else None
    problems += check_relation(tx, who, relation, row.related_id, DocumentType(row.kind), row.deadline, row.exercise)
    if problems:
        raise DraftError(problems)
    return recipients


def event_body(row: Any) -> dict[str, Any]:
    """What a recipient's devices are told of a directive (its row)."""
    return {
        "directive": row.id,
        "document_type": DocumentType(row.kind).value,
        "subject": row.subject,
        "urgency": row.urgency,
        "exercise": row.exercise,
        "deadline": row.deadline,
        "href": f"/directives/{row.id}",
    }


def _deadline(row: Any, role: RecipientRole) -> datetime | None:
    """Until when a recipient of a directive (its row) is to answer: who is only informed has nothing to."""
    deadline: datetime | None = row.deadline
    return None if role is RecipientRole.INFO else deadline


def _deliver(tx: Transaction, policy: Policy, row: Any, recipients: Recipients, names: dict[str, str]) -> None:
    """One delivery and one event for each recipient, the delivery holding the event's number."""
    body = {**event_body(row), **names}
    roles = {role for _unit, role in recipients}
    bodies = {role: {**body, "role": role.value, "deadline": _deadline(row, role)} for role in roles}
    tx.emit_each("directive.issued", {unit: bodies[role] for unit, role in recipients})
    for role in bodies:
        _insert_deliveries(tx, policy, row, role)


def _insert_deliveries(tx: Transaction, policy: Policy, row: Any, role: RecipientRole) -> None:
    """A delivery for each recipient in a role; its event's number is the unit's last, which this transaction took."""
    deadline = _deadline(row, role)
    first_look = min((alarm.at for alarm in alarms(policy, Facts(role, row.urgency, tx.now, deadline))), default=None)
    common = {
        "directive_id": row.id,
        "issuer_id": row.unit_id,
        "role": role.value,
        "state": State.SENT.value,
        "stage": Stage.WAITING.value,
        "deadline": deadline,
        "sent_at": tx.now,
        "alarm_at": first_look,
        "exercise": row.exercise,
    }
    tx.execute(_DELIVER, common)


def _delivering() -> sa.Insert:
    """A delivery for each recipient in a `role` of a `directive_id`, in which `_COMMON` are the same."""
    last, common = unit_sequence, [v[name] for name in _COMMON]
    same = [sa.bindparam(column.name, type_=column.type) for column in common]
    rows = (
        sa.select(r.unit_id, last.c.seq, *same)
        .join_from(recipient_table, last, last.c.unit_id == r.unit_id)
        .where(r.directive_id == sa.bindparam("directive_id"), r.role == sa.bindparam("role"))
    )
    return sa.insert(delivery_table).from_select([v.unit_id, v.seq, *common], rows)


_COMMON = ("directive_id", "issuer_id", "role", "state", "stage", "deadline", "sent_at", "alarm_at", "exercise")
_DELIVER = _delivering()
