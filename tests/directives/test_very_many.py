"""However many deliveries nobody has registered yet, no list is blind to the one among them that is late."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
import sqlalchemy as sa

from server.directives import service
from server.directives.documents import Urgency
from server.directives.model import delivery_table, directive_table
from server.directives.service.lateness import late_rows
from server.directives.shapes import OutboxQuery
from server.store import Store, Transaction
from tests.conftest import Clock, DistrictIds
from tests.directives.helpers import POLICY, WEEK, issue

MANY = 5_100


@pytest.fixture
def flash(store: Store, district: DistrictIds, clock: Clock) -> int:
    """A flash that Cam Hiếu has not registered in time; Cam Thủy got thousands before it, for which there is time."""
    leader = district.who("chutich")
    first = issue(store, leader, [district.unit("19606")], deadline=store.clock() + WEEK).id
    store.write_now(_again, first, MANY)
    clock.advance(minutes=1)
    deadline = store.clock() + timedelta(hours=6)
    made = issue(store, leader, [district.unit("19615")], urgency=Urgency.FLASH, deadline=deadline).id
    clock.advance(minutes=30)
    return made


def _again(tx: Transaction, directive: int, times: int) -> None:
    """So many copies of a directive and its delivery."""
    for table, mine in ((directive_table, directive_table.c.id), (delivery_table, delivery_table.c.directive_id)):
        row: Any = tx.one(sa.select(table).where(mine == directive))
        values = [dict(row._mapping) | {"id": row.id + n} for n in range(1, times + 1)]
        for n, one in enumerate(values, 1):
            if table is directive_table:
                one |= {"number": n + 9, "number_text": f"{n + 9}/KH-UBND"}  # the next one is 2
            else:
                one |= {"directive_id": directive + n}
        tx.execute(sa.insert(table), values)
        if tx.connection.dialect.name == "postgresql":
            tx.execute(sa.text(f"SELECT setval('{table.name}_id_seq', {times + 10})"))


def test_the_issuer_sees_it(store: Store, district: DistrictIds, flash: int) -> None:
    leader, unit = district.who("chutich"), district.unit("19615")
    late = store.read_now(service.late, leader, POLICY, 7)
    assert ([line.directive for line in late.lines], late.by_unit) == ([flash], {unit: 1})
    page = store.read_now(service.late_page, leader, POLICY)
    assert ([line.directive for line in page.lines], page.total) == ([flash], 1)
    found = store.read_now(service.outbox, leader, POLICY, OutboxQuery(late=True))
    assert [line.directive for line in found.issued] == [flash]
    below = store.read_now(service.unit_day, leader, POLICY).below
    assert [(line.id, line.late) for line in below if line.late] == [(unit, 1)]


def test_the_unit_s_own_day_counts_all(store: Store, district: DistrictIds, flash: int, clock: Clock) -> None:
    day = store.read_now(service.unit_day, district.who("camthuy"), POLICY)
    assert day.own.late + day.own.today + day.own.week + day.own.later == MANY + 1


def test_thousands_that_are_late_are_paged(store: Store, district: DistrictIds, flash: int, clock: Clock) -> None:
    clock.advance(days=6)
    leader = district.who("chutich")
    rows = store.read_now(late_rows, leader, POLICY, 3)
    assert (rows.total, len(rows.first), rows.first[0][0].directive_id) == (MANY + 2, 3, flash)
    page = store.read_now(service.late_page, leader, POLICY)
    second = store.read_now(service.late_page, leader, POLICY, after=page.next)
    third = store.read_now(service.late_page, leader, POLICY, after=second.next)
    seen = [line.directive for one in (page, second, third) for line in one.lines]
    assert (page.total, len(seen), len(set(seen))) == (MANY + 2, 150, 150)
