"""Many numbers in one statement: as one parameter, so that a thousand units cost no more to bind than one, and as one
value of a result, which is quicker to read than a thousand rows.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
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


def named_pairs(dialect: str, name: str) -> Any:
    """A table of `key` (31 bits) and `value` (63 bits) for a statement that is made once; given as by `bound_pairs`."""
    if dialect == "postgresql":
        text = sa.cast(sa.bindparam(name, type_=sa.Text), postgresql.JSON)
        pairs = sa.func.json_each_text(text).table_valued("key", "value")
    else:
        pairs = sa.func.json_each(sa.bindparam(name, type_=sa.Text)).table_valued("key", "value")
    key, value = sa.cast(pairs.c.key, sa.Integer), sa.cast(pairs.c.value, sa.BigInteger)
    return sa.select(key.label("key"), value.label("value")).subquery()


def bound_pairs(pairs: Mapping[int, int]) -> str:
    """Pairs as the one parameter that they are."""
    return msgspec.json.encode(pairs).decode()


def gathered(dialect: str, column: sa.ColumnElement[int]) -> sa.ColumnElement[Any]:
    """All numbers of a group as one value, which may be given back as a parameter; read by `numbers_in`."""
    return sa.func.array_agg(column) if dialect == "postgresql" else sa.func.json_group_array(column)


def numbers_in(value: Any) -> list[int]:
    """The numbers of a `gathered` value."""
    return value if isinstance(value, list) else msgspec.json.decode(value, type=list[int])


def among(connection: sa.Connection, values: Iterable[int]) -> sa.Select[tuple[int]]:
    """The same for the right side of IN."""
    table = numbers(connection, values)
    return sa.select(table.c.value)


def _table(dialect: str, name: str | None, value: Any) -> Any:
    if dialect == "postgresql":
        array = sa.bindparam(name, value, postgresql.ARRAY(sa.Integer))
        return sa.func.unnest(array).table_valued(sa.column("value", sa.Integer)).render_derived()
    return sa.func.json_each(sa.bindparam(name, value, sa.Text)).table_valued(sa.column("value", sa.Integer))
