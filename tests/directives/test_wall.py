"""The leader's wall: who is connected, who is late, and for whom it is."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest
from aiohttp import web

from server.channel import CHANNEL
from server.directives import service
from server.directives.service import Tile, Worst
from server.directives.wall import columns_for, may_watch_presence, read_wall
from server.store import Store
from tests.conftest import Clock, DistrictIds, PageAs
from tests.directives.helpers import POLICY, issue
from tests.directives.test_calling import POLICY as CALLING


def test_late_units_by_name(store: Store, district: DistrictIds, clock: Clock) -> None:
    leader, on_time = district.who("chutich"), district.who("camnghia")
    made = issue(store, leader, [district.unit("19606"), on_time.unit_id], subject="Việc đã giao")
    store.write_now(service.register, on_time, POLICY, made.id)
    clock.advance(days=4)
    wall = store.read_now(read_wall, leader, POLICY, [on_time.unit_id, leader.unit_id])
    found = {unit.id: (unit.connected, unit.late) for unit in wall.units}
    assert found[district.unit("19606")] == (False, 1)
    assert found[on_time.unit_id] == (True, 0)
    assert (wall.connected, wall.more) == (1, 0)
    assert [line.delivery.unit for line in wall.late] == [district.unit("19606")]


async def test_the_page(app: web.Application, district: DistrictIds, page_as: PageAs) -> None:
    leader, village = await page_as("chutich"), await page_as("thon1.camthuy")
    app[CHANNEL].presence.arrived(district.unit("19606"))
    text = await (await leader.get("/wall")).text()
    assert re.search(r"1 trên [0-9]+ đơn vị đang kết nối", text)
    assert "Không có việc nào quá hạn." in text
    for wall in ("/wall", "/wall/tiles"):
        head = (await (await leader.get(wall)).text()).split("</header>")[0]
        assert 'href="/"' in head and "Về trang chính" in head
    assert (await village.get("/wall")).status == 403
    assert await may_watch_presence(district.who("chutich"), "presence")
    assert not await may_watch_presence(district.who("thon1.camthuy"), "presence")


def tiles(store: Store, district: DistrictIds) -> dict[int, Tile]:
    return {tile.unit: tile for tile in store.read_now(service.overview, district.who("chutich"), POLICY)}


def test_each_commune_shows_its_worst(store: Store, district: DistrictIds, clock: Clock) -> None:
    leader, codes = district.who("chutich"), ("19606", "19600", "19603", "19621", "19606.01")
    commune, second, third, fourth, village = (district.unit(code) for code in codes)
    assert {tile.worst for tile in tiles(store, district).values()} == {Worst.CLEAR}
    assert len(tiles(store, district)) == 8, "communes alone, no organs of the district"
    made = issue(store, leader, [commune, second, third], deadline=clock() + timedelta(days=9))
    assert tiles(store, district)[commune].worst is Worst.UNREGISTERED
    for who in ("vanthu.camthuy", "vanthu.camtuyen"):
        store.write_now(service.register, district.who(who), POLICY, made.id)
    found = tiles(store, district)
    assert (found[commune].worst, found[commune].counts[Worst.WORKING]) == (Worst.WORKING, 1)
    assert found[third].worst is Worst.UNREGISTERED
    assert found[fourth].worst is Worst.CLEAR
    clock.advance(days=8, hours=20)
    found = tiles(store, district)
    assert found[commune].worst is Worst.SOON
    assert (found[third].worst, found[third].counts[Worst.LATE]) == (Worst.LATE, 1), "not registered in time"
    issue(store, leader, [village], deadline=clock() + timedelta(days=9))
    clock.advance(days=4)
    found = tiles(store, district)
    assert found[commune].counts[Worst.LATE] == 2, "the commune's answer and its village's receipt"
    drill = {"exercise": True, "deadline": clock() + timedelta(days=1)}
    issue(store, leader, [fourth], **drill)
    assert tiles(store, district)[fourth].worst is Worst.CLEAR, "exercises do not count"


def test_a_unit_out_of_reach_is_worse_than_one_that_is_only_slow(store: Store, district: DistrictIds) -> None:
    leader = district.who("chutich")
    made = issue(store, leader, [district.unit("19606.01"), district.unit("19603.01")])
    store.write_now(service.see, district.who("thon1.thanhan"), made.id)
    found = {tile.unit: tile for tile in store.read_now(service.overview, leader, CALLING)}
    assert found[district.unit("19606")].worst is Worst.UNREACHED
    assert found[district.unit("19603")].worst is Worst.UNREGISTERED


@pytest.mark.parametrize(("tiles", "columns"), [(0, 1), (1, 2), (8, 4), (12, 4), (15, 5), (80, 10), (500, 12)])
def test_columns_fill_the_screen(tiles: int, columns: int) -> None:
    assert columns_for(tiles) == columns


async def test_the_tiles_page(app: web.Application, district: DistrictIds, page_as: PageAs, store: Store) -> None:
    issue(store, district.who("chutich"), [district.unit("19606")])
    leader, village = await page_as("chutich"), await page_as("thon1.camthuy")
    text = await (await leader.get("/wall/tiles")).text()
    assert re.search(r'wall-tile-unregistered">\s*<span class="tile-letter" aria-hidden="true">C</span>', text)
    assert text.count('<span class="tile-letter" aria-hidden="true">X</span>') == 7
    assert (await village.get("/wall/tiles")).status == 403
