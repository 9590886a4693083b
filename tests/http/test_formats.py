"""How times and numbers are shown in both languages."""

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from server.http.formats import Formats, parse_local

ZONE = ZoneInfo("Asia/Ho_Chi_Minh")
VI, EN = Formats("vi", ZONE), Formats("en", ZONE)
MOMENT = datetime(2026, 11, 24, 7, 0, tzinfo=UTC)


def test_dates_are_in_the_districts_zone() -> None:
    assert VI.datetime(MOMENT) == "Thứ Ba 24/11/2026, 14:00"
    assert EN.datetime(MOMENT) == "Tuesday 24/11/2026, 14:00"
    assert VI.date(datetime(2026, 11, 24, 18, 0, tzinfo=UTC)) == "Thứ Tư 25/11/2026"
    assert VI.date(date(2026, 11, 29)) == "Chủ Nhật 29/11/2026"


def test_form_values_go_there_and_back() -> None:
    assert VI.form_datetime(MOMENT) == "2026-11-24T14:00"
    assert VI.form_datetime(None) == ""
    assert parse_local("2026-11-24T14:00", ZONE) == MOMENT
    assert parse_local("2026-11-24T07:00+00:00", ZONE) == MOMENT
    with pytest.raises(ValueError, match="Invalid isoformat"):
        parse_local("ngày mai", ZONE)


def test_numbers() -> None:
    assert (VI.number(1927), EN.number(1927)) == ("1.927", "1,927")
    assert VI.number(1234.5) == "1.234,5"
    assert (VI.filesize(999), VI.filesize(1_240_000), EN.filesize(3_000_000_000)) == ("999 B", "1,2 MB", "3.0 GB")


def test_durations_and_relative_times() -> None:
    assert VI.duration(timedelta(hours=1, minutes=2, seconds=3)) == "1:02:03"
    assert VI.duration(125.9) == "02:05"
    assert VI.duration(-5) == "00:00"
    assert "12 phút" in VI.relative(MOMENT + timedelta(minutes=12), MOMENT)
    assert "3 days" in EN.relative(MOMENT - timedelta(days=3), MOMENT)


def test_spans_of_deadlines_are_rounded_down() -> None:
    assert VI.span(MOMENT + timedelta(hours=4, minutes=50), MOMENT) == "4 giờ"
    assert VI.span(MOMENT - timedelta(days=3, hours=20), MOMENT) == "3 ngày"
    assert VI.span(MOMENT + timedelta(hours=26), MOMENT) == "26 giờ"
    assert VI.span(MOMENT, MOMENT) == "0 phút"
    assert EN.span(MOMENT + timedelta(days=1, hours=6), MOMENT) == "1 day"
    assert EN.span(MOMENT + timedelta(minutes=30), MOMENT) == "30 minutes"
