"""The outbox: what happened, numbered per unit, written with the change itself and sent after the commit.

A unit's numbers have no holes: the counter row is locked by the transaction that takes the next ones. Clients keep the
last number they saw without a gap and ask for what follows.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

import msgspec
import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite

from server.store import many
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


def take_numbers(connection: sa.Connection, unit_ids: Iterable[int]) -> dict[int, int]:
    """The next number of each unit, all in one statement."""
    insert = (postgresql if connection.dialect.name == "postgresql" else sqlite).insert(unit_sequence)
    units = many.numbers(connection, sorted(set(unit_ids)))
    first = sa.select(units.c.value, sa.literal(1)).where(sa.true())  # WHERE, or SQLite takes ON CONFLICT for a join's
    statement = (
        insert.from_select(["unit_id", "seq"], first)
        .on_conflict_do_update(index_elements=["unit_id"], set_={"seq": unit_sequence.c.seq + 1})
        .returning(unit_sequence.c.unit_id, unit_sequence.c.seq)
    )
    return {unit: seq for unit, seq in connection.execute(statement)}  # noqa: C416 - rows are no pairs to mypy


def lock_units(connection: sa.Connection, unit_ids: Iterable[int]) -> None:
    """Lock the counters of units in one order, for a transaction that tells several things to several of them.

    Two such transactions then wait for each other instead of standing in each other's way. SQLite has one writer.
    """
    wanted = sorted(set(unit_ids))
    if connection.dialect.name != "postgresql" or not wanted:
        return
    units = many.numbers(connection, wanted)
    none_yet = postgresql.insert(unit_sequence).from_select(["unit_id", "seq"], sa.select(units.c.value, sa.literal(0)))
    connection.execute(none_yet.on_conflict_do_nothing())
    mine = sa.select(unit_sequence.c.unit_id).where(unit_sequence.c.unit_id.in_(many.among(connection, wanted)))
    connection.execute(mine.order_by(unit_sequence.c.unit_id).with_for_update()).all()


def append(
    connection: sa.Connection, kind: str, bodies: Mapping[int, Mapping[str, Any]], now: datetime
) -> list[StoredEvent]:
    """Write one event for each unit of `bodies` (unit id → body); units that are told the same share one object."""
    if not bodies:
        return []
    taken = take_numbers(connection, bodies)
    told: dict[int, list[int]] = {}
    for unit, body in bodies.items():
        told.setdefault(id(body), []).append(unit)
    events: list[StoredEvent] = []
    single: list[StoredEvent] = []
    for units in told.values():
        text = msgspec.Raw(msgspec.json.encode(bodies[units[0]]))
        same = [StoredEvent(unit, taken[unit], kind, text, now) for unit in units]
        events += same
        if len(same) > 1:
            _insert_same(connection, kind, text, units, now)
        else:
            single += same
    if single:
        connection.execute(
            sa.insert(event_table), [msgspec.structs.asdict(e) | {"body": bytes(e.body).decode()} for e in single]
        )
    return events


def _insert_same(connection: sa.Connection, kind: str, text: msgspec.Raw, units: Iterable[int], now: datetime) -> None:
    """One event for each unit, whose number has just been taken: the text is handed over once."""
    told, s = many.numbers(connection, units), unit_sequence.c
    rows = sa.select(
        s.unit_id,
        s.seq,
        sa.literal(kind),
        sa.literal(bytes(text).decode()),
        sa.literal(now, UtcDateTime),
    ).join_from(told, unit_sequence, s.unit_id == told.c.value)
    connection.execute(sa.insert(event_table).from_select(["unit_id", "seq", "kind", "body", "at"], rows))


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
    query = sa.select(u.unit_id, u.seq).where(u.unit_id.in_(many.among(connection, sorted(unit_ids))), u.seq > 0)
    return {row.unit_id: row.seq for row in connection.execute(query)}
