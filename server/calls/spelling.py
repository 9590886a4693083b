"""How Vietnamese is read aloud: numbers, dates, times, notations and abbreviations of documents as words. Pure.

A speech synthesiser reads “12/CĐ-UBND” letter by letter, and “1.927” as one point nine hundred and so on.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import datetime

from server.directives.documents import ABBREVIATIONS

_DIGITS = ["không", "một", "hai", "ba", "bốn", "năm", "sáu", "bảy", "tám", "chín"]
_SCALES = ("", "nghìn", "triệu")
_MOST = 10**18

ORGANS: Mapping[str, str] = {
    "UBND": "Ủy ban nhân dân",
    "HĐND": "Hội đồng nhân dân",
    "MTTQ": "Mặt trận Tổ quốc",
    "CP": "Chính phủ",
    "TTg": "Thủ tướng",
    "TW": "Trung ương",
    "TU": "Tỉnh ủy",
    "HU": "Huyện ủy",
    "ĐU": "Đảng ủy",
    "BTT": "Ban Thường trực",
    "VP": "Văn phòng",
    "HND": "Hội Nông dân",
    "LHPN": "Liên hiệp Phụ nữ",
    "ĐTN": "Đoàn Thanh niên",
    "CCB": "Cựu chiến binh",
    "LĐLĐ": "Liên đoàn Lao động",
    "BCH": "Ban Chỉ huy",
    "BCĐ": "Ban Chỉ đạo",
    "PCTT": "Phòng chống thiên tai",
    "TKCN": "Tìm kiếm cứu nạn",
    "PTDS": "Phòng thủ dân sự",
}
"""Of organs, in notations and in sentences."""

WORDS: Mapping[str, str] = {
    **ORGANS,
    "PCCC": "phòng cháy chữa cháy",
    "BHYT": "bảo hiểm y tế",
    "BHXH": "bảo hiểm xã hội",
    "THCS": "trung học cơ sở",
    "THPT": "trung học phổ thông",
    "CBCC": "cán bộ công chức",
    "HTX": "hợp tác xã",
    "TDP": "tổ dân phố",
    "ĐBSCL": "đồng bằng sông Cửu Long",
    "VH-TT": "văn hóa thông tin",
    "KT-XH": "kinh tế xã hội",
    "ANTT": "an ninh trật tự",
    "QP-AN": "quốc phòng an ninh",
    "TP.": "thành phố",
    "Tp.": "thành phố",
    "TX.": "thị xã",
    "TT.": "thị trấn",
    "đ/c": "đồng chí",
    "Đ/c": "Đồng chí",
    "v/v": "về việc",
    "V/v": "Về việc",
    "&": "và",
}
"""In sentences."""

_KINDS = {short: kind.value.lower() for kind, short in ABBREVIATIONS.items() if short}
_NOTATION = {**ORGANS, **_KINDS, "CV": "công văn", "NĐ": "nghị định", "TT": "thông tư", "DT": "diễn tập"}
_UNITS = {
    "km": "ki lô mét", "m": "mét", "cm": "xăng ti mét", "mm": "mi li mét", "ha": "héc ta", "kg": "ki lô gam",
    "m2": "mét vuông", "m²": "mét vuông", "m3": "mét khối", "m³": "mét khối", "%": "phần trăm", "°C": "độ C",
    "km/h": "ki lô mét một giờ", "m/s": "mét một giây", "đ": "đồng",
}  # fmt: skip


def cardinal(value: int) -> str:
    """A whole number: 1005 is “một nghìn không trăm linh năm”. Numbers of 10^18 and more are read digit by digit."""
    if value < 0:
        return f"âm {cardinal(-value)}"
    if value >= _MOST:
        return digits(str(value))
    if value >= 10**9:
        head, rest = divmod(value, 10**9)
        return f"{cardinal(head)} tỷ" + (f" {_below_billion(rest, whole=False)}" if rest else "")
    return _below_billion(value, whole=True)


def _below_billion(value: int, *, whole: bool) -> str:
    """`whole`: nothing stands before it, so that its first group has no “không trăm”."""
    if value == 0:
        return _DIGITS[0]
    groups = [value // 1000**power % 1000 for power in (2, 1, 0)]
    words, first = list[str](), whole
    for group, scale in zip(groups, reversed(_SCALES), strict=True):
        if group:
            words += [_hundreds(group, full=not first), scale]
        if group or not whole:
            first = False
    return " ".join(word for word in words if word)


def _hundreds(value: int, *, full: bool) -> str:
    """0 to 999; `full` with its “không trăm”, as it stands after a thousand."""
    hundred, rest = divmod(value, 100)
    words = [f"{_DIGITS[hundred]} trăm"] if hundred or full else []
    if rest and rest < 10 and words:
        words.append("linh")
    return " ".join([*words, *([_tens(rest)] if rest else [])])


def _tens(value: int) -> str:
    """1 to 99."""
    ten, one = divmod(value, 10)
    if ten == 0:
        return _DIGITS[one]
    last = {0: "", 1: "một" if ten == 1 else "mốt", 4: "bốn" if ten == 1 else "tư", 5: "lăm"}.get(one, _DIGITS[one])
    return f"{'mười' if ten == 1 else f'{_DIGITS[ten]} mươi'} {last}".rstrip()


def digits(text: str) -> str:
    """Digit by digit, as telephone numbers are said, in threes."""
    threes = (text[at : at + 3] for at in range(0, len(text), 3))
    return ", ".join(" ".join(_DIGITS[int(digit)] for digit in three) for three in threes)


def clock(hour: int, minute: int) -> str:
    """“mười bốn giờ ba mươi phút”."""
    return f"{cardinal(hour)} giờ" + (f" {cardinal(minute)} phút" if minute else "")


def moment(at: datetime) -> str:
    """“mười bốn giờ, ngày mười lăm tháng mười một năm …”; `at` is local time."""
    return f"{clock(at.hour, at.minute)}, ngày {_day(at.day, at.month)} năm {cardinal(at.year)}"


def _day(day: int, month: int) -> str:
    return f"{'mùng ' if day <= 10 else ''}{cardinal(day)} tháng {'tư' if month == 4 else cardinal(month)}"


# ---- a text


_PART = r"(?:\d{4}|[A-Za-zÀ-ỹĐđ&]{2,8})"
_PATTERNS: dict[str, str] = {
    "date": r"(?P<date_word>[Nn]gày\s+)?(?<![\d/])(?P<d>\d{1,2})/(?P<mo>\d{1,2})/(?P<y>\d{4})(?![\d/])",
    "notation": rf"(?<![\w/])(?P<prefix>DT-)?(?P<n>\d{{1,5}})(?P<parts>(?:[-/]{_PART})+)(?!\w)",
    "short_date": r"(?P<before>(?:[Nn]gày|sáng|trưa|chiều|tối|đêm)\s+)(?P<sd>\d{1,2})/(?P<sm>\d{1,2})(?![\d/])",
    "time": r"(?<![\d:])(?P<h>[01]?\d|2[0-4])(?::(?P<mi>[0-5]\d)|[hg](?P<hm>[0-5]\d)?(?![\w]))(?![\d:])",
    "phone": r"(?<![\d.,])0\d{2,}(?:[ .]\d{3,4})*(?![\d,])",
    "range": r"(?<![\d.,/-])(?P<low>{number})\s?[–-]\s?(?P<high>{number})(?![\d/])",
    "ratio": r"(?<![\d/])(?P<up>\d+)/(?P<down>\d+)(?![\d/])",
    "number": r"(?<![\d.,])(?:{number})(?!\d)",
    "unit": r"(?<=\x00)\s?(?P<unit_word>km/h|m/s|km|mm|cm|ha|kg|m2|m²|m3|m³|°C|%|m|đ)(?![\w])",
    "word": r"(?<!\w)(?:{words})(?!\w)",
}
_NUMBER = r"\d{1,3}(?:\.\d{3})+(?:,\d+)?|\d+(?:,\d+)?"


def _compiled(name: str) -> re.Pattern[str]:
    words = "|".join(re.escape(word) for word in sorted(WORDS, key=len, reverse=True))
    return re.compile(_PATTERNS[name].replace("{number}", _NUMBER).replace("{words}", words))


def _number(text: str) -> str:
    whole, _comma, fraction = text.replace(".", "").partition(",")
    return cardinal(int(whole)) + (f" phẩy {_fraction(fraction)}" if fraction else "")


def _fraction(text: str) -> str:
    return digits(text) if text.startswith("0") or len(text) > 3 else cardinal(int(text))


def _date(found: re.Match[str]) -> str:
    day, month = int(found["d"]), int(found["mo"])
    if not (1 <= day <= 31 and 1 <= month <= 12):
        return found[0]
    return f"{found['date_word'] or 'ngày '}{_day(day, month)} năm {cardinal(int(found['y']))}"


def _short_date(found: re.Match[str]) -> str:
    day, month = int(found["sd"]), int(found["sm"])
    return found["before"] + _day(day, month) if 1 <= day <= 31 and 1 <= month <= 12 else found[0]


def _notation(found: re.Match[str]) -> str:
    parts = [part for part in re.split("[-/]", found["parts"]) if part]
    if not any(part in _NOTATION for part in parts):
        return found[0]
    said = [f"năm {cardinal(int(part))}" if part.isdigit() else _NOTATION.get(part, part) for part in parts]
    return ", ".join([("diễn tập " if found["prefix"] else "") + cardinal(int(found["n"])), *said])


_READ: dict[str, Callable[[re.Match[str]], str]] = {
    "date": _date,
    "notation": _notation,
    "short_date": _short_date,
    "time": lambda found: clock(int(found["h"]), int(found["mi"] or found["hm"] or 0)),
    "phone": lambda found: digits(re.sub(r"\D", "", found[0])),
    "range": lambda found: f"{_number(found['low'])} đến {_number(found['high'])}\0",
    "ratio": lambda found: f"{cardinal(int(found['up']))} trên {cardinal(int(found['down']))}",
    "number": lambda found: f"{_number(found[0])}\0",
    "unit": lambda found: f" {_UNITS[found['unit_word']]}",
    "word": lambda found: WORDS[found[0]],
}
_STEPS = [(_compiled(name), read) for name, read in _READ.items()]


def spoken(text: str) -> str:
    """A text as it is read. What no rule knows is left as it is; line ends become pauses."""
    text = re.sub(r"[ \t]*\n\s*", ". ", text.replace("\0", "").strip())
    for pattern, read in _STEPS:
        text = pattern.sub(read, text)
    return re.sub(r"\.(?:\s*\.)+", ".", " ".join(text.replace("\0", "").split()))


def pieces(text: str, longest: int = 300) -> list[str]:
    """A long text in parts that are synthesised one after the other: by sentences, none much longer than that."""
    found: list[str] = []
    for sentence in re.split(r"(?<=[.!?;:])\s+", text.strip()):
        for part in re.findall(rf"\S.{{0,{longest - 1}}}(?:\s|$)|\S{{1,{longest}}}", sentence):
            if found and len(found[-1]) + len(part) < longest:
                found[-1] = f"{found[-1]} {part.strip()}"
            else:
                found.append(part.strip())
    return found
