"""The registers: order, search with and without diacritics, gaps on the page, the Excel file, and whose it is."""

from __future__ import annotations

from datetime import datetime
from io import BytesIO
from typing import Any

import pytest
from openpyxl import load_workbook
from pypdf import PdfReader

from server.directives import service
from server.directives.service import registers
from server.directives.shapes import GapInput
from server.directives.shapes.registers import RegisterQuery
from server.store import Store
from tests.conftest import As, Clock, DistrictIds, PageAs
from tests.directives.helpers import POLICY, issue

SUBJECTS = ("Phòng, chống lụt bão xã Cam Thành", "Họp dân thôn Cam Thanh", "=1+1 hộ nghèo 100%")


@pytest.fixture
def filled(store: Store, district: DistrictIds) -> list[int]:
    """Three directives of the district to one commune, which has registered the first two, the second first."""
    leader, clerk = district.who("chutich"), district.who("vanthu.camthuy")
    made = [issue(store, leader, [clerk.unit_id], subject=subject).id for subject in SUBJECTS]
    for one in (made[1], made[0]):
        store.write_now(service.register, clerk, POLICY, one)
    return made


def test_each_register_has_its_own_numbers(store: Store, district: DistrictIds, filled: list[int]) -> None:
    out = store.read_now(service.register_page, district.who("vanthu"), POLICY, RegisterQuery())
    assert [(line.entry, line.number_text) for line in out.lines] == [
        (3, "03/KH-UBND"),
        (2, "02/KH-UBND"),
        (1, "01/KH-UBND"),
    ]
    assert out.lines[0].recipients == ["Xã Cam Thủy"]
    assert (out.year, out.years, out.next_number, out.total) == (2026, [2026], 4, 3)
    came = store.read_now(service.register_page, district.who("camthuy"), POLICY, RegisterQuery(register="in"))
    assert [(line.entry, line.directive) for line in came.lines] == [(2, filled[0]), (1, filled[1])]
    other = store.read_now(service.register_page, district.who("camnghia"), POLICY, RegisterQuery(register="in"))
    assert (other.total, other.lines) == (0, [])


@pytest.mark.parametrize(
    ("words", "entries"),
    [
        ("cam thanh", [2, 1]),
        ("cam thành", [1]),
        ('"cam thanh"', [2]),
        ("02/KH", [2]),
        ("ke hoach", [3, 2, 1]),
        ("linh họp", [2]),
        ("100%", [3]),
        ("00%", []),
        ("ke ho", [3, 2, 1]),
        ("KH-UBND", [3, 2, 1]),
        ("ế", []),
        ("_", []),
        ("không có", []),
        ("\x00", [3, 2, 1]),
        ("cam th\x00ành", [1]),
    ],
)
def test_search(store: Store, district: DistrictIds, filled: list[int], words: str, entries: list[int]) -> None:
    query = RegisterQuery(words=words)
    found = store.read_now(service.register_page, district.who("vanthu"), POLICY, query)
    assert [line.entry for line in found.lines] == entries
    assert store.read_now(service.register_page, district.who("vanthu"), POLICY, RegisterQuery(year=2025)).total == 0


@pytest.mark.parametrize(
    ("words", "entries"),
    [
        ("UBND huyện Cam Lộ", [2, 1]),
        ("Ủy ban nhân dân huyện", [2, 1]),
        ("cam lo", [2, 1]),
        ('"huyện cam lộ"', [2, 1]),
        ("huyện cam thanh", [2, 1]),
        ("huyện cam thành", [2]),
        ("huyen hop", [1]),
        ('"huyện ủy"', []),
        ("Cam Lô", []),
    ],
)
def test_what_came_is_found_by_its_author(
    store: Store, district: DistrictIds, filled: list[int], words: str, entries: list[int]
) -> None:
    came = RegisterQuery(register="in", words=words)
    found = store.read_now(service.register_page, district.who("camthuy"), POLICY, came)
    assert [line.entry for line in found.lines] == entries


def test_the_own_name_does_not_find_all_that_one_has_issued(
    store: Store, district: DistrictIds, filled: list[int]
) -> None:
    for words in ("cam lo", "huyện Cam Lộ"):
        found = store.read_now(service.register_page, district.who("vanthu"), POLICY, RegisterQuery(words=words))
        assert found.total == 0


