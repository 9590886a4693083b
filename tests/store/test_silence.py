"""A PostgreSQL that says nothing is away within seconds, for all; when it goes on, all goes on, and nothing twice."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from server.errors import UnavailableError
from server.store import Store, Transaction, silence
from server.store.migrate import migrate
from tests.postgres import folder_of, frozen, new_database, postgres_cluster

pytestmark = pytest.mark.sqlite_only  # it has a PostgreSQL of its own

NUMBERS = sa.table("numbers", sa.column("n", sa.Integer))


@pytest.fixture(scope="module")
def cluster() -> Iterator[str]:
    with postgres_cluster() as made:
        yield made


@pytest.fixture
def store(cluster: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Store]:
    monkeypatch.setattr(silence, "PING", 0.5)
    monkeypatch.setattr(silence, "CONNECT", 2)
    monkeypatch.setattr(silence, "STATEMENT", 2)
    monkeypatch.setattr(silence, "LOCK", 1)
    monkeypatch.setattr(silence, "SILENT", 4.0)
    made = Store(new_database(cluster, "silence"))
    made.write_now(lambda tx: tx.execute(sa.text("CREATE TABLE numbers (n integer UNIQUE)")))
    yield made
    made.close()


def add(tx: Transaction, number: int) -> None:
    tx.execute(sa.insert(NUMBERS).values(n=number))


def numbers(tx: Transaction) -> list[int]:
    return list(tx.connection.scalars(sa.select(NUMBERS.c.n).order_by(NUMBERS.c.n)))


def folder(store: Store) -> Path:
    return folder_of(store.engine.url)


async def fails(work: Any) -> float:
    """After how many seconds it is away."""
    begun = time.monotonic()
    with pytest.raises(UnavailableError) as caught:
        await asyncio.wait_for(work, 20)
    assert caught.value.code == "database_away"
    return time.monotonic() - begun


async def test_a_frozen_one_is_away_for_all_and_then_goes_on(store: Store) -> None:
    await asyncio.gather(*(store.write(add, number) for number in range(20)), *(store.read(numbers) for _ in range(20)))
    running = asyncio.ensure_future(store.write(lambda tx: (add(tx, 100), time.sleep(1), add(tx, 101))))
    await asyncio.sleep(0.3)
    with frozen(folder(store)):
        took = await asyncio.gather(
            fails(running),
            *(fails(store.read(numbers)) for _ in range(60)),
            *(fails(store.write(add, 99)) for _ in "ab"),
        )
        assert max(took) < 12
        with pytest.raises(UnavailableError):
            store.read_now(numbers)
        began = time.monotonic()
        await asyncio.gather(*(fails(store.read(numbers)) for _ in range(60)))
        assert time.monotonic() - began < 6, "they do not queue for the threads"
    await asyncio.sleep(silence.AGAIN)
    await store.write(add, 30)
    assert await store.read(numbers) == [*range(20), 30]


async def test_who_is_in_the_middle_gives_up_when_somebody_else_finds_nobody_there(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(silence, "SILENT", 60.0)
    running = asyncio.ensure_future(store.write(lambda tx: (add(tx, 1), time.sleep(0.6), add(tx, 2))))
    await asyncio.sleep(0.3)
    with frozen(folder(store)):
        await asyncio.sleep(0.5)
        took = await asyncio.gather(fails(running), fails(store.read(numbers)))
        assert max(took) < 8
    await asyncio.sleep(silence.AGAIN)
    assert await store.read(numbers) == []


async def test_a_lock_and_a_long_statement_are_waited_for_so_long_and_are_away_then(store: Store) -> None:
    with store.engine.connect() as other:
        other.execute(sa.insert(NUMBERS).values(n=7))
        assert await fails(store.write(add, 7)) < 1.9
        assert await fails(store.read(lambda tx: tx.execute(sa.text("SELECT pg_sleep(60)")))) < 3.5
        other.commit()
    assert await store.read(numbers) == [7]


def test_a_migration_may_last_and_wait(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(silence, "SILENT", 1.0)
    with store.engine.connect() as other, ThreadPoolExecutor(1) as thread:
        other.execute(sa.text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": 0x6769616F})
        migrating = thread.submit(migrate, store.engine)
        time.sleep(3)
        assert not migrating.done(), "another process migrates, for as long as it takes"
        other.rollback()
        migrating.result(60)
    with store.engine.connect() as connection:
        with silence.unhurried(connection):
            connection.execute(sa.text("SELECT pg_sleep(2.5)"))
        connection.rollback()
        limits = [connection.scalar(sa.text(f"SHOW {name}_timeout")) for name in ("statement", "lock")]
    assert limits == ["2s", "1s"], "and afterwards it is as before"
