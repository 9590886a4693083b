"""The issuer's board as a tree: who stands in which branch, what it counts, what is open, and what a filter leaves."""

from __future__ import annotations

import re

import pytest
import sqlalchemy as sa
from aiohttp import web

from server.directives import service
from server.directives.model import directive_table
from server.directives.rules import RecipientRole
from server.directives.service import Show, View
from server.directives.service import branches as rules
from server.directives.service.branches import ALL_OPEN, OPEN_AT_FIRST
from server.directives.service.standing import counts_by_unit
from server.directives.shapes import Branch, Counts, Opened
from server.store import Store, Transaction
from server.units import service as units
from tests.conftest import Clock, DistrictIds, PageAs
from tests.directives.helpers import POLICY, issue
from tests.directives.test_calling import POLICY as CALLING
from tests.directives.test_recipients import reform

VILLAGES = [f"19606.{number:02}" for number in range(1, 11)]


def opened(store: Store, district: DistrictIds, directive: int, view: View | None = None) -> Opened:
    return store.read_now(service.open_directive, district.who("chutich"), POLICY, directive, view)


def issued(store: Store, district: DistrictIds, *codes: str) -> int:
    return issue(store, district.who("chutich"), [district.unit(code) for code in codes]).id


def test_blocs_then_communes_without_villages_then_those_with(store: Store, district: DistrictIds) -> None:
    front, union, women = "468.MTTQ", "468.LDLD", "468.LHPN"
    directive = issued(
        store, district, "19606", "19606.02", "19606.01", "19603.01", "19600", "19621", front, union, women
    )
    found = {branch.key: branch for branch in opened(store, district, directive).branches}
    commune, other = district.unit("19606"), district.unit("19603")
    assert list(found) == ["bloc-FRONT", "bloc-MASS_ORG", "communes", f"unit-{commune}", f"unit-{other}"]
    assert found["bloc-MASS_ORG"].units == [district.unit(women), district.unit(union)]
    assert found["communes"].units == [district.unit("19621"), district.unit("19600")], "Cam Nghĩa, Cam Tuyền"
    assert found[f"unit-{commune}"].units == [district.unit(code) for code in ("19606", "19606.01", "19606.02")]
    assert found[f"unit-{other}"].name == "Xã Thanh An", "it is no recipient itself"
    assert found[f"unit-{other}"].units == [district.unit("19603.01")]


def test_each_branch_counts_each_thing_by_itself(store: Store, district: DistrictIds, clock: Clock) -> None:
    directive = issued(store, district, "19606", "19606.01", "19606.02", "19600")
    village, clerk = district.who("thon1.camthuy"), district.who("vanthu.camthuy")
    store.write_now(service.see, village, directive)
    store.write_now(service.register, clerk, POLICY, directive)
    key = f"unit-{clerk.unit_id}"
    found = store.read_now(service.open_directive, district.who("chutich"), CALLING, directive)
    branches = {branch.key: branch for branch in found.branches}
    counts = branches[key].counts
    assert (counts.sent, counts.arrived, counts.seen, counts.registered, counts.unregistered) == (3, 2, 2, 1, 2)
    assert (counts.overdue, branches[key].troubled) == (0, True), "the second village has neither device nor number"
    assert (branches[key].unreachable, found.unreachable) == (1, 2)
    assert branches["communes"].counts == Counts(sent=1, unregistered=1)
    clock.advance(days=3)
    branches = {branch.key: branch for branch in opened(store, district, directive).branches}
    assert branches[key].counts.overdue == 2
    assert branches[key].units[:2] == [village.unit_id, district.unit("19606.02")], "late ones first"


def test_the_whole_is_the_sum_of_its_branches(store: Store, district: DistrictIds, clock: Clock) -> None:
    directive = issued(store, district, "19606", "19606.01", "19600", "19603", "468.MTTQ")
    store.write_now(service.register, district.who("vanthu.camtuyen"), POLICY, directive)
    clock.advance(days=3)
    found = opened(store, district, directive)
    leader = district.who("chutich")
    (line,) = store.read_now(service.issued, leader, POLICY)
    assert found.counts == line.counts
    for name in Counts.__struct_fields__:
        assert sum(getattr(one.counts, name) for one in found.branches) == getattr(found.counts, name), name
    assert sorted(unit for one in found.branches for unit in one.units) == sorted(one.unit for one in found.board or ())


def test_all_is_counted_by_one_query(store: Store, district: DistrictIds) -> None:
    directive = issued(store, district, "19606", "19606.01", "19600", "468.MTTQ")
    asked: list[str] = []
    sa.event.listen(store.engine, "before_cursor_execute", lambda _c, _k, statement, *_rest: asked.append(statement))

    def count(tx: Transaction) -> dict[int, Counts]:
        row = tx.one(sa.select(directive_table).where(directive_table.c.id == directive))
        asked.clear()
        return counts_by_unit(tx, POLICY, row)

    unit = district.unit("19600")
    assert store.read_now(count)[unit] == Counts(sent=1, unregistered=1)
    assert len([one for one in asked if one.startswith("SELECT")]) == 1


def test_trouble_comes_first(store: Store, district: DistrictIds, clock: Clock) -> None:
    directive = issued(store, district, "468.MTTQ", *VILLAGES, "19603.01")
    leader = district.who("matran")
    store.write_now(service.see, leader, directive)
    clock.advance(days=3)
    for number in range(1, 11):
        store.write_now(service.register, district.who(f"thon{number}.camthuy"), POLICY, directive)
    keys = [(one.key, one.troubled) for one in opened(store, district, directive).branches]
    assert keys == [
        ("bloc-FRONT", True),
        (f"unit-{district.unit('19603')}", True),
        (f"unit-{district.unit('19606')}", False),
    ]


