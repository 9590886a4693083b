"""Writing a directive: create, edit, files, hand to the leader, delete."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from functools import cache
from operator import attrgetter
from typing import Any

import msgspec
import sqlalchemy as sa

from server.accounts.permissions import Permission
from server.accounts.principal import Principal
from server.directives.documents import DraftFacts, Problem, check_deadline, check_draft, clean_text
from server.directives.model import attachment_table, directive_table, recipient_table, returned_table
from server.directives.policy import Policy
from server.directives.questions import check_questions, clean_question
from server.directives.rules import DirectiveState, RecipientRole, Relation
from server.directives.service.access import UPDATE_DIRECTIVE, draft_of_ours, own_unit, require_revision
from server.directives.service.commands import once
from server.directives.service.forward import copy_attachments
from server.directives.service.problems import DraftError
from server.directives.service.relations import check_relation
from server.directives.service.telling import MOMENT
from server.directives.shapes import Attachment, DirectiveDone, DraftInput, Recipient, Upload
from server.errors import NotFoundError, UserError
from server.http.i18n import _
from server.reach import service as reach
from server.store import Transaction, many
from server.units import service as units
from server.units.service import UnitInfo


def reachable(tx: Transaction, unit_id: int) -> list[UnitInfo]:
    """The units that a unit may send to: all under it, or if none is, all around and under its parent."""
    tree = units.tree(tx)
    own = tree.units.get(unit_id)
    below = tree.descendants(unit_id)
    parent = tree.units.get(own.parent_id) if own and own.parent_id else None
    if below or parent is None:
        return below
    return [unit for unit in (parent, *tree.descendants(parent.id)) if unit.id != unit_id]


def reachable_ids(tx: Transaction, unit_id: int) -> frozenset[int]:
    """The same by their ids, found without a thousand objects, once in a transaction."""
    key = ("reachable", unit_id)
    if key not in tx.known:
        tx.known[key] = _reachable_ids(tx, unit_id)
    found: frozenset[int] = tx.known[key]
    return found


def may_send_to(tx: Transaction, unit_id: int, unit_ids: Collection[int]) -> bool:
    """Whether a unit may send to all of these."""
    key = ("may_send_to", unit_id, frozenset(unit_ids))
    if key not in tx.known:
        tx.known[key] = units.all_below(tx, unit_id, unit_ids) or key[-1] <= reachable_ids(tx, unit_id)
    return bool(tx.known[key])


def _reachable_ids(tx: Transaction, unit_id: int) -> frozenset[int]:
    below = units.ids_below(tx, unit_id)
    own = None if below else units.units_by_ids(tx, [unit_id]).get(unit_id)
    if own is None or own.parent_id is None or own.parent_id not in units.current_ids(tx, [own.parent_id]):
        return below
    return (units.ids_below(tx, own.parent_id) | {own.parent_id}) - {unit_id}


def facts_of(draft: DraftInput) -> DraftFacts:
    """What the rules look at."""
    return DraftFacts(
        notation=draft.notation,
        subject=draft.subject,
        body=draft.body,
        recipients=[(recipient.unit, recipient.role) for recipient in draft.recipients],
        deadline=draft.deadline,
        secrecy=draft.secrecy,
        urgency=draft.urgency,
    )


def _clean(tx: Transaction, who: Principal, policy: Policy, draft: DraftInput) -> DraftInput:
    notation = clean_text(draft.notation)
    if not notation:
        own = own_unit(tx, who)
        notation = policy.notation(draft.kind, own.bloc.value, own.level.value, own.code)
    return msgspec.structs.replace(
        draft,
        notation=notation,
        subject=clean_text(draft.subject),
        body=clean_text(draft.body),
        questions=[clean_question(question) for question in draft.questions],
    )


def check_draft_input(tx: Transaction, who: Principal, draft: DraftInput) -> None:
    """Raises DraftError with all that is wrong."""
    problems = check_draft(facts_of(draft)) + check_deadline(draft.deadline, tx.now) + check_questions(draft.questions)
    if not may_send_to(tx, who.unit_id, [recipient.unit for recipient in draft.recipients]):
        problems.append(Problem("recipients", "unknown_recipient"))
    problems += check_relation(tx, who, draft.relation, draft.related, draft.kind, draft.deadline, draft.exercise)
    if problems:
        raise DraftError(problems)


def create_draft(
    tx: Transaction, who: Principal, policy: Policy, draft: DraftInput, uploads: Sequence[Upload] = ()
) -> DirectiveDone:
    """A new draft of the person's unit. Raises DraftError, ConflictError."""
    who.require(Permission.DRAFT_DIRECTIVE)
    content = ["create", draft, [upload.sha256 for upload in uploads]]

    def work() -> DirectiveDone:
        clean = _clean(tx, who, policy, draft)
        check_draft_input(tx, who, clean)
        directive_id = tx.insert(
            directive_table,
            unit_id=who.unit_id,
            state=DirectiveState.DRAFT.value,
            author_id=who.account_id,
            created_at=tx.now,
            **_columns(tx, clean),
        )
        _add_recipients(tx, directive_id, clean.recipients)
        if clean.relation is Relation.FORWARDS:
            copy_attachments(tx, who, clean, directive_id)
        add_attachments(tx, who, policy, uploads, directive_id=directive_id)
        return DirectiveDone(id=directive_id, state=DirectiveState.DRAFT, revision=1)

    return once(tx, who, draft.command_id, content, work, DirectiveDone)


