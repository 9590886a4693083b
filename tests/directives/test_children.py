"""What a commune has handed on to villages, and what replaces or corrects that: the parent waits for all of it."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest
import sqlalchemy as sa

from server.accounts.principal import Principal
from server.directives import service
from server.directives.model import delivery_table
from server.directives.rules import Relation, State
from server.directives.shapes import (
    ChildCounts,
    ExtensionDecision,
    ExtensionInput,
    ReportInput,
    SendBackInput,
    WaiveInput,
)
from server.errors import ConflictError, UserError
from server.store import Store
from tests.conftest import Clock, DistrictIds
from tests.directives.helpers import POLICY, WEEK, issue
from tests.directives.test_withdraw import later

v = delivery_table.c
DONE = ReportInput(text="Xong.")


class Commune:
    """Cam Thủy has registered a directive of the district, and hands it on to its first village."""

    def __init__(self, store: Store, district: DistrictIds) -> None:
        self.store, self.district = store, district
        self.villages = [district.unit(code) for code in ("19606.01", "19606.02")]
        self.leader, self.cadre, self.head = (
            district.who(name) for name in ("chutich.camthuy", "camthuy", "thon1.camthuy")
        )
        self.parent = issue(store, district.who("chutich"), [self.cadre.unit_id]).id
        store.write_now(service.register, self.cadre, POLICY, self.parent)
        self.child = self.later(Relation.FORWARDS, self.parent, self.villages[:1])

    def later(self, relation: Relation, of: int, units: list[int], **changes: Any) -> int:
        return int(later(self.store, self.leader, units, relation, of, **changes).id)

    def shorten(self, delivery: int, deadline: datetime) -> None:
        """Have it due sooner than what it was handed on with."""
        sooner = sa.update(delivery_table).where(v.id == delivery).values(deadline=deadline)
        self.store.write_now(lambda tx: tx.execute(sooner))

    def delivery(self, directive: int, unit: int) -> int:
        wanted = sa.select(v.id).where(v.directive_id == directive, v.unit_id == unit)
        return int(self.store.read_now(lambda tx: tx.execute(wanted).scalar_one()))

    def work(self, directive: int, who: Principal, issuer: Principal) -> None:
        """All of it, from the registration to its acceptance."""
        self.store.write_now(service.register, who, POLICY, directive)
        done = self.store.write_now(service.report, who, POLICY, directive, DONE)
        self.store.write_now(service.accept, issuer, POLICY, done.id)

    def finish(self) -> State:
        """The commune reports, and the district accepts."""
        done = self.store.write_now(service.report, self.cadre, POLICY, self.parent, DONE)
        return self.store.write_now(service.accept, self.district.who("chutich"), POLICY, done.id).state

    def counts(self) -> ChildCounts | None:
        opened = self.store.read_now(service.open_directive, self.cadre, POLICY, self.parent)
        assert opened.delivery is not None
        return opened.delivery.children


@pytest.fixture
def commune(store: Store, district: DistrictIds) -> Commune:
    return Commune(store, district)


def test_the_parent_waits_for_what_replaced_its_child(commune: Commune) -> None:
    newer = commune.later(Relation.REPLACES, commune.child, commune.villages[:1])
    newest = commune.later(Relation.REPLACES, newer, commune.villages[:1])
    with pytest.raises(ConflictError, match="children_open"):
        commune.finish()
    assert commune.counts() == ChildCounts(directive=newest, sent=1, open=1, registered=0, reported=0)
    commune.work(newest, commune.head, commune.leader)
    assert commune.finish() is State.COMPLETED


def test_the_parent_waits_for_what_corrects_its_child(commune: Commune) -> None:
    commune.work(commune.child, commune.head, commune.leader)
    correction = commune.later(Relation.CORRECTS, commune.child, commune.villages)
    with pytest.raises(ConflictError, match="children_open"):
        commune.finish()
    assert commune.counts() == ChildCounts(directive=commune.child, sent=2, open=2, registered=1, reported=1)
    commune.work(correction, commune.head, commune.leader)
    second = commune.delivery(correction, commune.villages[1])
    commune.store.write_now(service.waive, commune.leader, POLICY, second, WaiveInput(note="Đã sáp nhập"))
    assert commune.finish() is State.COMPLETED


def test_what_a_neighbour_hands_on_is_not_waited_for(store: Store, district: DistrictIds) -> None:
    chair, ours, theirs = (district.who(name) for name in ("chutich", "camthuy", "camhieu"))
    parent = issue(store, chair, [ours.unit_id, theirs.unit_id]).id
    for who in (ours, theirs):
        store.write_now(service.register, who, POLICY, parent)
    leader, villages = district.who("chutich.camhieu"), [district.unit("19615.01")]
    child = later(store, leader, villages, Relation.FORWARDS, parent).id
    later(store, leader, villages, Relation.REPLACES, child)
    done = {who.unit_id: store.write_now(service.report, who, POLICY, parent, DONE).id for who in (ours, theirs)}
    assert store.write_now(service.accept, chair, POLICY, done[ours.unit_id]).state is State.COMPLETED
    with pytest.raises(ConflictError, match="children_open"):
        store.write_now(service.accept, chair, POLICY, done[theirs.unit_id])


def test_a_child_gets_no_more_time_than_its_parent_has(commune: Commune, clock: Clock) -> None:
    """Neither by a request for more time nor with what is sent back, also for what replaced the first child."""
    newer = commune.later(Relation.REPLACES, commune.child, commune.villages[:1])
    limit, write, head, leader = clock() + WEEK, commune.store.write_now, commune.head, commune.leader
    delivery = commune.delivery(newer, commune.villages[0])
    write(service.register, head, POLICY, newer)
    deadline = limit - timedelta(hours=1)
    commune.shorten(delivery, deadline)
    write(service.ask_extension, head, POLICY, newer, ExtensionInput(reason="Nước chưa rút", until=limit + WEEK))
    for until in (None, limit + timedelta(minutes=1)):
        with pytest.raises(UserError, match="after_parent") as refused:
            write(service.decide_extension, leader, POLICY, delivery, ExtensionDecision(grant=True, until=until))
        assert refused.value.field == "until"
    write(service.decide_extension, leader, POLICY, delivery, ExtensionDecision(grant=True, until=limit))
    write(service.report, head, POLICY, newer, DONE)
    with pytest.raises(UserError, match="after_parent") as refused:
        write(service.send_back, leader, POLICY, delivery, SendBackInput(note="Thiếu", deadline=limit + WEEK))
    assert refused.value.field == "deadline"
    write(service.send_back, leader, POLICY, delivery, SendBackInput(note="Thiếu", deadline=limit))


def test_a_replacement_of_a_child_is_due_with_the_parent_at_last(commune: Commune, clock: Clock) -> None:
    for relation in (Relation.REPLACES, Relation.CORRECTS):
        with pytest.raises(service.DraftError, match="after_parent"):
            commune.later(relation, commune.child, commune.villages[:1], deadline=clock() + 2 * WEEK)


def test_a_commune_that_is_late_itself_may_still_have_its_villages_go_on(commune: Commune, clock: Clock) -> None:
    """Nothing asked of them could be due before a time that has passed; the lateness is the commune's."""
    delivery = commune.delivery(commune.child, commune.villages[0])
    commune.store.write_now(service.register, commune.head, POLICY, commune.child)
    commune.store.write_now(service.report, commune.head, POLICY, commune.child, DONE)
    clock.advance(days=8)
    again = SendBackInput(note="Thiếu", deadline=clock() + timedelta(days=1))
    assert commune.store.write_now(service.send_back, commune.leader, POLICY, delivery, again).state is State.REWORK


def test_once_the_parent_is_done_it_bounds_nothing(commune: Commune, clock: Clock) -> None:
    commune.work(commune.child, commune.head, commune.leader)
    assert commune.finish() is State.COMPLETED
    assert commune.later(Relation.CORRECTS, commune.child, commune.villages[:1], deadline=clock() + 2 * WEEK)


def test_an_error_in_what_was_handed_on_is_corrected_after_the_parent_is_completed(commune: Commune) -> None:
    """Nghị định 30/2020, Điều 18: the issuer of a document mends it; that the district has accepted is no bar."""
    commune.work(commune.child, commune.head, commune.leader)
    assert commune.finish() is State.COMPLETED
    correction = commune.later(Relation.CORRECTS, commune.child, commune.villages[:1])
    assert commune.delivery(correction, commune.villages[0])
