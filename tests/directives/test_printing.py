"""Registers as PDF: the pages are read back; and the answers to questions as Excel."""

from __future__ import annotations

import os
from collections.abc import Iterator
from datetime import timedelta
from io import BytesIO
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from openpyxl import load_workbook
from pypdf import PdfReader

from server.directives import paper, service
from server.directives.documents import DocumentType
from server.directives.printing import Heading, register_pdf
from server.directives.questions import Answer, Given, Question, QuestionKind, Tally
from server.directives.register_columns import columns
from server.directives.rules import RecipientRole, State
from server.directives.shapes import Gap, ReportInput
from server.directives.shapes.registers import RegisterLine
from server.directives.spreadsheet import answers_workbook
from server.directives.workshop import Workshop
from server.http.i18n import translator
from server.store import Store
from tests.conftest import START, DistrictIds, PageAs
from tests.directives.helpers import POLICY, draft, issue

HANOI = ZoneInfo("Asia/Ho_Chi_Minh")
HEADING = Heading(unit="UBND huyện Cam Lộ", above="UBND tỉnh Quảng Trị", title="Sổ đăng ký văn bản", years="2026")
STACKED = "Ễnh ương, Ự, Ặ, Ổ, ữ, ệ, Đakrông <b>&amp;"


def line(entry: int, subject: str, **changes: Any) -> RegisterLine:
    values: dict[str, Any] = {
        "entry": entry,
        "at": START,
        "directive": entry,
        "number_text": f"{entry:02}/KH-UBND",
        "kind": DocumentType.KE_HOACH,
        "subject": subject,
        "unit_name": "UBND huyện Cam Lộ",
        "issued_at": START,
        "signer": "Nguyễn Văn Ẩn",
        "deadline": START + timedelta(days=3),
        "recipients": ["Xã Cam Thủy", "Xã Cam Hiếu"],
        "state": None,
    }
    return RegisterLine(**(values | changes))


def read(content: bytes) -> list[str]:
    """The text of each page with single spaces."""
    return [" ".join(page.extract_text().split()) for page in PdfReader(BytesIO(content)).pages]


def same(text: str) -> str:
    return text


@pytest.mark.parametrize("register", ["out", "in"])
def test_pages_are_numbered_and_headed_and_hold_every_line(register: str) -> None:
    lines = [line(n, f"Việc thứ {n}: {STACKED}") for n in range(1, 121)]
    content = register_pdf(register, HEADING, lines, [], HANOI, same)
    pages = read(content)
    assert len(pages) > 5
    for number, text in enumerate(pages, 1):
        assert "Tên loại và trích yếu" in text
        assert f"{number}/{len(pages)}" in text
        assert "(1) (2) (3) (4) (5) (6) (7) (8) (9) (10)" in text
    whole = " ".join(pages)
    assert [n for n in range(1, 121) if f"Việc thứ {n}:" not in whole] == []
    assert whole.count("24/11/2026") == 240 + 2  # no date is broken, nor the two of the heading
    assert [n for n in range(1, 121) if f"{n:02}/KH-UBND" not in whole] == []
    assert whole.count("Đakrông <b>&amp;") == 120
    assert "Ễnh ương, Ự, Ặ, Ổ, ữ, ệ" in whole
    assert "UBND TỈNH QUẢNG TRỊ UBND HUYỆN CAM LỘ SỔ ĐĂNG KÝ VĂN BẢN Năm: 2026" in pages[0]
    assert "Từ ngày 24/11/2026 đến ngày 24/11/2026. Từ số 1 đến số 120. Quyển số:" in pages[0]
    box = PdfReader(BytesIO(content)).pages[0].mediabox
    assert (round(box.width), round(box.height)) == (842, 595)  # A4, landscape, in points


def test_fonts_are_in_the_file() -> None:
    content = register_pdf("out", HEADING, [line(1, STACKED)], [], HANOI, same)
    fonts = PdfReader(BytesIO(content)).pages[0]["/Resources"]["/Font"]  # type: ignore[index]
    used = [font.get_object() for font in fonts.values() if "Tinos" in str(font.get_object()["/BaseFont"])]
    assert used
    assert all("/FontFile2" in font["/FontDescriptor"] for font in used)


def test_a_line_longer_than_a_page_goes_on_overleaf() -> None:
    long = line(1, "Ữ" * 500, recipients=["Thôn " + "Ộ" * 40] * 200, signer="W" * 50)
    pages = read(register_pdf("out", HEADING, [long], [], HANOI, same))
    assert f"1/{len(pages)}" in pages[0]
    assert "".join(pages).replace(" ", "").count("Ộ" * 10) >= 200  # no recipient is left out