def _columns(tx: Transaction, draft: DraftInput) -> dict[str, Any]:
    return {
        "kind": draft.kind.value,
        "notation": draft.notation,
        "subject": draft.subject,
        "body": draft.body,
        "urgency": draft.urgency.value,
        "deadline": draft.deadline,
        "relation": draft.relation and draft.relation.value,
        "related_id": draft.related if draft.relation else None,
        "questions": msgspec.json.encode(draft.questions).decode() if draft.questions else None,
        "exercise": draft.exercise,
        "schedule_problem": None,
        "changed_at": tx.now,
    }


def set_recipients(tx: Transaction, directive_id: int, recipients: Sequence[Recipient]) -> None:
    """Replace those whom a draft goes to."""
    tx.execute(sa.delete(recipient_table).where(recipient_table.c.directive_id == directive_id))
    _add_recipients(tx, directive_id, recipients)


def _add_recipients(tx: Transaction, directive_id: int, recipients: Sequence[Recipient]) -> None:
    for role in dict.fromkeys(recipient.role for recipient in recipients):
        unit_ids = [recipient.unit for recipient in recipients if recipient.role is role]
        values = {"directive": directive_id, "units": tx.bound(unit_ids), "role": role.value}
        tx.execute(_adding(tx.connection.dialect.name), values)
    tx.known["recipients", directive_id] = sorted(recipients, key=attrgetter("unit"))


@cache
def _adding(dialect: str) -> sa.Executable:
    directive, role = sa.bindparam("directive", type_=sa.Integer), sa.bindparam("role", type_=sa.String)
    rows = sa.select(directive, many.named(dialect, "units").c.value, role)
    return sa.insert(recipient_table).from_select(["directive_id", "unit_id", "role"], rows)


_RECIPIENTS = (
    sa.select(recipient_table.c.unit_id, recipient_table.c.role)
    .where(recipient_table.c.directive_id == sa.bindparam("directive"))
    .order_by(recipient_table.c.unit_id)
)


def recipients_of(tx: Transaction, directive_id: int) -> list[Recipient]:
    """Who a draft will go to."""
    key = ("recipients", directive_id)
    if key not in tx.known:
        roles = {role.value: role for role in RecipientRole}
        rows = tx.all(_RECIPIENTS, {"directive": directive_id})
        tx.known[key] = [Recipient(unit=unit, role=roles[role]) for unit, role in rows]
    found: list[Recipient] = tx.known[key]
    return found


