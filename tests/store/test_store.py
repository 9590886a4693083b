"""Transactions: all or nothing, events numbered without holes, told after the commit and in order."""

import asyncio
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from server.errors import UnavailableError
from server.store import Store, StoredEvent, Transaction, UtcDateTime, many
from server.store.events import content_table, event_table

NOW = datetime(2026, 11, 24, 7, 0, tzinfo=UTC)


@pytest.fixture
def plain_store(tmp_path: Path) -> Any:
    store = Store(f"sqlite:///{tmp_path}/t.db", clock=lambda: NOW)
    store.create_schema()
    yield store
    store.close()


def emit(tx: Transaction, units: list[int], text: str) -> None:
    tx.emit("test.happened", units, {"text": text})


async def test_numbers_are_per_unit_and_without_holes(plain_store: Store) -> None:
    await plain_store.write(emit, [1, 2], "a")
    await plain_store.write(emit, [2, 3], "b")
    assert [(e.seq, bytes(e.body)) for e in await plain_store.since(2, 0)] == [
        (1, b'{"text":"a"}'),
        (2, b'{"text":"b"}'),
    ]
    assert [await plain_store.head(unit) for unit in (1, 2, 3, 4)] == [1, 2, 1, 0]
    assert await plain_store.since(2, 2) == []


async def test_what_fails_leaves_nothing_and_tells_nobody(plain_store: Store) -> None:
    told: list[Any] = []
    plain_store.listeners.append(lambda events, notes: told.append((events, notes)))

    def fail(tx: Transaction) -> None:
        emit(tx, [1], "lost")
        raise ValueError("after the change")

    with pytest.raises(ValueError, match="after the change"):
        await plain_store.write(fail)
    assert told == []
    assert await plain_store.head(1) == 0


async def test_listeners_hear_of_events_that_are_already_stored(plain_store: Store) -> None:
    seen: list[int] = []

    def listen(events: Any, _notes: Any) -> None:
        with plain_store.engine.connect() as connection:
            seen.append(connection.scalar(sa.select(sa.func.count()).select_from(event_table)) or 0)
        assert all(isinstance(e, StoredEvent) for e in events)

    plain_store.listeners.append(listen)
    await plain_store.write(emit, [1, 2, 3], "a")
    assert seen == [3]


async def test_a_cancelled_caller_does_not_undo_or_silence_the_change(plain_store: Store) -> None:
    told: list[int] = []
    plain_store.listeners.append(lambda events, _notes: told.extend(e.seq for e in events))
    task = asyncio.ensure_future(plain_store.write(emit, [1], "a"))
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await plain_store.write(emit, [1], "b")
    assert told == [1, 2]


async def test_many_writers_get_each_number_once(plain_store: Store) -> None:
    await asyncio.gather(*(plain_store.write(emit, [1, 2], str(i)) for i in range(40)))
    assert [e.seq for e in await plain_store.since(1, 0)] == list(range(1, 41))


async def test_reading_changes_nothing(plain_store: Store) -> None:
    await plain_store.read(emit, [1], "a")
    assert await plain_store.head(1) == 0


def test_a_time_without_zone_is_refused() -> None:
    dialect = sa.create_engine("sqlite://").dialect
    column = UtcDateTime()
    with pytest.raises(ValueError, match="time zone"):
        column.process_bind_param(datetime(2026, 1, 1), dialect)
    stored = column.process_bind_param(NOW, dialect)
    assert column.process_result_value(stored, dialect) == NOW


class DeadlockError(Exception):
    sqlstate = "40P01"


@pytest.mark.parametrize("failures", [1, 3, 4])
async def test_a_deadlock_is_tried_again_and_leaves_nothing_behind(plain_store: Store, failures: int) -> None:
    left = failures

    def work(tx: Transaction) -> str:
        nonlocal left
        emit(tx, [1], "a")
        if left:
            left -= 1
            raise sa.exc.OperationalError("INSERT", {}, DeadlockError())
        return "done"

    if failures < 4:
        assert await plain_store.write(work) == "done"
        assert [e.seq for e in await plain_store.since(1, 0)] == [1]
    else:
        with pytest.raises(sa.exc.OperationalError):
            await plain_store.write(work)
        assert await plain_store.since(1, 0) == []


