"""Drafts: types, lengths, recipients, deadlines, and no state secrets."""

from __future__ import annotations

import time
import unicodedata
from datetime import UTC, datetime, timedelta

import pytest

from server.directives.documents import (
    ABBREVIATIONS,
    BODY_LENGTH,
    DocumentType,
    DraftFacts,
    Problem,
    Urgency,
    bears_secrecy_mark,
    check_draft,
    check_issue,
    check_text,
    clean_text,
    has_hidden_marks,
    name_bears_secrecy_mark,
)
from server.directives.rules import RecipientRole

NOW = datetime(2026, 11, 25, 3, 0, tzinfo=UTC)
E, LEAD, ASSIST, INFO = RecipientRole.EXECUTE, RecipientRole.LEAD, RecipientRole.ASSIST, RecipientRole.INFO


def facts(**changes: object) -> DraftFacts:
    values = {
        "notation": "KH-UBND",
        "subject": "Phòng, chống lụt bão",
        "body": "Các xã báo cáo.",
        "recipients": [(1, E), (2, INFO)],
        "deadline": NOW + timedelta(days=1),
    }
    return DraftFacts(**(values | changes))  # type: ignore[arg-type]


def codes(**changes: object) -> list[tuple[str, str]]:
    return [(problem.field, problem.code) for problem in check_issue(facts(**changes), NOW)]


def test_there_are_29_types_with_their_abbreviations() -> None:
    assert len(DocumentType) == 29
    assert [kind.value for kind in DocumentType if not ABBREVIATIONS[kind]] == ["Công văn", "Thư công"]
    assert ABBREVIATIONS[DocumentType.KE_HOACH] == "KH"
    assert ABBREVIATIONS[DocumentType.QUY_DINH] == "QyĐ"
    assert ABBREVIATIONS[DocumentType.PHIEU_BAO] == "PB"


def test_a_good_draft_has_no_problems() -> None:
    assert codes() == []
    assert codes(deadline=None) == []
    assert codes(deadline=None, urgency=Urgency.FLASH) == []
    assert codes(urgency=Urgency.FLASH_TIMED) == []


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"subject": ""}, ("subject", "no_subject")),
        ({"subject": "a" * 501}, ("subject", "too_long")),
        ({"subject": "a\nb"}, ("subject", "one_line")),
        ({"subject": "abc\u202egpj.exe"}, ("subject", "hidden_marks")),
        ({"body": "a\x00b"}, ("body", "hidden_marks")),
        ({"body": "a" * 100_001}, ("body", "too_long")),
        ({"notation": ""}, ("notation", "no_notation")),
        ({"notation": "K" * 31}, ("notation", "too_long")),
        ({"notation": "<b>KH</b>"}, ("notation", "bad_notation")),
        ({"recipients": []}, ("recipients", "no_recipients")),
        ({"recipients": [(1, E), (1, INFO)]}, ("recipients", "recipient_twice")),
        ({"recipients": [(1, LEAD), (2, LEAD)]}, ("lead", "one_lead")),
        ({"recipients": [(1, E), (2, ASSIST)]}, ("lead", "no_lead")),
        ({"recipients": [(n, E) for n in range(5001)]}, ("recipients", "too_many_recipients")),
        ({"deadline": NOW}, ("deadline", "past_deadline")),
        ({"deadline": NOW - timedelta(days=1)}, ("deadline", "past_deadline")),
        ({"deadline": None, "urgency": Urgency.FLASH_TIMED}, ("deadline", "no_hour")),
        ({"secrecy": "Mật"}, ("secrecy", "secret")),
        ({"subject": "TỐI MẬT về phương án"}, ("subject", "secret")),
    ],
)
def test_what_keeps_a_draft_from_being_issued(changes: dict[str, object], problem: tuple[str, str]) -> None:
    assert codes(**changes) == [problem]


def test_an_unfinished_draft_may_be_kept() -> None:
    assert check_draft(facts(subject="", recipients=[], deadline=NOW - timedelta(days=9), notation="")) == []


def test_500_letters_are_not_too_long() -> None:
    assert codes(subject="Ễ" * 500) == []


@pytest.mark.parametrize("notation", ["KH-UBND", "QĐ-UBND", "KH/HU", "UBND-VP", "ĐA1", "BC-TCT.35"])
def test_notations_of_organs(notation: str) -> None:
    assert codes(notation=notation) == []


@pytest.mark.parametrize(
    "text",
    [
        "Mật",
        "MẬT",
        "Tối mật",
        "TUYỆT MẬT",
        "\nĐộ mật: Mật\nKế hoạch",
        "Kế hoạch (Mật)",
        "[Tối mật] Phương án",
        "* MẬT *",
        "Văn bản TUYỆT MẬT của tỉnh",
        "Nội dung, độ mật: tối mật, gửi ngay",
        "Báo cáo gấp. Mức độ: MẬT",
        "MẬT - HỎA TỐC",
        "MẬT, KHẨN",
        "Hoả tốc / Tối mật",
        "UBND HUYỆN\nHỎA TỐC HẸN GIỜ - MẬT\nKế hoạch",
        "Dấu: MẬT",
        "Dấu độ mật: Mật",
        "Độ bảo mật: Mật",
        "[MẬT - THƯỢNG KHẨN] Phương án",
        "Tài liệu tối mật",
        "* Văn bản mật *",
        "Độ mật: Mật thường vụ",
        "MẬT: Kế hoạch phòng thủ",
        "MẬT - Kế hoạch diễn tập",
        "Kế hoạch diễn tập – MẬT",
    ],
)
def test_secrecy_marks(text: str) -> None:
    assert bears_secrecy_mark(clean_text(text))


