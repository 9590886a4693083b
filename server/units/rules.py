"""What a unit is, which day counts, and how Vietnamese names are put in order: pure."""

from __future__ import annotations

import datetime as dt
import re
import unicodedata
from enum import StrEnum
from functools import lru_cache
from zoneinfo import ZoneInfo

ZONE = ZoneInfo("Asia/Ho_Chi_Minh")
"""Units begin and end on days of Vietnam, whatever zone the server shows times in."""

_LETTERS = {letter: place for place, letter in enumerate("aăâbcdđeêfghijklmnoôơpqrstuưvwxyz", start=1)}
_TONES = {"\u0300": 1, "\u0309": 2, "\u0303": 3, "\u0301": 4, "\u0323": 5}  # huyền, hỏi, ngã, sắc, nặng
_PARTS = re.compile(r"\d+|\D")
SortKey = tuple[tuple[tuple[int, int], ...], tuple[int, ...], str]


class Level(StrEnum):
    """Levels of the tree."""

    PROVINCE = "province"
    DISTRICT = "district"
    COMMUNE = "commune"
    VILLAGE = "village"


class Bloc(StrEnum):
    """The part of the political system that a unit belongs to (DOMAIN, Units)."""

    PARTY = "PARTY"
    GOVERNMENT = "GOVERNMENT"
    FRONT = "FRONT"
    MASS_ORG = "MASS_ORG"
    CENTRAL_AGENCY = "CENTRAL_AGENCY"


LEVEL_NAMES = {
    Level.PROVINCE: "Tỉnh",
    Level.DISTRICT: "Huyện",
    Level.COMMUNE: "Xã, thị trấn",
    Level.VILLAGE: "Thôn, khu phố",
}
BLOC_NAMES = {
    Bloc.PARTY: "Đảng",
    Bloc.GOVERNMENT: "Chính quyền",
    Bloc.FRONT: "Mặt trận",
    Bloc.MASS_ORG: "Đoàn thể",
    Bloc.CENTRAL_AGENCY: "Cơ quan trung ương trên địa bàn",
}


def day_of(moment: dt.datetime) -> dt.date:
    """The day in Vietnam at a moment."""
    return moment.astimezone(ZONE).date()


@lru_cache(maxsize=8192)  # every page with a tree sorts the same names
def sort_key(name: str) -> SortKey:
    """Order of Vietnamese names: letters first (a ă â … d đ …), then tones, then the text itself; numbers by value.

    Tones count only where all letters are equal (as in Unicode's order for `vi`), yet two names that differ never
    have the same key: Cam Thanh comes before Cam Thành.
    """
    letters: list[tuple[int, int]] = []
    tones: list[int] = []
    for part in _PARTS.findall(unicodedata.normalize("NFC", name).casefold()):
        if part.isdecimal():
            letters.append((1, int(part)))
            tones.append(0)
            continue
        base, tone = _split(part)
        letters.append((2, _LETTERS[base]) if base in _LETTERS else (0, ord(base)))
        tones.append(tone)
    return tuple(letters), tuple(tones), name


def _split(letter: str) -> tuple[str, int]:
    """“ế” → (“ê”, tone number of sắc)."""
    marks = unicodedata.normalize("NFD", letter)
    tone = next((_TONES[mark] for mark in marks if mark in _TONES), 0)
    base = unicodedata.normalize("NFC", "".join(mark for mark in marks if mark not in _TONES))
    return base[:1] or letter[0], tone
