"""Many numbers in one statement: as one parameter, so that a thousand units cost no more to bind than one."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import msgspec
import sqlalchemy as sa
from sqlalchemy.dialects import postgresql


def numbers(connection: sa.Connection, values: Iterable[int]) -> Any:
    """A table of one column `value` with these numbers, in their order."""
    return _table(connection.dialect.name, None, bound(connection, values))


def named(dialect: str, name: str) -> Any:
    """The same for a statement that is made once: the numbers are the parameter `name`, given as by `bound`."""
    return _table(dialect, name, None)


def bound(connection: sa.Connection, values: Iterable[int]) -> Any:
    """Numbers as the one parameter that they are."""
    if connection.dialect.name == "postgresql":
        return list(values)
    return msgspec.json.encode(list(values)).decode()


def among(connection: sa.Connection, values: Iterable[int]) -> sa.Select[tuple[int]]:
    """The same for the right side of IN."""
    table = numbers(connection, values)
    return sa.select(table.c.value)


def _table(dialect: str, name: str | None, value: Any) -> Any:
    if dialect == "postgresql":
        array = sa.bindparam(name, value, postgresql.ARRAY(sa.Integer))
        return sa.func.unnest(array).table_valued(sa.column("value", sa.Integer)).render_derived()
    return sa.func.json_each(sa.bindparam(name, value, sa.Text)).table_valued(sa.column("value", sa.Integer))