@pytest.mark.parametrize(
    "text",
    [
        "Bảo vệ bí mật nhà nước",
        "Đổi mật khẩu",
        "Mật độ dân số",
        "nuôi ong lấy mật",
        "Giữ bí mật phiếu thi",
        "Mật ong rừng",
        "thời kỳ bảo mật",
        "Mức độ: khẩn, không mật",
        "Mức độ: mật độ dân cư cao",
        "Triển khai Luật Bảo vệ bí mật nhà nước",
        "Không lưu tài liệu mật, tối mật, tuyệt mật trên máy nối mạng",
        "Rà soát việc quản lý tài liệu tối mật",
        "Dấu hiệu: mật độ muỗi tăng",
        "Khẩn: đổi mật khẩu",
        "BẢO MẬT: QUY CHẾ MỚI",
        "MẬT ONG - GIÁ THU MUA",
        "HỎA TỐC",
        "",
    ],
)
def test_ordinary_words_are_no_marks(text: str) -> None:
    assert not bears_secrecy_mark(text)


@pytest.mark.parametrize(
    "name",
    [
        "[MẬT] Kế hoạch.pdf",
        "TUYỆT MẬT.pdf",
        "Mật.pdf",
        "Kế hoạch - Tối mật.docx",
        "12-KH-UBND_MẬT.pdf",
        "MẬT_Kế hoạch sơ tán.pdf",
        "Kế hoạch sơ tán MẬT.pdf",
        "Tối_mật_Phương án.pdf",
        "MẬT, HỎA TỐC. Phương án.pdf",
        unicodedata.normalize("NFD", "[Mật] Kế hoạch.pdf"),
        "05_MẬT_KH.pdf",
        "05-MẬT-KH.pdf",
        "HỎA TỐC MẬT 05.pdf",
        "Hỏa tốc Mật 05.pdf",
        "ĐÓNG DẤU MẬT 05-KH.pdf",
        "Công văn Mật số 5.pdf",
        "MẬT ONG, MẬT 05.pdf",
        "THU MUA, MẬT 05.pdf",
        "MẬT THƯỜNG VỤ.pdf",
        "MẬT ĐỘI 5.pdf",
        "MẬT NGHỊ QUYẾT 05.pdf",
        "MẬT_DANH SÁCH.pdf",
    ],
)
def test_secrecy_marks_in_names_of_files(name: str) -> None:
    assert name_bears_secrecy_mark(name)


@pytest.mark.parametrize(
    "name",
    [
        "Quy chế bảo mật.pdf",
        "QUY CHẾ BẢO MẬT.pdf",
        "Quy_chế_bảo_mật.docx",
        "Tuyên truyền - Bảo vệ bí mật nhà nước.pdf",
        "MẬT ĐỘ DÂN SỐ.xlsx",
        "Mật khẩu.docx",
        "NUÔI ONG LẤY MẬT.pdf",
        "MẬT MÍA.pdf",
        "MẬT DANH.pdf",
        "THU MUA MẬT.pdf",
        "THU MUA MẬT ONG 2026.pdf",
        "GIẢI MẬT.pdf",
        "GIẢI MẬT 2026.pdf",
        "ĐỔI MẬT KHẨU - BẢO-MẬT 05.pdf",
        "Công văn Mật độ dân số.pdf",
        "Danh mục văn bản mật 2026.pdf",
        "Kế hoạch lụt bão, khẩn.pdf",
        ".pdf",
        "tep",
    ],
)
def test_ordinary_names_of_files(name: str) -> None:
    assert not name_bears_secrecy_mark(name)


@pytest.mark.parametrize("text", ["\n", "- ", "( ", "khẩn, ", "mức độ ", "độ mật: ", "[MẬT - ", "tài liệu "])
def test_long_texts_are_read_at_once(text: str) -> None:
    begun = time.perf_counter()
    bears_secrecy_mark("a" + text * (BODY_LENGTH // len(text)) + "a")
    assert time.perf_counter() - begun < 2


def reading_time(text: str) -> float:
    """The least of five, in seconds of the processor."""
    times = []
    for _ in range(5):
        begun = time.thread_time()
        bears_secrecy_mark(text)
        times.append(time.thread_time() - begun)
    return min(times)


@pytest.mark.parametrize(
    "text",
    [
        "(khẩn ",
        "(hỏa tốc (",
        "khẩn hỏa\ntốc thượng\n",
        "(mật khẩn (",
        "[mật hỏa tốc hẹn giờ[",
        "(khẩn  mật",
        "độ mật:khẩn ",
    ],
)
def test_time_is_in_proportion_to_length(text: str) -> None:
    short = text * (1_500 // len(text))
    assert reading_time(short * 16) < 64 * reading_time(short), "16 would be in proportion, 256 is by the square"


def test_what_is_too_long_is_not_read() -> None:
    assert check_text("body", "MẬT\n" * 3, 10) == [Problem("body", "too_long", 10)]
    assert check_text("body", "MẬT\na\u200eb", 10) == [Problem("body", "hidden_marks"), Problem("body", "secret")]
    assert [one.code for one in check_draft(facts(body="MẬT\n" * BODY_LENGTH))] == ["too_long"]


def test_texts_are_composed_and_trimmed() -> None:
    assert clean_text("  Ca\u0302m Lo\u0323\u0302\r\n ") == "Câm Lộ"
    assert not has_hidden_marks("một\n\thai")
    assert has_hidden_marks("a\u200eb")