async def test_other_failures_of_the_database_are_not_tried_again(plain_store: Store) -> None:
    tries = 0

    def work(_tx: Transaction) -> None:
        nonlocal tries
        tries += 1
        raise sa.exc.OperationalError("INSERT", {}, Exception("disk full"))

    with pytest.raises(sa.exc.OperationalError):
        await plain_store.write(work)
    assert tries == 1


async def test_a_full_disk_is_told_as_what_passes(plain_store: Store) -> None:
    def fill(tx: Transaction) -> None:
        tx.connection.exec_driver_sql("PRAGMA max_page_count = 1")  # no more than there are
        for _page in range(100):
            tx.emit("x", [1], {"text": "x" * 4000})

    with pytest.raises(UnavailableError) as caught:
        await plain_store.write(fill)
    assert caught.value.code == "database_away"
    await plain_store.write(lambda tx: tx.connection.exec_driver_sql("PRAGMA max_page_count = 1000000").all())
    await plain_store.write(emit, [1], "a")
    assert [e.seq for e in await plain_store.since(1, 0)] == [1]


def test_moments_are_stored_as_they_are_though_repeated(plain_store: Store) -> None:
    now, later = (
        datetime(2026, 11, 24, 1, tzinfo=UTC),
        datetime(2026, 11, 24, 8, 0, 0, 5, tzinfo=timezone(timedelta(hours=7))),
    )
    moments = [now, now, later, later, now, datetime(2026, 11, 24, 1, tzinfo=UTC)]
    rows = [{"id": id, "kind": "x", "body": "{}", "at": at} for id, at in enumerate(moments, 1)]
    plain_store.write_now(lambda tx: tx.execute(sa.insert(content_table), rows))
    found = plain_store.read_now(lambda tx: tx.all(sa.select(content_table.c.at).order_by(content_table.c.id)))
    assert [row.at for row in found] == moments
    with pytest.raises(sa.exc.StatementError, match="without a time zone"):
        plain_store.write_now(
            lambda tx: tx.execute(sa.insert(content_table), [{**rows[0], "id": 9, "at": datetime(2026, 1, 1)}])
        )


async def test_what_was_found_out_in_a_savepoint_that_fails_is_forgotten(plain_store: Store) -> None:
    def work(tx: Transaction) -> None:
        tx.known["before"] = 1
        with pytest.raises(RuntimeError), tx.savepoint():
            tx.known["inside"] = 2
            raise RuntimeError
        assert "inside" not in tx.known

    await plain_store.write(work)


async def test_many_numbers_are_one_value_there_and_back(plain_store: Store) -> None:
    def work(tx: Transaction) -> tuple[list[int], list[int]]:
        dialect = tx.connection.dialect.name
        table = many.named(dialect, "wanted")
        gathered = tx.one(
            sa.select(many.gathered(dialect, table.c.value).label("all")), {"wanted": tx.bound([3, 1, 2])}
        )
        assert gathered is not None
        again = tx.all(sa.select(table.c.value), {"wanted": gathered.all})
        return many.numbers_in(gathered.all), [row.value for row in again]

    assert await plain_store.read(work) == ([3, 1, 2], [3, 1, 2])


async def test_pairs_are_numbers(plain_store: Store) -> None:
    def work(tx: Transaction) -> list[tuple[int, int]]:
        pairs = many.named_pairs(tx.connection.dialect.name, "pairs")
        rows = tx.all(sa.select(pairs.c.key, pairs.c.value), {"pairs": many.bound_pairs({7: 1, 12: 2**40, 3: -1})})
        return sorted((row.key, row.value) for row in rows)

    assert await plain_store.read(work) == [(3, -1), (7, 1), (12, 2**40)]