async def test_the_page_and_the_numbers_left_out(filled: list[int], page_as: PageAs) -> None:
    leader, clerk, village = await page_as("chutich"), await page_as("vanthu"), await page_as("thon1.camthuy")
    text = await (await clerk.get("/registers?words=cam+thanh")).text()
    assert "02/KH-UBND" in text and "03/KH-UBND" not in text
    assert (await village.get("/registers")).status == 403
    for until, note, status, said in (
        ("", "Sổ giấy", 422, "Xin nhập số cuối cùng được bỏ"),
        ("ba", "Sổ giấy", 422, "Xin nhập số cuối cùng được bỏ"),
        ("6", " ", 422, "Xin ghi rõ lý do"),
        ("2", "Sổ giấy", 409, "Sổ đã đến số 3"),
    ):
        wrong = await leader.post("/registers/gaps", {"register": "out", "until": until, "note": note})
        assert wrong.status == status
        assert said in await wrong.text()
    done = await leader.post("/registers/gaps", {"register": "out", "until": "6", "note": "Cấp trên sổ giấy"})
    assert done.headers["Location"] == "/registers?register=out#gaps"
    text = await (await leader.get("/registers")).text()
    assert "<b>4–6</b>: Cấp trên sổ giấy" in text and "Bỏ từ số 7" in text
    assert "Khai bỏ số" in await (await clerk.get("/registers")).text(), "who keeps the book may, too"
    assert (await clerk.post("/registers/gaps", {"until": "9", "note": "Sổ giấy"})).status == 303
    cadre = await page_as("camthuy")
    assert "Khai bỏ số" not in await (await cadre.get("/registers")).text()
    assert (await cadre.post("/registers/gaps", {"until": "9", "note": "a"})).status == 403


async def test_the_excel_file(filled: list[int], page_as: PageAs, store: Store, district: DistrictIds) -> None:
    store.write_now(service.declare_gap, district.who("chutich"), POLICY, GapInput(until=5, note="Sổ giấy"))
    clerk = await page_as("vanthu")
    answer = await clerk.get("/registers/export")
    assert answer.headers["Content-Disposition"] == 'attachment; filename="so-van-ban-di-2026.xlsx"'
    sheet = load_workbook(BytesIO(await answer.read())).worksheets[0]
    rows = [[cell.value for cell in row] for row in sheet.iter_rows()]
    assert rows[0][0] == "Sổ đăng ký văn bản đi 2026 · Ủy ban nhân dân huyện Cam Lộ"
    assert rows[1][:10] == [
        *("Số, ký hiệu văn bản", "Ngày tháng văn bản", "Tên loại và trích yếu nội dung văn bản", "Người ký"),
        *("Nơi nhận văn bản", "Đơn vị, người nhận bản lưu", "Số lượng bản", "Ngày chuyển", "Ký nhận", "Ghi chú"),
    ]
    assert [row[0] for row in rows[2:]] == ["01/KH-UBND", "02/KH-UBND", "03/KH-UBND", "4–5"]
    assert rows[2][2:7] == [f"Kế hoạch: {SUBJECTS[0]}", rows[2][3], "Xã Cam Thủy", "Văn thư", "1"]
    assert [row[10:12] for row in rows[2:5]] == [[n, "Kế hoạch"] for n in (1, 2, 3)]
    assert (sheet["M5"].value, sheet["M5"].data_type) == (SUBJECTS[2], "s")
    assert {(sheet[f"{column}3"].data_type, sheet[f"{column}3"].number_format) for column in "BH"} == {
        ("d", "dd/mm/yyyy")
    }
    assert (sheet["B3"].value, sheet["B6"].value) == (datetime(2026, 11, 24), datetime(2026, 11, 24))
    due = sheet["O3"]
    assert (due.value, due.data_type, due.number_format) == (datetime(2026, 12, 1, 8), "d", "dd/mm/yyyy hh:mm")
    searched = await clerk.get("/registers/export?words=hop")
    rows = [[cell.value for cell in row] for row in load_workbook(BytesIO(await searched.read())).worksheets[0]]
    assert [row[0] for row in rows[2:]] == ["02/KH-UBND"]
    came = await (await page_as("camthuy")).get("/registers/export?register=in")
    rows = [[cell.value for cell in row] for row in load_workbook(BytesIO(await came.read())).worksheets[0]]
    assert rows[1][:10] == [
        *("Ngày đến", "Số đến", "Tác giả", "Số, ký hiệu văn bản", "Ngày tháng văn bản"),
        *("Tên loại và trích yếu nội dung văn bản", "Đơn vị hoặc người nhận", "Ngày chuyển", "Ký nhận", "Ghi chú"),
    ]
    assert [(row[1], row[3]) for row in rows[2:]] == [("1", "02/KH-UBND"), ("2", "01/KH-UBND")]


