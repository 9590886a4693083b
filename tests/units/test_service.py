"""The demo tree, its groups, and what a reform does to it."""

from __future__ import annotations

from datetime import date, timedelta
from pathlib import Path

import msgspec
import pytest

from server.errors import NotFoundError, UserError
from server.store import Store
from server.units import picker, service
from server.units.import_ import District, UnitEntry, import_tree, read_district
from server.units.rules import Bloc, Level
from tests.conftest import As, Clock, DistrictIds

REFORM = date(2025, 7, 1)


def code_of(store: Store, code: str, on: date | None = None) -> int:
    found = store.read_now(service.by_code, code, on)
    assert found
    return found.id


def test_the_demo_tree(store: Store, district: DistrictIds) -> None:
    tree = store.read_now(service.tree)
    assert [unit.code for unit in tree.roots] == ["45"]
    communes = [u.short_name for u in tree.children(district.unit("468")) if u.level is Level.COMMUNE]
    assert communes == [
        "Cam Chính", "Cam Hiếu", "Cam Nghĩa", "Cam Thành", "Cam Thủy", "Cam Tuyền", "Thanh An", "TT Cam Lộ",
    ]  # fmt: skip
    villages = [u for u in tree.ordered() if u.level is Level.VILLAGE]
    assert len(villages) == 80
    assert all(u.name.endswith("(mẫu)") for u in villages)
    assert [u.short_name for u in tree.children(district.unit("19606"))][:2] == ["Thôn 1 Cam Thủy", "Thôn 2 Cam Thủy"]
    assert [u.code for u in tree.path(district.unit("19606.10"))] == ["45", "468", "19606", "19606.10"]


def test_who_is_below_whom(store: Store, district: DistrictIds) -> None:
    village, commune, ours = district.unit("19606.01"), district.unit("19606"), district.unit("468")
    assert {u.id for u in store.read_now(service.children, commune)} == {
        u.id for u in store.read_now(service.descendants, commune)
    }
    for unit in (village, commune, ours):
        below = {u.id for u in store.read_now(service.descendants, unit)}
        assert store.read_now(service.ids_below, unit) == below
    assert store.read_now(service.current_ids, [commune, 10**6]) == {commune}


def test_groups(store: Store, district: DistrictIds) -> None:
    groups = {group.key: group for group in store.read_now(service.groups)}
    assert len(groups["communes"].unit_ids) == 8
    assert len(groups["villages"].unit_ids) == 80
    assert len(groups[f"villages:{district.unit('19606')}"].unit_ids) == 10
    assert len(groups["bloc:MASS_ORG"].unit_ids) == 5
    assert "bloc:CENTRAL_AGENCY" not in groups
    picked = store.read_now(picker.chosen, [district.unit("468.HU"), 10**6], ["communes", "nonsense", "communes"])
    assert len(picked) == 9


def test_unknown_units(store: Store, district: DistrictIds) -> None:
    with pytest.raises(NotFoundError):
        store.read_now(service.unit, 10**6)
    assert store.read_now(service.units_by_ids, [10**6]) == {}
    assert store.read_now(service.by_code, "00000") is None


def test_importing_again_changes_nothing(store: Store, district: DistrictIds, demo_file: District) -> None:
    report = store.write_now(import_tree, demo_file)
    assert (report.added, report.changed, report.ended, report.same) == (0, 0, 0, len(demo_file.entries()))


def reform() -> District:
    """Cam Lộ's communes of 2025, simplified: two new ones, one of them under an old code; the district ends."""
    return District(
        name="2025",
        valid_from=REFORM,
        units=[
            UnitEntry(code="19597", name="Xã Cam Lộ", short_name="Cam Lộ", level=Level.COMMUNE, parent="45"),
            UnitEntry(code="19600", name="Xã Hiếu Giang", short_name="Hiếu Giang", level=Level.COMMUNE, parent="45"),
        ],
        reused=["19597"],
        ended=["19606", "468"],
        successors={"19606": ["19600"], "19597": ["19597"]},
    )