def edit_draft(
    tx: Transaction,
    who: Principal,
    policy: Policy,
    directive_id: int,
    draft: DraftInput,
    uploads: Sequence[Upload] = (),
    keep: Sequence[int] | None = None,
) -> DirectiveDone:
    """Replace a draft's content; `keep` are the attachments that stay (None: all)."""
    content = ["edit", directive_id, draft, [u.sha256 for u in uploads], keep and sorted(keep)]

    def work() -> DirectiveDone:
        row = draft_of_ours(tx, who, directive_id)
        require_revision(row, draft.revision)
        if row.schedule_problem:
            reach.stop(tx, directive_id, [who.unit_id], [MOMENT])  # somebody deals with it
        clean = _clean(tx, who, policy, draft)
        check_draft_input(tx, who, clean)
        tx.execute(UPDATE_DIRECTIVE, {"directive": directive_id, **_columns(tx, clean), "revision": row.revision + 1})
        set_recipients(tx, directive_id, clean.recipients)
        if keep is not None:
            a = attachment_table.c
            tx.execute(sa.delete(attachment_table).where(a.directive_id == directive_id, a.id.not_in(list(keep))))
        add_attachments(tx, who, policy, uploads, directive_id=directive_id)
        return DirectiveDone(id=directive_id, state=DirectiveState(row.state), revision=row.revision + 1)

    return once(tx, who, draft.command_id, content, work, DirectiveDone)


def add_attachments(
    tx: Transaction,
    who: Principal,
    policy: Policy,
    uploads: Sequence[Upload],
    *,
    directive_id: int | None = None,
    response_id: int | None = None,
) -> list[Attachment]:
    """Note checked files for a directive or a response. Raises UserError when they are too many."""
    if not uploads:
        return []
    a = attachment_table.c
    owner = a.directive_id == directive_id if directive_id is not None else a.response_id == response_id
    present = tx.one(sa.select(sa.func.count().label("n")).select_from(attachment_table).where(owner))
    most = policy.file.most_attachments
    if (present.n if present else 0) + len(uploads) > most:
        raise UserError("too_many_files", _("Nhiều nhất {most} tệp kèm theo."), field="files", most=most)
    common = {"directive_id": directive_id, "response_id": response_id, "account_id": who.account_id, "at": tx.now}
    made = []
    for upload in uploads:
        values = msgspec.structs.asdict(upload)
        made.append(Attachment(id=tx.insert(attachment_table, **values, **common), **values))
    return made


def next_revision(tx: Transaction, draft: Any) -> None:
    """A locked draft is another than the one that somebody has read."""
    tx.execute(UPDATE_DIRECTIVE, {"directive": draft.id, "revision": draft.revision + 1})


def attach(
    tx: Transaction, who: Principal, policy: Policy, directive_id: int, uploads: Sequence[Upload]
) -> list[Attachment]:
    """Add files to a draft."""
    next_revision(tx, draft_of_ours(tx, who, directive_id))
    return add_attachments(tx, who, policy, uploads, directive_id=directive_id)


def detach(tx: Transaction, who: Principal, directive_id: int, attachment_id: int) -> None:
    """Take a file off a draft; its bytes stay in the store, where another document may need them."""
    next_revision(tx, draft_of_ours(tx, who, directive_id))
    a = attachment_table.c
    gone = tx.execute(sa.delete(attachment_table).where(a.id == attachment_id, a.directive_id == directive_id))
    if gone.rowcount == 0:
        raise NotFoundError("no_attachment", _("Không có tệp này."))


def delete_draft(tx: Transaction, who: Principal, directive_id: int) -> None:
    """Delete a draft, its recipients, its attachments' rows, and why it was handed back."""
    draft_of_ours(tx, who, directive_id)
    reach.forget(tx, directive_id)
    tx.known.pop(("recipients", directive_id), None)
    for table in (recipient_table, attachment_table, returned_table):
        tx.execute(sa.delete(table).where(table.c.directive_id == directive_id))
    tx.execute(sa.delete(directive_table).where(directive_table.c.id == directive_id))
