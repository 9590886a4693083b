"""Transactions from asyncio: service functions are plain and synchronous and run in a thread.

SQLite takes one writer at a time, so one thread writes (0.9 ms for a directive to a hundred units, where the async ORM
takes 20 ms); readers have threads of their own. PostgreSQL has several writer threads.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any, Concatenate, ParamSpec, TypeVar

import sqlalchemy as sa
from sqlalchemy.engine.interfaces import DBAPIConnection

from server import faults
from server.errors import UnavailableError, UserError
from server.store import events, silence
from server.store.events import StoredEvent
from server.store.tables import metadata
from server.store.transaction import Transaction

P = ParamSpec("P")
T = TypeVar("T")
Clock = Callable[[], datetime]
OnCommit = Callable[[Sequence[StoredEvent], Sequence[tuple[str, dict[str, Any]]]], None]
log = logging.getLogger(__name__)
TRIES = 4
_TRY_AGAIN = {"40P01", "40001"}
"""SQLSTATE of a deadlock and of a serialization failure: the transaction is as if it had never begun."""
_AWAY = ("08", "53", "57P", "57014", "55P03")
"""Beginnings of SQLSTATE: no connection; out of disk, memory or connections; PostgreSQL ends or has not yet begun; it
has worked, or waited for a lock, for too long (`silence`)."""
_PRAGMAS = (
    "journal_mode=WAL",
    "synchronous=FULL",
    "foreign_keys=ON",
    "busy_timeout=5000",
    "temp_store=MEMORY",
    "wal_autocheckpoint=4000",
)
"""In memory: what a statement for a thousand rows would need to be undone alone, else a file of its own each time.
Checkpoints after 16 MB: a directive to a thousand units changes a megabyte of pages, and the next one many of them."""
_SQLITE_AWAY = ("SQLITE_FULL", "SQLITE_IOERR", "SQLITE_CANTOPEN", "SQLITE_BUSY")


def utc_now() -> datetime:
    """The shell's clock."""
    return datetime.now(UTC)


def _sqlite_pragmas(connection: DBAPIConnection, _record: object) -> None:
    cursor = connection.cursor()
    for pragma in _PRAGMAS:
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()


def make_engine(url: str) -> sa.Engine:
    """An engine for SQLite or PostgreSQL with our pragmas; SQLite transactions begin IMMEDIATE when they write.

    It waits for PostgreSQL without end; the one of a `Store` does not.
    """
    if sa.make_url(url).get_backend_name() == "sqlite":
        # A fixed pool: each thread of ours keeps one connection, and its statement cache, for life.
        engine = sa.create_engine(url, pool_size=8, max_overflow=4)
        sa.event.listen(engine, "connect", _sqlite_pragmas)
        return engine
    return sa.create_engine(url, pool_size=12, max_overflow=4, pool_pre_ping=True)


@contextmanager
def _values_that_fit() -> Iterator[None]:
    """What no column can hold (a number of 70 bits, a NUL for PostgreSQL) is the sender's mistake. Raises UserError."""
    try:
        yield
    except (OverflowError, sa.exc.DataError) as error:
        log.warning("refused by the database: %s", getattr(error, "orig", error))  # without the statement's values
        raise UserError("out_of_range", "Có số hoặc ký tự mà hệ thống không lưu được.") from error


def _is_away(error: sa.exc.DBAPIError) -> bool:
    if getattr(error.orig, "sqlite_errorname", "").startswith(_SQLITE_AWAY):
        return True
    if error.connection_invalidated:
        return True
    state = getattr(error.orig, "sqlstate", "")
    if state is None:  # psycopg says so when there was no answer, and when there is nobody to connect to
        return isinstance(error, sa.exc.OperationalError)
    return bool(state.startswith(_AWAY))


def _away() -> UnavailableError:
    text = "Cơ sở dữ liệu tạm thời không dùng được, việc vừa gửi có thể chưa được lưu. Xin thử lại sau ít phút."
    return UnavailableError("database_away", text)


@contextmanager
def _database_there() -> Iterator[None]:
    """A database that restarts, is silent, out of reach, or full, is nobody's mistake and passes.

    Raises UnavailableError.

    A transaction that was about to be committed may be there or not: whoever sends it again gives its `command_id`.
    """
    try:
        yield
    except sa.exc.DBAPIError as error:
        if not _is_away(error):
            raise
        log.warning("the database does not work now: %s", error.orig)
        raise _away() from error


