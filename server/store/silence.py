"""A PostgreSQL that says nothing: frozen, its machine gone, its network cut, a lock held. Nobody waits for it for ever.

The server itself ends a statement that lasts too long or waits for a lock; where it says nothing at all, we stop
listening. Whoever comes later is told by one who has tried, so that no queue forms. What may last as long as it wants,
a migration, goes `unhurried`; `pg_dump` has a connection of its own.
"""

from __future__ import annotations

from collections.abc import Generator, Iterator
from contextlib import contextmanager
from math import inf
from time import monotonic
from typing import Any, TypeVar

import psycopg
import sqlalchemy as sa
from psycopg.errors import ConnectionTimeout
from sqlalchemy.engine.interfaces import DBAPIConnection, Dialect
from sqlalchemy.pool import ConnectionPoolEntry

T = TypeVar("T")

STATEMENT, LOCK = 30, 10  # s that PostgreSQL works at one statement, and that it waits for one lock
SILENT = 35.0  # s without a word to a statement: more than `STATEMENT`, so that PostgreSQL's own word comes first
PING, CONNECT = 3.0, 5  # s without a word to "are you there?", which begins each transaction, and to a new connection
AGAIN = 1.0  # s after which it is tried again
_TCP = {"keepalives_idle": 10, "keepalives_interval": 5, "keepalives_count": 4, "tcp_user_timeout": 30_000}  # s, ms


class SilentError(psycopg.OperationalError):
    """No answer to a statement: whether it is done nobody knows."""


class Hearing:
    """When PostgreSQL was last found silent, by a new connection: an old one may be silent alone. Threads share it."""

    def __init__(self) -> None:
        self._tried, self._found = -inf, -inf

    def silent(self, tried: float) -> None:
        """It has not said a word to who began to connect at `tried`."""
        self._tried, self._found = tried, monotonic()

    def is_silent(self) -> bool:
        """Whether it was just now."""
        return monotonic() < self._found + AGAIN

    def silent_since(self, moment: float) -> bool:
        """Whether somebody has begun to connect after this moment and heard nothing."""
        return self._tried >= moment


class Patient(psycopg.Connection[Any]):
    """A connection that stops listening after a while: it is closed then, and what it was told is in doubt."""

    hearing = Hearing()
    hurried = True

    def wait(self, gen: Generator[Any, Any, T], *args: Any, **more: Any) -> T:
        """As its parent does, for a time. Raises SilentError."""
        return super().wait(self._listened(gen) if self.hurried else gen, *args, **more)

    def _listened(self, gen: Generator[Any, Any, T]) -> Generator[Any, Any, T]:
        begun = monotonic()
        try:
            wanted = next(gen)
            while True:
                ready = yield wanted
                if not ready:
                    self._listen_on(begun)
                wanted = gen.send(ready)
        except StopIteration as done:
            result: T = done.value
            return result

    def _listen_on(self, begun: float) -> None:
        """Nothing has come for a tenth of a second."""
        # Outside a transaction nothing is asked but SQLAlchemy's ping.
        seconds = PING if self.autocommit else SILENT
        if monotonic() > begun + seconds or self.hearing.silent_since(begun):
            self.pgconn.finish()
            raise SilentError("the database does not answer")


def listen(engine: sa.Engine) -> Hearing:
    """Let an engine of PostgreSQL have connections that do not wait for ever."""
    hearing = Hearing()

    def connect(_dialect: Dialect, _entry: ConnectionPoolEntry, args: list[Any], more: dict[str, Any]) -> Any:
        begun = monotonic()
        try:
            made = Patient.connect(*args, **{"connect_timeout": CONNECT, **_TCP, **more})
        except ConnectionTimeout:
            hearing.silent(begun)
            raise
        made.hearing = hearing
        return made

    sa.event.listen(engine, "do_connect", connect)
    sa.event.listen(engine, "connect", _limit)
    return hearing


def _limit(connection: DBAPIConnection, _record: object) -> None:
    cursor = connection.cursor()
    cursor.execute(f"SET statement_timeout = '{STATEMENT}s'; SET lock_timeout = '{LOCK}s'")
    cursor.close()
    connection.commit()


@contextmanager
def unhurried(connection: sa.Connection) -> Iterator[None]:
    """Within a transaction: no limits until it ends. For whatever database."""
    driver = connection.connection.driver_connection
    if not isinstance(driver, Patient):
        yield
        return
    connection.exec_driver_sql("SET LOCAL statement_timeout = 0")
    connection.exec_driver_sql("SET LOCAL lock_timeout = 0")
    driver.hurried = False
    try:
        yield
    finally:
        driver.hurried = True
