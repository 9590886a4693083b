"""One delivery that always fails: the others' alarms go out, it is set aside, counted, logged and tried again later."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import sqlalchemy as sa

from server.directives import service
from server.directives.documents import Urgency
from server.directives.model import alarm_table, delivery_table, set_aside_table
from server.directives.service import sweeping
from server.directives.sweeper import Sweeper
from server.store import Store
from server.store.events import since
from tests.conftest import As, Clock, DistrictIds
from tests.directives.helpers import POLICY, issue

WEDNESDAY = datetime(2026, 11, 25, 1, 0, tzinfo=UTC)  # 08:00 in Vietnam
COMMUNES = ("19597", "19600", "19603", "19606")
v = delivery_table.c


class Flood:
    """A directive to four communes that none registers; the delivery to one of them can be spoilt and mended."""

    def __init__(self, store: Store, district: DistrictIds) -> None:
        self.store, self.units = store, [district.unit(code) for code in COMMUNES]
        self.leader = district.who("chutich")
        issue(store, self.leader, self.units, urgency=Urgency.FLASH)
        self.bad = self.rows(sa.select(v.id).where(v.unit_id == self.units[1]))[0].id

    def rows(self, query: sa.Select[Any]) -> list[Any]:
        return self.store.read_now(lambda tx: tx.all(query))

    def set_state(self, state: str) -> None:
        change = sa.update(delivery_table).where(v.id == self.bad).values(state=state)
        self.store.write_now(lambda tx: tx.execute(change))

    def alarmed(self) -> list[int]:
        query = sa.select(v.unit_id).join(alarm_table, alarm_table.c.delivery_id == v.id).order_by(v.unit_id)
        return [row.unit_id for row in self.rows(query)]

    def aside(self) -> list[tuple[int, int]]:
        return [(row.delivery_id, row.tries) for row in self.rows(sa.select(set_aside_table))]

    def next_look(self) -> datetime:
        return self.rows(sa.select(v.alarm_at).where(v.id == self.bad))[0].alarm_at  # type: ignore[no-any-return]

    def sweep(self) -> int:
        return self.store.write_now(service.sweep, POLICY)


@pytest.fixture
def flood(store: Store, district: DistrictIds, clock: Clock) -> Flood:
    clock.set(WEDNESDAY)
    return Flood(store, district)


def test_the_others_alarms_go_out(flood: Flood, clock: Clock, caplog: pytest.LogCaptureFixture) -> None:
    flood.set_state("NONSENSE")
    clock.advance(minutes=20)
    assert flood.sweep() == 4
    assert flood.alarmed() == sorted(set(flood.units) - {flood.units[1]})
    assert flood.aside() == [(flood.bad, 1)]
    assert f"delivery {flood.bad}: its alarms failed (try 1)" in caplog.text
    assert "ValueError" in caplog.text
    assert flood.sweep() == 0  # not again at once


def test_nobody_hears_twice_of_what_was_undone(flood: Flood, clock: Clock) -> None:
    """The batch fails after it has told some: what it told is undone with it, and numbers have no hole."""
    flood.set_state("NONSENSE")
    clock.advance(minutes=20)
    heard: list[tuple[int, int]] = []
    flood.store.listeners.append(lambda events, _notes: heard.extend((e.unit_id, e.seq) for e in events))
    flood.sweep()
    assert sorted(unit for unit, _seq in heard) == sorted(set(flood.units) - {flood.units[1]})
    for unit in flood.units:
        stored = flood.store.read_now(lambda tx, unit=unit: [e.seq for e in since(tx.connection, unit, 0)])
        assert stored == list(range(1, len(stored) + 1))
        assert [seq for to, seq in heard if to == unit] == stored[1:]


def test_it_is_tried_again_later_and_later(flood: Flood, clock: Clock) -> None:
    flood.set_state("NONSENSE")
    clock.advance(minutes=20)
    pauses = []
    for _ in range(9):
        flood.sweep()
        pauses.append((flood.next_look() - clock()) // timedelta(minutes=1))
        clock.set(flood.next_look())
    assert pauses == [1, 2, 4, 8, 16, 32, 60, 60, 60]
    assert flood.aside() == [(flood.bad, 9)]


def test_once_mended_it_is_as_any_other(flood: Flood, clock: Clock) -> None:
    flood.set_state("NONSENSE")
    clock.advance(minutes=20)
    flood.sweep()
    flood.set_state("SENT")
    clock.advance(minutes=1)
    assert flood.sweep() == 1
    assert flood.units[1] in flood.alarmed()
    assert flood.aside() == []


def test_what_cannot_even_be_told_is_set_aside(flood: Flood, clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    """A failure after its alarms were written: they are undone, and so is what others would have heard."""
    honest = sweeping.tell_raised

    def fail(tx: Any, policy: Any, raised: Any) -> None:
        honest(tx, policy, raised)
        if any(one.delivery.id == flood.bad for one in raised):
            raise RuntimeError("no words")

    monkeypatch.setattr(sweeping, "tell_raised", fail)
    clock.advance(minutes=20)
    heard: list[int] = []
    flood.store.listeners.append(lambda events, _notes: heard.extend(e.unit_id for e in events))
    assert flood.sweep() == 4
    assert sorted(heard) == flood.alarmed() == sorted(set(flood.units) - {flood.units[1]})
    assert flood.aside() == [(flood.bad, 1)]


def test_when_the_database_fails_no_delivery_is_blamed(
    flood: Flood, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_parts: Any) -> None:
        raise sa.exc.OperationalError("INSERT", {}, OSError("disk full"))

    clock.advance(minutes=20)
    with monkeypatch.context() as broken:
        broken.setattr(sweeping, "raise_due", fail)
        with pytest.raises(sa.exc.OperationalError):
            flood.sweep()
    assert flood.aside() == []
    assert flood.sweep() == 4
    assert len(flood.alarmed()) == 4


async def test_a_job_that_fails_holds_up_no_other(
    flood: Flood, clock: Clock, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """A scheduled issue that always fails: alarms of a flood go out all the same, and the log says what failed."""

    def fail(*_parts: Any) -> bool:
        raise KeyError("a mistake of ours")

    monkeypatch.setattr(service, "issue_due", fail)
    clock.advance(minutes=20)
    sweeper = Sweeper(flood.store, POLICY, pause=0.01)
    sweeper.start()
    try:
        async with asyncio.timeout(30):
            while len(flood.alarmed()) < 4:
                await asyncio.sleep(0.01)
    finally:
        await sweeper.close()
    assert "_issue; trying again" in caplog.text and "a mistake of ours" in caplog.text


async def test_an_administrator_sees_how_many_are_set_aside(flood: Flood, clock: Clock, as_: As) -> None:
    flood.set_state("NONSENSE")
    clock.advance(minutes=20)
    admin = await as_("quantri")  # the application's own sweeper has begun
    async with asyncio.timeout(30):
        while "giaoban_sweep_set_aside 1.0" not in await (await admin.get("/metrics")).text():
            await asyncio.sleep(0.05)
    assert flood.store.read_now(service.count_set_aside) == 1