class Store:
    """The database for the rest of the server."""

    def __init__(self, url: str, clock: Clock = utc_now) -> None:
        self.engine = make_engine(url)
        self.clock = clock
        self.listeners: list[OnCommit] = []
        self.on_done: Callable[[str, float], None] | None = None
        """Told of each transaction, "read" or "write", with its seconds, in the thread that did it."""
        self.on_doubt: Callable[[], None] | None = None
        """Told, in the loop, of each `write` that failed as the database went away, and may be there nevertheless."""
        is_sqlite = self.engine.dialect.name == "sqlite"
        self._hearing = silence.Hearing() if is_sqlite else silence.listen(self.engine)
        self._writers = ThreadPoolExecutor(1 if is_sqlite else 4, "store-write")
        self._readers = ThreadPoolExecutor(4, "store-read")

    def create_schema(self) -> None:
        """Make all tables at once, for tests; a real database is made by migrations."""
        metadata.create_all(self.engine)

    def close(self) -> None:
        """Finish what runs and close the connections."""
        self._writers.shutdown()
        self._readers.shutdown()
        self.engine.dispose()

    def write_now(self, work: Callable[Concatenate[Transaction, P], T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Run `work` in a transaction in this thread (commands, tests); listeners are told after the commit."""
        result, transaction = self._write(work, *args, **kwargs)
        self._tell(transaction)
        return result

    async def write(self, work: Callable[Concatenate[Transaction, P], T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Run `work` in a transaction in a writer thread; events go out from the loop after the commit.

        A cancelled caller does not stop the work: once begun it commits, and its events go out.
        """
        faults.place("asked", work)
        self._require_heard()
        loop = asyncio.get_running_loop()
        job = loop.run_in_executor(self._writers, lambda: self._write(work, *args, **kwargs))
        return await asyncio.shield(asyncio.ensure_future(self._finish(job)))

    async def read(self, work: Callable[Concatenate[Transaction, P], T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Run `work` in a reader thread; it must not change anything."""
        self._require_heard()
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._readers, lambda: self.read_now(work, *args, **kwargs))

    def read_now(self, work: Callable[Concatenate[Transaction, P], T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Run `work` in this thread and roll back."""
        self._require_heard()
        with self._timed("read"), _database_there(), _values_that_fit(), self.engine.connect() as connection:
            return work(Transaction(connection, self.clock()), *args, **kwargs)

    async def head(self, unit_id: int) -> int:
        """The last event number of a unit."""
        return await self.read(lambda tx: events.head(tx.connection, unit_id))

    async def heads(self, unit_ids: Iterable[int]) -> dict[int, int]:
        """The last event numbers of units."""
        return await self.read(lambda tx: events.heads(tx.connection, unit_ids))

    async def since(self, unit_id: int, seq: int) -> list[StoredEvent]:
        """The unit's events after `seq`."""
        return await self.read(lambda tx: events.since(tx.connection, unit_id, seq))

    def _write(
        self, work: Callable[Concatenate[Transaction, P], T], *args: P.args, **kwargs: P.kwargs
    ) -> tuple[T, Transaction]:
        for left in reversed(range(TRIES)):
            try:
                return self._write_once(work, *args, **kwargs)
            except sa.exc.OperationalError as error:
                if not left or getattr(error.orig, "sqlstate", None) not in _TRY_AGAIN:
                    raise
                log.info("two transactions stood in each other's way; trying again: %s", error.orig)
        raise AssertionError("unreachable")

    def _write_once(
        self, work: Callable[Concatenate[Transaction, P], T], *args: P.args, **kwargs: P.kwargs
    ) -> tuple[T, Transaction]:
        self._require_heard()
        with self._timed("write"), _database_there(), _values_that_fit(), self.engine.connect() as connection:
            if connection.dialect.name == "sqlite":
                # pysqlite would begin late and deferred: a reader that becomes a writer can then fail as "locked".
                connection.exec_driver_sql("BEGIN IMMEDIATE")
            transaction = Transaction(connection, self.clock())
            faults.place("begun", work)
            result = work(transaction, *args, **kwargs)
            faults.place("written", work)
            connection.commit()
            faults.place("committed", work)
            return result, transaction

    def _require_heard(self) -> None:
        """One finds out for all that the database is silent: threads are few, and whoever waits for one would queue."""
        if self._hearing.is_silent():
            raise _away()

    @contextmanager
    def _timed(self, kind: str) -> Iterator[None]:
        begin = time.perf_counter()
        try:
            yield
        finally:
            if self.on_done is not None:
                self.on_done(kind, time.perf_counter() - begin)

    async def _finish(self, job: asyncio.Future[tuple[T, Transaction]]) -> T:
        try:
            result, transaction = await job
        except UnavailableError:
            if self.on_doubt is not None:
                self.on_doubt()
            raise
        self._tell(transaction)
        return result

    def _tell(self, transaction: Transaction) -> None:
        if transaction.events or transaction.after_commit:
            for listener in self.listeners:
                listener(transaction.events, transaction.after_commit)