def test_a_line_of_many_recipients_stands_on_one_page_with_one_heading() -> None:
    villages = [f"Thôn {n}, xã Cam Thủy (mẫu)" for n in range(1, 52)]
    lines = [line(1, "Một"), line(2, "Hai"), line(3, "Ba", recipients=villages), line(4, "Bốn")]
    pages = read(register_pdf("out", HEADING, lines, [], HANOI, same))
    assert [text.count("(1) (2) (3)") for text in pages] == [1] * len(pages)
    whole = " ".join(pages).replace(" ", "")
    assert [name for name in villages if name.replace(" ", "") not in whole] == []
    assert whole.count("03/KH-UBND") == 1, "what goes on has no number again"


@pytest.mark.parametrize("register", ["out", "in"])
def test_no_word_of_a_heading_is_broken_in_english(register: str) -> None:
    (text,) = read(register_pdf(register, HEADING, [line(1, "x")], [], HANOI, translator("en")))
    for heading, _width in columns(register):
        for word in translator("en")(heading).split():
            assert word in text.split(), word


def test_an_empty_register_and_numbers_left_out() -> None:
    gap = Gap(register="out", year=2026, first=4, last=6, reason="Sổ giấy", at=START, person="A")
    for register in ("out", "in"):
        (text,) = read(register_pdf(register, HEADING, [], [gap], HANOI, same))
        assert "4–6" in text and "Số bỏ: Sổ giấy (A)" in text


@pytest.mark.parametrize("register", ["out", "in"])
@pytest.mark.parametrize("reason", ["SỔ GIẤY " * 125, "Ữ" * 1000])
def test_a_long_reason_for_numbers_left_out_goes_on_overleaf(register: str, reason: str) -> None:
    gap = Gap(register="out", year=2026, first=4, last=6, reason=reason.strip(), at=START, person="NGUYỄN VĂN A")
    pages = read(register_pdf(register, HEADING, [line(1, "Một")], [gap, gap], HANOI, same))
    assert [text.count("(1) (2) (3)") for text in pages] == [1] * len(pages)
    whole = " ".join(pages)
    assert (whole.count("Ữ"), whole.count("GIẤY")) == (2 * reason.count("Ữ"), 2 * reason.count("GIẤY"))
    assert (whole.count("4–6"), whole.count("(NGUYỄN VĂN A)")) == (2, 2), "what goes on has no number again"


async def test_the_page_offers_the_file(store: Store, district: DistrictIds, page_as: PageAs) -> None:
    issue(store, district.who("chutich"), [district.unit("19606")], subject="Họp thôn đầu năm")
    issue(store, district.who("chutich"), [district.unit("19606")], subject="Tiêm phòng")
    clerk = await page_as("vanthu")
    assert "/registers/print" in await (await clerk.get("/registers")).text()
    answer = await clerk.get("/registers/print?words=hop+thon")
    assert (answer.status, answer.content_type) == (200, "application/pdf")
    assert answer.headers["Content-Disposition"] == 'attachment; filename="so-van-ban-di-2026.pdf"'
    (text,) = read(await answer.read())
    assert "Họp thôn đầu năm" in text and "Tiêm phòng" not in text and "01/KH-UBND" in text
    assert (await (await page_as("thon1.camthuy")).get("/registers/print")).status == 403


QUESTIONS = [
    Question(kind=QuestionKind.NUMBER, label="Số hộ", unit="hộ"),
    Question(kind=QuestionKind.TEXT, label="Khó khăn", required=False),
    Question(kind=QuestionKind.TABLE, label="Ngầm tràn [1/2]: mức?", parts=["Tên", "Mức"], required=False),
]


async def test_answers_to_questions_as_excel(store: Store, district: DistrictIds, page_as: PageAs) -> None:
    leader, one, two = (district.who(name) for name in ("chutich", "camthuy", "camhieu"))
    done = issue(store, leader, [one.unit_id, two.unit_id], questions=QUESTIONS)
    for who, hovels, rows in ((one, 12, [["Ngầm thôn 3", "0,6"], ["Cầu", "0,2"]]), (two, 7, [])):
        store.write_now(service.register, who, POLICY, done.id)
        answers = [Answer(question=1, number=hovels), Answer(question=3, rows=rows)]
        answers += [Answer(question=2, text="=SUM(A1)")] if who is one else []
        store.write_now(service.report, who, POLICY, done.id, ReportInput(text="Có.", answers=answers))
    clerk = await page_as("vanthu")
    assert f"/directives/{done.id}/answers" in await (await clerk.get(f"/directives/{done.id}")).text()
    reply = await clerk.get(f"/directives/{done.id}/answers")
    book = load_workbook(BytesIO(await reply.read()))
    first, second = book.worksheets
    rows_of = [[cell.value for cell in row] for row in first.iter_rows()]
    assert rows_of[1] == ["Đơn vị", "1. Số hộ (hộ)", "2. Khó khăn"]
    assert sorted(rows_of[2:], key=str) == [["Xã Cam Hiếu", 7, None], ["Xã Cam Thủy", 12, "=SUM(A1)"]]
    assert {cell.data_type for row in first.iter_rows(min_row=3) for cell in row if cell.value == "=SUM(A1)"} == {"s"}
    assert second.title == "3. Ngầm tràn  1 2   mức"
    assert [[cell.value for cell in row] for row in second.iter_rows(min_row=4)] == [
        ["Xã Cam Thủy", "Ngầm thôn 3", "0,6"],
        ["Xã Cam Thủy", "Cầu", "0,2"],
    ]
    assert (await (await page_as("camthuy")).get(f"/directives/{done.id}/answers")).status == 404
    plain = issue(store, leader, [one.unit_id])
    assert (await clerk.get(f"/directives/{plain.id}/answers")).status == 404


