"""How Vietnamese is read aloud: numbers, dates, times, measures, notations and abbreviations of documents. Pure.

A speech synthesiser reads “12/CĐ-UBND” letter by letter, and “1.927” as one point nine hundred and so on.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping

from server.calls import dates, measures
from server.calls.numerals import NUMBER, cardinal, digits, number, ratio
from server.directives.documents import ABBREVIATIONS

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
_NOTATION |= {"QH": "Quốc hội", "UBTVQH": "Ủy ban Thường vụ Quốc hội"}
_ROADS = {"QL": "quốc lộ", "ĐT": "đường tỉnh", "TL": "tỉnh lộ", "ĐH": "đường huyện"}
_ROMAN = {"I": 1, "V": 5, "X": 10}
_COUNTED_IN_ROMAN = (
    r"[Qq]uý|[Bb]áo động|BĐ|[Kk]h[óo][aá]|[Tt]hứ|[Cc]hương|[Mm]ức|[Cc]ấp|[Ll]oại|[Nn]hóm|[Pp]hần|[Mm]ục|[Hh]ạng"
)
_ROMANS = r"(?=[IVX])X{0,3}(?:IX|IV|V?I{0,3})"


# ---- a text


def _roman(text: str) -> str:
    values = [_ROMAN[letter] for letter in text]
    after = [*values[1:], 0]
    return cardinal(sum(-one if one < then else one for one, then in zip(values, after, strict=True)))


def _roman_numbers(found: re.Match[str]) -> str:
    said = re.sub("[IVX]+", lambda one: _roman(one[0]), found["romans"])
    year = f" năm {cardinal(int(found['y']))}" if found["y"] else ""
    return found["word"] + re.sub(r"\s?[–-]\s?", " đến ", said) + year


_PART = r"(?:\d{4}|[A-Za-zÀ-ỹĐđ&]{2,8}(?:\d{2})?)"


def _notation(found: re.Match[str]) -> str:
    parts = [part for part in re.split("[-/]", found["parts"]) if part]
    if not any(part.rstrip("0123456789") in _NOTATION for part in parts):
        return found[0]
    return ", ".join(
        [("diễn tập " if found["prefix"] else "") + cardinal(int(found["n"])), *(_part(part) for part in parts)]
    )


def _part(text: str) -> str:
    """A year, an abbreviation, or that of the National Assembly with its term: QH15."""
    letters = text.rstrip("0123456789")
    if not letters:
        return f"năm {cardinal(int(text))}"
    term = f" khóa {cardinal(int(text.removeprefix(letters)))}" if letters != text else ""
    return _NOTATION.get(letters, letters) + term


def _ratio(found: re.Match[str]) -> str:
    text = found.string
    counted = text[: found.start()].lower().endswith("số ") or dates.OF_THINGS.match(text, found.end()) is not None
    return ratio(found["up"], found["down"], counted=counted)


def _chainage(found: re.Match[str]) -> str:
    return f"ki lô mét {number(found['km'])}" + (f" cộng {number(found['on'])}" if found["on"] else "")


_RULES: list[tuple[str, Callable[[re.Match[str]], str]]] = [
    *dates.WHOLE_STEPS,
    (rf"(?<![\w/])(?P<prefix>DT-)?(?P<n>\d{{1,5}})(?P<parts>(?:[-/]{_PART})+)(?!\w)", _notation),
    *dates.STEPS,
    (
        rf"(?<!\w)(?P<word>(?:{_COUNTED_IN_ROMAN})\s+)(?P<romans>{_ROMANS}(?:\s?[–-]\s?{_ROMANS})?)"
        r"(?:/(?P<y>\d{4}))?(?!\w|\.\w)",
        _roman_numbers,
    ),
    (r"(?<![\d.,])0\d{2,}(?:[ .]\d{3,4})*(?![\d,])", lambda found: digits(re.sub(r"\D", "", found[0]))),
    (
        rf"(?<!\w)(?P<road>{'|'.join(_ROADS)})\.?\s?(?=[1-9]\d{{0,2}}[A-ZĐ]?(?![\w/]))",
        lambda found: f"{_ROADS[found['road']]} ",
    ),
    (r"(?<!\w)BĐ\s?(?=[1-3](?!\d)|một|hai|ba)", lambda _found: "báo động "),
    (r"(?<!\w)(?:Km(?P<bare>)|km)\s?(?P<km>\d+)(?:\s?\+\s?(?P<on>\d+)|(?(bare)(?![\w,.])|(?!)))", _chainage),
    (r"(?<!\w)hộ\s?/\s?(?=[\d.]+\s+(?:nhân\s+)?khẩu)", lambda _found: "hộ với "),
    (r"(?<![\w)])\+(?=\d)", lambda _found: "cộng "),
    (r"(?<![\w.])[-−](?=\d+(?:,\d+)?\s?[°ºo]C)", lambda _found: "âm "),
    (measures.MEASURE, measures.measure),
    (measures.UNIT, measures.unit),
    (measures.EACH, measures.each),
    (
        rf"(?<![\d.,/-])(?P<low>{NUMBER})\s?[–-]\s?(?P<high>{NUMBER})(?![\d/])",
        lambda found: f"{number(found['low'])} đến {number(found['high'])}",
    ),
    (rf"(?<![\d/.,])(?P<up>{NUMBER})/(?P<down>{NUMBER})(?![\d/])", _ratio),
    (rf"(?<=[^\W\d_])(?:{NUMBER})(?!\d)", lambda found: f" {number(found[0])}"),
    (rf"(?<![\d.,])(?:{NUMBER})(?!\d)", lambda found: number(found[0])),
    (
        rf"(?<!\w)(?:{'|'.join(re.escape(word) for word in sorted(WORDS, key=len, reverse=True))})(?!\w)",
        lambda found: WORDS[found[0]],
    ),
]
"""In their order: what a rule has read holds nothing any more that a later one knows."""

_STEPS = [(re.compile(pattern), read) for pattern, read in _RULES]


def spoken(text: str) -> str:
    """A text as it is read. What no rule knows is left as it is; line ends become pauses."""
    text = re.sub(r"[ \t]*\n\s*", ". ", text.replace("\0", "").strip())
    for pattern, read in _STEPS:
        text = pattern.sub(read, text)
    text = re.sub(r"\s+(?=[,;.:!?)])", "", " ".join(text.split()))
    return re.sub(r"\.(?:\s*\.)+", ".", text)


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
