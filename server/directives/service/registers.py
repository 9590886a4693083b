"""The registers of documents issued and received (sổ văn bản đi, sổ văn bản đến): lines, search, declared gaps.

Only registered documents stand in a register: what was issued, by its number, and what was received, by its số đến,
also what came as edXML (Nghị định 30/2020/NĐ-CP, Phụ lục IV). Exercises have registers of their own.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, time
from typing import Any

import sqlalchemy as sa

from server.accounts import service as accounts
from server.accounts.permissions import Permission
from server.accounts.principal import Principal
from server.directives.model import (
    assignment_table,
    delivery_table,
    directive_table,
    directive_words,
    edxml_table,
    edxml_words,
    received_words,
)
from server.directives.policy import Policy
from server.directives.rules import DirectiveState, State
from server.directives.service.access import UPDATE_DIRECTIVE, d, v
from server.directives.service.assigned import LEAD
from server.directives.service.numbers import OUT, gaps_of, peek_number, series
from server.directives.shapes.registers import RegisterLine, RegisterPage, RegisterQuery
from server.store import Transaction
from server.store.fulltext import FullText
from server.store.search import exact, like, terms, words
from server.units import service as units

PAGE = 50
MOST_EXPORTED = 20_000
e = edxml_table.c
_NOTHING = sa.cast(sa.null(), sa.Integer)


_RECEIVED_EXACT = sa.func.coalesce(d.search_exact, "") + " " + sa.func.coalesce(d.organ_exact, "")


def make_searchable(tx: Transaction, directive_id: int, *parts: str, organ: str) -> None:
    """Index a directive that is issued now by its words, for who receives it with the names of its `organ`.

    In the issuer's own register these stand in every line, and would find all of them.
    """
    text = " ".join(parts)
    found = {"search_exact": exact(text), "organ_exact": exact(organ)}
    tx.execute(UPDATE_DIRECTIVE, {"directive": directive_id, **found})
    directive_words.put(tx, directive_id, text)
    received_words.put(tx, directive_id, f"{text} {organ}")


def register_page(tx: Transaction, who: Principal, policy: Policy, query: RegisterQuery) -> RegisterPage:
    """A page of the unit's register of a year, or of all, newest number first."""
    who.require(Permission.FOLLOW_DIRECTIVE)
    this = policy.year(tx.now)
    year = this if query.year is None else query.year
    found = _select(tx, who, query, year)
    total = int(tx.execute(sa.select(sa.func.count()).select_from(found.subquery())).scalar_one())
    pages = max(1, -(-total // PAGE))
    page = min(query.page, pages)
    rows = tx.all(found.order_by(sa.desc("year"), sa.desc("entry")).limit(PAGE).offset((page - 1) * PAGE))
    return RegisterPage(
        register=query.register,
        year=year,
        years=_years(tx, who, query, this),
        next_number=peek_number(tx, series(query.register, query.exercise), who.unit_id, year or this),
        total=total,
        page=page,
        pages=pages,
        lines=_lines(tx, policy, rows, query),
        gaps=gaps_of(tx, who.unit_id, series(query.register, query.exercise), year),
        most_exported=MOST_EXPORTED,
        exercise=query.exercise,
    )


def register_lines(tx: Transaction, who: Principal, policy: Policy, query: RegisterQuery) -> list[RegisterLine]:
    """The lines that the query finds, in the order of their numbers, for the export: MOST_EXPORTED at most."""
    who.require(Permission.FOLLOW_DIRECTIVE)
    found = _select(tx, who, query, policy.year(tx.now) if query.year is None else query.year)
    return _lines(tx, policy, tx.all(found.order_by("year", "entry").limit(MOST_EXPORTED)), query)


def _select(tx: Transaction, who: Principal, query: RegisterQuery, year: int) -> sa.Select[Any]:
    """The entries with what each is: `directive` that was issued, `delivery`, or `document` that came as edXML."""

    def of(column: sa.Column[Any]) -> sa.ColumnElement[bool]:
        return column == year if year else column.is_not(None)

    if query.register == OUT:
        found = sa.select(d.year.label("year"), d.number.label("entry"), d.id.label("directive"))
        found = found.where(d.unit_id == who.unit_id, of(d.year), d.number.is_not(None))
        return found.where(
            d.exercise.is_(query.exercise), *said(tx, query.words, directive_words, d.id, d.search_exact)
        )
    place = (v.registry_year.label("year"), v.registry_number.label("entry"))
    received = sa.select(*place, v.id.label("delivery"), _NOTHING.label("document"))
    mine = sa.and_(v.unit_id == who.unit_id, of(v.registry_year), v.registry_number.is_not(None))
    received = received.join(directive_table, v.directive_id == d.id).where(mine, v.exercise.is_(query.exercise))
    received = received.where(*said(tx, query.words, received_words, d.id, _RECEIVED_EXACT))
    if query.exercise:  # the exchange knows none
        return received
    exchanged = sa.select(e.registry_year, e.registry_number, _NOTHING, e.id).where(
        e.unit_id == who.unit_id,
        of(e.registry_year),
        e.registry_number.is_not(None),
        *said(tx, query.words, edxml_words, e.id, e.search_exact),
    )
    return sa.select(sa.union_all(received, exchanged).subquery())


def said(
    tx: Transaction, typed: str, index: FullText, key: sa.Column[Any], text: sa.ColumnElement[Any]
) -> list[sa.ColumnElement[bool]]:
    """That all words that were typed occur; where diacritics count, they are looked for in `text`."""
    wanted = terms(typed)
    matches = index.matches(tx, [word for _exactly, word in wanted])
    found: list[sa.ColumnElement[bool]] = [] if matches is None else [key.in_(matches)]
    return found + [text.like(like(word), escape="\\") for exactly, word in wanted if exactly or not words(word)]


def _years(tx: Transaction, who: Principal, query: RegisterQuery, this: int) -> list[int]:
    if query.register == OUT:
        mine = [sa.select(d.year).where(d.unit_id == who.unit_id, d.year.is_not(None), d.exercise.is_(query.exercise))]
    else:
        numbered = sa.and_(v.unit_id == who.unit_id, v.registry_number.is_not(None), v.exercise.is_(query.exercise))
        mine = [sa.select(v.registry_year).where(numbered)]
        exchanged = sa.and_(e.unit_id == who.unit_id, e.registry_year.is_not(None))
        mine += [] if query.exercise else [sa.select(e.registry_year).where(exchanged)]
    return sorted({this, *(int(row[0]) for one in mine for row in tx.all(one.distinct()))}, reverse=True)


def _lines(tx: Transaction, policy: Policy, rows: Sequence[Any], query: RegisterQuery) -> list[RegisterLine]:
    if query.register == OUT:
        return _issued(tx, [row.directive for row in rows])
    received = _received(tx, [row.delivery for row in rows if row.delivery is not None])
    exchanged = _exchanged(tx, policy, [row.document for row in rows if row.document is not None])
    return [exchanged[row.document] if row.delivery is None else received[row.delivery] for row in rows]


def _of_directive(row: Any, unit_name: str, **own: Any) -> RegisterLine:
    return RegisterLine(
        directive=row.id,
        number_text=row.number_text,
        kind=row.kind,
        subject=row.subject,
        unit_name=unit_name,
        issued_at=row.issued_at,
        signer=row.signer_name or "",
        authority=row.signer_authority or "",
        deadline=row.deadline,
        exercise=row.exercise,
        **own,
    )


_SIGNED = (d.issued_at, d.signer_name, d.signer_authority)
_ABOUT = (d.id, d.unit_id, d.kind, d.number_text, d.subject, *_SIGNED, d.deadline, d.exercise)


def _issued(tx: Transaction, ids: Sequence[int]) -> list[RegisterLine]:
    rows = {row.id: row for row in tx.all(sa.select(*_ABOUT, d.number).where(d.id.in_(tx.among(ids))))}
    names, recipients = units.units_by_ids(tx, {row.unit_id for row in rows.values()}), _recipients(tx, ids)
    return [
        _of_directive(
            rows[key],
            names[rows[key].unit_id].name,
            entry=rows[key].number,
            at=rows[key].issued_at,
            recipients=recipients.get(key, []),
        )
        for key in ids
    ]


def _received(tx: Transaction, ids: Sequence[int]) -> dict[int, RegisterLine]:
    columns = (v.id.label("delivery"), v.registry_number, v.registered_at, v.state)
    query = sa.select(*_ABOUT, *columns).join(delivery_table, v.directive_id == d.id)
    rows = tx.all(query.where(v.id.in_(tx.among(ids))))
    names, handlers = units.units_by_ids(tx, {row.unit_id for row in rows}), _handlers(tx, ids)
    return {
        row.delivery: _of_directive(
            row,
            names[row.unit_id].name,
            entry=row.registry_number,
            at=row.registered_at,
            state=State(row.state),
            handler=handlers.get(row.delivery, ("", None))[0],
            handed_at=handlers.get(row.delivery, ("", None))[1],
        )
        for row in rows
    }


def _exchanged(tx: Transaction, policy: Policy, ids: Sequence[int]) -> dict[int, RegisterLine]:
    """What came as edXML, by its id; it is being worked on once the unit has carried it on."""
    issued = sa.and_(d.id == e.directive_id, d.state == DirectiveState.ISSUED.value)
    query = sa.select(edxml_table, d.id.label("issued")).outerjoin(directive_table, issued)
    rows = tx.all(query.where(e.id.in_(tx.among(ids))))
    return {
        row.id: RegisterLine(
            entry=row.registry_number,
            at=row.registered_at,
            directive=row.directive_id,
            document=row.id,
            number_text=row.number_text,
            kind=row.type_name,
            subject=row.subject,
            unit_name=row.organ_name,
            issued_at=datetime.combine(row.promulgated_on, time(), policy.zone),
            signer=row.signer,
            deadline=policy.calendar.end_of(row.due) if row.due else None,
            state=State.REGISTERED if row.issued is None else State.IN_PROGRESS,
        )
        for row in rows
    }


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
