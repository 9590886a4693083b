"""Rows of a unique key: claimed once, or set anew; on both databases."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa

from server.accounts.model import sign_in_counter
from server.directives.model import sweep_table
from server.store import Store
from tests.conftest import START

c, s = sign_in_counter.c, sweep_table.c


def test_a_key_is_claimed_once(store: Store) -> None:
    def claim(tx: Any, failures: int) -> Any:
        return tx.claim(sign_in_counter, key="k", failures=failures, last_at=START)

    assert tuple(store.write_now(claim, 1)) == ("k",)
    assert store.write_now(claim, 2) is None
    rows = store.read_now(lambda tx: tx.all(sa.select(c.key, c.failures).where(c.key == "k")))
    assert [tuple(row) for row in rows] == [("k", 1)], "what was there stays"


def test_the_row_of_a_key_is_made_or_set_anew(store: Store) -> None:
    for value in ("one", "two"):
        store.write_now(lambda tx, value=value: tx.upsert(sweep_table, {"name": "n"}, value=value))
        rows = store.read_now(lambda tx: tx.all(sa.select(s.value).where(s.name == "n")))
        assert [row.value for row in rows] == [value]
