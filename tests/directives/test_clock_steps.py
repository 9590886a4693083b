"""The server's clock goes an hour wrong and is set right while directives are open: nothing is there twice or lost."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import pytest
import sqlalchemy as sa
from aiohttp.test_utils import TestClient

from server.directives import service
from server.directives.documents import Urgency
from server.directives.model import alarm_table, delivery_table
from server.directives.running import alarms
from server.directives.service.access import TIMED
from server.store import Store
from server.store.events import since
from tests.conftest import PASSWORD, As, Clock, DistrictIds
from tests.directives.helpers import POLICY, issue

WEDNESDAY = datetime(2026, 11, 25, 1, 0, tzinfo=UTC)  # 08:00 in Vietnam
COMMUNES = ("19597", "19600")
HOUR = timedelta(hours=1)
MINUTE = timedelta(minutes=1)
AHEAD = (HOUR, -HOUR)  # wrong, then set right
BEHIND = (-HOUR, HOUR)
v, a = delivery_table.c, alarm_table.c
Key = tuple[Any, ...]


class Urgent:
    """A most urgent directive to two communes that nobody answers, and a sweeper."""

    def __init__(self, store: Store, district: DistrictIds, clock: Clock) -> None:
        self.store, self.clock = store, clock
        self.units = [district.unit(code) for code in COMMUNES]
        self.leader = district.who("chutich")
        self.id = issue(store, self.leader, self.units, urgency=Urgency.FLASH, deadline=clock() + timedelta(hours=3)).id

    def sweep(self) -> None:
        while self.store.write_now(service.sweep, POLICY):
            pass

    def go_on(self, minutes: int) -> None:
        """So many minutes of a clock that goes, with a sweep in each."""
        for _minute in range(minutes):
            self.clock.advance(minutes=1)
            self.sweep()

    def raised(self) -> Counter[Key]:
        query = sa.select(a.delivery_id, a.clock, a.due, a.kind, a.step)
        return Counter(tuple(row) for row in self.store.read_now(lambda tx: tx.all(query)))

    def planned(self, until: datetime) -> Counter[Key]:
        """What the rules want raised until then."""
        rows = self.store.read_now(lambda tx: tx.all(TIMED.where(v.directive_id == self.id)))
        plan = [(row.id, one) for row in rows for one in alarms(POLICY, row) if one.at <= until]
        return Counter((key, one.clock.value, one.due, one.kind.value, one.step) for key, one in plan)

    def told(self) -> Counter[Key]:
        """What the units were told of each other."""
        found: Counter[Key] = Counter()
        for unit in (*self.units, self.leader.unit_id):
            for event in self.store.read_now(lambda tx, unit=unit: since(tx.connection, unit, 0)):
                if event.kind in ("delivery.reminder", "delivery.escalated"):
                    body = msgspec.json.decode(event.body)
                    found.update((body["clock"], body["duty"], body["due"], one) for one in body["units"])
        return found

    def to_be_told(self) -> Counter[Key]:
        """The same, as it follows from the alarms."""
        query = sa.select(a.clock, a.duty, a.due, v.unit_id).join(delivery_table, v.id == a.delivery_id).where(a.told)
        rows = self.store.read_now(lambda tx: tx.all(query))
        return Counter((row.clock, row.duty, msgspec.to_builtins(row.due), row.unit_id) for row in rows)


@pytest.fixture
def urgent(store: Store, district: DistrictIds, clock: Clock) -> Urgent:
    clock.set(WEDNESDAY)
    return Urgent(store, district, clock)


@pytest.mark.parametrize("steps", [AHEAD, BEHIND], ids=["ahead", "behind"])
def test_each_alarm_is_raised_and_told_once(urgent: Urgent, clock: Clock, steps: tuple[timedelta, timedelta]) -> None:
    urgent.go_on(5)
    for step in steps:
        clock.set(clock() + step)
        urgent.sweep()
        urgent.go_on(10)
    urgent.go_on(300)
    assert clock() == WEDNESDAY + 325 * MINUTE
    assert urgent.raised() == urgent.planned(clock())
    assert len(urgent.raised()) >= 2 * len(COMMUNES)
    assert urgent.told() == urgent.to_be_told()


def test_a_jump_ahead_is_as_a_downtime(urgent: Urgent, clock: Clock) -> None:
    urgent.go_on(5)
    clock.set(clock() + HOUR)
    urgent.sweep()
    assert urgent.raised() == urgent.planned(clock()) != Counter()
    assert urgent.told() == urgent.to_be_told()


async def test_work_goes_on_with_times_of_a_clock_that_was_ahead(
    urgent: Urgent, clock: Clock, district: DistrictIds, as_: As
) -> None:
    clock.advance(minutes=5)
    leader, commune = await as_("chutich"), await as_("camtuyen")
    path = f"/api/v1/directives/{urgent.id}"
    clock.set(clock() + HOUR)
    registered = await commune.post(f"{path}/register", {"command_id": "ahead"})
    assert registered.status == 200
    clock.set(clock() - HOUR)
    again = await commune.post(f"{path}/register", {"command_id": "ahead"})
    assert await again.json() == await registered.json()
    reported = await commune.post(f"{path}/responses", {"text": "Đã làm", "command_id": "report"})
    assert reported.status == 201, await reported.text()
    for client, where in [(leader, path), (commune, path), (commune, "/api/v1/deliveries"), (commune, "/api/v1/day")]:
        assert (await client.get(where)).status == 200
    unit = district.who("camtuyen").unit_id
    row = urgent.store.read_now(lambda tx: tx.all(sa.select(v.id).where(v.unit_id == unit)))[0]
    held = (await (await leader.get(f"/api/v1/deliveries/{row.id}")).json())["delivery"]["held"]
    ends = [datetime.fromisoformat(piece["end"]) for piece in held]
    begins = [datetime.fromisoformat(piece["begin"]) for piece in held]
    assert begins[1:] == ends[:-1]
    assert all(begin < end for begin, end in zip(begins, ends, strict=True))


async def test_sign_ins_outlive_a_step(app_client: TestClient[Any, Any], as_: As, clock: Clock) -> None:
    async def sign_in(password: str = PASSWORD) -> int:
        body = {"username": "chutich", "password": password}
        return (await app_client.post("/api/v1/session", json=body)).status

    before = await as_("camthuy")
    clock.set(clock() + HOUR)
    assert (await before.get("/api/v1/session")).status == 200
    ahead = await as_("camtuyen")
    assert [await sign_in("wrong") for _try in range(2)] == [401, 401]
    assert await sign_in() == 201
    assert await sign_in("wrong") == 401
    clock.set(clock() - HOUR)
    assert [(await one.get("/api/v1/session")).status for one in (before, ahead)] == [200, 200]
    assert await sign_in() == 201  # nobody waits for an hour that was none
    clock.advance(hours=12)
    assert [(await one.get("/api/v1/session")).status for one in (before, ahead)] == [401, 200]
    clock.advance(hours=1)
    assert (await ahead.get("/api/v1/session")).status == 401


async def test_guessing_is_slowed_after_a_step_back(app_client: TestClient[Any, Any], clock: Clock) -> None:
    async def guess() -> int:
        body = {"username": "chutich", "password": "wrong"}
        return (await app_client.post("/api/v1/session", json=body)).status

    found = [await guess() for _try in range(5)]
    assert 429 in found
    clock.set(clock() - HOUR)
    assert [await guess(), await guess()] == [401, 429]