def test_a_filter_leaves_lines_not_counts(store: Store, district: DistrictIds, clock: Clock) -> None:
    directive = issued(store, district, "19606", "19606.01", "19600")
    store.write_now(service.register, district.who("vanthu.camthuy"), POLICY, directive)
    store.write_now(service.register, district.who("vanthu.camtuyen"), POLICY, directive)
    assert opened(store, district, directive, View(show=Show.LATE)).branches == []
    (one,) = opened(store, district, directive, View(show=Show.UNREGISTERED)).branches
    assert (one.units, one.counts.sent, one.counts.registered) == ([district.unit("19606.01")], 2, 1)
    clock.advance(days=3)
    (one,) = opened(store, district, directive, View(show=Show.LATE)).branches
    assert one.units == [district.unit("19606.01")]


def test_only_open_branches_are_read_with_their_deliveries(store: Store, district: DistrictIds) -> None:
    directive = issued(store, district, "19606", "19606.01", "19600")
    found = opened(store, district, directive, View(open=frozenset({"communes", "unit-0"})))
    assert [one.unit for one in found.board or ()] == [district.unit("19600")]
    assert len(found.branches) == 2
    assert opened(store, district, directive, View(open=frozenset())).board == []


def branch(key: str, size: int, late: int = 0) -> Branch:
    counts = Counts(sent=size, overdue=late)
    return Branch(key=key, unit=None, name="", bloc=None, units=list(range(size)), counts=counts, unreachable=0)


def test_what_is_open_at_first() -> None:
    first = service.open_at_first
    assert first([branch("a", 20), branch("b", ALL_OPEN - 20)]) == {"a", "b"}, "a short board is open as a whole"
    many = [
        branch("late", 8, late=1),
        branch("long", 200, late=3),
        branch("too", OPEN_AT_FIRST - 8, 1),
        branch("ok", 2),
    ]
    assert first(many) == {"late", "too"}
    assert first([branch("ok", 100)]) == frozenset()


def test_a_unit_that_has_ended_keeps_its_place(store: Store, district: DistrictIds, clock: Clock) -> None:
    directive = issued(store, district, "19606.01", "19606")
    before = opened(store, district, directive).branches
    clock.advance(days=1)
    reform(store, clock)
    assert [(one.key, one.units) for one in opened(store, district, directive).branches] == [
        (one.key, one.units) for one in before
    ], "history keeps the tree of its own day"


def test_a_commune_sees_its_villages_as_one_branch(store: Store, district: DistrictIds) -> None:
    leader = district.who("chutich.camthuy")
    below = [unit.id for unit in store.read_now(units.descendants, leader.unit_id)]
    directive = issue(store, leader, below, role=RecipientRole.INFO).id
    (one,) = store.read_now(service.open_directive, leader, POLICY, directive).branches
    assert (one.name, one.units) == ("Xã Cam Thủy", below)


async def test_the_page_and_its_part(
    app: web.Application, district: DistrictIds, page_as: PageAs, store: Store
) -> None:
    directive = issued(store, district, "468.MTTQ", "19600", "19606", *VILLAGES)
    key = f"unit-{district.unit('19606')}"
    page = await page_as("vanthu")
    text = await (await page.get(f"/directives/{directive}")).text()
    assert re.search(rf'<details class="branch[^>]*id="{key}"[^>]* open', text), "a short board is open"
    assert "Khối Mặt trận" in text
    assert "11 nơi nhận" in text
    part = await (await page.get(f"/directives/{directive}/board?open=none")).text()
    assert "<tr" not in part
    assert 'id="bloc-FRONT"' in part
    assert not re.search(r"<details[^>]* open", part)
    part = await (await page.get(f"/directives/{directive}/board?open={key}&show=unregistered")).text()
    assert part.count("<tr data-unit") == 11
    assert re.findall(r'data-branch-key="([^"]+)" open', part) == [key]
    late = await (await page.get(f"/directives/{directive}?show=late")).text()
    assert "Không có nơi nào quá hạn." in late
    assert (await page.get(f"/directives/{directive}?show=everything")).status == 422


async def test_a_long_board_brings_the_lines_of_open_branches_alone(
    app: web.Application, district: DistrictIds, page_as: PageAs, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rules, "WHOLE", 10)
    monkeypatch.setattr(rules, "ALL_OPEN", 5)
    directive = issued(store, district, "468.MTTQ", "19600", "19606", *VILLAGES)
    key, page = f"unit-{district.unit('19606')}", await page_as("chutich")
    text = await (await page.get(f"/directives/{directive}")).text()
    assert "<tr data-unit" not in text
    assert "Thu hồi văn bản" in text, "what may be done follows from all deliveries"
    links = re.findall(r'<a href="([^"#]+)#([^"]+)">Xem từng nơi nhận', text)
    assert len(links) == 3
    (link,) = [href for href, branch in links if branch == key]
    text = await (await page.get(link.replace("&amp;", "&"))).text()
    assert text.count("<tr data-unit") == 11
    assert re.findall(r'data-branch-key="([^"]+)" open', text) == [key]
    whole = store.read_now(service.open_directive, district.who("chutich"), POLICY, directive).board
    assert whole is not None, "programs get all of it"
    assert len(whole) == 13
