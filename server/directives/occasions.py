"""Holidays as people call them: for days of one feast the library has a name each."""

from __future__ import annotations

from server.http.i18n import _

_NAMES = (
    ("Tết Dương lịch", _("Tết Dương lịch")),
    ("Tết", _("Tết Nguyên đán")),
    ("Giỗ Tổ Hùng Vương", _("Giỗ Tổ Hùng Vương")),
    ("Ngày Chiến thắng", _("Ngày Chiến thắng 30 tháng 4")),
    ("Quốc tế Lao động", _("Ngày Quốc tế Lao động")),
    ("Quốc khánh", _("Quốc khánh")),
    ("Văn hóa Việt Nam", _("Ngày Văn hóa Việt Nam")),
    ("thay cho", _("nghỉ hoán đổi")),
)
"""Part of the library's name → ours, the first that fits; days taken instead go by the same name."""


def occasion(name: str) -> str:
    """The occasion of a day off by its name in the library, in Vietnamese, to be translated; as it is if unknown."""
    return next((ours for part, ours in _NAMES if part in name), name)
