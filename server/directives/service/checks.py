"""Before the click: whether the same was asked already, and whether the recipients can carry it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import zip_longest
from typing import Any

import msgspec
import sqlalchemy as sa

from server.accounts.permissions import Permission
from server.accounts.principal import Principal
from server.directives.citations import cited, spellings
from server.directives.documents import DocumentType, Problem, Urgency, check_deadline, clean_text
from server.directives.likeness import ALIKE, likeness
from server.directives.model import attachment_table, directive_table, edxml_table, recipient_table
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
MOST_SHOWN = 5  # of each layer
e, to = edxml_table.c, recipient_table.c
_ISSUED = d.state == DirectiveState.ISSUED.value


def check_before_issue(tx: Transaction, who: Principal, policy: Policy, draft: DraftInput) -> CheckResult:
    """What the issuer of what is being written should know first.

    Raises DraftError if the unit may not send to a recipient: what that one has and has to do is not its business; and
    for a deadline that no draft may have.
    """
    who.require(Permission.DRAFT_DIRECTIVE)
    problems = check_deadline(draft.deadline, tx.now)
    if not may_send_to(tx, who.unit_id, [one.unit for one in draft.recipients]):
        problems.append(Problem("recipients", "unknown_recipient"))
    if problems:
        raise DraftError(problems)
    return _check(tx, who, policy, draft, None)


@dataclass(frozen=True)
class _Asked:
    """What is compared: a draft, the id of the stored one, and what it goes back to by replacing and carrying on."""

    tx: Transaction
    who: Principal
    draft: DraftInput
    directive_id: int | None
    lineage: frozenset[int]

    def others(self, found: Set[int]) -> sa.ColumnElement[bool]:
        """All but itself, its lineage, and what is `found` already; exercises keep among themselves."""
        left_out = self.lineage | found | {self.directive_id or 0}
        return sa.and_(d.exercise.is_(self.draft.exercise), d.id.not_in(sorted(left_out)))

    def on_its_way(self) -> sa.ColumnElement[bool]:
        """What the own unit has handed to its leader or signed for a later moment."""
        states = (DirectiveState.WAITING.value, DirectiveState.SCHEDULED.value)
        return sa.and_(d.unit_id == self.who.unit_id, d.state.in_(states))

    def to_them(self, to: sa.ColumnElement[int], unit: sa.ColumnElement[int]) -> sa.ColumnElement[bool]:
        """What goes to some of its recipients by a table of directives and units."""
        return sa.exists().where(to == d.id, unit.in_(self.tx.among([one.unit for one in self.draft.recipients])))

    def named(self) -> set[str]:
        """The documents that the draft names, in every spelling."""
        numbers = cited(clean_text(f"{self.draft.subject}\n{self.draft.body}"))
        return {way for number in numbers for way in spellings(number)}


def _check(
    tx: Transaction,
    who: Principal,
    policy: Policy,
    draft: DraftInput,
    directive_id: int | None,
    at: datetime | None = None,
) -> CheckResult:
    """The same of a draft to whom the unit may send; `directive_id` is the stored one, whose files count.

    `at` is when it is to be issued, if that is not now.

    An exercise may say what a real document says, so only like is compared with like; only real work is a load. No
    layer crowds out another: each shows so many, the first of each come first.
    """
    asked = _Asked(tx, who, draft, directive_id, _lineage(tx, draft))
    layers: list[list[Duplicate]] = []
    for layer in (_given_already, _carried_on_already, _same_files, _alike):
        layers.append(layer(asked, {one.directive for before in layers for one in before}))
    duplicates = [one for rank in zip_longest(*layers) for one in rank if one is not None]
    busy = [one.unit for one in draft.recipients if one.role is not RecipientRole.INFO]
    found = CheckResult(duplicates=duplicates, **load(tx, policy, busy, draft, at or tx.now))
    return msgspec.structs.replace(found, warnings=_warnings(found, policy, draft.deadline, at))


def _warnings(found: CheckResult, policy: Policy, due: datetime | None, at: datetime | None) -> list[str]:
    """What of a check warns, by what it says of which document, day or recipient; not by counts that always change."""
    named = [f"duplicate:{one.directive}:{one.why.value}:{one.state.value}" for one in found.duplicates]
    if due is None:
        return named
    day = due.astimezone(policy.zone).date()
    named += [f"day_off:{day}"] * found.day_off
    named += [f"short:{due.isoformat()}" + (f":{at.isoformat()}" if at else "")] * found.short
    return named + [f"busy:{one.unit}:{day}" for one in found.loads if one.busy]


def _lineage(tx: Transaction, draft: DraftInput) -> frozenset[int]:
    """What a draft replaces, corrects or carries on, what that one does, and so on."""
    found: list[int] = []
    following = draft.related if draft.relation is not None else None
    while following is not None and following not in found:
        found.append(following)
        row = tx.one(sa.select(d.related_id).where(d.id == following))
        following = row.related_id if row is not None else None
    return frozenset(found)


def _given_already(asked: _Asked, found: Set[int]) -> list[Duplicate]:
    """Layer 1: what the draft names by number and notation was sent to some of the same recipients, by any organ.

    A draft has no number of its own that another could have: it gets the next one when it is issued.
    """
    tx, numbers = asked.tx, asked.named()
    if not numbers or not asked.draft.recipients:
        return []
    to_them = asked.to_them(v.directive_id, v.unit_id)
    query = sa.select(directive_table).where(_ISSUED, d.issued_at > tx.now - A_YEAR, d.number_text.in_(sorted(numbers)))
    rows = tx.all(query.where(asked.others(found), to_them).order_by(d.id.desc()).limit(MOST_SHOWN))
    return _shapes(asked, rows, DuplicateWhy.NUMBER, {row.id: row.number_text for row in rows})


def _carried_on_already(asked: _Asked, found: Set[int]) -> list[Duplicate]:
    """Layer 1, too: a directive of the unit was made of the same document that came as edXML, or is on its way.

    It is the same by number, notation and organ (Nghị định 30/2020, Phụ lục VI) within a year if the draft was made of
    one, by number and notation if the draft only names it.
    """
    tx, itself = asked.tx, asked.directive_id
    if asked.draft.exercise:  # the exchange knows none
        return []
    mine = sa.and_(e.unit_id == asked.who.unit_id, e.promulgated_on > (tx.now - A_YEAR).date())
    source = tx.one(sa.select(edxml_table).where(e.directive_id == itself)) if itself else None
    same: sa.ColumnElement[bool] = e.number_text.in_(sorted(asked.named()))
    if source is not None:
        same = sa.or_(same, sa.and_(e.organ_id == source.organ_id, e.number_text == source.number_text))
    query = sa.select(directive_table, e.number_text.label("cited")).join(edxml_table, e.directive_id == d.id)
    query = query.where(asked.others(found), sa.or_(_ISSUED, asked.on_its_way()), mine, same)
    rows = {row.id: row for row in tx.all(query.order_by(d.id.desc()))}
    numbers = {row.id: row.cited for row in rows.values()}
    return _shapes(asked, list(rows.values())[:MOST_SHOWN], DuplicateWhy.NUMBER, numbers)


def _same_files(asked: _Asked, found: Set[int]) -> list[Duplicate]:
    """Layer 2: a file that went out before, by its SHA-256, from any organ, or is on its way from the own.

    What other units made of the same directive bears its files as this one does, and is none.
    """
    if asked.directive_id is None:
        return []
    a = attachment_table.c
    mine = sa.select(a.sha256).where(a.directive_id == asked.directive_id)
    same = sa.select(a.directive_id).where(a.sha256.in_(mine))
    sisters = sa.and_(d.related_id.in_(sorted(asked.lineage)), d.unit_id != asked.who.unit_id)
    query = sa.select(directive_table).where(
        asked.others(found),
        sa.or_(_ISSUED, asked.on_its_way()),
        d.id.in_(same),
        sa.or_(d.related_id.is_(None), sa.not_(sisters)),
    )
    return _shapes(asked, asked.tx.all(query.order_by(d.id.desc()).limit(MOST_SHOWN)), DuplicateWhy.FILE)


def _alike(asked: _Asked, found: Set[int]) -> list[Duplicate]:
    """Layer 3: a like subject to some of the same recipients not long ago, from Party, government or Front.

    What is on its way from the own unit counts, too.
    """
    tx, draft = asked.tx, asked.draft
    if not draft.recipients or not draft.subject.strip():
        return []
    query = sa.select(directive_table).where(asked.others(found))
    issued = query.where(_ISSUED, d.issued_at > tx.now - LOOK_BACK, asked.to_them(v.directive_id, v.unit_id))
    waiting = query.where(asked.on_its_way(), asked.to_them(to.directive_id, to.unit_id))
    rows = tx.all(issued.order_by(d.issued_at.desc()).limit(MOST_CANDIDATES))
    rows += tx.all(waiting.order_by(d.id.desc()).limit(MOST_CANDIDATES))
    scored = [(likeness(draft.subject, row.subject), row) for row in rows]
    close = sorted((pair for pair in scored if pair[0] >= ALIKE), key=lambda pair: -pair[0])
    return _shapes(asked, [row for _score, row in close[:MOST_SHOWN]], DuplicateWhy.SUBJECT)


def _shapes(
    asked: _Asked, rows: Sequence[Any], why: DuplicateWhy, numbers: Mapping[int, str] | None = None
) -> list[Duplicate]:
    """Duplicates as people see them: what others wrote to others by number, organ and day alone."""
    readable = number_texts(asked.tx, asked.who, [row.id for row in rows])
    names = units.units_by_ids(asked.tx, [row.unit_id for row in rows])
    return [
        Duplicate(
            directive=row.id,
            why=why,
            state=DirectiveState(row.state),
            number_text=row.number_text or "",
            subject=row.subject if row.unit_id == asked.who.unit_id or row.id in readable else "",
            unit_name=names[row.unit_id].name,
            issued_at=row.issued_at,
            scheduled_at=row.scheduled_at,
            cited=(numbers or {}).get(row.id, ""),
        )
        for row in rows
    ]


def check_stored(
    tx: Transaction, who: Principal, policy: Policy, directive_id: int, at: datetime | None = None
) -> CheckResult:
    """The same for a stored draft, of those recipients to whom the unit may still send; `at` is its issue, if later."""
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
    return _check(tx, who, policy, draft, directive_id, at)


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
