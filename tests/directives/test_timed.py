"""Hỏa tốc hẹn giờ: a directive that names its hour, from the form to the recipient's page and over the exchange."""

from __future__ import annotations

from datetime import timedelta

import pytest

from server.directives import service
from server.directives.documents import Urgency
from server.directives.edxml.message import PRIORITIES, Document
from server.directives.edxml.reading import read_message
from server.directives.service.problems import DraftError
from server.reach.notice import RANKS
from server.reach.words import Words
from server.store import Store
from tests.conftest import As, Clock, DistrictIds, PageAs
from tests.directives.edxml.test_exchange import HANOI, PROVINCE, changed, send
from tests.directives.helpers import POLICY, draft, issue
from tests.reach.helpers import notice

TIMED = Urgency.FLASH_TIMED


def test_the_hour_must_be_said(store: Store, district: DistrictIds) -> None:
    leader, unit = district.who("chutich"), district.unit("19606")
    with pytest.raises(DraftError) as refused:
        store.write_now(service.create_and_issue, leader, POLICY, draft([unit], urgency=TIMED))
    assert [(one.field, one.code) for one in refused.value.problems] == [("deadline", "no_hour")]
    assert issue(store, leader, [unit], urgency=TIMED).number_text == "01/KH-UBND"


def test_its_clocks_are_those_of_flash(store: Store, district: DistrictIds, clock: Clock) -> None:
    done = issue(store, district.who("chutich"), [district.unit("19606")], urgency=TIMED)
    opened = store.read_now(service.open_directive, district.who("camthuy"), POLICY, done.id)
    assert opened.delivery is not None
    assert opened.delivery.due == clock() + timedelta(minutes=15)
    clock.advance(minutes=20)
    assert store.write_now(service.sweep, POLICY) == 1
    assert store.read_now(service.my_alarms, district.who("chutich.camthuy"), POLICY)[0].urgency is TIMED


async def test_pages_show_the_hour(page_as: PageAs, store: Store, district: DistrictIds, clock: Clock) -> None:
    clerk = await page_as("vanthu")
    assert 'value="FLASH_TIMED"' in await (await clerk.get("/directives/new")).text()
    form = {"kind": "Công điện", "subject": "Sơ tán dân", "urgency": "FLASH_TIMED", "action": "submit"}
    form |= {"recipients": str(district.unit("19606")), "confirmed": "day_off:2026-11-24"}
    answer = await clerk.post("/directives/new", form)
    assert (answer.status, "phải ghi giờ, ngày hẹn" in await answer.text()) == (422, True)
    answer = await clerk.post("/directives/new", form | {"deadline": "2026-11-24T15:30"})
    assert answer.status == 303
    place = answer.headers["Location"]
    leader = await page_as("chutich")
    said = "Hỏa tốc hẹn 15:30 ngày 24/11/2026"
    assert said in await (await leader.get(place)).text()
    assert (await leader.post(f"{place}/issue", {"revision": "1", "confirmed": "day_off:2026-11-24"})).status == 303
    assert said in await (await leader.get(place)).text()
    commune = await page_as("camthuy")
    assert said in await (await commune.get("/directives/in")).text()
    assert said in await (await commune.get(place)).text()


async def test_over_the_exchange(as_: As, store: Store, district: DistrictIds) -> None:
    assert len(set(PRIORITIES)) == len(PRIORITIES)
    clerk = await as_("vanthu")
    answer = await send(clerk, changed(PROVINCE, priority=4))
    made = await (await clerk.get(f"/api/v1/directives/{(await answer.json())['directive']}")).json()
    assert made["directive"]["urgency"] == "FLASH_TIMED"
    assert made["directive"]["deadline"] is None  # the file has a day and no hour: nobody's hour is made up
    done = issue(store, district.who("chutich"), [district.unit("19606")], urgency=TIMED)
    file = await clerk.get(f"/api/v1/directives/{done.id}/edxml")
    read = read_message(await file.read(), HANOI, 1 << 20)
    assert isinstance(read, Document)
    assert read.priority == 4


def test_messages_say_it_and_go_first() -> None:
    one = notice(urgency="FLASH_TIMED")
    assert RANKS.keys() == {urgency.value for urgency in Urgency}
    assert one.rank == 0
    vi, en = (Words(language, HANOI, "https://giaoban.example") for language in ("vi", "en"))
    assert vi.title(one).startswith("[HỎA TỐC HẸN GIỜ] ")
    assert en.title(one).startswith("[FLASH, TIMED] ")
    assert vi.push(one).urgent
