"""The outbox: what happened, numbered per unit, written with the change itself and sent after the commit.

A unit's numbers have no holes: the counter row is locked by the transaction that takes the next ones. Clients keep the
last number they saw without a gap and ask for what follows.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

import msgspec
import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite

from server.store.tables import Table, UtcDateTime, metadata

event_table = Table(
    "event",
    metadata,
    sa.Column("unit_id", sa.Integer, primary_key=True),
    sa.Column("seq", sa.Integer, primary_key=True),
    sa.Column("kind", sa.String(40), nullable=False),
    sa.Column("body", sa.Text, nullable=False),
    sa.Column("at", UtcDateTime, nullable=False),
)
unit_sequence = Table(
    "unit_sequence",
    metadata,
    sa.Column("unit_id", sa.Integer, primary_key=True),
    sa.Column("seq", sa.Integer, nullable=False),
)


class StoredEvent(msgspec.Struct, frozen=True):
    """One line of a unit's outbox; `body` is JSON text."""

    unit_id: int
    seq: int
    kind: str
    body: msgspec.Raw
    at: datetime


def take_numbers(connection: sa.Connection, unit_ids: Sequence[int]) -> dict[int, int]:
    """The next number of each unit, all in one statement."""
    insert = (postgresql if connection.dialect.name == "postgresql" else sqlite).insert(unit_sequence)
    rows = [{"unit_id": unit, "seq": 1} for unit in sorted(set(unit_ids))]
    statement = insert.on_conflict_do_update(
        index_elements=["unit_id"], set_={"seq": unit_sequence.c.seq + 1}
    ).returning(unit_sequence.c.unit_id, unit_sequence.c.seq)
    return {row.unit_id: row.seq for row in connection.execute(statement, rows)}


def lock_units(connection: sa.Connection, unit_ids: Iterable[int]) -> None:
    """Lock the counters of units in one order, for a transaction that tells several things to several of them.

    Two such transactions then wait for each other instead of standing in each other's way. SQLite has one writer.
    """
    wanted = sorted(set(unit_ids))
    if connection.dialect.name != "postgresql" or not wanted:
        return
    rows = [{"unit_id": unit, "seq": 0} for unit in wanted]
    connection.execute(postgresql.insert(unit_sequence).on_conflict_do_nothing(), rows)
    mine = sa.select(unit_sequence.c.unit_id).where(unit_sequence.c.unit_id.in_(wanted))
    connection.execute(mine.order_by(unit_sequence.c.unit_id).with_for_update()).all()


def append(
    connection: sa.Connection, kind: str, bodies: Mapping[int, Mapping[str, Any]], now: datetime
) -> list[StoredEvent]:
    """Write one event for each unit of `bodies` (unit id → body)."""
    if not bodies:
        return []
    numbers = take_numbers(connection, list(bodies))
    events = [
        StoredEvent(unit, numbers[unit], kind, msgspec.Raw(msgspec.json.encode(body)), now)
        for unit, body in bodies.items()
    ]
    connection.execute(
        sa.insert(event_table),
        [
            {"unit_id": e.unit_id, "seq": e.seq, "kind": e.kind, "body": bytes(e.body).decode(), "at": e.at}
            for e in events
        ],
    )
    return events


def since(connection: sa.Connection, unit_id: int, seq: int, limit: int = 500) -> list[StoredEvent]:
    """The unit's events after number `seq`, in order, at most `limit`."""
    rows: Iterable[Any] = connection.execute(
        sa.select(event_table)
        .where(event_table.c.unit_id == unit_id, event_table.c.seq > seq)
        .order_by(event_table.c.seq)
        .limit(limit)
    )
    return [StoredEvent(r.unit_id, r.seq, r.kind, msgspec.Raw(r.body.encode()), r.at) for r in rows]


def head(connection: sa.Connection, unit_id: int) -> int:
    """The unit's last number, 0 before the first event."""
    found = connection.scalar(sa.select(unit_sequence.c.seq).where(unit_sequence.c.unit_id == unit_id))
    return int(found or 0)


def heads(connection: sa.Connection, unit_ids: Iterable[int]) -> dict[int, int]:
    """The last numbers of units; those without any event are left out."""
    u = unit_sequence.c
    query = sa.select(u.unit_id, u.seq).where(u.unit_id.in_(sorted(unit_ids)), u.seq > 0)
    return {row.unit_id: row.seq for row in connection.execute(query)}