@pytest.fixture
def two_years(store: Store, district: DistrictIds, filled: list[int], clock: Clock) -> list[int]:
    """The same once more in the next year: numbers begin anew."""
    store.write_now(service.declare_gap, district.who("vanthu"), POLICY, GapInput(until=5, note="Sổ giấy"))
    clock.advance(days=365)
    leader, clerk = district.who("chutich"), district.who("vanthu.camthuy")
    again = issue(store, leader, [clerk.unit_id], subject="Phòng, chống lụt bão năm sau").id
    store.write_now(service.register, clerk, POLICY, again)
    return [*filled, again]


def test_all_years_together(store: Store, district: DistrictIds, two_years: list[int]) -> None:
    def found(who: str, **asked: Any) -> list[tuple[int, int, int | None]]:
        page = store.read_now(service.register_page, district.who(who), POLICY, RegisterQuery(**asked))
        assert page.year == asked.get("year", 2027) and page.years == [2027, 2026]
        return [(line.at.year, line.entry, line.directive) for line in page.lines]

    first, second, third, again = two_years
    assert found("vanthu", year=0) == [(2027, 1, again), (2026, 3, third), (2026, 2, second), (2026, 1, first)]
    assert found("vanthu", year=0, words="lụt bão") == [(2027, 1, again), (2026, 1, first)]
    assert found("vanthu") == [(2027, 1, again)]
    assert found("camthuy", year=0, register="in") == [(2027, 1, again), (2026, 2, first), (2026, 1, second)]
    query = RegisterQuery(year=0)
    lines = store.read_now(service.register_lines, district.who("vanthu"), POLICY, query)
    assert [line.directive for line in lines] == two_years
    page = store.read_now(service.register_page, district.who("vanthu"), POLICY, query)
    assert ([(gap.year, gap.first, gap.last) for gap in page.gaps], page.next_number) == ([(2026, 4, 5)], 2)


async def test_the_page_and_the_files_of_all_years(two_years: list[int], page_as: PageAs) -> None:
    clerk = await page_as("vanthu")
    text = await (await clerk.get("/registers?year=0")).text()
    assert '<option value="0" selected>Tất cả các năm</option>' in text and "Khai bỏ số" not in text
    assert text.count("01/KH-UBND") == 2 and "<b>4–5 (2026)</b>: Sổ giấy" in text
    assert "Sổ giấy" not in await (await clerk.get("/registers")).text(), "this year left none out"
    answer = await clerk.get("/registers/export?year=0")
    assert 'filename="so-van-ban-di-tat-ca.xlsx"' in answer.headers["Content-Disposition"]
    rows = [[cell.value for cell in row] for row in load_workbook(BytesIO(await answer.read())).worksheets[0]]
    assert str(rows[0][0]).startswith("Sổ đăng ký văn bản đi 2026–2027 · ")
    assert [row[0] for row in rows[2:]] == ["01/KH-UBND", "02/KH-UBND", "03/KH-UBND", "01/KH-UBND", "4–5"]
    printed = await clerk.get("/registers/print?year=0")
    assert (printed.status, (await printed.read())[:4]) == (200, b"%PDF")


async def test_a_file_that_is_cut_says_so(filled: list[int], page_as: PageAs, monkeypatch: pytest.MonkeyPatch) -> None:
    clerk, said = await page_as("vanthu"), "Chỉ có 2 trên 3 văn bản. Xin xuất từng năm, hoặc tìm hẹp hơn."
    warned = "Tệp PDF và Excel chỉ chứa"
    assert warned not in await (await clerk.get("/registers")).text()
    monkeypatch.setattr(registers, "MOST_EXPORTED", 2)
    assert f"{warned} 2 văn bản đầu." in await (await clerk.get("/registers")).text()
    excel = await (await clerk.get("/registers/export")).read()
    rows = [row[0].value for row in load_workbook(BytesIO(excel)).worksheets[0]]
    assert said in str(rows[0]) and rows[2:] == ["01/KH-UBND", "02/KH-UBND", said]
    printed = PdfReader(BytesIO(await (await clerk.get("/registers/print")).read()))
    assert said in " ".join(printed.pages[0].extract_text().split())


async def test_the_api_and_wrong_input(filled: list[int], as_: As) -> None:
    clerk = await as_("vanthu")
    page = await (await clerk.get("/api/v1/registers?words=lut+bao")).json()
    assert [line["entry"] for line in page["lines"]] == [1]
    beyond = await (await clerk.get("/api/v1/registers?page=99")).json()
    assert (beyond["page"], len(beyond["lines"])) == (1, 3)
    for query in ("register=sideways", "year=-1", "year=all", "page=0", "words=" + "x" * 201):
        refused = await clerk.get(f"/api/v1/registers?{query}")
        assert (refused.status, (await refused.json())["code"]) == (422, "invalid_input")
