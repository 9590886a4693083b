"""Directives on the home page: late units, what is due, what waits for the leader, the village head's one button."""

from __future__ import annotations

import re
from datetime import datetime, timedelta

import pytest
import sqlalchemy as sa

from server.directives import home, service
from server.directives.model import addressee_table, delivery_table
from server.directives.rules import RecipientRole, Stage, State, stage_of
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


async def test_a_draft_past_its_deadline_is_offered_for_mending_not_for_issuing(
    store: Store, district: DistrictIds, page_as: PageAs, clock: Clock
) -> None:
    clerk = district.who("vanthu")
    written = draft([district.unit("19606")], deadline=clock() + timedelta(hours=1))
    made = store.write_now(service.create_draft, clerk, POLICY, written)
    store.write_now(service.submit, clerk, POLICY, made.id)
    leader, writer = await page_as("chutich"), await page_as("vanthu")
    issue_it, mend_it = f'action="/directives/{made.id}/issue"', f'href="/directives/{made.id}/edit#f-deadline"'
    for page in ("/", f"/directives/{made.id}"):
        text = await (await leader.get(page)).text()
        assert issue_it in text and mend_it not in text
    assert mend_it not in await (await leader.get("/directives/out")).text()
    clock.advance(hours=1)
    for page in ("/", f"/directives/{made.id}", "/directives/out"):
        text = await (await leader.get(page)).text()
        assert issue_it not in text and mend_it in text and "Hạn trả lời đã qua" in text
        assert mend_it in await (await writer.get(page)).text()
    assert 'id="f-deadline"' in await (await leader.get(f"/directives/{made.id}/edit")).text()


async def test_the_village_heads_button(store: Store, district: DistrictIds, page_as: PageAs) -> None:
    made = issue(store, district.who("chutich"), [district.unit("19606.01")])
    head = await page_as("thon1.camthuy")
    assert (await head.post(f"/directives/{made.id}/register", {"command_id": "1"})).status == 303
    assert "ĐÃ NHẬN" not in await (await head.get("/")).text()


async def test_without_work_there_is_no_card(page_as: PageAs, district: DistrictIds) -> None:
    text = await (await (await page_as("camthuy")).get("/")).text()
    assert "Chỉ đạo cần làm" not in text


IDS = re.compile(r'name="ids" value="(\d+)"')


async def test_only_alarms_that_were_shown_are_acknowledged(
    store: Store, district: DistrictIds, page_as: PageAs, clock: Clock
) -> None:
    for number in range(7):
        issue(store, district.who("chutich"), [district.unit("19606")], subject=f"Việc số {number}")
    clock.advance(days=20)
    store.write_now(service.sweep, POLICY, 100)
    page = await page_as("vanthu.camthuy")
    text = await (await page.get("/")).text()
    card = text[text.index("Cần xử lý ngay") : text.index("Đã biết")]
    assert card.count("row-title") == home.MOST_LINES
    assert 'và 1 việc khác, chưa hiện ở đây: <a href="/directives/in">Chỉ đạo đến (1)</a>' in text
    who, ids = district.who("vanthu.camthuy"), IDS.findall(text)
    assert (await page.post("/directives/alarms", {"ids": ids})).status == 303
    left = {line.subject for line in store.read_now(service.my_alarms, who, POLICY)}
    assert len(left) == 1
    assert left.isdisjoint(re.findall(r"Việc số \d", card))
    to = addressee_table.c
    unknown = sa.select(to.alarm_id).where(to.account_id == who.account_id, to.acknowledged_at.is_(None))
    assert store.read_now(lambda tx: tx.all(unknown)), "the seventh goes on"
    text = await (await page.get("/")).text()
    assert left.pop() in text and "chưa hiện ở đây" not in text


async def test_where_an_issuers_further_alarms_are_listed(
    store: Store, district: DistrictIds, page_as: PageAs, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(home, "MOST_LINES", 1)
    for _ in range(3):
        issue(store, district.who("chutich"), [district.unit("19606")])
    clock.advance(days=20)
    store.write_now(service.sweep, POLICY, 100)
    text = await (await (await page_as("chutich")).get("/")).text()
    assert re.search(r'<a href="/directives/late">Quá hạn \(\d\)</a>', text)


OPEN = {Stage.WAITING, Stage.WORKING}
EMPTY = "Chưa có việc gì cần làm"


@pytest.mark.parametrize("deadline", [timedelta(days=7), None])
@pytest.mark.parametrize("state", State)
async def test_the_largest_letters_never_contradict_the_list(
    store: Store, district: DistrictIds, page_as: PageAs, clock: Clock, state: State, deadline: timedelta | None
) -> None:
    due: datetime | None = clock() + deadline if deadline else None
    role = RecipientRole.INFO if state is State.CLOSED_INFO else RecipientRole.EXECUTE
    made = issue(store, district.who("chutich"), [district.unit("19606.01")], deadline=due, role=role)
    asked = {"recall_asked_at": clock()} if state is State.RECALL_PENDING else {}
    moved = sa.update(delivery_table).values(state=state.value, stage=stage_of(state).value, **asked)
    store.write_now(lambda tx: tx.execute(moved))
    text = await (await (await page_as("thon1.camthuy")).get("/")).text()
    listed = store.read_now(service.inbox, district.who("thon1.camthuy"), POLICY).deliveries
    assert bool(listed) == (stage_of(state) in OPEN)
    assert (EMPTY in text) != bool(listed)
    big = re.search(r'<p class="next-thing-lead">(.*?)</p>', text)
    assert big is not None
    if listed:
        assert f"/directives/{made.id}" in text[big.start() :].split("</section>")[0]
    expected = {State.REWORK: "Cấp trên yêu cầu bổ sung", State.RECALL_PENDING: "Cấp trên xin thu hồi văn bản"}
    assert (expected[state] in big[1]) if state in expected else not any(one in big[1] for one in expected.values())
