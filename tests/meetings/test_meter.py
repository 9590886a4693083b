"""How busy a node is, from its counters."""

from __future__ import annotations

import pytest

from server.media.protocol import ParticipantStats, Stats
from server.meetings.meter import Meter


def stats(cpu: float, people: int = 0, lag_ms: float = 0.0) -> Stats:
    who = [ParticipantStats(participant=f"p{n}", state="connected") for n in range(people)]
    return Stats(participants=who, packets_in=0, packets_out=0, cpu_seconds=cpu, refused={}, lag_ms=lag_ms)


def test_the_share_is_of_the_time_between_two_readings() -> None:
    meter = Meter(sessions=4)
    meter.take(stats(cpu=100.0, people=5), now=1000.0)
    assert (meter.sessions, meter.cpu_share) == (5, 0.0), "one reading says nothing about a share"
    meter.take(stats(cpu=101.5, people=6, lag_ms=40), now=1003.0)
    assert (meter.sessions, meter.cpu_share, meter.lag) == (6, 0.5, 0.04)
    meter.take(stats(cpu=101.5), now=1006.0)
    assert meter.cpu_share == 0.0


def test_readings_that_are_close_change_no_share() -> None:
    meter = Meter()
    meter.take(stats(cpu=0.0), now=0.0)
    meter.take(stats(cpu=0.3, people=1), now=0.5)
    assert (meter.sessions, meter.cpu_share) == (1, 0.0)
    meter.take(stats(cpu=0.6), now=2.0)
    assert meter.cpu_share == pytest.approx(0.3)
