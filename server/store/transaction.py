"""A unit of work: the connection, the moment, and the events that go out if it commits."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from functools import cache
from typing import Any

import sqlalchemy as sa

from server import faults
from server.store import events, many
from server.store.events import StoredEvent
from server.store.upsert import inserting


class Transaction:
    """What a service function works with; all its changes and events commit together or not at all."""

    def __init__(self, connection: sa.Connection, now: datetime) -> None:
        self.connection = connection
        self.now = now
        self.events: list[StoredEvent] = []
        self.after_commit: list[tuple[str, dict[str, Any]]] = []
        self.known: dict[tuple[Any, ...], Any] = {}
        """What was found out once and does not change while this transaction goes on."""

    def execute(self, statement: sa.Executable, parameters: Any = None) -> sa.CursorResult[Any]:
        """Run a statement."""
        return self.connection.execute(statement, parameters)

    def one(self, statement: sa.Select[Any], parameters: Any = None) -> Any | None:
        """The first row or None."""
        return self.connection.execute(statement, parameters).first()

    def all(self, statement: sa.Select[Any], parameters: Any = None) -> list[Any]:
        """All rows."""
        return list(self.connection.execute(statement, parameters).all())

    def numbers(self, values: Iterable[int]) -> Any:
        """A table of one column `value` with these numbers: many in one statement."""
        return many.numbers(self.connection, values)

    def bound(self, values: Iterable[int]) -> Any:
        """The same as a parameter, for a statement that is made once (`many.named`)."""
        return many.bound(self.connection, values)

    def among(self, values: Iterable[int]) -> sa.Select[tuple[int]]:
        """The same for the right side of IN."""
        return many.among(self.connection, values)

    def insert(self, table: sa.Table, **values: Any) -> int:
        """Insert one row and give its integer primary key."""
        key = self.connection.execute(_inserting(table), values).inserted_primary_key
        return int(key[0]) if key else 0

    def claim(self, table: sa.Table, **values: Any) -> Any | None:
        """Insert a row unless a unique key of it is there already; gives the primary key of the new one, else None.

        On PostgreSQL this waits for another transaction with the same key to end.
        """
        new = inserting(self.connection.dialect.name, table).values(**values).on_conflict_do_nothing()
        return self.connection.execute(new.returning(*table.primary_key.columns)).first()

    def upsert(self, table: sa.Table, key: Mapping[str, Any], **values: Any) -> None:
        """Insert the row of a unique key, or set these values in it."""
        new = inserting(self.connection.dialect.name, table).values(**key, **values)
        self.connection.execute(new.on_conflict_do_update(index_elements=list(key), set_=values))

    @contextmanager
    def savepoint(self) -> Iterator[None]:
        """What fails inside is undone, with what it would have told, and the transaction goes on."""
        before = len(self.events), len(self.after_commit)
        try:
            with self.connection.begin_nested():
                yield
        except BaseException:
            del self.events[before[0] :], self.after_commit[before[1] :]
            self.known.clear()
            raise

    def emit(self, kind: str, units: Iterable[int], body: Mapping[str, Any]) -> None:
        """Tell every one of `units` the same, durably: one numbered event each."""
        self.emit_each(kind, dict.fromkeys(units, body))

    def will_tell(self, units: Iterable[int]) -> None:
        """Before telling several things to several units: take their turns in one order."""
        events.lock_units(self.connection, units)

    def emit_each(self, kind: str, bodies: Mapping[int, Mapping[str, Any]]) -> list[StoredEvent]:
        """Tell each unit its own body; gives the events with their numbers."""
        made = events.append(self.connection, kind, bodies, self.now)
        self.events.extend(made)
        faults.place("numbered", kind)
        return made

    def notify(self, room: str, body: dict[str, Any]) -> None:
        """Wake a live room (a board, a meeting) after the commit; not numbered, not stored, may be missed."""
        self.after_commit.append((room, body))


@cache
def _inserting(table: sa.Table) -> sa.Insert:
    return sa.insert(table)
