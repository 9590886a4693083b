"""What a commune has handed on to villages, and what replaces or corrects that: the parent waits for all of it."""

from __future__ import annotations

import pytest
import sqlalchemy as sa

from server.accounts.principal import Principal
from server.directives import service
from server.directives.model import delivery_table
from server.directives.rules import Relation, State
from server.directives.shapes import ChildCounts, ReportInput, WaiveInput
from server.errors import ConflictError
from server.store import Store
from tests.conftest import DistrictIds
from tests.directives.helpers import POLICY, issue
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

    def later(self, relation: Relation, of: int, units: list[int]) -> int:
        return later(self.store, self.leader, units, relation, of).id

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
    assert commune.counts() == ChildCounts(directive=correction, sent=2, open=2, registered=1, reported=1)
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


def test_an_error_in_what_was_handed_on_is_corrected_after_the_parent_is_completed(commune: Commune) -> None:
    """Nghị định 30/2020, Điều 18: the issuer of a document mends it; that the district has accepted is no bar."""
    commune.work(commune.child, commune.head, commune.leader)
    assert commune.finish() is State.COMPLETED
    correction = commune.later(Relation.CORRECTS, commune.child, commune.villages[:1])
    assert commune.delivery(correction, commune.villages[0])
