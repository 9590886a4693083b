"""edXML over HTTP: what goes out, what is taken in once, whom a status may speak for, and what is refused."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import date, datetime, timedelta
from io import BytesIO
from typing import Any
from zoneinfo import ZoneInfo

import aiohttp
import msgspec
import pytest
import sqlalchemy as sa
from aiohttp import ClientResponse, web

from server.config import Settings
from server.directives import service
from server.directives.edxml.message import Business, Document, File, Organ, Staff, Status, StatusCode
from server.directives.edxml.reading import read_message
from server.directives.edxml.writing import write_message
from server.directives.keys import FILES
from server.directives.keys import POLICY as APP_POLICY
from server.directives.model import change_table, edxml_table
from server.directives.rules import Relation
from server.directives.shapes import RecallInput, Upload
from server.store import Store
from tests.conftest import ApiClient, As, Clock, DistrictIds, PageAs
from tests.directives.files import SHEET, office, pdf
from tests.directives.helpers import POLICY, draft, issue
from tests.directives.test_api import form

HANOI = ZoneInfo("Asia/Ho_Chi_Minh")
URL = "/api/v1/edxml"
PROVINCE = Document(
    document_id="H50,2026/11/20,123/UBND-NN",
    sender=Organ("H50", "UBND tỉnh Quảng Trị"),
    recipients=(Organ("H50.21", "UBND huyện Cam Lộ"),),
    number="123",
    notation="UBND-NN",
    promulgated_on=date(2026, 11, 20),
    type_name="Kế hoạch",
    subject="Trồng rừng ven biển",
    content="Các huyện chuẩn bị cây giống.",
    due=date(2026, 12, 1),
    priority=1,
    at=datetime(2026, 11, 20, 9, tzinfo=HANOI),
    files=(File("Kế hoạch <b>.pdf", "application/pdf", pdf()),),
)
YOUTH = Status(
    organ_id="468",
    code="01/KH-UBND",
    promulgated_on=date(2026, 11, 24),
    sender=Organ("468.DTN", "Huyện đoàn Cam Lộ"),
    status=StatusCode.RECEIVED,
    description="Đã vào sổ",
    at=datetime(2026, 11, 24, 9, tzinfo=HANOI),
    staff=Staff("Văn phòng", "Trần Thị Mai"),
)


def changed(message: Any, **changes: Any) -> Any:
    return msgspec.structs.replace(message, **changes)


async def send(client: ApiClient, message: Any) -> ClientResponse:
    data = message if isinstance(message, bytes) else write_message(message, HANOI)
    return await client.post(URL, data=data, headers={"Content-Type": "application/xml"})


async def code_of(answer: ClientResponse) -> tuple[int, str]:
    return answer.status, (await answer.json(content_type=None))["code"]


def taken(store: Store) -> list[Any]:
    return store.read_now(lambda tx: tx.all(sa.select(edxml_table).order_by(edxml_table.c.id)))


# ---- going out


async def test_a_directive_as_a_file(
    as_: As, page_as: PageAs, store: Store, district: DistrictIds, app: web.Application, clock: Clock
) -> None:
    stored = app[FILES].put(BytesIO(pdf()), 1 << 20)
    upload = Upload(name="a.pdf", content_type="application/pdf", size=stored.size, sha256=stored.sha256)
    units = [district.unit("19606"), district.unit("19615")]
    made = draft(units, deadline=clock() + timedelta(days=7), subject="Tiêm phòng <& dại>")
    who = district.who("chutich")
    done = store.write_now(service.create_and_issue, who, POLICY, made, [upload])
    clerk = await as_("vanthu")
    answer = await clerk.get(f"/api/v1/directives/{done.id}/edxml")
    assert (answer.status, answer.content_type) == (200, "application/xml")
    assert answer.headers["Content-Disposition"] == f'attachment; filename="van-ban-{done.id}.edxml"'
    read = read_message(await answer.read(), HANOI, 1 << 20)
    assert isinstance(read, Document)
    assert read.document_id == "468,2026/11/24,01/KH-UBND"
    assert (read.number, read.notation, read.number_text) == ("01", "KH-UBND", "01/KH-UBND")
    assert (read.sender, read.type_name, read.subject) == (
        Organ("468", "Ủy ban nhân dân huyện Cam Lộ"),
        "Kế hoạch",
        "Tiêm phòng <& dại>",
    )
    assert {organ.id for organ in read.recipients} == {"19606", "19615"}
    assert (read.signer, read.due, read.business) == (who.name, date(2026, 12, 1), Business.NEW)
    assert [(file.name, file.content) for file in read.files] == [("a.pdf", pdf())]
    mine = await (await as_("camthuy")).get(f"/api/v1/directives/{done.id}/edxml")
    to_us = read_message(await mine.read(), HANOI, 1 << 20)
    assert isinstance(to_us, Document)
    assert [organ.id for organ in to_us.recipients] == ["19606"]
    assert (await (await as_("camnghia")).get(f"/api/v1/directives/{done.id}/edxml")).status == 404
    page = await page_as("vanthu")
    assert f"/directives/{done.id}/edxml" in await (await page.get(f"/directives/{done.id}")).text()
    assert (await page.get(f"/directives/{done.id}/edxml")).status == 200


async def test_what_does_not_go_out(as_: As, store: Store, district: DistrictIds, app: web.Application) -> None:
    clerk, unit = await as_("vanthu"), district.unit("19606")
    unissued = store.write_now(service.create_draft, district.who("vanthu"), POLICY, draft([unit]))
    assert await code_of(await clerk.get(f"/api/v1/directives/{unissued.id}/edxml")) == (409, "not_issued")
    drill = issue(store, district.who("chutich"), [unit], exercise=True)
    assert await code_of(await clerk.get(f"/api/v1/directives/{drill.id}/edxml")) == (409, "exercise_stays")
    real = issue(store, district.who("chutich"), [unit])
    assert await code_of(await clerk.get(f"/api/v1/directives/{real.id}/edxml?recall=true")) == (409, "not_recalled")
    app[APP_POLICY].attachment_limit = -1
    assert await code_of(await clerk.get(f"/api/v1/directives/{real.id}/edxml")) == (413, "files_too_large")


async def test_a_replacement_and_a_recall_say_which_document_they_are_about(
    as_: As, store: Store, district: DistrictIds
) -> None:
    leader, unit = district.who("chutich"), district.unit("19606")
    old = issue(store, leader, [unit])
    new = issue(store, leader, [unit, district.unit("19615")], relation=Relation.REPLACES, related=old.id)
    clerk = await as_("vanthu")
    answer = await clerk.get(f"/api/v1/directives/{new.id}/edxml")
    read = read_message(await answer.read(), HANOI, 1 << 20)
    assert isinstance(read, Document)
    assert (read.business, read.concerns) == (Business.REPLACE, "468,2026/11/24,01/KH-UBND")
    store.write_now(service.recall, leader, POLICY, new.id, RecallInput(note="Sai số liệu", units=[unit]))
    answer = await clerk.get(f"/api/v1/directives/{new.id}/edxml?recall=true")
    recall = read_message(await answer.read(), HANOI, 1 << 20)
    assert isinstance(recall, Document)
    assert (recall.business, recall.reason, recall.files) == (Business.RECALL, "Sai số liệu", ())
    assert recall.concerns == recall.document_id == "468,2026/11/24,02/KH-UBND"
    assert [organ.id for organ in recall.recipients] == ["19606"]


@pytest.mark.parametrize("by", ["issuer", "recipient"])
async def test_the_status_of_a_delivery(as_: As, store: Store, district: DistrictIds, by: str) -> None:
    done = issue(store, district.who("chutich"), [district.unit("19606")])
    commune, clerk = await as_("camthuy"), await as_("vanthu")
    (line,) = (await (await clerk.get(f"/api/v1/directives/{done.id}")).json())["board"]
    path = f"/api/v1/deliveries/{line['id']}/edxml-status"
    asking, path = (clerk, path) if by == "issuer" else (commune, f"/api/v1/directives/{done.id}/edxml-status")
    assert await code_of(await asking.get(path)) == (409, "no_edxml_status")  # sent, and nothing more is known

    async def status() -> tuple[str, str]:
        read = read_message(await (await asking.get(path)).read(), HANOI, 0)
        assert isinstance(read, Status)
        assert (read.organ_id, read.code, read.document_id) == ("468", "01/KH-UBND", "468,2026/11/24,01/KH-UBND")
        return read.status.value, read.sender.id

    one = f"/api/v1/directives/{done.id}"
    await commune.post(f"{one}/seen")
    assert await status() == ("01", "19606")
    await commune.post(f"{one}/register")
    assert await status() == ("03", "19606")
    await (await as_("chutich")).post(f"{one}/recall", {"note": "Sai"})
    assert await status() == ("13", "468")
    await commune.post(f"{one}/recall-answer", {"agree": False, "note": "Đã họp dân"})
    assert await status() == ("16", "19606")
    await commune.post(f"{one}/responses", {"text": "Xong"})
    assert await status() == ("05", "19606")
    await clerk.post(f"/api/v1/deliveries/{line['id']}/accept")
    assert await status() == ("06", "19606")
    assert (await (await as_("camhieu")).get(path)).status == 404


# ---- documents coming in


async def test_a_document_becomes_a_draft_once(as_: As, page_as: PageAs, store: Store, settings: Settings) -> None:
    clerk, leader = await as_("vanthu"), await as_("chutich")
    answer = await send(clerk, PROVINCE)
    assert answer.status == 201, await answer.text()
    done = await answer.json()
    assert done == {**done, "kind": "document", "repeated": False, "same": []}
    made = (await (await clerk.get(f"/api/v1/directives/{done['directive']}")).json())["directive"]
    assert (made["state"], made["kind"], made["notation"]) == ("DRAFT", "Kế hoạch", "KH-UBND")
    assert (made["subject"], made["body"]) == (PROVINCE.subject, PROVINCE.content)
    assert (made["urgency"], made["deadline"], made["recipients"]) == ("URGENT", "2026-12-01T10:00:00Z", [])
    assert [file["name"] for file in made["attachments"]] == ["Kế hoạch b.pdf"]
    source = made["source"]
    assert (source["organ_name"], source["number_text"]) == ("UBND tỉnh Quảng Trị", "123/UBND-NN")
    text = await (await (await page_as("chutich")).get(f"/directives/{done['directive']}")).text()
    assert "Kế hoạch số 123/UBND-NN ngày 20/11/2026 của UBND tỉnh Quảng Trị." in text

    again = await send(leader, PROVINCE)  # by somebody else of the unit, too
    assert (again.status, (await again.json())["directive"]) == (200, done["directive"])
    other = await send(clerk, changed(PROVINCE, subject="Trồng rừng đầu nguồn"))
    assert await code_of(other) == (409, "edxml_changed")
    assert len((await (await clerk.get("/api/v1/directives")).json())["drafts"]) == 1
    assert (await send(await as_("chutich.camthuy"), PROVINCE)).status == 201  # another unit has it for itself

    await clerk.delete(f"/api/v1/directives/{done['directive']}")
    anew = await send(clerk, PROVINCE)
    assert (anew.status, (await anew.json())["repeated"]) == (201, False)
    assert len(taken(store)) == 2
    kept = [path for path in (settings.path(settings.storage.data) / "files").rglob("*") if path.is_file()]
    assert len(kept) == 3  # the attachment once, and both files as they came


async def test_office_files_come_in_and_go_out(as_: As, district: DistrictIds, clock: Clock) -> None:
    clerk, leader = await as_("vanthu"), await as_("chutich")
    sent = {"Kế hoạch b.pdf": pdf(), "Biểu mẫu.docx": office(), "Số liệu.xlsx": office(SHEET)}
    files = (PROVINCE.files[0], *(File(name, "", content) for name, content in [*sent.items()][1:]))
    number = (await (await send(clerk, changed(PROVINCE, files=files))).json())["directive"]
    body = {"kind": "Kế hoạch", "subject": "Trồng rừng", "recipients": [{"unit": district.unit("19606")}]}
    assert (await clerk.put(f"/api/v1/directives/{number}", body)).status == 200
    assert (await leader.post(f"/api/v1/directives/{number}/issue")).status == 200
    answer = await (await as_("camthuy")).get(f"/api/v1/directives/{number}/edxml")
    read = read_message(await answer.read(), HANOI, 1 << 20)
    assert isinstance(read, Document)
    assert {file.name: file.content for file in read.files} == sent
    assert [file.content_type.rpartition(".")[2] for file in read.files] == ["application/pdf", "document", "sheet"]
    again = await (await send(await as_("chutich.camthuy"), write_message(read, HANOI))).json()
    assert again["same"] == [number]


async def test_a_document_gets_a_number_of_arrival(
    as_: As, page_as: PageAs, store: Store, district: DistrictIds, settings: Settings
) -> None:
    """In one row with what was sent here: no number twice, none left out; and it is found, printed and answered for."""
    clerk, cadre, page = await as_("vanthu.camthuy"), await as_("camthuy"), await page_as("vanthu.camthuy")
    sent = issue(store, district.who("chutich"), [district.unit("19606")]).id
    await cadre.post(f"/api/v1/directives/{sent}/register")
    done = await (await send(clerk, PROVINCE)).json()
    path = f"/api/v1/edxml/{done['document']}"
    text = await (await page.get(f"/directives/{done['directive']}")).text()
    assert f"/edxml/{done['document']}/register" in text and "Chưa vào sổ văn bản đến." in text

    async def status() -> str:
        read = read_message(await (await clerk.get(f"{path}/status")).read(), HANOI, 0)
        assert isinstance(read, Status)
        said = (read.organ_id, read.code, read.promulgated_on, read.document_id, read.sender.id)
        assert said == ("H50", "123/UBND-NN", PROVINCE.promulgated_on, PROVINCE.document_id, "19606")
        return read.status.value

    assert await status() == "01"
    first = await clerk.post(f"{path}/register", {"command_id": "a"})
    want = {"document": done["document"], "directive": done["directive"], "registry_year": 2026, "registry_number": 2}
    assert (first.status, await first.json()) == (200, want)
    assert await (await clerk.post(f"{path}/register", {"command_id": "a"})).json() == want
    assert await code_of(await clerk.post(f"{path}/register", {"command_id": "b"})) == (409, "edxml_registered")
    assert await status() == "03"
    third = issue(store, district.who("chutich"), [district.unit("19606")]).id
    assert (await (await cadre.post(f"/api/v1/directives/{third}/register")).json())["registry_number"] == 3

    register = await (await cadre.get("/api/v1/registers?register=in")).json()
    assert [line["entry"] for line in register["lines"]] == [3, 2, 1]
    line = register["lines"][1]
    assert (line["unit_name"], line["number_text"], line["kind"]) == ("UBND tỉnh Quảng Trị", "123/UBND-NN", "Kế hoạch")
    assert (line["subject"], line["state"], line["issued_at"][:10]) == (PROVINCE.subject, "REGISTERED", "2026-11-20")
    searches = (("trong rung", [2]), ("rừng ven", [2]), ("rưng", []), ("tinh quang tri", [2]), ("ubnd", [3, 2, 1]))
    for words, entries in searches:
        found = await (await cadre.get("/api/v1/registers", params={"register": "in", "words": words})).json()
        assert [line["entry"] for line in found["lines"]] == entries, words
    assert (await (await as_("camhieu")).get(f"{path}/status")).status == 404

    draft = done["directive"]
    assert "Số đến: 2." in await (await page.get(f"/directives/{draft}")).text()
    await clerk.delete(f"/api/v1/directives/{draft}")  # the number stays, with the document as it came
    assert f'href="/edxml/{done["document"]}/original"' in await (await page.get("/registers?register=in")).text()
    original = await clerk.get(f"{path}/original")
    assert original.headers["Content-Security-Policy"].startswith("sandbox")
    assert await original.read() == write_message(PROVINCE, HANOI)
    assert (await page.get("/registers/print?register=in")).status == 200


async def test_a_document_that_was_recalled_gets_no_number(as_: As, page_as: PageAs) -> None:
    clerk = await as_("vanthu")
    number = (await (await send(clerk, PROVINCE)).json())["document"]
    await send(clerk, changed(PROVINCE, business=Business.RECALL, files=()))
    assert await code_of(await clerk.post(f"/api/v1/edxml/{number}/register")) == (409, "edxml_withdrawn")
    assert await code_of(await clerk.post("/api/v1/edxml/999/register")) == (404, "no_edxml")
    assert (await (await as_("chutich")).post(f"/api/v1/edxml/{number}/register")).status == 403
    register = await (await clerk.get("/api/v1/registers?register=in")).json()
    assert (register["total"], register["next_number"]) == (0, 1)


async def test_the_button_registers(as_: As, page_as: PageAs) -> None:
    page = await page_as("vanthu")
    done = await (await send(await as_("vanthu"), PROVINCE)).json()
    answer = await page.post(f"/edxml/{done['document']}/register", {"command_id": "x"})
    assert (answer.status, answer.headers["Location"]) == (303, f"/directives/{done['directive']}")


async def test_the_draft_is_issued_and_still_says_where_it_came_from(
    as_: As, page_as: PageAs, district: DistrictIds
) -> None:
    clerk, leader = await as_("vanthu"), await as_("chutich")
    number = (await (await send(clerk, PROVINCE)).json())["directive"]
    made = (await (await clerk.get(f"/api/v1/directives/{number}")).json())["directive"]
    body = {name: made[name] for name in ("kind", "subject", "body", "urgency", "deadline")}
    body["recipients"] = [{"unit": district.unit("19606")}]
    assert (await clerk.put(f"/api/v1/directives/{number}", body)).status == 200
    assert (await (await leader.post(f"/api/v1/directives/{number}/issue")).json())["number_text"] == "01/KH-UBND"
    text = await (await (await page_as("camthuy")).get(f"/directives/{number}")).text()
    assert "123/UBND-NN" in text and "Kế hoạch b.pdf" in text
    recall = changed(PROVINCE, business=Business.RECALL, concerns=PROVINCE.document_id, reason="Sai căn cứ", files=())
    answer = await send(clerk, recall)
    assert await answer.json() == {**(await answer.json()), "kind": "recall", "directive": number, "repeated": False}
    assert (await (await send(clerk, recall)).json())["repeated"] is True
    text = await (await (await page_as("vanthu")).get(f"/directives/{number}")).text()
    assert "Nơi gửi xin thu hồi văn bản này" in text and "Sai căn cứ" in text


async def test_the_same_number_from_the_same_organ_is_said(as_: As, page_as: PageAs) -> None:
    clerk = await as_("vanthu")
    first = (await (await send(clerk, PROVINCE)).json())["directive"]
    second = await (await send(clerk, changed(PROVINCE, document_id="H50/gửi lại"))).json()
    assert second["same"] == [first]
    text = await (await (await page_as("vanthu")).get(f"/directives/{second['directive']}")).text()
    assert "Trùng số, ký hiệu, cơ quan" in text and f'href="/directives/{first}"' in text
    update = await (await send(clerk, changed(PROVINCE, business=Business.UPDATE))).json()
    assert (update["repeated"], update["same"]) == (False, [])


async def test_what_was_sent_here_already_is_said(
    as_: As, page_as: PageAs, store: Store, district: DistrictIds
) -> None:
    """The district has issued it here, and its file comes to the commune by the exchange axis, too."""
    done = issue(store, district.who("chutich"), [district.unit("19606")])
    file = await (await (await as_("vanthu")).get(f"/api/v1/directives/{done.id}/edxml")).read()
    taken_in = await (await send(await as_("vanthu.camthuy"), file)).json()
    assert taken_in["same"] == [done.id]
    text = await (await (await page_as("vanthu.camthuy")).get(f"/directives/{taken_in['directive']}")).text()
    assert "Trùng số, ký hiệu, cơ quan" in text and f'href="/directives/{done.id}"' in text
    assert (await (await send(await as_("vanthu.camhieu"), file)).json())["same"] == []  # it did not come to them


def test_who_takes_it_in_at_the_same_time_gets_the_same_draft(store: Store, district: DistrictIds) -> None:
    people = [district.who(name) for name in ("vanthu", "chutich")] * 3
    message = changed(PROVINCE, files=())
    with ThreadPoolExecutor(len(people)) as pool:
        done = list(pool.map(lambda who: store.write_now(service.take_edxml, who, POLICY, message, "0" * 64), people))
    assert len({one.directive for one in done}) == 1
    assert sorted(one.repeated for one in done) == [False, *[True] * 5]


@pytest.mark.parametrize(
    ("changes", "status", "code", "words"),
    [
        ({"subject": "[TỐI MẬT] Phương án"}, 422, "secret", "Luật Bảo vệ bí mật nhà nước"),
        ({"sphere": "Mật"}, 422, "secret", "Luật Bảo vệ bí mật nhà nước"),
        ({"content": "Kính gửi\nĐộ mật: Tuyệt mật\n"}, 422, "secret", "Luật Bảo vệ bí mật nhà nước"),
        ({"files": (File("Mật.pdf", "application/pdf", pdf()),)}, 422, "secret", "Luật Bảo vệ bí mật nhà nước"),
        ({"files": (File("MẬT_Kế hoạch.pdf", "", pdf()),)}, 422, "secret", "Luật Bảo vệ bí mật nhà nước"),
        ({"files": (File("a.pdf", "application/pdf", b"<html>"),)}, 422, "bad_file", "a.pdf"),
        ({"files": PROVINCE.files * 21}, 422, "too_many_files", "20 tệp"),
        (
            {"business": Business.RECALL, "document_id": "x", "files": ()},
            404, "edxml_unknown", "123/UBND-NN",
        ),
    ],
)  # fmt: skip
async def test_a_document_that_is_refused(
    as_: As, store: Store, settings: Settings, changes: dict[str, Any], status: int, code: str, words: str
) -> None:
    clerk = await as_("vanthu")
    answer = await send(clerk, changed(PROVINCE, **changes))
    problem = await answer.json(content_type=None)
    assert (answer.status, problem["code"]) == (status, code)
    assert words in problem["title"]
    assert taken(store) == []
    assert (await (await clerk.get("/api/v1/directives")).json())["drafts"] == []
    assert not list((settings.path(settings.storage.data) / "files").rglob("*.*"))


async def test_a_document_for_others(as_: As, app: web.Application) -> None:
    policy = app[APP_POLICY]
    policy.file = changed(policy.file, edxml={"468": "H50.21"})
    clerk = await as_("vanthu")
    wrong = changed(PROVINCE, recipients=(Organ("H50.22", "UBND huyện Đakrông"),))
    answer = await send(clerk, wrong)
    assert await code_of(answer) == (422, "edxml_not_ours")
    assert "UBND huyện Đakrông" in (await answer.json(content_type=None))["title"]
    assert (await send(clerk, PROVINCE)).status == 201
    assert (policy.organ_id("468"), policy.unit_code("H50.21"), policy.organ_id("19606")) == ("H50.21", "468", "19606")


async def test_files_that_are_no_edxml(as_: As, page_as: PageAs, store: Store) -> None:
    clerk, page = await as_("vanthu"), await page_as("vanthu")
    bomb = b'<!DOCTYPE a [<!ENTITY a "ha"><!ENTITY b "' + b"&a;" * 1000 + b'">]><edXML>&b;</edXML>'
    for data, code, words in (
        (b"", "edxml_not_xml", "không phải XML"),
        (b"<edXML/>", "edxml_not_edxml", "QCVN 102:2016/BTTTT"),
        (bomb, "edxml_doctype", "DOCTYPE"),
        (write_message(changed(PROVINCE, number=" "), HANOI), "edxml_missing", "CodeNumber"),
        (write_message(changed(PROVINCE, number="1" * 21), HANOI), "edxml_too_long", "CodeNumber"),
    ):
        assert await code_of(await send(clerk, data)) == (422, code)
        field = aiohttp.FormData({"csrf": page.csrf})
        field.add_field("file", data, filename="a.edxml", content_type="text/xml")
        answer = await page._request("POST", "/directives/import", data=field)
        assert (answer.status, words in await answer.text()) == (422, True)
    nothing = aiohttp.FormData({"csrf": page.csrf})
    nothing.add_field("file", b"", filename="", content_type="application/octet-stream")  # as browsers send it
    empty = await page._request("POST", "/directives/import", data=nothing)
    assert (empty.status, "Xin chọn tệp edXML." in await empty.text()) == (422, True)
    assert await code_of(await clerk.post(URL, data=form(csrf="x", other="y"))) == (422, "edxml_not_xml")
    assert taken(store) == []
    assert (await send(await as_("camthuy"), PROVINCE)).status == 403


async def test_the_page_takes_a_file(page_as: PageAs, district: DistrictIds) -> None:
    page = await page_as("vanthu")
    assert "/directives/import" in await (await page.get("/directives/out")).text()
    field = aiohttp.FormData({"csrf": page.csrf})
    field.add_field("file", write_message(PROVINCE, HANOI), filename="a.edxml", content_type="text/xml")
    answer = await page._request("POST", "/directives/import", data=field)
    assert answer.status == 303
    assert "Trồng rừng ven biển" in await (await page.get(answer.headers["Location"])).text()


# ---- statuses coming in


@pytest.fixture
def sent(store: Store, district: DistrictIds) -> int:
    """To the Youth Union, where nobody has an account, and to Cam Thủy, where people have."""
    units = [district.unit("468.DTN"), district.unit("19606")]
    return issue(store, district.who("chutich"), units, deadline=store.clock() + timedelta(days=7)).id


async def test_who_is_not_here_is_moved_by_statuses(
    sent: int, as_: As, store: Store, district: DistrictIds, page_as: PageAs
) -> None:
    clerk = await as_("vanthu")

    async def tell(code: str, **changes: Any) -> tuple[int, str, bool]:
        answer = await send(clerk, changed(YOUTH, status=StatusCode(code), **changes))
        done = await answer.json(content_type=None)
        return answer.status, done.get("state", done.get("code")), done.get("repeated", False)

    assert await tell("01") == (201, "ARRIVED", False)
    assert await tell("03") == (201, "REGISTERED", False)
    assert await tell("03") == (200, "REGISTERED", True)
    assert await tell("01") == (200, "REGISTERED", True)  # late: nothing goes back
    assert await tell("05") == (201, "IN_PROGRESS", False)
    assert await tell("13") == (409, "wrong_state", False)
    assert await tell("06", description="Đã trồng 500 cây") == (201, "REPORTED", False)
    changes = store.read_now(lambda tx: tx.all(sa.select(change_table).order_by(change_table.c.id)))
    assert [change.event for change in changes] == ["arrive", "register", "start", "report"]
    assert {change.account_name for change in changes} == {district.who("vanthu").name}
    assert changes[1].note == "edXML 03, 24/11/2026 09:00: Trần Thị Mai, Văn phòng: Đã vào sổ"
    (delivery,) = [
        one for one in (await (await clerk.get(f"/api/v1/directives/{sent}")).json())["board"]
        if one["unit"] == district.unit("468.DTN")
    ]  # fmt: skip
    page = await (await page_as("vanthu")).get(f"/deliveries/{delivery['id']}")
    assert "Đã trồng 500 cây" in await page.text()
    assert await tell("04") == (200, "REPORTED", True)
    assert await tell("06", description="Thêm") == (200, "REPORTED", True)
    one = f"/api/v1/deliveries/{delivery['id']}"
    assert (await clerk.post(f"{one}/send-back", {"note": "Thêm số liệu"})).status == 200
    assert await tell("06", description="Đã trồng 500 cây") == (200, "REWORK", True)  # the same message once more
    assert await tell("06", description="Đã trồng 520 cây") == (201, "REPORTED", False)
    assert (await clerk.post(f"{one}/accept")).status == 200
    assert await tell("06") == (200, "COMPLETED", True)
    assert await tell("02") == (409, "wrong_state", False)


@pytest.mark.parametrize(("code", "state"), [("02", "RETURNED"), ("04", "ASSIGNED"), ("06", "REPORTED")])
async def test_a_status_takes_what_came_before_for_granted(sent: int, as_: As, code: str, state: str) -> None:
    answer = await send(await as_("vanthu"), changed(YOUTH, status=StatusCode(code)))
    assert (answer.status, (await answer.json())["state"]) == (201, state)


@pytest.mark.parametrize(("code", "state", "early"), [("15", "RECALLED", 409), ("16", "SENT", 200)])
async def test_a_recall_is_answered_by_a_status(
    sent: int, as_: As, district: DistrictIds, code: str, state: str, early: int
) -> None:
    clerk, leader = await as_("vanthu"), await as_("chutich")
    message = changed(YOUTH, status=StatusCode(code))
    assert (await send(clerk, message)).status == early  # nothing was asked yet, so nothing can be given up
    await leader.post(f"/api/v1/directives/{sent}/recall", {"note": "Sai", "units": [district.unit("468.DTN")]})
    answer = await send(clerk, message)
    assert (await answer.json())["state"] == state


@pytest.mark.parametrize(
    ("changes", "status", "code"),
    [
        ({"sender": Organ("19606", "Cam Thủy")}, 409, "unit_signs_in"),
        ({"sender": Organ("nơi khác")}, 404, "edxml_unknown"),
        ({"sender": Organ("468.HND")}, 404, "edxml_unknown"),
        ({"code": "99/KH-UBND"}, 404, "edxml_unknown"),
        ({"organ_id": "H50"}, 404, "edxml_unknown"),
        ({"promulgated_on": date(2025, 11, 24)}, 404, "edxml_unknown"),
        ({"description": "[MẬT] x"}, 422, "secret"),
    ],
)
async def test_a_status_that_is_refused(
    sent: int, as_: As, store: Store, changes: dict[str, Any], status: int, code: str
) -> None:
    assert await code_of(await send(await as_("vanthu"), changed(YOUTH, **changes))) == (status, code)
    assert store.read_now(lambda tx: tx.all(sa.select(change_table))) == []
