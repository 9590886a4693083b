"""What a sender of edXML is answered: a refusal (02), its recall agreed to (15) or not (16), and what it replaces."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from server.directives.edxml.message import Business, Organ, Status, StatusCode
from server.directives.edxml.reading import read_message
from server.store import Store
from tests.conftest import ApiClient, As, Clock, DistrictIds, PageAs
from tests.directives.edxml.test_exchange import HANOI, PROVINCE, URL, changed, code_of, send, taken

RECALL = changed(PROVINCE, business=Business.RECALL, concerns=PROVINCE.document_id, reason="Sai căn cứ", files=())
TAKE_BACK = Status(
    organ_id="H50",
    code="123/UBND-NN",
    promulgated_on=PROVINCE.promulgated_on,
    sender=Organ("H50", "UBND tỉnh Quảng Trị"),
    status=StatusCode.RECALL_ASKED,
    description="Sai căn cứ",
    at=PROVINCE.at + timedelta(days=1),
)


async def took(clerk: ApiClient, message: Any = PROVINCE) -> tuple[str, int]:
    """Take a document in; its address, and the id of its draft."""
    done = await (await send(clerk, message)).json()
    return f"{URL}/{done['document']}", done["directive"]


async def said(clerk: ApiClient, path: str) -> tuple[str, str]:
    """Code and words of the status for the sender."""
    status = read_message(await (await clerk.get(f"{path}/status")).read(), HANOI, 1)
    assert isinstance(status, Status)
    assert (status.organ_id, status.code, status.document_id) == ("H50", "123/UBND-NN", PROVINCE.document_id)
    return status.status.value, status.description


async def test_a_refusal_tells_the_sender_why(as_: As, page_as: PageAs, store: Store) -> None:
    clerk, page = await as_("vanthu"), await page_as("vanthu")
    path, draft = await took(clerk)
    assert "Từ chối tiếp nhận" in await (await page.get(f"/directives/{draft}")).text()
    body = {"reason": "wrong_recipient", "note": "Gửi cho huyện Gio Linh", "command_id": "r"}
    assert await (await clerk.post(f"{path}/refuse", body)).json() == {"document": 1, "directive": draft}
    assert (await clerk.post(f"{path}/refuse", body)).status == 200, "the same command again is no second refusal"
    assert await said(clerk, path) == ("02", "Từ chối tiếp nhận: gửi nhầm nơi nhận. Gửi cho huyện Gio Linh")
    for step, data in (("register", {}), ("refuse", {"reason": "damaged"})):
        assert await code_of(await clerk.post(f"{path}/{step}", data)) == (409, "edxml_refused"), step
    text = await (await page.get(f"/directives/{draft}")).text()
    assert "Đơn vị đã từ chối tiếp nhận văn bản này" in text and "Gio Linh" in text
    assert "Chưa vào sổ" not in text
    assert await code_of(await send(clerk, RECALL)) == (409, "edxml_refused"), "there is nothing left to recall"
    assert taken(store)[0].withdrawn_at is None


async def test_what_is_registered_is_not_refused(as_: As) -> None:
    clerk = await as_("vanthu")
    path, _draft = await took(clerk)
    await clerk.post(f"{path}/register")
    assert await code_of(await clerk.post(f"{path}/refuse", {"reason": "damaged"})) == (409, "edxml_registered")
    assert (await said(clerk, path))[0] == "03"
    assert (await (await as_("chutich")).post(f"{path}/refuse", {"reason": "damaged"})).status == 403
    assert await code_of(await clerk.post(f"{URL}/999/refuse", {"reason": "damaged"})) == (404, "no_edxml")
    assert (await clerk.post(f"{path}/refuse", {"reason": "dislike"})).status == 422


@pytest.mark.parametrize("message", [RECALL, TAKE_BACK, changed(TAKE_BACK, document_id=PROVINCE.document_id)])
async def test_who_agrees_to_a_recall_has_destroyed_its_copy(
    as_: As, page_as: PageAs, store: Store, message: Any
) -> None:
    clerk, page = await as_("vanthu"), await page_as("vanthu")
    path, draft = await took(clerk)
    await clerk.post(f"{path}/register")
    first = await (await send(clerk, message)).json()
    assert (first["kind"], first["directive"], first["repeated"]) == ("recall", draft, False)
    assert (await (await send(clerk, message)).json())["repeated"] is True
    text = await (await page.get(f"/directives/{draft}")).text()
    assert "Nơi gửi xin thu hồi văn bản này" in text and "Sai căn cứ" in text
    assert (await said(clerk, path))[0] == "03", "it has not answered yet"
    answer = await page.post(path.removeprefix("/api/v1") + "/recall-answer", {"agree": "true"})
    assert (answer.status, answer.headers["Location"]) == (303, "/registers?register=in")
    assert await said(clerk, path) == ("15", "Đồng ý lấy lại")
    assert (await clerk.get(f"/api/v1/directives/{draft}")).status == 404
    assert await code_of(await clerk.get(f"{path}/original")) == (409, "edxml_withdrawn")
    register = await (await clerk.get("/api/v1/registers?register=in")).json()
    assert register["total"] == 1, "the number that it had stays"
    assert await code_of(await clerk.post(f"{path}/recall-answer", {"agree": True})) == (409, "edxml_no_recall")
    assert (await (await send(clerk, message)).json())["repeated"] is True


async def test_who_does_not_agree_says_why_and_goes_on(as_: As, page_as: PageAs, clock: Clock) -> None:
    clerk, page = await as_("vanthu"), await page_as("vanthu")
    path, draft = await took(clerk)
    assert await code_of(await clerk.post(f"{path}/recall-answer", {"agree": True})) == (409, "edxml_no_recall")
    await send(clerk, RECALL)
    assert await code_of(await clerk.post(f"{path}/recall-answer", {"agree": False})) == (422, "no_reason")
    answer = await page.post(path.removeprefix("/api/v1") + "/recall-answer", {"agree": "false", "note": " "})
    assert answer.status == 422
    assert "Xin ghi rõ lý do." in await answer.text()
    assert (await clerk.post(f"{path}/recall-answer", {"agree": False, "note": "Đã trồng"})).status == 200
    assert await said(clerk, path) == ("16", "Từ chối lấy lại: Đã trồng")
    text = await (await page.get(f"/directives/{draft}")).text()
    assert "Đơn vị không đồng ý thu hồi" in text and "Đã trồng" in text
    clock.advance(hours=1)
    assert (await clerk.post(f"{path}/register")).status == 200
    assert (await said(clerk, path))[0] == "03", "what was done last is said"
    again = changed(RECALL, at=clock() + timedelta(hours=1), reason="Vẫn sai")
    assert (await (await send(clerk, RECALL)).json())["repeated"] is True, "the recall that was answered"
    assert (await (await send(clerk, again)).json())["repeated"] is False
    clock.advance(hours=1)
    assert (await clerk.post(f"{path}/recall-answer", {"agree": True})).status == 200
    assert (await said(clerk, path))[0] == "15"


async def test_what_was_issued_of_it_must_be_recalled_first(as_: As, district: DistrictIds) -> None:
    clerk, leader = await as_("vanthu"), await as_("chutich")
    path, draft = await took(clerk)
    made = (await (await clerk.get(f"/api/v1/directives/{draft}")).json())["directive"]
    body = {name: made[name] for name in ("kind", "subject", "body", "urgency", "deadline")}
    body["recipients"] = [{"unit": district.unit("19606")}]
    await clerk.put(f"/api/v1/directives/{draft}", body)
    await leader.post(f"/api/v1/directives/{draft}/issue")
    await send(clerk, RECALL)
    answer = await clerk.post(f"{path}/recall-answer", {"agree": True})
    assert "01/KH-UBND" in (await answer.json())["title"]
    assert await code_of(answer) == (409, "edxml_carried_on")
    await leader.post(f"/api/v1/directives/{draft}/recall", {"note": "Tỉnh thu hồi"})
    await (await as_("vanthu.camthuy")).post(f"/api/v1/directives/{draft}/recall-answer", {"agree": True})
    assert (await (await clerk.post(f"{path}/recall-answer", {"agree": True})).json())["directive"] == draft
    assert (await said(clerk, path))[0] == "15"
    assert (await leader.get(f"/api/v1/directives/{draft}")).status == 200, "what the district issued stays"


async def test_a_recall_by_somebody_else(as_: As, store: Store) -> None:
    clerk = await as_("vanthu")
    await took(clerk)
    stranger = Organ("H57", "UBND tỉnh khác")
    assert await code_of(await send(clerk, changed(TAKE_BACK, sender=stranger))) == (409, "wrong_state")
    assert await code_of(await send(clerk, changed(TAKE_BACK, sender=stranger, organ_id="H57"))) == (
        404,
        "edxml_unknown",
    )
    assert await code_of(await send(clerk, changed(TAKE_BACK, code="124/UBND-NN"))) == (404, "edxml_unknown")
    assert taken(store)[0].withdrawn_at is None


async def test_what_the_sender_replaces_is_said_on_the_earlier_one(as_: As, page_as: PageAs) -> None:
    clerk, page = await as_("vanthu"), await page_as("vanthu")
    _path, old = await took(clerk)
    newer = {"document_id": "H50,2026/11/22,130/UBND-NN", "number": "130", "concerns": PROVINCE.document_id}
    _path, new = await took(clerk, changed(PROVINCE, business=Business.REPLACE, **newer))
    source = (await (await clerk.get(f"/api/v1/directives/{old}")).json())["directive"]["source"]
    assert (source["replaced_by"], source["refused_at"], source["recall_agreed"]) == ([new], None, None)
    text = await (await page.get(f"/directives/{old}")).text()
    assert "Nơi gửi đã thay thế văn bản này" in text and f'href="/directives/{new}"' in text
    assert "Nơi gửi đã thay thế" not in await (await page.get(f"/directives/{new}")).text()
