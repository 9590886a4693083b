"""How dates and times of day are read aloud, as they stand in a text or as moments. Pure.

“2/9” is a day only where the words before it say so; elsewhere it is a part of a whole.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import datetime

from server.calls.numerals import cardinal

_D = r"(?:3[01]|[12]\d|0?[1-9])(?!\d)"
_M = r"(?:1[0-2]|0?[1-9])(?!\d)"
_Y = r"(?:19|20)\d{2}(?!\d)"
_TO = r"\s?[–-]\s?"
_ONE = r"(?:[01]?\d|2[0-4])"

_DAYTIMES = (
    r"[Nn]gày|[Hh]ôm|[Ss]áng|[Tt]rưa|[Cc]hiều|[Tt]ối|[Đđ]êm|[Cc]hủ\s+[Nn]hật"
    r"|[Tt]hứ\s+(?:[Hh]ai|[Bb]a|[Tt]ư|[Nn]ăm|[Ss]áu|[Bb]ảy|[2-7])"
)
_OF_TODAY = r"(?:\s+(?:sớm|nay|mai|qua|hôm\s+nay|hôm\s+sau))?"
_FEASTS = r"[Ll]ễ|[Dd]ịp|[Tt]ết|[Kk]ỷ\s+niệm|[Qq]uốc\s+khánh|[Cc]hiến\s+thắng|(?<=uốc tế )[Ll]ao\s+động|[Mm]ùng|[Mm]ồng"
_TERMS = (
    r"(?<!giới )[Hh]ạn(?:\s+(?:cuối|chót|cuối\s+cùng|nộp|gửi|trả\s+lời|báo\s+cáo|hoàn\s+thành|là|đến|hết)){0,3}"
    r"|[Tt]rước|[Tt]ừ|[Ss]au|[Vv]ào|(?<!tăng )(?<!giảm )(?<!chiếm )(?<!lên )(?<!đạt )(?<!mất )(?:[Đđ]ến|[Tt]ới)"
    rf"(?:\s+hết)?|{_ONE}[hg](?:[0-5]\d)?"
)
_AND = r"(?:\s?[,;]\s?|\s+(?:và|hoặc|hay|(?:đến|tới)(?:\s+hết)?(?:\s+ngày)?)\s+)"
_SHORT = rf"(?:{_D}{_TO})?{_D}/{_M}(?!/)"
_HYPHENED = rf"{_D}-{_M}(?![/-])"

OF_THINGS = re.compile(
    r"\s+(?:xã|phường|thôn|huyện|tổ|hộ|người|đơn vị|đại biểu|thành viên|chỉ tiêu|cán bộ|trường|lớp|hồ|tuyến|điểm|trạm"
    r"|xe|nội dung|nhiệm vụ|văn bản|kiến nghị|vụ|nhà|tàu|thuyền)(?!\w)"
)
"""What follows a number of so many things out of so many."""

_OF_A_WHOLE = re.compile(
    r"\s+(?:số|tổng|toàn|diện\s+tích|dân|quân\s+số|khối\s+lượng|chiều|phần|mức|công\s+suất|dung\s+tích|thời\s+gian)(?!\w)"
)


def day(of: int, month: int | None = None) -> str:
    """“mùng hai tháng chín”."""
    return f"{'mùng ' if of <= 10 else ''}{cardinal(of)}" + (f" tháng {_month(month)}" if month else "")


def _month(of: int) -> str:
    return "tư" if of == 4 else cardinal(of)


def clock(hour: int, minute: int) -> str:
    """“mười bốn giờ ba mươi phút”."""
    return f"{cardinal(hour)} giờ" + (f" {cardinal(minute)} phút" if minute else "")


def moment(at: datetime) -> str:
    """“mười bốn giờ, ngày mười lăm tháng mười một năm …”; `at` is local time."""
    return f"{clock(at.hour, at.minute)}, ngày {day(at.day, at.month)} năm {cardinal(at.year)}"


# ---- in a text


def _after(word: str, said: str) -> str:
    """A day after the word before it, which may be its “mùng” already."""
    return word + (said.removeprefix("mùng ") if word.strip().lower() in ("mùng", "mồng") else said)


def _whole(found: re.Match[str]) -> str:
    said = f"{day(int(found['d']), int(found['m']))} năm {cardinal(int(found['y']))}"
    if found["from"]:
        year = f" năm {cardinal(int(found['from_y']))}" if found["from_y"] else ""
        said = f"{day(int(found['from']), int(found['from_m'] or 0))}{year} đến {said}"
    return _after(found["word"] or "ngày ", said)


def _in_month(found: re.Match[str]) -> str:
    if not found["word"] and found["sep"] == "-":
        return found[0]
    first = f"{_month(int(found['from']))} đến tháng " if found["from"] else ""
    return f"{found['word'] or 'tháng '}{first}{_month(int(found['m']))} năm {cardinal(int(found['y']))}"


def _short(found: re.Match[str]) -> str:
    rest = found.string[found.end() :]
    if found["term"] and (_OF_A_WHOLE.match(rest) or OF_THINGS.match(rest)):
        return found[0]
    return _after(found["before"], re.sub(_TO, " đến ", _DAYS.sub(_day_of, found["days"])))


def _hyphened(found: re.Match[str]) -> str:
    """Days from the first to the second, unless that could not be, or a feast is named."""
    pairs = [(int(one["d"]), int(one["m"])) for one in _HYPHENED_DAY.finditer(found["days"])]
    if not found["feast"] and all(first <= second for first, second in pairs):
        return found[0]
    return _after(found["before"], _HYPHENED_DAY.sub(lambda one: day(int(one["d"]), int(one["m"])), found["days"]))


_DAYS = re.compile(rf"(?:(?P<from>\d+){_TO})?(?P<d>\d+)/(?P<m>\d+)")
_HYPHENED_DAY = re.compile(r"(?P<d>\d+)-(?P<m>\d+)")


def _day_of(found: re.Match[str]) -> str:
    first = f"{day(int(found['from']))} đến " if found["from"] else ""
    return first + day(int(found["d"]), int(found["m"]))


def _time(found: re.Match[str]) -> str:
    said = clock(int(found["h"]), int(found["mi"] or found["hm"] or 0))
    if not found["from"]:
        return said
    if not found["from_told"]:
        return f"{cardinal(int(found['from']))} đến {said}"
    return f"{clock(int(found['from']), int(found['from_mi'] or 0))} đến {said}"


WHOLE_STEPS: list[tuple[str, Callable[[re.Match[str]], str]]] = [
    (
        r"(?P<word>(?:[Nn]gày|[Mm]ùng|[Mm]ồng)\s+)?(?<![\d/])(?<!\d[.-])"
        rf"(?:(?P<from>{_D})(?:(?P<from_sep>[/.-])(?P<from_m>{_M})(?:(?P=from_sep)(?P<from_y>\d{{4}}))?)?{_TO})?"
        rf"(?P<d>{_D})(?P<sep>[/.-])(?P<m>{_M})(?P=sep)(?P<y>\d{{4}})(?![\d/])",
        _whole,
    ),
    (
        rf"(?P<word>(?<!\w)[Tt]háng\s+)?(?<![\d/.,-])(?<![Ss]ố )(?:(?P<from>{_M}){_TO})?(?P<m>{_M})(?P<sep>[/-])"
        rf"(?P<y>{_Y})(?![/-])",
        _in_month,
    ),
]
"""With their year: to be read before notations, which have slashes and years, too."""

STEPS: list[tuple[str, Callable[[re.Match[str]], str]]] = [
    (
        rf"(?<!\w)(?P<before>(?:(?:{_DAYTIMES}){_OF_TODAY}|{_FEASTS}|(?P<term>{_TERMS}))\s*[,:(]?\s*)"
        rf"(?P<days>{_SHORT}(?:(?:{_AND}|{_TO}){_SHORT})*)",
        _short,
    ),
    (
        rf"(?<!\w)(?P<before>(?:(?:{_DAYTIMES}){_OF_TODAY}|(?P<feast>{_FEASTS}))\s+)(?P<days>{_HYPHENED}(?:{_AND}{_HYPHENED})*)",
        _hyphened,
    ),
    (rf"(?<=[Nn]gày )(?:(?P<from>{_D}){_TO})?(?P<d>{_D})\s+tháng\s+(?P<m>{_M})", _day_of),
    (r"(?P<word>(?<!\w)[Tt]háng\s+)0?4(?![\d/]|[.,-]\d|\s+(?:ngày|tuần))", lambda found: f"{found['word']}tư"),
    (
        rf"(?<![\d:/])(?<!\d[.,])(?:(?P<from>{_ONE})(?P<from_told>[hg:](?P<from_mi>[0-5]\d)?)?{_TO})?"
        rf"(?P<h>{_ONE})(?::(?P<mi>[0-5]\d)|[hg](?:(?P<hm>[0-5]\d)(?:ph|p|['’′])?)?(?!\w))(?![\d:])",
        _time,
    ),
    (rf"(?<![\d.,/])(?P<h>{_ONE})\s+giờ\s+00(?:\s+phút)?(?!\d)", lambda found: clock(int(found["h"]), 0)),
]
