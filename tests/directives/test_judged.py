"""Deliveries judged together, by unit and by directive, stand as each of them does when it is judged alone."""

from __future__ import annotations

from collections import Counter
from datetime import timedelta
from random import Random
from typing import Any

import pytest
import sqlalchemy as sa

from server.directives import service
from server.directives.documents import Urgency
from server.directives.model import delivery_table
from server.directives.rules import UNREGISTERED, RecipientRole, Stage, State, Timeliness, stage_of
from server.directives.service import Worst, standing
from server.directives.service.access import BOTH, v
from server.directives.shapes import OutboxQuery, Recipient, ReportInput
from server.store import Store, Transaction
from tests.conftest import Clock, DistrictIds
from tests.directives.helpers import POLICY, issue

CODES = ("19606", "19600", "19603", "19621", "19606.01", "19603.01")


@pytest.fixture
def rows(store: Store, district: DistrictIds, clock: Clock) -> list[Any]:
    """Deliveries in all states, some of them alike, as they stand some days after their issue."""
    chance, leader, units = Random(11), district.who("chutich"), [district.unit(code) for code in CODES]
    for number in range(24):
        changes = {"urgency": chance.choice(list(Urgency)[:3]), "exercise": number % 6 == 0}
        issue(store, leader, units, deadline=clock() + timedelta(days=chance.choice((2, 5, 9, 13))), **changes)
        clock.advance(hours=chance.choice((0, 6, 11)))
    store.write_now(_live, chance)
    return store.read_now(lambda tx: tx.all(BOTH))


def _live(tx: Transaction, chance: Random) -> None:
    """Each delivery gets a state, and the dates that go with it."""
    for row in tx.all(sa.select(delivery_table)):
        state = chance.choice((State.SENT, State.SEEN, State.REGISTERED, State.REGISTERED, *State))
        seen = None if state in (State.SENT, State.RECALL_PENDING) else row.sent_at
        values = {
            "state": state.value,
            "stage": stage_of(state).value,
            "role": chance.choice((RecipientRole.EXECUTE, RecipientRole.ASSIST)).value,
            "seen_at": seen,
            "registered_at": None if state in UNREGISTERED else row.sent_at + timedelta(minutes=chance.randrange(90)),
            "recall_asked_at": tx.now - timedelta(days=1) if state is State.RECALL_PENDING else None,
            "extension_asked_at": tx.now if stage_of(state) is Stage.WORKING and chance.random() < 0.2 else None,
            "reported_at": row.sent_at if stage_of(state) is Stage.ANSWERED else None,
        }
        tx.execute(sa.update(delivery_table).where(v.id == row.id).values(**values))


@pytest.mark.parametrize(
    ("stage", "stands"),
    [
        (Stage.WAITING, {Timeliness.ON_TIME, Timeliness.OVERDUE}),
        (Stage.WORKING, {Timeliness.ON_TIME, Timeliness.SOON, Timeliness.OVERDUE, Timeliness.WAITING}),
    ],
)
def test_as_each_alone(store: Store, rows: list[Any], clock: Clock, stage: Stage, stands: set[Timeliness]) -> None:
    judged = store.read_now(lambda tx: list(standing.judged(tx, POLICY, v.stage == stage.value)))
    mine = [row for row in rows if row.stage == stage]
    alone = Counter((*standing.of(POLICY, row, clock()), row.unit_id) for row in mine)
    assert Counter((one.due, one.timeliness, unit) for one in judged for unit in one.units) == alone
    places = {row.id: (*standing.of(POLICY, row, clock()), row.directive_id, row.exercise) for row in mine}
    assert {delivery: one[:4] for one in judged for delivery in one.deliveries} == places
    assert stands <= {one.timeliness for one in judged}
    assert max(len(one.units) for one in judged) > 1, "some are judged together"


def test_tiles_count_each(store: Store, district: DistrictIds, rows: list[Any], clock: Clock) -> None:
    real = [row for row in rows if not row.exercise and row.stage in (Stage.WAITING, Stage.WORKING)]
    stands = [(row.unit_id, standing.of(POLICY, row, clock())[1]) for row in real]
    expected = {
        Worst.LATE: [unit for unit, stand in stands if stand is Timeliness.OVERDUE],
        Worst.SOON: [unit for unit, stand in stands if stand is Timeliness.SOON],
        Worst.UNREGISTERED: [row.unit_id for row in real if row.stage == Stage.WAITING],
        Worst.WORKING: [row.unit_id for row in real if row.stage == Stage.WORKING],
        Worst.UNREACHED: [],
    }
    tiles = store.read_now(service.overview, district.who("chutich"), POLICY)
    for worst, units in expected.items():
        assert sum(tile.counts[worst] for tile in tiles) == len(units), worst
    commune = [district.unit("19606"), district.unit("19606.01")]
    found = next(tile.counts for tile in tiles if tile.unit == commune[0])
    assert found == {worst: sum(unit in commune for unit in units) for worst, units in expected.items()}


def test_the_outbox_finds_whatever_has_one_late(
    store: Store, district: DistrictIds, rows: list[Any], clock: Clock
) -> None:
    def late(row: Any) -> bool:
        return standing.of(POLICY, row, clock())[1] is Timeliness.OVERDUE

    open_rows = [row for row in rows if row.stage in (Stage.WAITING, Stage.WORKING)]
    late_ones = {row.directive_id for row in open_rows if late(row)}
    found = store.read_now(service.outbox, district.who("chutich"), POLICY, OutboxQuery(late=True))
    assert {line.directive for line in found.issued} == late_ones
    assert found.total == len(late_ones) and len(late_ones) < 24
    assert [line.issued_at for line in found.issued] == sorted((one.issued_at for one in found.issued), reverse=True)


def test_work_without_a_deadline_is_neither_late_nor_done_in_time(
    store: Store, district: DistrictIds, clock: Clock
) -> None:
    """Registered in time is not done in time; who is only informed is done by registering."""
    chair, commune, informed = (district.who(name) for name in ("chutich", "camthuy", "camhieu"))
    units = [Recipient(unit=commune.unit_id), Recipient(unit=informed.unit_id, role=RecipientRole.INFO)]
    made = issue(store, chair, [], recipients=units, deadline=None).id

    def stands() -> dict[int, tuple[str, bool]]:
        board = store.read_now(service.open_directive, chair, POLICY, made).board or []
        return {one.unit: (one.timeliness.value, one.due is None) for one in board}

    assert set(stands().values()) == {("ON_TIME", False)}  # both are to register
    for who in (commune, informed):
        store.write_now(service.register, who, POLICY, made)
    assert stands() == {commune.unit_id: ("NONE", True), informed.unit_id: ("DONE_ON_TIME", False)}
    clock.advance(days=30)
    done = store.write_now(service.report, commune, POLICY, made, ReportInput(text="Xong."))
    assert stands()[commune.unit_id] == ("NONE", True)
    store.write_now(service.accept, chair, POLICY, done.id)
    assert stands()[commune.unit_id] == ("NONE", True)
