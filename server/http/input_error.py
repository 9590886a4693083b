"""What msgspec says of wrong input, in words for whoever fills in a form; programs get its own words, too."""

from __future__ import annotations

import re

import msgspec

from server.errors import UserError
from server.http.i18n import _

_PATH = re.compile(r" - at `\$\.?([^`]*)`$")
_MISSING = re.compile(r"Object missing required field `(\w+)`")
_REASONS = [
    (re.compile(pattern), message)
    for pattern, message in (
        (r"Expected `str` of length <= (?P<most>\d+)", _("Viết quá dài: được nhiều nhất {most} ký tự.")),
        (r"Expected `(?:str|array)` of length >= 1$|Object missing required field", _("Còn mục chưa điền.")),
        (r"Expected `array` of length <= (?P<most>\d+)", _("Chọn quá nhiều: được nhiều nhất {most} mục.")),
        (r"Expected `(?:int|float)` >= (?P<least>\d+)", _("Số phải từ {least} trở lên.")),
        (r"Expected `(?:int|float)` <= (?P<most>\d+)", _("Số không được quá {most}.")),
        (r"Expected `(?:int|float)` [<>]|Integer value out of range", _("Số nằm ngoài giới hạn.")),
        (r"Expected `(?:int|float)", _("Chỗ cần số lại không phải số.")),
        (r"Invalid (?:RFC3339|ISO8601)|Expected `(?:datetime|date|time)\b", _("Ngày, giờ chưa đúng.")),
        (r"Invalid enum value", _("Không có lựa chọn này. Xin tải lại trang rồi chọn lại.")),
    )
]
_OTHERWISE = _("Nội dung gửi lên chưa đúng. Xin tải lại trang rồi làm lại.")


def input_error(error: msgspec.ValidationError, code: str = "invalid_input", field: str | None = None) -> UserError:
    """The error of "Expected `str` of length <= 500 - at `$.subject`": `field` subject, unless a form has another."""
    found = _PATH.search(str(error))
    place = found[1] if found else ""
    detail = _PATH.sub("", str(error))
    if missing := _MISSING.match(detail):
        place = f"{place}.{missing[1]}".lstrip(".")
    for pattern, message in _REASONS:
        if match := pattern.match(detail):
            limits = {name: int(value) for name, value in match.groupdict().items()}
            return UserError(code, message, field=field or place or None, detail=detail, **limits)
    return UserError(code, _OTHERWISE, field=field or place or None, detail=detail)
