"""Register numbers: 1, 2, 3 … for each register, organ and year, without gaps (Nghị định 30/2020, Điều 15)."""

from __future__ import annotations

from sqlalchemy.dialects import postgresql, sqlite

from server.directives.model import counter_table
from server.store import Transaction

OUT, IN = "out", "in"


def take_number(tx: Transaction, register: str, unit_id: int, year: int) -> int:
    """The next number. The counter's row stays locked until the transaction ends, so a number is lost with its use."""
    insert = (postgresql if tx.connection.dialect.name == "postgresql" else sqlite).insert(counter_table)
    statement = (
        insert.values(register=register, unit_id=unit_id, year=year, last=1)
        .on_conflict_do_update(index_elements=["register", "unit_id", "year"], set_={"last": counter_table.c.last + 1})
        .returning(counter_table.c.last)
    )
    return int(tx.execute(statement).scalar_one())
