"""The API and the pages of directives over HTTP: the whole way, wrong input, uploads that are not what they say."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import aiohttp
import msgspec
import pytest
from aiohttp import web

from server.config import Settings
from server.directives.downloads import disposition
from server.directives.keys import POLICY
from server.directives.shapes import Attachment
from tests.conftest import As, Clock, DistrictIds, PageAs
from tests.directives.files import jpeg, pdf, png

ROOT = "/api/v1/directives"


def body(clock: Clock, units: list[int], **changes: Any) -> dict[str, Any]:
    return {
        "kind": "Kế hoạch",
        "subject": "Phòng, chống lụt bão",
        "deadline": (clock() + timedelta(days=7)).isoformat(),
        "recipients": [{"unit": unit} for unit in units],
        **changes,
    }


def form(*files: tuple[str, bytes, str], **fields: str) -> aiohttp.FormData:
    data = aiohttp.FormData()
    for name, value in fields.items():
        data.add_field(name, value)
    for name, content, kind in files:
        data.add_field("files", content, filename=name, content_type=kind)
    return data


async def test_the_whole_way(as_: As, district: DistrictIds, clock: Clock) -> None:
    clerk, leader, cadre = await as_("vanthu"), await as_("chutich"), await as_("camthuy")
    made = await (await clerk.post(ROOT, body(clock, [district.unit("19606")]))).json()
    assert made == {"id": made["id"], "state": "DRAFT", "number_text": "", "revision": 1}
    one = f"{ROOT}/{made['id']}"
    added = await clerk.post(f"{one}/attachments", data=form(("Kế hoạch.pdf", pdf(), "application/pdf")))
    assert added.status == 201
    assert (await clerk.post(f"{one}/issue")).status == 403
    assert (await (await clerk.post(f"{one}/submit")).json())["state"] == "WAITING"
    issued = await (await leader.post(f"{one}/issue", {"command_id": "x"})).json()
    assert issued["number_text"] == "01/KH-UBND"
    assert await (await leader.post(f"{one}/issue", {"command_id": "x"})).json() == issued
    assert (await leader.post(f"{one}/issue", {"command_id": "y"})).status == 409

    (line,) = (await (await cadre.get("/api/v1/deliveries")).json())["deliveries"]
    assert (line["subject"], line["delivery"]["state"]) == ("Phòng, chống lụt bão", "SENT")
    assert (await (await cadre.post(f"{one}/seen")).json())["state"] == "SEEN"
    assert (await cadre.post(f"{one}/responses", {"text": "sớm"})).status == 409
    assert (await (await cadre.post(f"{one}/register")).json())["registry_number"] == 1
    answer = await cadre.post(f"{one}/responses", data=form(("anh.jpg", jpeg(), "image/jpeg"), text="Đã làm."))
    delivery = (await answer.json())["id"]
    seen = await (await clerk.get(f"/api/v1/deliveries/{delivery}")).json()
    assert seen["delivery"]["responses"][0]["attachments"][0]["name"] == "anh.jpg"
    back = await clerk.post(f"/api/v1/deliveries/{delivery}/send-back", {"note": "Thêm số liệu"})
    assert (await back.json())["state"] == "REWORK"
    await cadre.post(f"{one}/responses", {"text": "Đã thêm."})
    assert (await (await clerk.post(f"/api/v1/deliveries/{delivery}/accept")).json())["state"] == "COMPLETED"
    board = await (await clerk.get(one)).json()
    assert board["counts"] | {"sent": 1, "completed": 1, "reported": 1, "overdue": 0} == board["counts"]
    assert board["board"][0]["edxml"] == "06"


@pytest.mark.parametrize(
    ("changes", "code", "field"),
    [
        ({"recipients": []}, "no_recipients", "recipients"),
        ({"deadline": "2025-01-01T00:00:00Z"}, "past_deadline", "deadline"),
        ({"subject": ""}, "no_subject", "subject"),
        ({"subject": "x" * 10_000}, "too_long", "subject"),
        ({"subject": "a\u202eb"}, "hidden_marks", "subject"),
        ({"secrecy": "Tuyệt mật"}, "secret", "secrecy"),
        ({"kind": "Không có loại này"}, "invalid_input", "kind"),
        ({"deadline": "2030-01-01T00:00:00"}, "invalid_input", "deadline"),
        ({"recipients": [{"unit": 999_999}]}, "unknown_recipient", "recipients"),
        ({"recipients": [{"unit": "x"}]}, "invalid_input", "recipients[0].unit"),
    ],
)
async def test_wrong_input_is_named(
    as_: As, district: DistrictIds, clock: Clock, changes: dict[str, Any], code: str, field: str
) -> None:
    leader = await as_("chutich")
    reply = await leader.post(f"{ROOT}?issue=true", body(clock, [district.unit("19606")], **changes))
    problem = await reply.json()
    assert (reply.status, problem["code"], problem.get("field")) == (422, code, field)
    assert (await (await leader.get(ROOT)).json()) == {"drafts": [], "issued": [], "page": 1, "pages": 1, "total": 0}


async def test_names_with_markup_stay_text(page_as: PageAs, as_: As, district: DistrictIds, clock: Clock) -> None:
    leader = await as_("chutich")
    evil = "<script>alert(1)</script>\"'><img src=x>"
    made = await (
        await leader.post(f"{ROOT}?issue=true", body(clock, [district.unit("19606")], subject=evil, body=evil))
    ).json()
    for username in ("chutich", "camthuy"):
        page = await page_as(username)
        for path in ("/", "/directives/in", "/directives/out", f"/directives/{made['id']}"):
            text = await (await page.get(path)).text()
            assert "<script>alert" not in text
            assert "<img src=x>" not in text


# ---- files


@pytest.mark.parametrize(
    ("name", "content", "kind"),
    [
        ("virus.pdf", b"<html><script>alert(1)</script>", "application/pdf"),
        ("x.png", b"MZ\x90\x00", "image/png"),
        ("empty.pdf", b"", "application/pdf"),
        ("x.svg", b"<svg xmlns='http://www.w3.org/2000/svg' onload='alert(1)'/>", "image/svg+xml"),
        ("../../x.html", b"hello", "text/html"),
    ],
)
async def test_a_file_that_is_not_what_it_says(
    as_: As, district: DistrictIds, clock: Clock, name: str, content: bytes, kind: str
) -> None:
    clerk = await as_("vanthu")
    made = await (await clerk.post(ROOT, body(clock, [district.unit("19606")]))).json()
    reply = await clerk.post(f"{ROOT}/{made['id']}/attachments", data=form((name, content, kind)))
    assert (reply.status, (await reply.json())["code"]) == (422, "bad_file")
    assert (await (await clerk.get(f"{ROOT}/{made['id']}")).json())["directive"]["attachments"] == []


async def test_a_download_is_safe_and_only_for_those_concerned(
    as_: As, district: DistrictIds, clock: Clock, settings: Settings
) -> None:
    clerk, leader, cadre, stranger = [await as_(name) for name in ("vanthu", "chutich", "camthuy", "camhieu")]
    made = await (await clerk.post(ROOT, body(clock, [district.unit("19606")]))).json()
    one = f"{ROOT}/{made['id']}"
    sent = await clerk.post(
        f"{one}/attachments", data=form(('../../Kế hoạch <b>\u202e"; x="X-Evil: 1.pdf', pdf(), "text/html"))
    )
    (file,) = (await sent.json())["attachments"]
    assert file["name"] == "Kế hoạch b x=X-Evil 1.pdf"
    url = f"/api/v1/attachments/{file['id']}"
    assert (await cadre.get(url)).status == 404  # a draft is not theirs to see
    await leader.post(f"{one}/issue")
    assert (await stranger.get(url)).status == 404
    reply = await cadre.get(url)
    assert await reply.read() == pdf()
    assert reply.headers["Content-Type"] == "application/pdf"
    assert reply.headers["Content-Disposition"].startswith("attachment; filename=")
    assert reply.headers["X-Content-Type-Options"] == "nosniff"
    assert reply.headers["Content-Security-Policy"].startswith("sandbox;")
    assert "X-Evil" not in reply.headers
    kept = [
        path for path in settings.path(settings.storage.data).rglob("*") if path.is_file() and "files" in path.parts
    ]
    assert [path.name for path in kept] == [file["sha256"]]


async def test_too_large_and_too_many_files(as_: As, district: DistrictIds, clock: Clock, settings: Settings) -> None:
    clerk = await as_("vanthu")
    made = await (await clerk.post(ROOT, body(clock, [district.unit("19606")]))).json()
    url = f"{ROOT}/{made['id']}/attachments"
    large = pdf("x" * (settings.http.upload_limit_mb << 20))
    reply = await clerk.post(url, data=form(("a.pdf", large, "application/pdf")))
    assert (reply.status, (await reply.json())["code"]) == (413, "file_too_large")
    many = [(f"{n}.png", png(n + 1), "image/png") for n in range(21)]
    reply = await clerk.post(url, data=form(*many))
    assert (reply.status, (await reply.json())["code"]) == (422, "too_many_files")
    assert (await clerk.post(url, data=form(*many[:20]))).status == 201
    reply = await clerk.post(url, data=form(*many[:1]))
    assert (await reply.json())["code"] == "too_many_files"


def test_names_in_headers() -> None:
    file = Attachment(id=1, name="Kế hoạch số 5.pdf", content_type="application/pdf", size=1, sha256="0" * 64)
    assert disposition(file) == (
        "attachment; filename=\"K_ ho_ch s_ 5.pdf\"; filename*=UTF-8''K%E1%BA%BF%20ho%E1%BA%A1ch%20s%E1%BB%91%205.pdf"
    )


# ---- pages without scripts


async def test_the_form_keeps_what_was_typed(page_as: PageAs, district: DistrictIds) -> None:
    clerk = await page_as("vanthu")
    typed = {"kind": "Chỉ thị", "subject": "Về việc <này>", "deadline": "2025-01-01T08:00", "urgency": "URGENT"}
    unit = district.unit("19606")
    reply = await clerk.post("/directives/new", typed | {"recipients": str(unit), "action": "submit"})
    text = await reply.text()
    assert reply.status == 422
    assert "Hạn trả lời phải sau lúc ban hành." in text
    assert "Về việc &lt;này&gt;" in text
    assert f'value="{unit}" checked' in text
    assert 'value="2025-01-01T08:00"' in text


async def test_groups_and_roles_of_the_form(page_as: PageAs, as_: As, district: DistrictIds) -> None:
    clerk, api = await page_as("vanthu"), await as_("vanthu")
    lead, told = district.unit("19606"), district.unit("468.HND")
    fields = {"kind": "Kế hoạch", "subject": "x", "recipients_groups": "communes", "lead": str(lead), "info": str(told)}
    reply = await clerk.post("/directives/new", fields)
    assert reply.status == 303
    directive = (await (await api.get(f"/api/v1{reply.headers['Location']}")).json())["directive"]
    roles = {recipient["unit"]: recipient["role"] for recipient in directive["recipients"]}
    assert (roles.pop(lead), roles.pop(told)) == ("lead", "info")
    assert set(roles.values()) == {"assist"}
    assert len(roles) == 7


async def test_a_form_that_is_sent_twice_issues_once(page_as: PageAs, as_: As, district: DistrictIds) -> None:
    leader, api = await page_as("chutich"), await as_("chutich")
    fields = {
        "kind": "Kế hoạch",
        "subject": "x",
        "recipients": str(district.unit("19606")),
        "command_id": "abc",
        "action": "issue",
    }
    places = [(await leader.post("/directives/new", fields)).headers["Location"] for _ in range(2)]
    assert places[0] == places[1]
    assert len((await (await api.get(ROOT)).json())["issued"]) == 1


async def test_opening_the_page_is_seeing_it(page_as: PageAs, as_: As, district: DistrictIds, clock: Clock) -> None:
    leader, cadre = await as_("chutich"), await page_as("camthuy")
    made = await (await leader.post(f"{ROOT}?issue=true", body(clock, [district.unit("19606")]))).json()
    text = await (await cadre.get("/directives/in")).text()
    assert 'data-badge="/directives/in"' in text
    await cadre.get(f"/directives/{made['id']}")
    (line,) = (await (await leader.get(f"{ROOT}/{made['id']}")).json())["board"]
    assert line["state"] == "SEEN"
    assert 'data-badge="/directives/in"' not in await (await cadre.get("/directives/in")).text()


async def test_every_page_speaks_english(page_as: PageAs, as_: As, district: DistrictIds, clock: Clock) -> None:
    leader, page, cadre = await as_("chutich"), await page_as("chutich"), await page_as("camthuy")
    made = await (await leader.post(f"{ROOT}?issue=true", body(clock, [district.unit("19606")]))).json()
    for who, path, words in (
        (page, "/directives/new", "Write a directive"),
        (page, "/directives/out", "Directives issued"),
        (page, f"/directives/{made['id']}", "Progress of the recipients"),
        (cadre, "/directives/in", "Directives received"),
        (cadre, f"/directives/{made['id']}", "Register in the book"),
    ):
        cookie = {"Cookie": f"session={who.secret}; language=en"}
        assert words in await (await who.get(path, headers=cookie)).text(), path


async def test_an_organ_without_a_usual_notation_is_asked_for_it(
    page_as: PageAs, as_: As, app: web.Application, district: DistrictIds, clock: Clock
) -> None:
    leader = await page_as("chutich")
    assert "lấy ký hiệu thường dùng" in await (await leader.get("/directives/new")).text()
    policy = app[POLICY]
    only = {"default": policy.file.numbering["default"]}
    policy.file = msgspec.structs.replace(policy.file, numbering=only)
    text = await (await leader.get("/directives/new")).text()
    assert "Đơn vị chưa khai ký hiệu thường dùng: xin nhập." in text
    form = {"kind": "Kế hoạch", "subject": "Phòng, chống lụt bão", "recipients": str(district.unit("19606"))}
    refused = await leader.post("/directives/new", form | {"action": "issue"})
    assert (refused.status, "Xin nhập ký hiệu văn bản." in await refused.text()) == (422, True)
    typed = body(clock, [district.unit("19606")], notation="KH-CCT")
    made = await (await as_("chutich")).post(f"{ROOT}?issue=true", typed)
    assert (await made.json())["number_text"] == "01/KH-CCT"
