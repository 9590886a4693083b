"""Numbers of documents in a text."""

from __future__ import annotations

import pytest

from server.directives.citations import MOST_CITED, cited, spellings


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("Thực hiện Công văn số 12/UBND-VP ngày 20/11/2026 của UBND tỉnh", ["12/UBND-VP"]),
        ("Kế hoạch 05-KH/HU và 5/KH-UBND.", ["05-KH/HU", "5/KH-UBND"]),
        ("Nghị định số 30/2020/NĐ-CP, Quyết định 7/QĐ-TTg; 7/QĐ-TTg", ["30/2020/NĐ-CP", "7/QĐ-TTg"]),
        ("Tiếp theo DT-05/KH-UBND", ["DT-05/KH-UBND"]),
        ("đạt 3/4 số hộ, 12/11/2026, 5/xã, A12/UBND, 1/2026/x", []),
        ("", []),
    ],
)
def test_what_a_text_names(text: str, found: list[str]) -> None:
    assert cited(text) == found


def test_no_more_than_a_reader_would_follow() -> None:
    assert len(cited(" ".join(f"{n}/UBND-VP" for n in range(100)))) == MOST_CITED


@pytest.mark.parametrize(
    ("number", "ways"),
    [
        ("5/KH-UBND", {"5/KH-UBND", "05/KH-UBND"}),
        ("05-KH/HU", {"05-KH/HU", "5-KH/HU"}),
        ("DT-123/KH-UBND", {"DT-123/KH-UBND"}),
        ("không số", {"không số"}),
    ],
)
def test_leading_zeros_are_nothing(number: str, ways: set[str]) -> None:
    assert spellings(number) == ways
