"""The registers of documents issued and received (sổ văn bản đi, sổ văn bản đến): lines, search, declared gaps.

Only registered documents stand in a register: what was issued, by its number, and what was received, by its số đến
(Nghị định 30/2020/NĐ-CP, Phụ lục IV). Exercises have registers of their own.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from server.accounts import service as accounts
from server.accounts.permissions import Permission
from server.accounts.principal import Principal
from server.directives.documents import DocumentType
from server.directives.model import assignment_table, delivery_table, directive_table, directive_words
from server.directives.policy import Policy
from server.directives.rules import State
from server.directives.service.access import d, v
from server.directives.service.assign import LEAD
from server.directives.service.numbers import OUT, gaps_of, peek_number, series
from server.directives.shapes.registers import RegisterLine, RegisterPage, RegisterQuery
from server.store import Transaction
from server.store.search import exact, like, terms, words
from server.units import service as units

PAGE = 50
MOST_EXPORTED = 20_000


def make_searchable(tx: Transaction, directive_id: int, *parts: str) -> None:
    """Index a directive that is issued now by its words."""
    text = " ".join(parts)
    tx.execute(sa.update(directive_table).where(d.id == directive_id).values(search_exact=exact(text)))
    directive_words.put(tx, directive_id, text)


def register_page(tx: Transaction, who: Principal, policy: Policy, query: RegisterQuery) -> RegisterPage:
    """A page of the unit's register of a year, newest number first."""
    who.require(Permission.FOLLOW_DIRECTIVE)
    year = query.year or policy.year(tx.now)
    found = _select(tx, who, query, year)
    total = int(tx.execute(sa.select(sa.func.count()).select_from(found.subquery())).scalar_one())
    pages = max(1, -(-total // PAGE))
    page = min(query.page, pages)
    rows = tx.all(found.order_by(sa.desc("entry")).limit(PAGE).offset((page - 1) * PAGE))
    return RegisterPage(
        register=query.register,
        year=year,
        years=_years(tx, who, query, policy.year(tx.now)),
        next_number=peek_number(tx, series(query.register, query.exercise), who.unit_id, year),
        total=total,
        page=page,
        pages=pages,
        lines=_lines(tx, rows, query),
        gaps=gaps_of(tx, who.unit_id, series(query.register, query.exercise), year),
        exercise=query.exercise,
    )


def register_lines(tx: Transaction, who: Principal, policy: Policy, query: RegisterQuery) -> list[RegisterLine]:
    """All lines that the query finds, in the order of their numbers, for the export."""
    who.require(Permission.FOLLOW_DIRECTIVE)
    found = _select(tx, who, query, query.year or policy.year(tx.now))
    return _lines(tx, tx.all(found.order_by("entry").limit(MOST_EXPORTED)), query)


def _select(tx: Transaction, who: Principal, query: RegisterQuery, year: int) -> sa.Select[Any]:
    columns = (d.id, d.unit_id, d.kind, d.number_text, d.subject, d.issued_at, d.signer_name, d.deadline)
    if query.register == OUT:
        found = sa.select(*columns, d.number.label("entry"), d.issued_at.label("at"))
        found = found.add_columns(sa.literal("").label("state"), sa.null().label("delivery"))
        found = found.where(d.unit_id == who.unit_id, d.year == year, d.number.is_not(None))
    else:
        found = (
            sa.select(*columns, v.registry_number.label("entry"), v.registered_at.label("at"), v.state)
            .add_columns(v.id.label("delivery"))
            .join(delivery_table, v.directive_id == d.id)
            .where(v.unit_id == who.unit_id, v.registry_year == year, v.registry_number.is_not(None))
        )
    found = found.where(d.exercise.is_(query.exercise))
    wanted = terms(query.words)
    matches = directive_words.matches(tx, [word for _exactly, word in wanted])
    if matches is not None:
        found = found.where(d.id.in_(matches))
    for exactly, word in wanted:
        if exactly or not words(word):
            found = found.where(d.search_exact.like(like(word), escape="\\"))
    return found


def _years(tx: Transaction, who: Principal, query: RegisterQuery, this: int) -> list[int]:
    mine = sa.select(d.year).where(d.unit_id == who.unit_id, d.year.is_not(None), d.exercise.is_(query.exercise))
    if query.register != OUT:
        mine = sa.select(v.registry_year).where(v.unit_id == who.unit_id, v.registry_number.is_not(None))
        mine = mine.where(v.exercise.is_(query.exercise))
    return sorted({this, *(int(row[0]) for row in tx.all(mine.distinct()))}, reverse=True)


def _lines(tx: Transaction, rows: Sequence[Any], query: RegisterQuery) -> list[RegisterLine]:
    names = units.units_by_ids(tx, [row.unit_id for row in rows])
    recipients = _recipients(tx, [row.id for row in rows]) if query.register == OUT else {}
    handlers = {} if query.register == OUT else _handlers(tx, [row.delivery for row in rows])
    return [
        RegisterLine(
            entry=row.entry,
            at=row.at,
            directive=row.id,
            number_text=row.number_text,
            kind=DocumentType(row.kind),
            subject=row.subject,
            unit_name=names[row.unit_id].name,
            issued_at=row.issued_at,
            signer=row.signer_name or "",
            deadline=row.deadline,
            recipients=recipients.get(row.id, []),
            state=State(row.state) if row.state else None,
            exercise=query.exercise,
            handler=handlers.get(row.delivery, ("", None))[0],
            handed_at=handlers.get(row.delivery, ("", None))[1],
        )
        for row in rows
    ]


def _handlers(tx: Transaction, deliveries: Sequence[int]) -> dict[int, tuple[str, datetime]]:
    """Who leads the work on each delivery, and since when."""
    s = assignment_table.c
    mine = sa.and_(s.delivery_id.in_(deliveries), s.part == LEAD)
    rows = tx.all(sa.select(s.delivery_id, s.account_id, s.at).where(mine))
    names = accounts.names(tx, [row.account_id for row in rows])
    return {row.delivery_id: (names.get(row.account_id, ""), row.at) for row in rows}


def _recipients(tx: Transaction, ids: Sequence[int]) -> dict[int, list[str]]:
    """Names of the recipients of each directive, in the order of the tree."""
    pairs = tx.all(sa.select(v.directive_id, v.unit_id).where(v.directive_id.in_(ids)))
    names = units.units_by_ids(tx, {pair.unit_id for pair in pairs})
    places = {unit.id: place for place, unit in enumerate(units.tree(tx).ordered())}
    found: dict[int, list[str]] = {}
    for pair in sorted(pairs, key=lambda pair: places.get(pair.unit_id, len(places))):
        found.setdefault(pair.directive_id, []).append(names[pair.unit_id].name)
    return found
