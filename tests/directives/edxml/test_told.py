"""What goes out as edXML says what people here were asked and have answered: questions, reasons and notes."""

from __future__ import annotations

import pytest

from server.accounts.principal import Principal
from server.directives import service
from server.directives.edxml.message import Document
from server.directives.edxml.reading import read_message
from server.directives.questions import Question, QuestionKind
from server.directives.rules import ReturnReason
from server.directives.shapes import RecallAnswer, RecallInput, ReturnInput
from server.store import Store
from tests.conftest import As, DistrictIds
from tests.directives.edxml.test_exchange import HANOI, YOUTH, changed, code_of, send
from tests.directives.helpers import POLICY, issue

ASKED = [
    Question(kind=QuestionKind.NUMBER, label="Số hộ cần di dời", unit="hộ"),
    Question(kind=QuestionKind.CHOICE, label="Đã trực ban chưa?", parts=["Đã trực", "Chưa trực"]),
    Question(kind=QuestionKind.TEXT, label="Khó khăn", required=False),
]


@pytest.fixture
def people(district: DistrictIds) -> dict[str, Principal]:
    return {name: district.who(name) for name in ("chutich", "camthuy")}


def told(store: Store, who: Principal, directive: int) -> tuple[str, str]:
    status = store.read_now(service.status_of_ours, who, POLICY, directive)
    return status.status.value, status.description


def test_a_return_says_why(store: Store, people: dict[str, Principal]) -> None:
    leader, cadre = people["chutich"], people["camthuy"]
    for note, said in (
        ("Gửi cho xã Cam Hiếu", "Từ chối tiếp nhận: gửi nhầm nơi nhận. Gửi cho xã Cam Hiếu"),
        ("", "Từ chối tiếp nhận: gửi nhầm nơi nhận"),
        ("x" * 900, "Từ chối tiếp nhận: gửi nhầm nơi nhận. " + "x" * 462),  # as long as the format takes
    ):
        made = issue(store, leader, [cadre.unit_id]).id
        data = ReturnInput(reason=ReturnReason.WRONG_RECIPIENT, note=note)
        store.write_now(service.return_delivery, cadre, POLICY, made, data)
        assert told(store, cadre, made) == ("02", said)


@pytest.mark.parametrize(
    ("agree", "note", "said"),
    [
        (False, "Đã triển khai xuống thôn", ("16", "Từ chối lấy lại: Đã triển khai xuống thôn")),
        (True, "Đã hủy bản in", ("15", "Đồng ý lấy lại: Đã hủy bản in")),
        (True, "", ("15", "Đồng ý lấy lại")),
    ],
)
def test_a_recall_and_its_answer_say_why(
    store: Store, people: dict[str, Principal], agree: bool, note: str, said: tuple[str, str]
) -> None:
    leader, cadre = people["chutich"], people["camthuy"]
    made = issue(store, leader, [cadre.unit_id]).id
    store.write_now(service.register, cadre, POLICY, made)
    assert told(store, cadre, made) == ("03", "Đã tiếp nhận")
    store.write_now(service.recall, leader, POLICY, made, RecallInput(note="Sai số liệu", units=[cadre.unit_id]))
    assert told(store, cadre, made) == ("13", "Yêu cầu lấy lại: Sai số liệu")
    store.write_now(service.answer_recall, cadre, POLICY, made, RecallAnswer(agree=agree, note=note))
    assert told(store, cadre, made) == said


async def test_questions_stand_under_the_text(as_: As, store: Store, people: dict[str, Principal]) -> None:
    leader, cadre = people["chutich"], people["camthuy"]
    made = issue(store, leader, [cadre.unit_id], body="Các xã báo cáo.", questions=ASKED).id
    for who in ("vanthu", "camthuy"):
        answer = await (await as_(who)).get(f"/api/v1/directives/{made}/edxml")
        read = read_message(await answer.read(), HANOI, 1 << 20)
        assert isinstance(read, Document)
        assert read.content == (
            "Các xã báo cáo.\n\nNội dung cần trả lời:\n1. Số hộ cần di dời (hộ)\n"
            "2. Đã trực ban chưa? (Đã trực; Chưa trực)\n3. Khó khăn (không bắt buộc)"
        )


async def test_what_other_systems_would_not_take_does_not_go_out(
    as_: As, store: Store, people: dict[str, Principal]
) -> None:
    made = issue(store, people["chutich"], [people["camthuy"].unit_id], body="a" * 99_990, questions=ASKED).id
    answer = await (await as_("vanthu")).get(f"/api/v1/directives/{made}/edxml")
    assert await code_of(answer) == (413, "content_too_long")
    store.write_now(service.recall, people["chutich"], POLICY, made, RecallInput(note="Sai"))
    assert (await (await as_("vanthu")).get(f"/api/v1/directives/{made}/edxml?recall=true")).status == 200


@pytest.mark.parametrize("code", ["01-KH/HU", "01/KH/HU"])
async def test_a_number_of_the_party_is_the_same_both_ways(
    as_: As, store: Store, district: DistrictIds, code: str
) -> None:
    """The format has number and notation apart; what other systems put between them is not what the Party writes."""
    secretary, youth = district.who("bithu"), district.unit("468.DTN")
    made = issue(store, secretary, [youth], notation="KH/HU").id
    client = await as_("bithu")
    read = read_message(await (await client.get(f"/api/v1/directives/{made}/edxml")).read(), HANOI, 1 << 20)
    assert isinstance(read, Document)
    assert (read.number, read.notation, read.number_text) == ("01", "KH/HU", "01-KH/HU")
    status = changed(YOUTH, organ_id="468.HU", code=code)
    assert (await (await send(client, status)).json())["state"] == "REGISTERED"
