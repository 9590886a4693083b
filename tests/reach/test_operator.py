"""The operator's page and API: who, which directive, by which channel, why not, and what to do."""

from __future__ import annotations

import logging
from datetime import timedelta
from typing import Any

import pytest

from server.directives import service as directives
from server.reach import service
from server.reach.rules import Channel, Never, Reason
from server.reach.service import Telling
from server.store import Store
from tests.conftest import As, DistrictIds, PageAs
from tests.directives.helpers import draft
from tests.reach.helpers import POLICY, Obedient, messages, notice, reach, states, worker
from tests.ui.dead_letters import LETTERS, write_letters


@pytest.fixture(autouse=True)
def nothing_of_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    """The application's own worker would put the messages aside: it has no gateway."""
    from server.reach.worker import Worker

    monkeypatch.setattr(Worker, "start", lambda self: None)


@pytest.fixture
def settings(settings: Any) -> Any:
    import msgspec

    from server.reach.settings import Gateway

    return msgspec.structs.replace(settings, sms=Gateway(url="http://127.0.0.1:1/"))


@pytest.fixture
async def dead(store: Store, district: DistrictIds) -> int:
    """A short message that the provider has refused."""
    clerk = district.who("vanthu.camthuy")
    reach(store, clerk, Channel.SMS)
    made = draft([clerk.unit_id], deadline=store.clock() + timedelta(days=7))
    number = store.write_now(directives.create_draft, district.who("chutich"), POLICY, made).id
    told = notice(directive=number)
    plan = [(Channel.SMS, store.clock())]
    store.write_now(service.put, [Telling(told, [clerk.account_id], plan, "issued", [clerk.unit_id])])
    await worker(store).turn(Obedient(Channel.SMS, Never(Reason.REFUSED, "HTTP 400 bad number")))
    return int(messages(store)[0].id)


async def test_every_channel_has_its_line(page_as: PageAs, store: Store, district: DistrictIds) -> None:
    write_letters(store)
    answer = await (await page_as("quantri")).get("/reach")
    text = await answer.text()
    assert answer.status == 200
    for _channel, username, *_rest in LETTERS:
        assert district.who(username).name in text
    assert {channel for channel, *_rest in LETTERS} == set(Channel)
    assert "Không ai nhấc máy" in text and "Gọi điện thoại" in text


async def test_the_page_says_who_what_where_and_why(page_as: PageAs, dead: int, district: DistrictIds) -> None:
    page = await page_as("quantri")
    text = await (await page.get("/reach")).text()
    assert district.who("vanthu.camthuy").name in text
    for words in ("05/CĐ-UBND", "+8491…678", "Bị từ chối", "HTTP 400 bad number", "Gửi lại", "Bỏ tin này"):
        assert words in text, words
    assert "Ứng phó mưa lớn" not in text  # who runs the server does not read directives
    assert 'data-badge="/reach"' in text


async def test_send_again_and_give_up_from_the_page(page_as: PageAs, dead: int, store: Store) -> None:
    page = await page_as("quantri")
    assert (await page.post(f"/reach/{dead}/again")).status == 303
    assert states(store) == [("sms", "waiting")]
    gone = await page.post(f"/reach/{dead}/give-up")
    assert gone.status == 404
    assert "Tin này không còn trong danh sách" in await gone.text()
    await worker(store).turn(Obedient(Channel.SMS, Never(Reason.REFUSED)))
    assert (await page.post(f"/reach/{dead}/give-up")).status == 303
    assert states(store) == [("sms", "given_up")]
    assert "Tin nào cũng gửi được" in await (await page.get("/reach")).text()


async def test_what_is_refused_there_leaves_a_line(
    page_as: PageAs, dead: int, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "giaoban.audit")
    page = await page_as("quantri")
    for step in ("again", "give-up"):
        assert (await page.post(f"/reach/{dead + 1}/{step}")).status == 404
        assert [one for one in caplog.messages if one.startswith(f"refused POST /reach/{dead + 1}/{step} to quantri: ")]


async def test_the_api(as_: As, dead: int, store: Store) -> None:
    client = await as_("quantri")
    found = await (await client.get("/api/v1/messages")).json()
    (letter,) = found["dead_letters"]
    assert (letter["id"], letter["reason"], letter["channel"]) == (dead, "refused", "sms")
    assert {one["channel"] for one in found["channels"]} == {"push", "mail", "sms", "zalo", "phone"}
    assert (await client.post(f"/api/v1/messages/{dead}/again")).status == 200
    again = await client.post(f"/api/v1/messages/{dead}/again")
    assert (again.status, (await again.json())["code"]) == (404, "no_message")


async def test_what_nobody_needs_any_more_is_not_sent_again(
    page_as: PageAs, dead: int, store: Store, district: DistrictIds
) -> None:
    directive = messages(store)[0]
    unit = district.who("vanthu.camthuy").unit_id
    import msgspec

    from server.reach.notice import Notice

    number = msgspec.json.decode(directive.notice, type=Notice).directive
    store.write_now(service.stop, number, [unit], ["issued"])
    page = await page_as("quantri")
    text = await (await page.get("/reach")).text()
    assert "Đơn vị đã xử lý, không cần gửi lại." in text
    assert "Gửi lại</span>" not in text
    refused = await page.post(f"/reach/{dead}/again")
    assert refused.status == 409
    assert "Đơn vị đã xử lý" in await refused.text()


@pytest.mark.parametrize("username", ["chutich", "vanthu", "camthuy", "thon1.camthuy"])
async def test_nobody_else_sees_it(page_as: PageAs, dead: int, username: str) -> None:
    page = await page_as(username)
    assert (await page.get("/reach")).status == 403
    assert 'href="/reach"' not in await (await page.get("/account")).text()