class Read(list[Given]):
    """Counts how often it is gone through."""

    times = 0

    def __iter__(self) -> Iterator[Given]:
        self.times += 1
        return super().__iter__()


def test_answers_of_many_units_are_gone_through_a_few_times() -> None:
    given = [Given(unit=n, unit_name=f"Xã {n}", answer=Answer(question=1, number=n)) for n in range(50)]
    first, second = Read(given), Read(given[::-1][:20])
    tallies = [Tally(number=n, question=QUESTIONS[0], asked=50, given=one) for n, one in enumerate((first, second), 1)]
    (sheet,) = load_workbook(BytesIO(answers_workbook("A", tallies, same))).worksheets
    rows = [[cell.value for cell in row] for row in sheet.iter_rows(min_row=3)]
    assert rows == [[f"Xã {n}", n, n if n >= 30 else None] for n in range(50)]
    assert max(first.times, second.times) < 5


async def test_a_directive_on_paper(store: Store, district: DistrictIds, page_as: PageAs) -> None:
    units = [district.unit(code) for code in ("19606", "19600")]
    made = issue(store, district.who("chutich"), units, body=f"Một đoạn.\n\n{STACKED}\nDòng sau.", exercise=True)
    store.write_now(service.register, district.who("vanthu.camthuy"), POLICY, made.id)
    issuer = await (await page_as("vanthu")).get(f"/directives/{made.id}/print")
    assert issuer.content_type == "application/pdf"
    (text,) = read(await issuer.read())
    for words in ("DIỄN TẬP", "KẾ HOẠCH", "Phòng, chống lụt bão", STACKED, "Dòng sau.", "1/1", "không thay bản chính"):
        assert words in text
    assert "Xã Cam Thủy Thực hiện Đã tiếp nhận" in text
    assert "Xã Cam Tuyền Thực hiện Đã" in text
    (own,) = read(await (await (await page_as("camthuy")).get(f"/directives/{made.id}/print")).read())
    assert "Trạng thái của đơn vị: Đã tiếp nhận" in own
    assert "Nơi nhận: Xã Cam Thủy; Xã Cam Tuyền" in own
    assert "Xã Cam Tuyền Thực hiện" not in own, "how others stand is the issuer's to know"
    page = await page_as("vanthu.camhieu")
    assert (await page.get(f"/directives/{made.id}/print")).status == 404
    for name in ("vanthu", "camthuy"):
        shown = await (await (await page_as(name)).get(f"/directives/{made.id}")).text()
        assert f'href="/directives/{made.id}/print"' in shown


async def test_a_draft_is_not_printed(store: Store, district: DistrictIds, page_as: PageAs) -> None:
    made = store.write_now(service.create_draft, district.who("vanthu"), POLICY, draft([district.unit("19606")]))
    reply = await (await page_as("vanthu")).get(f"/directives/{made.id}/print")
    assert (reply.status, "Bản nháp chưa ban hành" in await reply.text()) == (404, True)


def test_every_state_has_a_word_on_paper() -> None:
    assert set(paper.STATES) == set(State)
    assert set(paper.ROLES) == set(RecipientRole)


def pid_of_who_makes(say: Any) -> bytes:
    return f"{os.getpid()} {say('Trả lời')}".encode()


def fails(say: Any) -> bytes:
    raise ValueError(say("Trả lời"))


async def test_files_are_made_in_a_process_of_their_own() -> None:
    """It takes seconds of computing, in which a directive would come late to everybody."""
    workshop = Workshop()
    pid, word = (await workshop.make(pid_of_who_makes, "en")).decode().split(" ", 1)
    assert int(pid) != os.getpid()
    assert word == translator("en")("Trả lời") != "Trả lời"
    with pytest.raises(RuntimeError, match="ValueError"):
        await workshop.make(fails, "vi")
