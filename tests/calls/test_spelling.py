"""How texts are read aloud, as tables of what is written and what is said."""

from __future__ import annotations

from datetime import datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from server.calls.spelling import cardinal, digits, moment, pieces, spoken

NUMBERS = {
    0: "không", 1: "một", 4: "bốn", 10: "mười", 11: "mười một", 14: "mười bốn", 15: "mười lăm", 20: "hai mươi",
    21: "hai mươi mốt", 24: "hai mươi tư", 25: "hai mươi lăm", 30: "ba mươi", 99: "chín mươi chín", 100: "một trăm",
    101: "một trăm linh một", 105: "một trăm linh năm", 110: "một trăm mười", 115: "một trăm mười lăm",
    121: "một trăm hai mươi mốt", 1_000: "một nghìn", 1_005: "một nghìn không trăm linh năm",
    1_927: "một nghìn chín trăm hai mươi bảy", 2_026: "hai nghìn không trăm hai mươi sáu",
    10_000: "mười nghìn", 100_001: "một trăm nghìn không trăm linh một", 1_000_000: "một triệu",
    1_000_005: "một triệu không trăm linh năm", 2_500_000: "hai triệu năm trăm nghìn",
    3_000_000_000: "ba tỷ", -7: "âm bảy",
}  # fmt: skip

SENTENCES = {
    "15/11/2026, 14:00": "ngày mười lăm tháng mười một năm hai nghìn không trăm hai mươi sáu, mười bốn giờ",
    "Trước ngày 05/04/2026": "Trước ngày mùng năm tháng tư năm hai nghìn không trăm hai mươi sáu",
    "chiều 24/11 họp": "chiều hai mươi tư tháng mười một họp",
    "số 12/CĐ-UBND": "số mười hai, công điện, Ủy ban nhân dân",
    "số 190-KH/TU": "số một trăm chín mươi, kế hoạch, Tỉnh ủy",
    "Nghị định 30/2020/NĐ-CP": "Nghị định ba mươi, năm hai nghìn không trăm hai mươi, nghị định, Chính phủ",
    "DT-05/KH-UBND": "diễn tập năm, kế hoạch, Ủy ban nhân dân",
    "UBND xã Cam Thủy": "Ủy ban nhân dân xã Cam Thủy",
    "lúc 19h30": "lúc mười chín giờ ba mươi phút",
    "lúc 7g": "lúc bảy giờ",
    "trực ban 24/24 giờ": "trực ban hai mươi tư trên hai mươi tư giờ",
    "Mưa 150–250 mm trong 48 giờ": "Mưa một trăm năm mươi đến hai trăm năm mươi mi li mét trong bốn mươi tám giờ",
    "1.927 hộ": "một nghìn chín trăm hai mươi bảy hộ",
    "ngập 0,6 m": "ngập không phẩy sáu mét",
    "đạt 91,8%": "đạt chín mươi mốt phẩy tám phần trăm",
    "1,05 triệu": "một phẩy không năm triệu",
    "Gọi 0233 3873 100": "Gọi không hai ba, ba ba tám, bảy ba một, không không",
    "V/v PCCC rừng": "Về việc phòng cháy chữa cháy rừng",
    "2026–2027": "hai nghìn không trăm hai mươi sáu đến hai nghìn không trăm hai mươi bảy",
    "Thôn Tân Trang": "Thôn Tân Trang",
    "hai dòng\nliền nhau": "hai dòng. liền nhau",
}


@pytest.mark.parametrize(("value", "words"), NUMBERS.items())
def test_numbers(value: int, words: str) -> None:
    assert cardinal(value) == words


@pytest.mark.parametrize(("written", "said"), SENTENCES.items())
def test_sentences(written: str, said: str) -> None:
    assert spoken(written) == said


@pytest.mark.parametrize("written", ["", "  ", "A5B", "\0\0", "///", "1.2.3.4", "0/0/0000", "12/12/12/12", "9" * 400])
def test_what_no_rule_knows_does_no_harm(written: str) -> None:
    assert "\0" not in spoken(written)


def test_a_moment() -> None:
    at = datetime(2026, 11, 15, 14, 0)
    assert moment(at) == "mười bốn giờ, ngày mười lăm tháng mười một năm hai nghìn không trăm hai mươi sáu"


@given(st.integers(0, 10**18 - 1))
def test_every_number_has_words_that_differ_from_its_neighbour_s(value: int) -> None:
    assert cardinal(value).strip() and cardinal(value) != cardinal(value + 1)
    assert not any(letter.isdigit() for letter in cardinal(value))


@given(st.text(alphabet="0123456789/-:.,hg%mUBNDĐkv \n–", max_size=60))
def test_any_text_is_read(text: str) -> None:
    said = spoken(text)
    assert "\0" not in said
    assert bool(said) == bool(text.strip())


@given(st.text(max_size=2_000))
def test_pieces_lose_nothing(text: str) -> None:
    found = pieces(text)
    assert "".join("".join(found).split()) == "".join(text.split())
    assert all(0 < len(piece) <= 302 for piece in found)


def test_pieces_end_where_sentences_do() -> None:
    assert pieces("Một câu. " * 100)[0].endswith("câu.")
    assert digits("0912") == "không chín một, hai"
