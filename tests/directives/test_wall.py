"""The leader's wall: who is connected, who is late, and for whom it is."""

from __future__ import annotations

import re

from aiohttp import web

from server.channel import CHANNEL
from server.directives import service
from server.directives.wall import may_watch_presence, read_wall
from server.store import Store
from tests.conftest import Clock, DistrictIds, PageAs
from tests.directives.helpers import POLICY, issue


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
    assert (await village.get("/wall")).status == 403
    assert await may_watch_presence(district.who("chutich"), "presence")
    assert not await may_watch_presence(district.who("thon1.camthuy"), "presence")
