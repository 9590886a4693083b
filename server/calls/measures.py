"""How measures are read aloud: “300 m2”, “1.200 m3/s”, “50–100 mm/24h”, “30.000 đồng/kg”. Pure.

A unit is read together with its number: of m2 left to itself, the 2 would be taken for a number.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

from server.calls.numerals import NUMBER, number, ratio

_UNITS: Mapping[str, str] = {
    "km": "ki lô mét", "m": "mét", "cm": "xăng ti mét", "mm": "mi li mét",
    "km2": "ki lô mét vuông", "km²": "ki lô mét vuông", "m2": "mét vuông", "m²": "mét vuông",
    "m3": "mét khối", "m³": "mét khối", "ha": "héc ta", "kg": "ki lô gam", "g": "gam", "l": "lít",
    "°C": "độ C", "ºC": "độ C", "oC": "độ C", "kV": "ki lô vôn", "kW": "ki lô oát", "kWh": "ki lô oát giờ",
    "MW": "mê ga oát", "h": "giờ", "%": "phần trăm", "đ": "đồng",
}  # fmt: skip
_ALONE = [unit for unit in _UNITS if len(unit) > 1 or unit == "%"]
"""That are one without a number before them, too: “2 triệu m3”, “mỗi km”. One letter may be anything."""

_SPANS = {"s": "giây", "h": "giờ", **{word: word for word in ("giây", "phút", "giờ", "ngày đêm", "ngày")}}
_EACH = (
    "người", "hộ", "xã", "phường", "thôn", "huyện", "đơn vị", "tổ", "nhà", "suất", "khẩu", "học sinh", "lớp", "trường",
    "ngày", "đêm", "tuần", "tháng", "quý", "năm", "giờ", "lần", "đợt", "ca", "buổi", "con", "tấn", "tạ", "lít",
)  # fmt: skip
_COUNTS = ("đồng", *_EACH, "bữa", "cuộc", "liều", "phần", "tin", "báo cáo")


def _one_of(words: Iterable[str]) -> str:
    return "(?:" + "|".join(re.escape(word) for word in sorted(words, key=len, reverse=True)) + r")(?!\w)"


_AMOUNT = rf"(?:\d+\.\d{{1,2}}(?!\d)|{NUMBER})"
"""Before a unit a point with one or two figures is a comma: 372.8mm."""

_PER = rf"(?:/(?P<spans>{NUMBER})?\s?(?P<per>{_one_of({*_UNITS, *_SPANS, *_EACH})}))?"
MEASURE = (
    rf"(?<![\d.,/])(?P<low>{_AMOUNT})(?:(?:(?P<to>(?:\s?(?P<low_unit>{_one_of(_UNITS)}))?\s?[-–])|/)\s?(?P<high>{_AMOUNT}))?"
    rf"\s?(?P<unit>{_one_of(_UNITS)}){_PER}"
)
UNIT = rf"(?<![\w/])(?P<unit>{_one_of(_ALONE)}){_PER}"
EACH = rf"(?<!\w)(?P<what>{_one_of(_COUNTS)})/(?P<each>{_one_of({*_EACH, 'kg', 'ha', 'km', 'm2', 'm3'})})"


def measure(found: re.Match[str]) -> str:
    """Of `MEASURE`."""
    return f" {_amount(found)} {unit(found)} "


def _amount(found: re.Match[str]) -> str:
    low, high = (re.sub(r"\.(?=\d{1,2}$)", ",", text or "") for text in (found["low"], found["high"]))
    if not high:
        return number(low)
    if not found["to"]:
        return ratio(low, high)
    of = f" {_UNITS[found['low_unit']]}" if found["low_unit"] else ""
    return f"{number(low)}{of} đến {number(high)}"


def unit(found: re.Match[str]) -> str:
    """Of `UNIT`: with what it is per."""
    said = _UNITS[found["unit"]]
    per = found["per"]
    if per is None:
        return said
    if found["spans"] is not None:
        return f"{said} {'trong' if per in _SPANS else 'trên'} {number(found['spans'])} {_word(per)}"
    physical = (per in _SPANS or per in _UNITS) and found["unit"] not in ("đ", "%")
    return f"{said} {'trên' if physical else 'mỗi'} {_word(per)}"


def each(found: re.Match[str]) -> str:
    """Of `EACH`: “đồng mỗi hộ”."""
    return f"{found['what']} mỗi {_word(found['each'])}"


def _word(per: str) -> str:
    return _SPANS.get(per) or _UNITS.get(per) or per
