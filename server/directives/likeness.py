"""How alike two subjects are, and when a recipient can first take on more: pure."""

from __future__ import annotations

import re
from collections.abc import Container, Iterable, Sequence
from datetime import date, datetime, time

from server.directives.clocks import WorkingCalendar
from server.store.search import plain

ALIKE = 0.5
_WORDS = re.compile(r"\w+")
_EMPTY_WORDS = frozenset(
    {"ve", "viec", "va", "cua", "cac", "cho", "trong", "tren", "den", "nam", "thang", "so", "theo"}
)
MOST_DAYS = 90


def _pairs(text: str) -> set[tuple[str, str]]:
    words = [word for word in _WORDS.findall(plain(text)) if word not in _EMPTY_WORDS]
    return set(zip(["", *words], [*words, ""], strict=True)) if words else set()


def likeness(one: str, other: str) -> float:
    """Part of the word pairs that two subjects share (Sørensen–Dice): 1 for the same words in the same order."""
    first, second = _pairs(one), _pairs(other)
    if not first or not second:
        return 0.0
    return 2 * len(first & second) / (len(first) + len(second))


def first_feasible(calendar: WorkingCalendar, earliest: datetime, full: Container[date]) -> datetime | None:
    """The first end of a working day, from `earliest` on, that is not `full`; None if the next MOST_DAYS all are."""
    day = calendar.working_day_after(earliest.astimezone(calendar.zone).date(), 0)
    for _ in range(MOST_DAYS):
        if calendar.end_of(day) >= earliest and day not in full:
            return calendar.end_of(day)
        day = calendar.working_day_after(day, 1)
    return None


def days_of(moments: Iterable[datetime], calendar: WorkingCalendar) -> dict[date, int]:
    """How many moments fall on each local day."""
    found: dict[date, int] = {}
    for moment in moments:
        day = moment.astimezone(calendar.zone).date()
        found[day] = found.get(day, 0) + 1
    return found


def working_time_left(calendar: WorkingCalendar, begin: datetime, end: datetime) -> float:
    """Working hours between two moments."""
    hours, day = 0.0, begin.astimezone(calendar.zone).date()
    last = end.astimezone(calendar.zone).date()
    for step in range((last - day).days + 1):
        current = date.fromordinal(day.toordinal() + step)
        if step > MOST_DAYS:
            break
        if calendar.is_working_day(current):
            hours += _hours_of(calendar.hours, current, begin, end, calendar)
    return hours


def _hours_of(
    periods: Sequence[tuple[time, time]], day: date, begin: datetime, end: datetime, calendar: WorkingCalendar
) -> float:
    hours = 0.0
    for opens, closes in periods:
        first = max(datetime.combine(day, opens, calendar.zone), begin)
        last = min(datetime.combine(day, closes, calendar.zone), end)
        hours += max(0.0, (last - first).total_seconds() / 3600)
    return hours
