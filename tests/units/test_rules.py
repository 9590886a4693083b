"""The order of Vietnamese names."""

from __future__ import annotations

import random
from datetime import UTC, date, datetime

from hypothesis import given
from hypothesis import strategies as st

from server.units.rules import day_of, sort_key

IN_ORDER = [
    "An", "Ăn", "Ân", "Ba", "Bà", "Bả", "Bã", "Bá", "Bạ", "Cam Hiếu", "Cam Thanh", "Cam Thành", "Cam Thủy",
    "Da", "Đa", "E", "Ê", "O", "Ô", "Ơ", "Thôn 2", "Thôn 10", "U", "Ư",
]  # fmt: skip


def test_letters_then_tones_then_numbers_by_value() -> None:
    mixed = IN_ORDER[:]
    random.Random(7).shuffle(mixed)
    assert sorted(mixed, key=sort_key) == IN_ORDER


def test_names_that_differ_only_in_tone_stay_apart() -> None:
    assert sort_key("Cam Thanh") != sort_key("Cam Thành")
    assert sort_key("thuy") < sort_key("thùy") < sort_key("thủy") < sort_key("thúy")


@given(st.text(), st.text())
def test_two_names_have_one_key_only_if_they_are_one(one: str, other: str) -> None:
    assert (sort_key(one) == sort_key(other)) == (one == other)
    assert (sort_key(one) < sort_key(other)) or (sort_key(other) < sort_key(one)) or one == other


def test_the_day_is_that_of_vietnam() -> None:
    assert day_of(datetime(2026, 11, 23, 16, 59, tzinfo=UTC)) == date(2026, 11, 23)
    assert day_of(datetime(2026, 11, 23, 17, 0, tzinfo=UTC)) == date(2026, 11, 24)
