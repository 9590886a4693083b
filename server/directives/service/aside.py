"""What the sweeper could not do by a mistake of ours: why, how often, and how long it waits for the next try."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

import sqlalchemy as sa

from server.store import Transaction

FIRST_PAUSE, LONGEST_PAUSE = timedelta(minutes=1), timedelta(hours=1)
LONGEST_ERROR = 500


def failure(
    tx: Transaction, table: sa.Table, key: Mapping[str, int], error: Exception
) -> tuple[dict[str, Any], timedelta]:
    """The columns `tries`, `error` and `at` for the row of `key` after one more failure, and the pause: a minute, two,
    four, up to an hour.
    """
    found = sa.select(table.c.tries).where(*(table.c[name] == value for name, value in key.items()))
    before = tx.one(found)
    tries = before.tries + 1 if before else 1
    said = f"{type(error).__name__}: {error}"[:LONGEST_ERROR]
    return {"tries": tries, "error": said, "at": tx.now}, min(LONGEST_PAUSE, FIRST_PAUSE * 2 ** min(tries - 1, 10))
