"""The outbox: what happened, numbered per unit, written with the change itself and sent after the commit.

A unit's numbers have no holes: the counter row is locked by the transaction that takes the next ones. Clients keep the
last number they saw without a gap and ask for what follows. What a thousand units are told alike is stored once.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from functools import cache
from typing import Any

import msgspec
import sqlalchemy as sa
from sqlalchemy.dialects import postgresql

from server.store import many
from server.store.tables import Table, UtcDateTime, metadata
from server.store.upsert import inserting

content_table = Table(
    "event_content",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("kind", sa.String(40), nullable=False),
    sa.Column("body", sa.Text, nullable=False),
    sa.Column("at", UtcDateTime, nullable=False),
)
event_table = Table(
    "event",
    metadata,
    sa.Column("unit_id", sa.Integer, primary_key=True),
    sa.Column("seq", sa.Integer, primary_key=True),
    sa.Column("content_id", sa.Integer, nullable=False),
    sqlite_with_rowid=False,
)
"""Which content each unit was told under which number. No foreign key: both are written here alone, together."""

unit_sequence = Table(
    "unit_sequence",
    metadata,
    sa.Column("unit_id", sa.Integer, primary_key=True),
    sa.Column("seq", sa.Integer, nullable=False),
)


_INSERT_EVENT = sa.insert(event_table)
_INSERT_CONTENT = sa.insert(content_table).returning(content_table.c.id, sort_by_parameter_order=True)


class StoredEvent(msgspec.Struct, frozen=True):
    """One line of a unit's outbox; `body` is JSON text."""

    unit_id: int
    seq: int
    kind: str
    body: msgspec.Raw
    at: datetime


def take_numbers(connection: sa.Connection, unit_ids: Iterable[int]) -> dict[int, int]:
    """The next number of each unit, in two statements however many they are."""
    asked, dialect = {"units": many.bound(connection, sorted(set(unit_ids)))}, connection.dialect.name
    connection.execute(_taking(dialect), asked)
    units, numbers = connection.execute(_taken(dialect), asked).one()
    return dict(zip(many.numbers_in(units), many.numbers_in(numbers), strict=True))


@cache
def _taking(dialect: str) -> sa.Executable:
    """Made once: to build a statement costs as much as to run it."""
    # WHERE, or SQLite takes ON CONFLICT for a join's
    first = sa.select(many.named(dialect, "units").c.value, sa.literal(1)).where(sa.true())
    insert = inserting(dialect, unit_sequence).from_select(["unit_id", "seq"], first)
    made: sa.Executable = insert.on_conflict_do_update(
        index_elements=["unit_id"], set_={"seq": unit_sequence.c.seq + 1}
    )
    return made


@cache
def _taken(dialect: str) -> sa.Select[Any]:
    """The numbers that units have now, as two lists."""
    units, s = many.named(dialect, "units"), unit_sequence.c
    lists = many.gathered(dialect, s.unit_id), many.gathered(dialect, s.seq)
    return sa.select(*lists).join_from(units, unit_sequence, s.unit_id == units.c.value)


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
    texts = [msgspec.Raw(msgspec.json.encode(bodies[units[0]])) for units in told.values()]
    events: list[StoredEvent] = []
    single: list[dict[str, int]] = []
    for units, text, content in zip(told.values(), texts, _insert_contents(connection, kind, texts, now), strict=True):
        events += [StoredEvent(unit, taken[unit], kind, text, now) for unit in units]
        if len(units) > 1:
            _insert_same(connection, content, units)
        else:
            single.append({"unit_id": units[0], "seq": taken[units[0]], "content_id": content})
    if single:
        connection.execute(_INSERT_EVENT, single)
    return events


def _insert_contents(
    connection: sa.Connection, kind: str, texts: Sequence[msgspec.Raw], now: datetime
) -> Sequence[int]:
    """Write what is told; gives the ids, in the same order."""
    contents = [{"kind": kind, "body": bytes(text).decode(), "at": now} for text in texts]
    return connection.scalars(_INSERT_CONTENT, contents).all()


def _insert_same(connection: sa.Connection, content: int, units: Iterable[int]) -> None:
    """One event for each unit, whose number has just been taken."""
    told = {"units": many.bound(connection, units), "content": content}
    connection.execute(_telling(connection.dialect.name), told)


@cache
def _telling(dialect: str) -> sa.Executable:
    told, s = many.named(dialect, "units"), unit_sequence.c
    content = sa.bindparam("content", type_=sa.Integer)
    rows = sa.select(s.unit_id, s.seq, content).join_from(told, unit_sequence, s.unit_id == told.c.value)
    return sa.insert(event_table).from_select(["unit_id", "seq", "content_id"], rows)


def since(connection: sa.Connection, unit_id: int, seq: int, limit: int = 500) -> list[StoredEvent]:
    """The unit's events after number `seq`, in order, at most `limit`."""
    e, c = event_table.c, content_table.c
    rows: Iterable[Any] = connection.execute(
        sa.select(e.unit_id, e.seq, c.kind, c.body, c.at)
        .join(content_table, c.id == e.content_id)
        .where(e.unit_id == unit_id, e.seq > seq)
        .order_by(e.seq)
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
