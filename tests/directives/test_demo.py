"""The demo district's directives: the registers run in the order of dates, and every kind of state is there to see."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import pytest
import sqlalchemy as sa

from server.calls.rules import Outcome
from server.directives import demo
from server.directives.model import delivery_table, directive_table
from server.directives.rules import State, Through
from server.directives.service.called import calls_about
from server.store import Store
from tests.conftest import Clock, DistrictIds
from tests.directives.helpers import POLICY

d, v = directive_table.c, delivery_table.c


@pytest.fixture
def seeded(store: Store, district: DistrictIds, clock: Clock) -> Store:
    store.write_now(demo.seed, POLICY)
    return store


def by_number(store: Store, unit: sa.Column[int], number: sa.Column[int], at: sa.Column[datetime]) -> dict[int, Any]:
    """What each unit has numbered; exercises have numbers of their own."""
    query = sa.select(unit, number, at).where(number.is_not(None), unit.table.c.exercise.is_(False))
    query = query.order_by(unit, number)
    found: dict[int, list[tuple[int, datetime]]] = {}
    for row in store.read_now(lambda tx: tx.all(query)):
        found.setdefault(row[0], []).append((row[1], row[2]))
    return found


def test_numbers_follow_the_dates(seeded: Store) -> None:
    issued = by_number(seeded, d.unit_id, d.number, d.issued_at)
    received = by_number(seeded, v.unit_id, v.registry_number, v.registered_at)
    assert len(issued) == 2
    assert len(received) == 8, "villages register without numbers"
    for lines in (*issued.values(), *received.values()):
        assert [number for number, _at in lines] == list(range(1, len(lines) + 1))
        dates = [at for _number, at in lines]
        assert dates == sorted(dates)


def test_nothing_happens_in_the_future(seeded: Store, clock: Clock) -> None:
    latest = sa.select(sa.func.max(d.changed_at), sa.func.max(v.registered_at), sa.func.max(v.completed_at))
    (row,) = seeded.read_now(lambda tx: tx.all(latest.select_from(directive_table.join(delivery_table))))
    assert all(moment <= clock() for moment in row)


def test_what_people_are_to_see_is_there(seeded: Store) -> None:
    states = {row.state for row in seeded.read_now(lambda tx: tx.all(sa.select(v.state).distinct()))}
    assert {State.SENT, State.SEEN, State.REGISTERED, State.REPORTED, State.COMPLETED} <= states
    assert {State.RECALL_PENDING, State.SUPERSEDED, State.CLOSED_INFO} <= states
    asked = sa.select(v.id).where(v.extension_asked_at.is_not(None))
    assert len(seeded.read_now(lambda tx: tx.all(asked))) == 1
    rows = seeded.read_now(lambda tx: tx.all(sa.select(d.state, d.schedule_problem)))
    drafts = {tuple(row) for row in rows}
    assert {("DRAFT", None), ("WAITING", None), ("WAITING", "past_deadline"), ("SCHEDULED", None)} <= drafts
    drills = sa.select(d.unit_id).where(d.exercise, d.state == "ISSUED")
    assert len(seeded.read_now(lambda tx: tx.all(drills))) == 2
    assert seeded.read_now(demo.is_seeded)


def test_a_village_was_called_and_confirmed_by_a_key(seeded: Store) -> None:
    found = seeded.read_now(lambda tx: tx.all(sa.select(v).where(v.registered_through.is_not(None))))
    (row,) = found
    calls = seeded.read_now(calls_about, row.directive_id)[row.unit_id]
    assert [one.outcome for one in calls] == [Outcome.NO_ANSWER, Outcome.CONFIRMED]
    assert (row.state, row.registered_through) == (State.REGISTERED, Through.TELEPHONE)
    assert calls[0].at < calls[1].at < row.registered_at
