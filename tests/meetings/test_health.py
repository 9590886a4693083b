"""What pages tell of themselves: the last minute of it, and no more of it than is sensible."""

from __future__ import annotations

import msgspec
import pytest

from server.meetings.events import HealthData
from server.meetings.health import MINUTE, MOST_REPORTS, Healths, Report

TEN = 10.0


def test_the_last_minute_counts() -> None:
    healths = Healths()
    healths.take(1, 7, Report(seconds=TEN, freezes=9, frozen=5.0, concealed=1.0), 0.0)
    healths.take(1, 7, Report(seconds=TEN, freezes=2, frozen=1.5, concealed=0.1, cpu=0.4, cpu_short=1.0), 50.0)
    healths.take(1, 7, Report(seconds=3 * TEN, freezes=1, frozen=0.5, concealed=0.02, cpu=0.2), 80.0)
    health = healths.of(1, 7, 1.0 + MINUTE)
    assert health is not None
    assert (health.freezes, health.frozen) == (3, 2.0)
    assert health.concealed == pytest.approx(0.04) and health.cpu == pytest.approx(0.25)
    assert health.cpu_short == pytest.approx(0.25)


def test_who_tells_nothing_is_not_known_and_forgotten() -> None:
    healths = Healths()
    healths.take(1, 7, Report(seconds=TEN), 0.0)
    assert healths.of(1, 8, 1.0) is None and healths.of(2, 7, 1.0) is None
    healths.take(1, 8, Report(seconds=TEN), MINUTE + 1)
    assert healths.of(1, 7, MINUTE + 1) is None and list(healths._reports) == [(1, 8)]


def test_a_flood_of_reports_is_bounded() -> None:
    healths = Healths()
    for number in range(1000):
        healths.take(1, 7, Report(seconds=TEN, freezes=1), number / 100)
    health = healths.of(1, 7, 10.0)
    assert health is not None and health.freezes == MOST_REPORTS


@pytest.mark.parametrize(
    "wrong", [{"seconds": 0}, {"freezes": -1}, {"concealed": 1.1}, {"cpu": 1e9}, {"cpu_short": -0.1}, {"frozen": "x"}]
)
def test_nonsense_is_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert({"meeting": 1, "report": {"seconds": 10, **wrong}}, HealthData)
