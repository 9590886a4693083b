"""Questions and answers: what is well formed, numbers as people type them, and the way from the form to the board."""

from __future__ import annotations

import re
from typing import Any

import aiohttp
import msgspec
import pytest
from multidict import MultiDict

from server.accounts.identify import COOKIE
from server.directives import service
from server.directives.question_forms import lines_of, read_questions
from server.directives.questions import (
    Answer,
    Question,
    QuestionKind,
    check_answers,
    check_questions,
    clean_answers,
    parse_number,
)
from server.directives.shapes import ReportInput, SendBackInput, Upload
from server.errors import UserError
from server.store import Store
from tests.conftest import As, Clock, DistrictIds, PageAs
from tests.directives.files import png
from tests.directives.helpers import POLICY, issue
from tests.directives.test_api import ROOT, body

NUMBER = Question(kind=QuestionKind.NUMBER, label="Số hộ cần di dời", unit="hộ")
CHOICE = Question(kind=QuestionKind.CHOICE, label="Đã trực ban chưa?", parts=["Đã trực", "Chưa trực"])
TABLE = Question(kind=QuestionKind.TABLE, label="Điểm ngập", parts=["Vị trí", "Mức ngập"], required=False)
FILE = Question(kind=QuestionKind.FILE, label="Ảnh", required=False)
TEXT = Question(kind=QuestionKind.TEXT, label="Khó khăn", required=False)
ALL = [NUMBER, CHOICE, TABLE, FILE, TEXT]


def codes(problems: Any) -> list[tuple[str, str]]:
    return [(problem.field, problem.code) for problem in problems]


@pytest.mark.parametrize(
    ("typed", "decimal", "number"),
    [
        ("1.927", ",", 1927),
        ("1.927,5", ",", 1927.5),
        ("2,5", ",", 2.5),
        ("2.5", ",", 2.5),
        ("1 250", ",", 1250),
        ("-3", ",", -3),
        ("1,927", ".", 1927),
        ("1,927.5", ".", 1927.5),
        ("0", ",", 0),
        ("0.125", ",", 0.125),
        ("-0.250", ",", -0.25),
        ("0,125", ",", 0.125),
        ("0,125", ".", 0.125),
        ("10.125", ",", 10125),
        ("0.125.000", ",", None),
        ("0.125,5", ",", None),
        ("1.2.3", ",", None),
        ("1.927,", ",", None),
        ("năm", ",", None),
        ("1e9", ",", None),
        ("nan", ",", None),
        ("١", ",", None),
        ("9" * 40, ",", None),
    ],
)
def test_numbers_as_people_type_them(typed: str, decimal: str, number: float | None) -> None:
    assert parse_number(typed, decimal) == number


@pytest.mark.parametrize(
    ("question", "code"),
    [
        (Question(kind=QuestionKind.TEXT, label=""), "no_question_label"),
        (Question(kind=QuestionKind.TEXT, label="x" * 301), "question_too_long"),
        (Question(kind=QuestionKind.CHOICE, label="a", parts=["một"]), "bad_choices"),
        (Question(kind=QuestionKind.CHOICE, label="a", parts=["một", "một"]), "part_twice"),
        (Question(kind=QuestionKind.TABLE, label="a"), "bad_columns"),
        (Question(kind=QuestionKind.TABLE, label="a", parts=["x" * 101]), "question_too_long"),
        (Question(kind=QuestionKind.TEXT, label="a\u202eb"), "hidden_marks"),
        (Question(kind=QuestionKind.TEXT, label="Kế hoạch (Mật)"), "secret"),
    ],
)
def test_questions_that_are_none(question: Question, code: str) -> None:
    assert codes(check_questions([*ALL, question])) == [("questions", code)]
    assert check_questions(ALL) == []


def test_too_many_questions() -> None:
    assert codes(check_questions([TEXT] * 31)) == [("questions", "too_many_questions")]


@pytest.mark.parametrize(
    ("answer", "found"),
    [
        (Answer(question=1, text="ba"), ("q1", "bad_number")),
        (Answer(question=1, number=float("nan")), ("q1", "bad_number")),
        (Answer(question=1, number=1e16), ("q1", "bad_number")),
        (Answer(question=2, text="Có lẽ"), ("q2", "bad_choice")),
        (Answer(question=3, text="a"), ("q3", "wrong_answer")),
        (Answer(question=3, rows=[["a"]]), ("q3", "wrong_answer")),
        (Answer(question=3, rows=[["a", "b"]] * 201), ("q3", "too_many_rows")),
        (Answer(question=4, text="ảnh"), ("q4", "wrong_answer")),
        (Answer(question=5, text="x" * 5_001), ("q5", "too_long")),
        (Answer(question=5, text="Độ mật: Tối mật"), ("q5", "secret")),
        (Answer(question=6, text="a"), ("answers", "unknown_question")),
    ],
)
def test_answers_that_are_none(answer: Answer, found: tuple[str, str]) -> None:
    right = {1: Answer(question=1, number=1), 2: Answer(question=2, text="Đã trực")}
    assert check_answers(ALL, clean_answers(right.values())) == []
    assert codes(check_answers(ALL, clean_answers({**right, answer.question: answer}.values()))) == [found]


