"""Lists of what a unit writes: its drafts, and what it issued with its counts, all of it or what a filter finds."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa

from server.accounts.permissions import Permission
from server.accounts.principal import Principal
from server.directives.documents import DocumentType, Urgency
from server.directives.model import directive_table, directive_words
from server.directives.policy import Policy
from server.directives.rules import DirectiveState
from server.directives.service import standing
from server.directives.service.access import d, issued_by
from server.directives.service.late_lists import has_late
from server.directives.service.registers import said
from server.directives.shapes import Counts, Outbox, OutboxQuery, SentLine
from server.store import Transaction

PAGE = 50
ALL = OutboxQuery()


def waiting(tx: Transaction, unit_id: int) -> int:
    """Drafts that wait for the leader."""
    mine = sa.and_(d.unit_id == unit_id, d.state == DirectiveState.WAITING.value)
    return int(tx.execute(sa.select(sa.func.count()).select_from(directive_table).where(mine)).scalar_one())


def drafts(tx: Transaction, who: Principal) -> list[SentLine]:
    """The unit's drafts, for those who write them, the last changed first."""
    if not who.may(Permission.DRAFT_DIRECTIVE):
        return []
    mine = sa.and_(d.unit_id == who.unit_id, d.state != DirectiveState.ISSUED.value)
    rows = tx.all(sa.select(directive_table).where(mine).order_by(d.changed_at.desc()))
    return [_sent_line(row, Counts()) for row in rows]


def issued(tx: Transaction, who: Principal, policy: Policy, most: int = PAGE) -> list[SentLine]:
    """The newest that the unit issued with its counts."""
    who.require(Permission.FOLLOW_DIRECTIVE)
    return _issued(tx, policy, [_of(tx, who)], most)


def outbox(tx: Transaction, who: Principal, policy: Policy, query: OutboxQuery = ALL) -> Outbox:
    """A page of what the unit issued, and its drafts on the first one; with a filter only what it finds, and no drafts.

    A page behind the last one is the last one.
    """
    who.require(Permission.FOLLOW_DIRECTIVE)
    wanted = [_of(tx, who), *_found(tx, who, policy, query)]
    total = int(tx.execute(sa.select(sa.func.count()).select_from(directive_table).where(*wanted)).scalar_one())
    pages = max(1, -(-total // PAGE))
    page = min(query.page, pages)
    return Outbox(
        drafts=drafts(tx, who) if page == 1 and not query.filtered else [],
        issued=_issued(tx, policy, wanted, PAGE, (page - 1) * PAGE),
        page=page,
        pages=pages,
        total=total,
    )


def _of(tx: Transaction, who: Principal) -> sa.ColumnElement[bool]:
    return sa.and_(issued_by(tx, who.unit_id), d.state == DirectiveState.ISSUED.value)


def _found(tx: Transaction, who: Principal, policy: Policy, query: OutboxQuery) -> list[sa.ColumnElement[bool]]:
    found = said(tx, query.words, directive_words, d.id, d.search_exact)
    if query.kind is not None:
        found.append(d.kind == query.kind.value)
    if query.late:
        found.append(has_late(tx, who, policy))
    return found


def _issued(
    tx: Transaction, policy: Policy, wanted: Sequence[sa.ColumnElement[bool]], most: int, after: int = 0
) -> list[SentLine]:
    newest = d.issued_at.desc(), d.id.desc()
    page = sa.select(d.id).where(*wanted).order_by(*newest).limit(most).offset(after)  # no texts of what it leaves out
    rows = tx.all(sa.select(directive_table).where(d.id.in_(page)).order_by(*newest))
    counts = standing.counts_of(tx, policy, {row.id: row for row in rows})
    return [_sent_line(row, counts[row.id]) for row in rows]


def _sent_line(row: Any, counts: Counts) -> SentLine:
    return SentLine(
        directive=row.id,
        state=DirectiveState(row.state),
        number_text=row.number_text or "",
        kind=DocumentType(row.kind),
        subject=row.subject,
        urgency=Urgency(row.urgency),
        deadline=row.deadline,
        issued_at=row.issued_at,
        changed_at=row.changed_at,
        revision=row.revision,
        counts=counts,
        exercise=row.exercise,
        scheduled_at=row.scheduled_at,
        schedule_problem=row.schedule_problem or "",
    )
