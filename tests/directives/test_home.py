"""Directives on the home page: late units, what is due, what waits for the leader, the village head's one button."""

from __future__ import annotations

from server.directives import service
from server.store import Store
from tests.conftest import Clock, DistrictIds, PageAs
from tests.directives.helpers import POLICY, WEEK, draft, issue


async def test_each_person_opens_on_their_work(
    store: Store, district: DistrictIds, page_as: PageAs, clock: Clock
) -> None:
    communes = [district.unit("19606"), district.unit("19615")]
    leader, clerk = district.who("chutich"), district.who("vanthu")
    issue(store, leader, [*communes, district.unit("19606.01")], subject="Việc đã giao")
    clock.advance(days=4)
    waiting = store.write_now(
        service.create_draft, clerk, POLICY, draft(communes, subject="Việc chờ ký", deadline=clock() + WEEK)
    )
    store.write_now(service.submit, clerk, POLICY, waiting.id)

    pages = {
        name: await (await (await page_as(name)).get("/")).text() for name in ("chutich", "camthuy", "thon1.camthuy")
    }
    assert "Xã Cam Thủy" in pages["chutich"]
    assert "Quá hạn" in pages["chutich"]
    assert f'action="/directives/{waiting.id}/issue"' in pages["chutich"]
    assert "Việc đã giao" in pages["camthuy"]
    assert "Việc chờ ký" not in pages["camthuy"]
    assert "ĐÃ NHẬN" in pages["thon1.camthuy"]
    assert 'action="/directives/1/register"' in pages["thon1.camthuy"]


async def test_the_village_heads_button(store: Store, district: DistrictIds, page_as: PageAs) -> None:
    made = issue(store, district.who("chutich"), [district.unit("19606.01")])
    head = await page_as("thon1.camthuy")
    assert (await head.post(f"/directives/{made.id}/register", {"command_id": "1"})).status == 303
    assert "ĐÃ NHẬN" not in await (await head.get("/")).text()


async def test_without_work_there_is_no_card(page_as: PageAs, district: DistrictIds) -> None:
    text = await (await (await page_as("camthuy")).get("/")).text()
    assert "Chỉ đạo cần làm" not in text