def test_a_reform_keeps_the_old_names_for_old_days(store: Store, district: DistrictIds, clock: Clock) -> None:
    old_town, tuyen, thuy = (district.unit(code) for code in ("19597", "19600", "19606"))
    before_reform = clock()
    clock.advance(hours=1)
    report = store.write_now(import_tree, reform())
    assert (report.added, report.changed, report.ended) == (1, 1, 2)

    new_town = code_of(store, "19597")
    assert new_town != old_town
    assert code_of(store, "19597", date(2021, 1, 1)) == old_town
    assert store.read_now(service.unit, old_town).name == "Thị trấn Cam Lộ"
    assert store.read_now(service.unit, tuyen).name == "Xã Hiếu Giang"
    assert store.read_now(service.unit, tuyen, date(2025, 6, 30)).name == "Xã Cam Tuyền"
    assert store.read_now(service.by_code, "19606") is None
    assert store.read_now(service.unit, thuy).name == "Xã Cam Thủy"
    assert store.read_now(service.heirs) == {thuy: (tuyen,), old_town: (new_town,)}
    assert store.read_now(service.inherited, tuyen) == (thuy,)
    assert store.read_now(service.inherited, thuy) == ()

    known_then = store.read_now(service.tree, None, before_reform)
    assert known_then.units[tuyen].name == "Xã Cam Tuyền"
    assert thuy in known_then.units
    again = store.write_now(import_tree, reform())
    assert (again.added, again.changed, again.ended) == (0, 0, 0)
    assert store.read_now(service.heirs) == {thuy: (tuyen,), old_town: (new_town,)}


def test_an_heir_that_ends_stands_for_its_own_heirs(store: Store, district: DistrictIds, clock: Clock) -> None:
    """And a unit hands nothing over before its day."""
    thuy, tuyen, hieu, chinh = (district.unit(code) for code in ("19606", "19600", "19615", "19618"))
    today = clock().date()
    first = District(name="1", valid_from=today, units=[], ended=["19606"], successors={"19606": ["19600"]})
    second = District(
        name="2",
        valid_from=today + timedelta(days=1),
        units=[],
        ended=["19600"],
        successors={"19600": ["19615", "19618"]},
    )
    store.write_now(import_tree, first)
    store.write_now(import_tree, second)
    assert store.read_now(service.heirs) == {thuy: (tuyen,)}
    clock.advance(days=1)
    assert store.read_now(service.heirs) == {thuy: (chinh, hieu), tuyen: (chinh, hieu)}
    assert set(store.read_now(service.inherited, hieu)) == {thuy, tuyen}


def test_wrong_files_are_refused_whole(store: Store, tmp_path: Path, demo_file: District) -> None:
    orphan = UnitEntry(code="1", name="X", short_name="X", level=Level.COMMUNE, parent="99")
    wrong = msgspec.structs.replace(demo_file, units=[*demo_file.units, orphan])
    with pytest.raises(UserError, match="99"):
        store.write_now(import_tree, wrong)
    assert store.read_now(service.tree).units == {}
    twice = msgspec.structs.replace(demo_file, units=[*demo_file.units, demo_file.units[0]])
    with pytest.raises(UserError, match="45"):
        store.write_now(import_tree, twice)
    for text in ("name = 1", "not toml", 'name = "x"\nvalid_from = 2020-01-01\nunits = []\nother = 1'):
        (tmp_path / "wrong.toml").write_text(text)
        with pytest.raises(UserError, match=r"wrong\.toml"):
            read_district(tmp_path / "wrong.toml")


async def test_the_tree_for_programs(as_: As) -> None:
    client = await as_("camthuy")
    body = await (await client.get("/api/v1/units")).json()
    assert len(body["units"]) == 97
    assert body["groups"][0]["label"] == "Tất cả các xã, thị trấn"
    english = await (await client.get("/api/v1/units", headers={"Cookie": "language=en"})).json()
    assert "Cam Thủy" in next(g["label"] for g in english["groups"] if g["name"] == "Cam Thủy")
    assert (await client.get("/api/v1/units?on=2019-12-31")).status == 200
    assert (await (await client.get("/api/v1/units?on=2019-12-31")).json())["units"] == []
    assert (await client.get("/api/v1/units?on=yesterday")).status == 422
    assert {u["bloc"] for u in body["units"]} == {b.value for b in Bloc} - {"CENTRAL_AGENCY"}
