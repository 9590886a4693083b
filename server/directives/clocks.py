"""Working days and hours, and deadlines given in words such as `1wd`: pure; the calendar is handed in.

`holidays` knows Vietnam's lunar Tết, days taken instead and days swapped; a table in `config/calendar/` overrides it.
Working days count from the next day and roll to the next working day (DOMAIN, Clocks).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import date, datetime, time, timedelta
from functools import cache
from zoneinfo import ZoneInfo

import holidays

_SPAN = re.compile(r"(\d+)(wd|wh|h|m)")
_MOST_DAYS = 3_660
_YEARS = range(2020, 2061)


@cache
def _holidays() -> holidays.HolidayBase:
    """All years at once: the library fills in a year when it is first asked for, which threads must not race."""
    return holidays.country_holidays("VN", years=_YEARS, language="vi")


class WorkingCalendar:
    """Which days are worked, and from when to when; `overrides` (day → worked) win over the library."""

    def __init__(
        self,
        zone: ZoneInfo,
        hours: Sequence[tuple[time, time]] = ((time(7, 30), time(11, 30)), (time(13, 30), time(17))),
        overrides: Mapping[date, bool] | None = None,
    ) -> None:
        self.zone = zone
        self.hours = tuple(hours)
        self.overrides = dict(overrides or {})
        self._holidays = _holidays()

    def is_working_day(self, day: date) -> bool:
        """Whether offices work on a day."""
        if day in self.overrides:
            return self.overrides[day]
        return bool(self._holidays.is_working_day(day))

    def holiday(self, day: date) -> str:
        """The library's name, in Vietnamese, of what a day is taken off for; nothing for weekends and our own days."""
        return "" if self.is_working_day(day) else str(self._holidays.get(day, ""))

    def is_open(self, moment: datetime) -> bool:
        """Whether offices work at a moment."""
        local = moment.astimezone(self.zone)
        return self.is_working_day(local.date()) and any(begin <= local.time() < end for begin, end in self.hours)

    def working_day_after(self, day: date, count: int) -> date:
        """The `count`-th working day after `day`; `count` 0 is the day itself, rolled to a working day."""
        if count == 0:
            return day if self.is_working_day(day) else self.working_day_after(day, 1)
        for step in range(1, _MOST_DAYS):
            current = day + timedelta(days=step)
            count -= self.is_working_day(current)
            if count == 0:
                return current
        raise ValueError("no such working day within ten years")

    def working_days_between(self, begin: date, end: date) -> int:
        """Working days after `begin` up to and including `end`; negative if `end` is earlier."""
        if end < begin:
            return -self.working_days_between(end, begin)
        days = (begin + timedelta(days=n) for n in range(1, (end - begin).days + 1))
        return sum(map(self.is_working_day, days))

    def end_of(self, day: date) -> datetime:
        """When work ends on a day."""
        return datetime.combine(day, self.hours[-1][1], self.zone)

    def after_working_time(self, begin: datetime, span: timedelta) -> datetime:
        """The moment when `span` of working time has passed since `begin`."""
        for opens, closes in self._periods(begin.astimezone(self.zone).date()):
            start = max(opens, begin)
            if start >= closes:
                continue
            if closes - start >= span:
                return start + span
            span -= closes - start
        raise ValueError("no such working time within ten years")

    def _periods(self, day: date) -> Iterator[tuple[datetime, datetime]]:
        for step in range(_MOST_DAYS):
            current = day + timedelta(days=step)
            if self.is_working_day(current):
                for opens, closes in self.hours:
                    yield datetime.combine(current, opens, self.zone), datetime.combine(current, closes, self.zone)


def check_span(text: str) -> str:
    """The text itself if it is a span. Raises ValueError."""
    if not _SPAN.fullmatch(text):
        raise ValueError(f"not a span: {text!r} (such as 1wd, 4wh, 2h, 30m)")
    return text


def due_after(begin: datetime, span: str, calendar: WorkingCalendar) -> datetime:
    """`begin` plus a span: `2wd` the end of the second working day after, `4wh` working hours, `2h`, `30m`."""
    number, unit = int(check_span(span)[: -2 if "w" in span else -1]), span.lstrip("0123456789")
    if unit == "wd":
        return calendar.end_of(calendar.working_day_after(begin.astimezone(calendar.zone).date(), number))
    if unit == "wh":
        return calendar.after_working_time(begin, timedelta(hours=number))
    return begin + (timedelta(hours=number) if unit == "h" else timedelta(minutes=number))


def notice_before(due: datetime, begin: datetime, notice: str, calendar: WorkingCalendar) -> timedelta:
    """How long before `due` it counts as due soon: `25%` of the whole time, or since the working days before it."""
    if notice.endswith("%"):
        return (due - begin) * (int(notice[:-1]) / 100)
    number, unit = int(check_span(notice)[: -2 if "w" in notice else -1]), notice.lstrip("0123456789")
    if unit != "wd":
        return timedelta(hours=number) if unit in ("h", "wh") else timedelta(minutes=number)
    day = due.astimezone(calendar.zone).date()
    while number:
        day -= timedelta(days=1)
        number -= calendar.is_working_day(day)
    return due - calendar.end_of(day)


def after_quiet(at: datetime, begin: time, end: time, calendar: WorkingCalendar, *, days_off: bool) -> datetime:
    """`at`, or the end of the quiet hours (and with `days_off` of the days not worked) that it falls into."""
    local = at.astimezone(calendar.zone)
    day, clock = local.date(), local.time()
    over_night = begin > end
    in_evening = clock >= begin and (over_night or clock < end)
    in_morning = over_night and clock < end
    is_off = days_off and not calendar.is_working_day(day)
    if not (in_evening or in_morning or is_off):
        return at
    if (in_evening and over_night) or (is_off and not in_morning):
        day += timedelta(days=1)
    if days_off:
        day = calendar.working_day_after(day, 0)
    return datetime.combine(day, end, calendar.zone)
