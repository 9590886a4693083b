"""Before the click: whether the same was asked already, and whether the recipients can carry it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import timedelta
from typing import Any

import sqlalchemy as sa

from server.accounts.permissions import Permission
from server.accounts.principal import Principal
from server.directives.citations import cited, spellings
from server.directives.documents import DocumentType, Problem, Urgency, clean_text
from server.directives.likeness import ALIKE, likeness
from server.directives.model import attachment_table, directive_table, edxml_table
from server.directives.policy import Policy
from server.directives.rules import DirectiveState, RecipientRole, Relation
from server.directives.service.access import d, directive_of_ours, v
from server.directives.service.drafts import may_send_to, reachable_ids
from server.directives.service.issue import require_fit
from server.directives.service.load import load
from server.directives.service.problems import DraftError
from server.directives.service.recipients import recipients_now
from server.directives.service.relations import number_texts
from server.directives.shapes import CheckResult, DraftInput, Duplicate, DuplicateWhy
from server.store import Transaction
from server.units import service as units

LOOK_BACK = timedelta(days=60)
A_YEAR = timedelta(days=366)  # numbers begin anew each year
MOST_CANDIDATES = 500
MOST_SHOWN = 5
e = edxml_table.c
_ISSUED = d.state == DirectiveState.ISSUED.value


def check_before_issue(tx: Transaction, who: Principal, policy: Policy, draft: DraftInput) -> CheckResult:
    """What the issuer of what is being written should know first.

    Raises DraftError if the unit may not send to a recipient: what that one has and has to do is not its business.
    """
    who.require(Permission.DRAFT_DIRECTIVE)
    if not may_send_to(tx, who.unit_id, [one.unit for one in draft.recipients]):
        raise DraftError([Problem("recipients", "unknown_recipient")])
    return _check(tx, who, policy, draft, None)


def _check(tx: Transaction, who: Principal, policy: Policy, draft: DraftInput, directive_id: int | None) -> CheckResult:
    """The same of a draft to whom the unit may send; `directive_id` is the stored one, whose files count.

    An exercise may say what a real document says, so only like is compared with like; only real work is a load.
    """
    recipients = [one.unit for one in draft.recipients]
    duplicates = [
        *_given_already(tx, who, draft, recipients),
        *_carried_on_already(tx, who, draft, directive_id),
        *_same_files(tx, who, draft, directive_id),
        *_alike(tx, who, draft, recipients),
    ]
    seen: dict[int, Duplicate] = {}
    for one in duplicates:
        seen.setdefault(one.directive, one)
    busy = [one.unit for one in draft.recipients if one.role is not RecipientRole.INFO]
    return CheckResult(duplicates=list(seen.values())[:MOST_SHOWN], **load(tx, policy, busy, draft))


def _given_already(tx: Transaction, who: Principal, draft: DraftInput, recipients: Sequence[int]) -> list[Duplicate]:
    """Layer 1: what the draft names by number and notation was sent to some of the same recipients, by any organ.

    A draft has no number of its own that another could have: it gets the next one when it is issued.
    """
    numbers = _named(draft)
    if not numbers or not recipients:
        return []
    to_them = sa.exists().where(v.directive_id == d.id, v.unit_id.in_(tx.among(recipients)))
    query = sa.select(directive_table).where(_ISSUED, d.issued_at > tx.now - A_YEAR, d.number_text.in_(sorted(numbers)))
    query = query.where(d.exercise.is_(draft.exercise), d.id != (draft.related or 0), to_them)
    rows = tx.all(query.order_by(d.id.desc()).limit(MOST_SHOWN))
    return _shapes(tx, who, rows, DuplicateWhy.NUMBER, {row.id: row.number_text for row in rows})


def _carried_on_already(
    tx: Transaction, who: Principal, draft: DraftInput, directive_id: int | None
) -> list[Duplicate]:
    """Layer 1, too: a directive of the unit was made of the same document that came as edXML.

    It is the same by number, notation and organ (Nghị định 30/2020, Phụ lục VI) within a year if the draft was made of
    one, by number and notation if the draft only names it.
    """
    if draft.exercise:  # the exchange knows none
        return []
    mine = sa.and_(e.unit_id == who.unit_id, e.promulgated_on > (tx.now - A_YEAR).date())
    source = tx.one(sa.select(edxml_table).where(e.directive_id == directive_id)) if directive_id else None
    same: sa.ColumnElement[bool] = e.number_text.in_(sorted(_named(draft)))
    if source is not None:
        same = sa.or_(same, sa.and_(e.organ_id == source.organ_id, e.number_text == source.number_text))
    query = sa.select(directive_table, e.number_text.label("cited")).join(edxml_table, e.directive_id == d.id)
    rows = tx.all(query.where(_ISSUED, mine, same, d.id != (draft.related or 0)).order_by(d.id.desc()))
    return _shapes(tx, who, rows[:MOST_SHOWN], DuplicateWhy.NUMBER, {row.id: row.cited for row in rows})


def _named(draft: DraftInput) -> set[str]:
    """The documents that a draft names, in every spelling."""
    return {way for number in cited(clean_text(f"{draft.subject}\n{draft.body}")) for way in spellings(number)}


def _same_files(tx: Transaction, who: Principal, draft: DraftInput, directive_id: int | None) -> list[Duplicate]:
    """Layer 2: a file that went out before, by its SHA-256, from any organ."""
    if directive_id is None:
        return []
    a = attachment_table.c
    mine = sa.select(a.sha256).where(a.directive_id == directive_id)
    same = sa.select(a.directive_id).where(a.sha256.in_(mine), a.directive_id != directive_id)
    related = sa.select(d.related_id).where(d.id == directive_id, d.related_id.is_not(None))
    query = sa.select(directive_table).where(
        _ISSUED, d.id.in_(same), d.id.not_in(related), d.exercise.is_(draft.exercise)
    )
    return _shapes(tx, who, tx.all(query.order_by(d.id.desc()).limit(MOST_SHOWN)), DuplicateWhy.FILE)


def _alike(tx: Transaction, who: Principal, draft: DraftInput, recipients: Sequence[int]) -> list[Duplicate]:
    """Layer 3: a like subject to some of the same recipients not long ago, from Party, government or Front."""
    if not recipients or not draft.subject.strip():
        return []
    to_them = sa.exists().where(v.directive_id == d.id, v.unit_id.in_(tx.among(recipients)))
    query = sa.select(directive_table).where(_ISSUED, d.issued_at > tx.now - LOOK_BACK, to_them)
    query = query.where(d.exercise.is_(draft.exercise))
    if draft.relation is not None and draft.related is not None:
        query = query.where(d.id != draft.related)
    rows = tx.all(query.order_by(d.issued_at.desc()).limit(MOST_CANDIDATES))
    scored = [(likeness(draft.subject, row.subject), row) for row in rows]
    close = sorted((pair for pair in scored if pair[0] >= ALIKE), key=lambda pair: -pair[0])
    return _shapes(tx, who, [row for _score, row in close[:MOST_SHOWN]], DuplicateWhy.SUBJECT)


def _shapes(
    tx: Transaction, who: Principal, rows: Iterable[Any], why: DuplicateWhy, numbers: Mapping[int, str] | None = None
) -> list[Duplicate]:
    """Duplicates as people see them: what others wrote to others by number, organ and day alone."""
    found = list(rows)
    readable = number_texts(tx, who, [row.id for row in found])
    names = units.units_by_ids(tx, [row.unit_id for row in found])
    return [
        Duplicate(
            directive=row.id,
            why=why,
            number_text=row.number_text,
            subject=row.subject if row.id in readable else "",
            unit_name=names[row.unit_id].name,
            issued_at=row.issued_at,
            cited=(numbers or {}).get(row.id, ""),
        )
        for row in found
    ]


def check_stored(tx: Transaction, who: Principal, policy: Policy, directive_id: int) -> CheckResult:
    """The same for a stored draft, of those recipients to whom the unit may still send."""
    who.require(Permission.DRAFT_DIRECTIVE)
    row = directive_of_ours(tx, who, directive_id)
    recipients = recipients_now(tx, row)
    if not may_send_to(tx, who.unit_id, [one.unit for one in recipients]):
        recipients = [one for one in recipients if one.unit in reachable_ids(tx, who.unit_id)]
    draft = DraftInput(
        kind=DocumentType(row.kind),
        subject=row.subject,
        body=row.body,
        notation=row.notation,
        urgency=Urgency(row.urgency),
        deadline=row.deadline,
        recipients=recipients,
        relation=Relation(row.relation) if row.relation else None,
        related=row.related_id,
        exercise=row.exercise,
    )
    return _check(tx, who, policy, draft, directive_id)


def before_issue(
    tx: Transaction, who: Principal, policy: Policy, directive_id: int, revision: int | None = None
) -> CheckResult:
    """What is to be shown between the click and the issue; nothing once it is issued.

    Raises DraftError, and ConflictError if the draft is another `revision` by now.
    """
    if directive_of_ours(tx, who, directive_id).state == DirectiveState.ISSUED:
        return CheckResult()
    require_fit(tx, who, directive_id, revision)
    return check_stored(tx, who, policy, directive_id)
