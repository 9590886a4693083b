"""What goes to a whole group goes to the whole of it on the day of the issue, whatever became of the tree meanwhile."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

import pytest

from server.accounts.principal import Principal
from server.directives import service
from server.directives.rules import RecipientRole
from server.directives.shapes import Recipient, ScheduleInput
from server.store import Store
from server.units.import_ import District, UnitEntry, import_tree
from server.units.rules import Level
from tests.conftest import Clock, DistrictIds
from tests.directives.helpers import POLICY, draft

COMMUNES = ("19597", "19600", "19603", "19606", "19612", "19615", "19618", "19621")
NEW, GONE = "19999", "19621"
ASSIST, EXECUTE, INFO, LEAD = (RecipientRole(one) for one in ("assist", "execute", "info", "lead"))


def reform(store: Store, clock: Clock, **changes: Any) -> None:
    """A commune is new and one has ended, an hour after the draft was written."""
    clock.advance(hours=1)
    new = UnitEntry(code=NEW, name="Xã Cam Mới", short_name="Cam Mới", level=Level.COMMUNE, parent="468")
    values = {"name": "x", "valid_from": date(2026, 1, 1), "units": [new], "ended": [GONE]}
    store.write_now(import_tree, District(**(values | changes)))


def write(store: Store, who: Principal, recipients: list[Recipient]) -> int:
    made = draft([], recipients=recipients, deadline=store.clock() + timedelta(days=9))
    return store.write_now(service.create_draft, who, POLICY, made).id


def sent_to(store: Store, who: Principal, directive: int) -> dict[int, str]:
    opened = store.read_now(service.open_directive, who, POLICY, directive)
    assert opened.board is not None
    board = {one.unit: one.role.value for one in opened.board}
    assert {one.unit: one.role.value for one in opened.directive.recipients} == board
    return board


def to(district: DistrictIds, *codes: str, role: RecipientRole = EXECUTE) -> list[Recipient]:
    return [Recipient(unit=district.unit(code), role=role) for code in codes]


def after(district: DistrictIds, *others: Recipient, role: RecipientRole = EXECUTE) -> dict[int, str]:
    """All communes of today, and others."""
    communes = to(district, *(code for code in COMMUNES if code != GONE), NEW, role=role)
    return {one.unit: one.role.value for one in (*communes, *others)}


@pytest.mark.parametrize("way", ["issue", "submit", "schedule"])
def test_a_whole_group_is_followed(store: Store, district: DistrictIds, clock: Clock, way: str) -> None:
    leader, front = district.who("chutich"), to(district, "468.MTTQ", role=INFO)
    directive = write(store, leader, to(district, *COMMUNES) + front)
    if way == "schedule":
        at = clock() + timedelta(hours=2)
        store.write_now(service.schedule, leader, directive, ScheduleInput(at=at))
    reform(store, clock)
    shown = store.read_now(service.open_directive, leader, POLICY, directive).directive
    assert {one.unit: one.role.value for one in shown.recipients} == after(district, *front)
    if way == "submit":  # which notes a new moment of change
        store.write_now(service.submit, leader, POLICY, directive)
    clock.advance(hours=1)
    if way == "schedule":
        assert store.write_now(service.issue_due, POLICY)
    else:
        store.write_now(service.issue, leader, POLICY, directive)
    assert sent_to(store, leader, directive) == after(district, *front)


def test_a_lead_stays_the_lead(store: Store, district: DistrictIds, clock: Clock) -> None:
    leader, lead = district.who("chutich"), to(district, COMMUNES[0], role=LEAD)
    directive = write(store, leader, lead + to(district, *COMMUNES[1:], role=ASSIST))
    reform(store, clock)
    store.write_now(service.issue, leader, POLICY, directive)
    assert sent_to(store, leader, directive) == after(district, role=ASSIST) | {lead[0].unit: "lead"}


def test_without_its_lead_nothing_is_issued(store: Store, district: DistrictIds, clock: Clock) -> None:
    leader = district.who("chutich")
    directive = write(store, leader, to(district, GONE, role=LEAD) + to(district, *COMMUNES[:-1], role=ASSIST))
    reform(store, clock)
    with pytest.raises(service.DraftError, match="unknown_recipient"):
        store.write_now(service.issue, leader, POLICY, directive)


@pytest.mark.parametrize("codes", [COMMUNES[1:-1], COMMUNES[:1]], ids=["not all", "one"])
def test_who_was_chosen_one_by_one_stays(
    store: Store, district: DistrictIds, clock: Clock, codes: tuple[str, ...]
) -> None:
    leader = district.who("chutich")
    directive = write(store, leader, to(district, *codes))
    reform(store, clock)
    store.write_now(service.issue, leader, POLICY, directive)
    assert sent_to(store, leader, directive) == {one.unit: "execute" for one in to(district, *codes)}


def test_of_an_issued_one_nothing_changes(store: Store, district: DistrictIds, clock: Clock) -> None:
    leader = district.who("chutich")
    directive = write(store, leader, to(district, *COMMUNES))
    store.write_now(service.issue, leader, POLICY, directive)
    before = sent_to(store, leader, directive)
    reform(store, clock)
    assert sent_to(store, leader, directive) == before
