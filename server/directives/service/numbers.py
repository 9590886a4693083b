"""Register numbers: 1, 2, 3 … for each register, organ and year (Nghị định 30/2020, Điều 15); gaps are declared.

Exercises are numbered by themselves: they neither take a number from a real document nor leave a gap.
"""

from __future__ import annotations

from functools import cache

import sqlalchemy as sa

from server.accounts.permissions import Permission
from server.accounts.principal import Principal
from server.directives.model import counter_table, gap_table
from server.directives.policy import Policy
from server.directives.service.notes import reason_of
from server.directives.shapes import Gap, GapInput
from server.errors import ConflictError, UserError
from server.http.i18n import _
from server.store import Transaction
from server.store.upsert import inserting

OUT, IN = "out", "in"
MOST_LEFT_OUT = 1_000


def series(register: str, exercise: bool) -> str:
    """Which counter a register goes by: exercises have their own."""
    return f"{register}-dt" if exercise else register


def take_number(tx: Transaction, register: str, unit_id: int, year: int) -> int:
    """The next number. The counter's row stays locked until the transaction ends, so a number is lost with its use."""
    values = {"register": register, "unit_id": unit_id, "year": year, "last": 1}
    return int(tx.execute(_taking(tx.connection.dialect.name), values).scalar_one())


@cache
def _taking(dialect: str) -> sa.Executable:
    made: sa.Executable = (
        inserting(dialect, counter_table)
        .on_conflict_do_update(index_elements=["register", "unit_id", "year"], set_={"last": counter_table.c.last + 1})
        .returning(counter_table.c.last)
    )
    return made


def peek_number(tx: Transaction, register: str, unit_id: int, year: int) -> int:
    """The number that would be next; another may take it first."""
    c = counter_table.c
    mine = sa.and_(c.register == register, c.unit_id == unit_id, c.year == year)
    row = tx.one(sa.select(c.last).where(mine))
    return (row.last if row else 0) + 1


def declare_gap(tx: Transaction, who: Principal, policy: Policy, data: GapInput) -> Gap:
    """Leave out the numbers up to `until`, which stand on paper or were lost, and say why. Raises ConflictError."""
    who.require(Permission.KEEP_REGISTERS)
    reason, year = reason_of(data.note), policy.year(tx.now)
    first = take_number(tx, data.register, who.unit_id, year)  # locks the counter until the end
    if data.until < first:
        text = _("Sổ đã đến số {last}; chỉ khai được các số sau đó.")
        raise ConflictError("number_taken", text, last=first - 1)
    if data.until - first >= MOST_LEFT_OUT:
        raise UserError("gap_too_wide", _("Mỗi lần khai bỏ nhiều nhất {most} số."), field="until", most=MOST_LEFT_OUT)
    c = counter_table.c
    mine = sa.and_(c.register == data.register, c.unit_id == who.unit_id, c.year == year)
    tx.execute(sa.update(counter_table).where(mine).values(last=data.until))
    gap = Gap(
        register=data.register, year=year, first=first, last=data.until, reason=reason, at=tx.now, person=who.name
    )
    values = {name: getattr(gap, name) for name in ("register", "year", "first", "last", "reason", "at")}
    tx.insert(gap_table, unit_id=who.unit_id, account_id=who.account_id, account_name=who.name, **values)
    return gap


def gaps_of(tx: Transaction, unit_id: int, register: str, year: int) -> list[Gap]:
    """The declared gaps of a register in a year, or in all if it is 0, in their order."""
    g = gap_table.c
    mine = sa.and_(g.unit_id == unit_id, g.register == register, *([g.year == year] if year else []))
    rows = tx.all(sa.select(gap_table).where(mine).order_by(g.year, g.first))
    return [
        Gap(
            register=row.register,
            year=row.year,
            first=row.first,
            last=row.last,
            reason=row.reason,
            at=row.at,
            person=row.account_name,
        )
        for row in rows
    ]