def test_what_must_be_answered_and_by_what() -> None:
    needed = [Question(kind=kind, label="a", parts=["b", "c"]) for kind in QuestionKind]
    assert codes(check_answers(needed, [])) == [(f"q{number}", "no_answer") for number in range(1, 6)]
    both = [Answer(question=1, number=1), Answer(question=1, number=2)]
    assert codes(check_answers([NUMBER], both)) == [("answers", "unknown_question")]
    assert codes(check_answers([TEXT], [], files=[1])) == [("q1", "wrong_answer")]


def test_the_form_says_what_the_questions_say() -> None:
    form: MultiDict[Any] = MultiDict()
    for line in [*lines_of(ALL), {"kind": "text", "label": " ", "detail": "", "required": "true"}]:
        for name, value in line.items():
            form.add(f"question_{name}", value)
    assert [(q.kind, q.required, q.unit) for q in read_questions(form)] == [(q.kind, q.required, q.unit) for q in ALL]
    form.add("question_kind", "text")
    with pytest.raises(UserError) as refused:
        read_questions(form)
    assert refused.value.code == "bad_questions"


def test_the_newest_answers_are_added_up(store: Store, district: DistrictIds, clock: Clock) -> None:
    leader, first, second = (district.who(name) for name in ("chutich", "camthuy", "camnghia"))
    made = issue(store, leader, [first.unit_id, second.unit_id], questions=ALL)

    def answer(who: Any, number: float, choice: str) -> None:
        answers = [Answer(question=1, number=number), Answer(question=2, text=choice)]
        store.write_now(service.report, who, POLICY, made.id, ReportInput(answers=answers))

    for who in (first, second):
        store.write_now(service.register, who, POLICY, made.id)
    answer(first, 10, "Chưa trực")
    answer(first, 12.5, "Đã trực")
    answer(second, 30, "Đã trực")
    opened = store.read_now(service.open_directive, leader, POLICY, made.id)
    number, choice, *_rest = opened.answers
    assert (number.total, number.asked, len(number.given)) == (42.5, 2, 2)
    assert choice.choices == {"Đã trực": 2, "Chưa trực": 0}
    with pytest.raises(service.DraftError) as refused:
        store.write_now(service.report, first, POLICY, made.id, ReportInput(text="Đủ rồi"))
    assert codes(refused.value.problems) == [("q1", "no_answer"), ("q2", "no_answer")]


def attached(store: Store, who: Any, directive: int) -> list[list[tuple[str, int | None]]]:
    """Names and questions of the files of each version, newest first."""
    opened = store.read_now(service.open_directive, who, POLICY, directive)
    return [[(file.name, file.question) for file in one.attachments] for one in opened.delivery.responses]


def test_a_file_stays_until_another_takes_its_place(store: Store, district: DistrictIds) -> None:
    leader, cadre = district.who("chutich"), district.who("camthuy")
    must = msgspec.structs.replace(FILE, required=True)
    made = issue(store, leader, [cadre.unit_id], questions=[must, NUMBER]).id
    store.write_now(service.register, cadre, POLICY, made)

    def answer(number: float, *files: Upload) -> int:
        answers = ReportInput(answers=[Answer(question=2, number=number)])
        return store.write_now(service.report, cadre, POLICY, made, answers, list(files)).id

    map_, sheet, free = (
        Upload(name=name, content_type="application/pdf", size=3, sha256=digit * 64, question=question)
        for name, digit, question in (("ban-do.pdf", "1", 1), ("bieu.pdf", "2", 1), ("them.pdf", "3", None))
    )
    with pytest.raises(service.DraftError) as refused:
        answer(1000)
    assert codes(refused.value.problems) == [("q1", "no_answer")]
    delivery = answer(1000, map_, free)
    store.write_now(service.send_back, leader, POLICY, delivery, SendBackInput(note="Số hộ sai"))
    answer(900)
    assert attached(store, cadre, made) == [[("ban-do.pdf", 1)], [("ban-do.pdf", 1), ("them.pdf", None)]]
    opened = store.read_now(service.open_directive, leader, POLICY, made)
    assert [name for _id, name in opened.answers[0].given[0].files] == ["ban-do.pdf"]
    assert opened.answers[1].total == 900
    newest = opened.answers[0].given[0].files[0][0]
    assert store.read_now(service.download, leader, newest).sha256 == "1" * 64
    store.write_now(service.send_back, leader, POLICY, delivery, SendBackInput(note="Bản đồ cũ"))
    answer(900, sheet)
    assert attached(store, cadre, made)[0] == [("bieu.pdf", 1)]


