"""Words with and without diacritics."""

import unicodedata

import pytest

from server.store.search import LONGEST_WORD, MOST_WORDS, exact, like, plain, terms, words


def test_plain_takes_every_mark_off() -> None:
    assert plain("ĐẶNG Thị Ễnh, Cam Thành") == "dang thi enh, cam thanh"
    assert plain(unicodedata.normalize("NFD", "Cam Thành")) == "cam thanh"


def test_exact_is_one_form_whatever_the_keyboard_sent() -> None:
    assert exact(unicodedata.normalize("NFD", "Cam  THÀNH ")) == exact("cam thành") == "cam thành"


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("cam thanh", [(False, "cam"), (False, "thanh")]),
        ("Cam Thành", [(False, "cam"), (True, "thành")]),
        ('"cam thanh" bão', [(True, "cam thanh"), (True, "bão")]),
        ('  ""  ', []),
        ('"chưa đóng', [(True, "chưa"), (True, "đóng")]),
        ("\x00", []),
        ('c\x00am "\x07 t\ud800hành\x7f"', [(False, "cam"), (True, "thành")]),
    ],
)
def test_terms(query: str, found: list[tuple[bool, str]]) -> None:
    assert terms(query) == found


def test_a_query_is_bounded() -> None:
    assert len(terms("a " * 500)) == MOST_WORDS


def test_what_people_type_is_no_pattern() -> None:
    assert like("50%_\\") == "%50\\%\\_\\\\%"


def test_words_are_letters_and_digits_folded_alike() -> None:
    assert words("Số 12/KH-UBND: Ứng phó “lũ”, Đakrông_2") == [
        "so",
        "12",
        "kh",
        "ubnd",
        "ung",
        "pho",
        "lu",
        "dakrong",
        "2",
    ]
    assert words("'; DROP & | ! <-> :* \"") == ["drop"]
    assert words("…%") == []
    assert [len(word) for word in words("x" * 5000)] == [LONGEST_WORD]
