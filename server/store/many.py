"""Many numbers in one statement: as one parameter, so that a thousand units cost no more to bind than one."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import msgspec
import sqlalchemy as sa
from sqlalchemy.dialects import postgresql


def numbers(connection: sa.Connection, values: Iterable[int]) -> Any:
    """A table of one column `value` with these numbers, in their order."""
    if connection.dialect.name == "postgresql":
        array = sa.bindparam(None, list(values), postgresql.ARRAY(sa.Integer))
        return sa.func.unnest(array).table_valued(sa.column("value", sa.Integer)).render_derived()
    text = sa.bindparam(None, msgspec.json.encode(list(values)).decode(), sa.Text)
    return sa.func.json_each(text).table_valued(sa.column("value", sa.Integer))


def among(connection: sa.Connection, values: Iterable[int]) -> sa.Select[tuple[int]]:
    """The same for the right side of IN."""
    table = numbers(connection, values)
    return sa.select(table.c.value)