async def test_the_form_says_which_file_stays(store: Store, district: DistrictIds, page_as: PageAs) -> None:
    leader, cadre = district.who("chutich"), district.who("camthuy")
    must = msgspec.structs.replace(FILE, required=True)
    made = issue(store, leader, [cadre.unit_id], questions=[must]).id
    store.write_now(service.register, cadre, POLICY, made)
    page = await page_as("camthuy")

    async def field() -> str:
        text = await (await page.get(f"/directives/{made}")).text()
        return text.partition('<label for="f-q1">')[2].partition('<ul class="files"')[0]

    before = await field()
    assert "required" in before and "tệp đã gửi" not in before
    file = Upload(name="ban-do.pdf", content_type="application/pdf", size=3, sha256="1" * 64, question=1)
    delivery = store.write_now(service.report, cadre, POLICY, made, ReportInput(text="Kèm bản đồ."), [file]).id
    store.write_now(service.send_back, leader, POLICY, delivery, SendBackInput(note="Thiếu chữ ký"))
    again = await field()
    assert "required" not in again and "không bắt buộc" not in again
    assert "Nếu không chọn tệp khác thì giữ tệp đã gửi:" in again
    assert '<a href="/directives/attachments/1">ban-do.pdf</a>' in again


async def test_from_the_form_to_the_board(as_: As, page_as: PageAs, district: DistrictIds, clock: Clock) -> None:
    clerk, leader, cadre = await page_as("vanthu"), await page_as("chutich"), await page_as("camthuy")
    form: MultiDict[Any] = MultiDict(
        {"csrf": leader.csrf, "kind": "Công điện", "subject": "Mưa lũ", "action": "issue", "confirmed": "true"}
    )
    form.add("recipients", str(district.unit("19606")))
    for line in lines_of(ALL):
        for name, value in line.items():
            form.add(f"question_{name}", value)
    headers = {"Accept": "text/html", "Cookie": f"{COOKIE}={leader.secret}", "X-CSRF-Token": leader.csrf}
    answer = await leader.client.post("/directives/new", data=form, headers=headers, allow_redirects=False)
    assert answer.status == 303, await answer.text()
    address = answer.headers["Location"]
    assert "Số hộ cần di dời" in await (await cadre.get(address)).text()
    await cadre.post(f"{address}/register")

    sent = {"q1": "một nghìn", "q2": "Đã trực", "q3_1": "Ngầm tràn", "q3_2": "0,5"}
    wrong = await cadre.post(f"{address}/report", sent)
    text = await wrong.text()
    assert wrong.status == 422
    assert 'href="#f-q1">1. Số hộ cần di dời: ' in text and 'value="một nghìn"' in text and 'value="Ngầm tràn"' in text
    assert re.search(r'value="Đã trực" checked', text)

    data = aiohttp.FormData()
    for name, value in (sent | {"q1": "1.927", "csrf": cadre.csrf}).items():
        data.add_field(name, value)
    data.add_field("q4", png(), filename="ngap.png", content_type="image/png")
    headers = {"Accept": "text/html", "Cookie": f"{COOKIE}={cadre.secret}"}
    done = await cadre.client.post(f"{address}/report", data=data, headers=headers, allow_redirects=False)
    assert done.status == 303, await done.text()
    board = await (await clerk.get(f"{address}/board")).text()
    assert "1.927 hộ" in board and "Ngầm tràn" in board and "ngap.png" in board
    api = await (await (await as_("vanthu")).get(f"/api/v1{address}")).json()
    assert api["answers"][0]["total"] == 1927
    assert api["answers"][3]["given"][0]["files"][0][1] == "ngap.png"


async def test_a_program_is_told_which_question(as_: As, district: DistrictIds, clock: Clock) -> None:
    leader, cadre = await as_("chutich"), await as_("camthuy")
    asked = {"questions": [{"kind": "number", "label": "Số hộ", "unit": "hộ"}]}
    made = await (await leader.post(f"{ROOT}?issue=true", body(clock, [district.unit("19606")], **asked))).json()
    address = f"{ROOT}/{made['id']}"
    await cadre.post(f"{address}/register")
    refused = await cadre.post(f"{address}/responses", {"text": "Xong"})
    problem = await refused.json()
    assert (refused.status, problem["code"], problem["field"]) == (422, "no_answer", "q1")
    done = await cadre.post(f"{address}/responses", {"answers": [{"question": 1, "number": 5}]})
    assert (await done.json())["state"] == "REPORTED"
    stranger = await as_("camnghia")
    assert (await stranger.post(f"{address}/responses", {"text": "a"})).status == 404
    unknown = await leader.post(ROOT, body(clock, [], questions=[{"kind": "sound", "label": "a"}]))
    assert (unknown.status, (await unknown.json())["code"]) == (422, "invalid_input")
