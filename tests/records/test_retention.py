"""Retention rules as data."""

import datetime as dt
from pathlib import Path

import pytest

from server.config import ConfigError
from server.records import retention
from server.records.retention import Rule


def test_the_file_has_the_periods_in_use() -> None:
    rules = retention.load()
    assert [rule.years for rule in rules.rule] == [2, 5, 10, 20, 50, 70, None]
    assert rules.find(rules.default, dt.date(2026, 11, 24)) is not None


def test_keeping_counts_from_the_end_of_the_year() -> None:
    rule = Rule(code="10", name="10 năm", years=10, valid_from=dt.date(2020, 1, 1))
    assert rule.due_on(dt.date(2026, 1, 1)) == rule.due_on(dt.date(2026, 12, 31)) == dt.date(2036, 12, 31)
    for_ever = Rule(code="permanent", name="Vĩnh viễn", valid_from=dt.date(2020, 1, 1))
    assert for_ever.due_on(dt.date(2026, 11, 24)) is None


def test_a_rule_holds_in_its_time_only() -> None:
    rule = Rule(code="x", name="x", years=1, valid_from=dt.date(2020, 1, 1), valid_to=dt.date(2025, 7, 1))
    days = [dt.date(2019, 12, 31), dt.date(2020, 1, 1), dt.date(2025, 6, 30), dt.date(2025, 7, 1)]
    assert [rule.holds(day) for day in days] == [False, True, True, False]


@pytest.mark.parametrize(
    "text",
    [
        "default = 'x'\n[[rule]]\ncode='y'\nname='y'\nvalid_from=2020-01-01\n",
        "default = 1",
        "rule = [",
        "defautl = 'x'",
    ],
)
def test_a_file_that_makes_no_sense_is_refused(tmp_path: Path, text: str) -> None:
    file = tmp_path / "retention.toml"
    file.write_text(text, "utf-8")
    with pytest.raises(ConfigError, match=r"retention\.toml"):
        retention.load(file)
