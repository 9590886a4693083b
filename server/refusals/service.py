"""Writing refusals down, and reading them page by page."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta

import msgspec
import sqlalchemy as sa

from server.accounts import service as accounts
from server.refusals.model import refusal_table
from server.store import Transaction
from server.units import service as units

r = refusal_table.c
PAGE = 50


class Refused(msgspec.Struct, frozen=True, kw_only=True):
    """What is kept of a refusal."""

    account: int
    unit: int
    method: str
    route: str
    target: str
    status: int
    code: str
    field: str
    message: str
    numbers: dict[str, int]


class Line(msgspec.Struct, frozen=True, kw_only=True):
    """A refusal as it is read."""

    at: datetime
    person: str
    unit_name: str
    refused: Refused
    more: int


class Page(msgspec.Struct, frozen=True, kw_only=True):
    """Refusals, newest first, with all codes that there are and how often."""

    lines: list[Line]
    page: int
    pages: int
    codes: dict[str, int]


def keep(tx: Transaction, refused: Refused) -> int:
    """Write one down; gives its id."""
    return tx.insert(
        refusal_table,
        at=tx.now,
        account_id=refused.account,
        unit_id=refused.unit,
        method=refused.method,
        route=refused.route[:200],
        target=refused.target[:40],
        status=refused.status,
        code=refused.code[:60],
        field=refused.field[:60],
        message=refused.message[:500],
        numbers=msgspec.json.encode(refused.numbers).decode(),
    )


def add_more(tx: Transaction, more: Mapping[int, int]) -> None:
    """Count refusals that were too many to keep (id of the last one that was kept → how many)."""
    for key, count in more.items():
        tx.execute(sa.update(refusal_table).where(r.id == key).values(more=r.more + count))


def forget(tx: Transaction, kept: timedelta, limit: int) -> int:
    """Delete the oldest, at most `limit`, that have been `kept` for long enough; gives how many.

    Ids grow with time, so it looks at no more rows than that, and needs no index of moments.
    """
    oldest = sa.select(r.id, r.at).order_by(r.id).limit(limit).subquery()
    old = sa.select(oldest.c.id).where(oldest.c.at < tx.now - kept)
    return int(tx.execute(sa.delete(refusal_table).where(r.id.in_(old))).rowcount)


def read_page(tx: Transaction, code: str = "", page: int = 1) -> Page:
    """A page of those with a code, or of all."""
    counted = sa.select(r.code, sa.func.count().label("number")).group_by(r.code).order_by(r.code)
    codes = {row.code: int(row.number) for row in tx.all(counted)}
    wanted = sa.select(refusal_table).where(r.code == code) if code else sa.select(refusal_table)
    pages = max(1, -(-(codes.get(code, 0) if code else sum(codes.values())) // PAGE))
    page = min(page, pages)
    rows = tx.all(wanted.order_by(r.id.desc()).limit(PAGE).offset((page - 1) * PAGE))
    people = accounts.names(tx, {row.account_id for row in rows})
    names = units.units_by_ids(tx, {row.unit_id for row in rows})
    lines = [
        Line(
            at=row.at,
            person=people.get(row.account_id, ""),
            unit_name=names[row.unit_id].name,
            refused=Refused(
                account=row.account_id,
                unit=row.unit_id,
                numbers=msgspec.json.decode(row.numbers, type=dict[str, int]),
                **{name: getattr(row, name) for name in _SAME},
            ),
            more=row.more,
        )
        for row in rows
    ]
    return Page(lines=lines, page=page, pages=pages, codes=codes)


_SAME = ("method", "route", "target", "status", "code", "field", "message")
