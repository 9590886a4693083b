"""Working days of Vietnam (vectors of DOMAIN), working hours, and deadlines given in words."""

from __future__ import annotations

from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest

from server.directives.clocks import WorkingCalendar, check_span, due_after, notice_before

ZONE = ZoneInfo("Asia/Ho_Chi_Minh")
CALENDAR = WorkingCalendar(ZONE)


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=ZONE)


@pytest.mark.parametrize(
    ("day", "works"),
    [
        ("2026-08-22", True),  # a Saturday that is worked for 31 August
        ("2026-08-31", False),
        ("2026-04-27", False),  # in lieu of the Hùng kings' day on a Sunday
        ("2026-11-24", False),
        ("2026-02-17", False),  # Tết
        ("2026-11-25", True),
        ("2026-11-28", False),
    ],
)
def test_working_days(day: str, works: bool) -> None:
    assert CALENDAR.is_working_day(date.fromisoformat(day)) is works


def test_counting_begins_on_the_next_day_and_jumps_over_tet() -> None:
    assert CALENDAR.working_day_after(date(2026, 2, 13), 5) == date(2026, 2, 27)
    assert CALENDAR.working_day_after(date(2026, 11, 23), 1) == date(2026, 11, 25)
    assert CALENDAR.working_day_after(date(2026, 11, 24), 0) == date(2026, 11, 25)


def test_the_districts_own_table_wins() -> None:
    calendar = WorkingCalendar(ZONE, overrides={date(2026, 11, 24): True, date(2026, 11, 25): False})
    assert calendar.is_working_day(date(2026, 11, 24))
    assert not calendar.is_working_day(date(2026, 11, 25))


def test_days_between_are_counted_both_ways() -> None:
    assert CALENDAR.working_days_between(date(2026, 2, 13), date(2026, 2, 27)) == 5
    assert CALENDAR.working_days_between(date(2026, 2, 27), date(2026, 2, 13)) == -5
    assert CALENDAR.working_days_between(date(2026, 2, 13), date(2026, 2, 13)) == 0


@pytest.mark.parametrize(
    ("begin", "span", "due"),
    [
        ("2026-11-25T08:00", "1wd", "2026-11-26T17:00"),
        ("2026-11-27T16:00", "1wd", "2026-11-30T17:00"),  # a Friday
        ("2026-11-23T16:00", "1wd", "2026-11-25T17:00"),  # the 24th is off
        ("2026-11-25T08:00", "2wh", "2026-11-25T10:00"),
        ("2026-11-25T10:30", "2wh", "2026-11-25T14:30"),  # over noon
        ("2026-11-25T16:30", "2wh", "2026-11-26T09:00"),  # over night
        ("2026-11-28T09:00", "2wh", "2026-11-30T09:30"),  # begins on a Saturday
        ("2026-11-28T23:50", "15m", "2026-11-29T00:05"),  # round the clock
        ("2026-11-28T23:50", "2h", "2026-11-29T01:50"),
    ],
)
def test_deadlines(begin: str, span: str, due: str) -> None:
    assert due_after(at(begin), span, CALENDAR) == at(due)


def test_due_soon_begins_working_days_or_a_part_before() -> None:
    due, begin = at("2026-11-30T17:00"), at("2026-11-26T17:00")
    assert due - notice_before(due, begin, "1wd", CALENDAR) == at("2026-11-27T17:00")
    assert notice_before(due, begin, "25%", CALENDAR) == timedelta(days=1)
    assert notice_before(due, begin, "4h", CALENDAR) == timedelta(hours=4)
    assert notice_before(due, begin, "30m", CALENDAR) == timedelta(minutes=30)


@pytest.mark.parametrize("span", ["", "wd", "1", "1d", "-1wd", "1wd ", "1.5h"])
def test_what_is_no_span(span: str) -> None:
    with pytest.raises(ValueError, match="not a span"):
        check_span(span)


def test_a_calendar_without_any_working_day_does_not_hang() -> None:
    never = WorkingCalendar(ZONE, hours=[(time(8), time(8))])
    with pytest.raises(ValueError, match="ten years"):
        never.after_working_time(at("2026-11-25T08:00"), timedelta(hours=1))
