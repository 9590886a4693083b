"""How times and numbers are shown (UI, Words): Thứ Ba 24/11/2026, 14:00; 1.927; relative beside absolute."""

from __future__ import annotations

import datetime as dt
from zoneinfo import ZoneInfo

from babel.dates import format_timedelta

WEEKDAYS = ("Thứ Hai", "Thứ Ba", "Thứ Tư", "Thứ Năm", "Thứ Sáu", "Thứ Bảy", "Chủ Nhật")
LENGTHS = (("ngày", "day", 86_400), ("giờ", "hour", 3_600), ("phút", "minute", 60))
SPANS = (("ngày", "day", 86_400), ("giờ", "hour", 3600), ("phút", "minute", 60))  # as in time.js
WEEKDAYS_EN = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")


class Formats:
    """Filters of the templates for one language and the district's time zone."""

    def __init__(self, language: str, zone: ZoneInfo) -> None:
        self.language = language
        self.zone = zone

    def date(self, value: dt.datetime | dt.date) -> str:
        """Thứ Ba 24/11/2026."""
        local = value.astimezone(self.zone) if isinstance(value, dt.datetime) else value
        names = WEEKDAYS_EN if self.language == "en" else WEEKDAYS
        return f"{names[local.weekday()]} {local:%d/%m/%Y}"

    def time(self, value: dt.datetime) -> str:
        """14:00."""
        return f"{value.astimezone(self.zone):%H:%M}"

    def datetime(self, value: dt.datetime) -> str:
        """Thứ Ba 24/11/2026, 14:00."""
        return f"{self.date(value)}, {self.time(value)}"

    def form_datetime(self, value: dt.datetime | None) -> str:
        """The value of an `<input type=datetime-local>`."""
        return f"{value.astimezone(self.zone):%Y-%m-%dT%H:%M}" if value else ""

    def duration(self, value: dt.timedelta | float) -> str:
        """1:02:03 or 02:03, from a timedelta or seconds."""
        seconds = int(value.total_seconds() if isinstance(value, dt.timedelta) else value)
        hours, rest = divmod(max(0, seconds), 3600)
        return f"{hours}:{rest // 60:02}:{rest % 60:02}" if hours else f"{rest // 60:02}:{rest % 60:02}"

    def number(self, value: float) -> str:
        """1.927 in Vietnamese, 1,927 in English."""
        text = f"{value:,}"
        return text if self.language == "en" else text.replace(",", "\0").replace(".", ",").replace("\0", ".")

    def figure(self, value: float | str) -> str:
        """1.927 or 2,5, as one types it; what somebody has typed stays as it is."""
        if isinstance(value, str):
            return value
        return self.number(int(value) if value == int(value) else round(value, 6))

    def relative(self, value: dt.datetime, now: dt.datetime) -> str:
        """“trong 12 phút nữa”, “3 ngày trước”."""
        return format_timedelta(value - now, add_direction=True, locale=self.language, threshold=1.2)

    def span(self, value: dt.datetime, now: dt.datetime) -> str:
        """The time between two moments in its largest unit, rounded down: “4 giờ”, “3 ngày”."""
        seconds = abs((value - now).total_seconds())
        vietnamese, english, length = next((span for span in SPANS if seconds >= span[2] * 1.2), SPANS[-1])
        count = int(seconds // length)
        return f"{count} {english}{'s' * (count != 1)}" if self.language == "en" else f"{count} {vietnamese}"

    def lasting(self, seconds: float) -> str:
        """How long something took, in its two largest units: “2 ngày 3 giờ”, “15 phút”."""
        left, words = int(seconds), []
        for vietnamese, english, length in LENGTHS:
            count, left = divmod(left, length)
            if count:
                plural = "s" if count != 1 else ""
                words.append(f"{count} {english}{plural}" if self.language == "en" else f"{count} {vietnamese}")
        return " ".join(words[:2]) or ("under a minute" if self.language == "en" else "dưới 1 phút")

    def filesize(self, value: int) -> str:
        """1,2 MB."""
        size = float(value)
        for unit in ("B", "KB", "MB", "GB"):
            if size < 1000 or unit == "GB":
                break
            size /= 1000
        return f"{self.number(round(size, 1) if unit != 'B' else int(size))} {unit}"


def parse_local(text: str, zone: ZoneInfo) -> dt.datetime:
    """What a person typed into a date-time field, as the district's local time. Raises ValueError."""
    value = dt.datetime.fromisoformat(text)
    return value if value.tzinfo else value.replace(tzinfo=zone)
