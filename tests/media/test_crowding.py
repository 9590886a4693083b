"""When a participant's way here counts as crowded, and what it is then told."""

from __future__ import annotations

import pytest

from server.media.inward.crowding import CROWDED, DRAINING, LASTS, LEAST, Crowding


def looks(
    crowding: Crowding, begin: float, end: float, sent: int, came: float, start: tuple[int, int] = (0, 0)
) -> list[float]:
    """Look ten times a second while `sent` packets of 1,000 bytes a second are sent and a share of them comes; when
    it was to be told."""
    told = []
    for tick in range(1, round((end - begin) * 10) + 1):
        now = begin + tick / 10
        packets, arrived = start[0] + sent * tick // 10, start[1] + round(came * sent * tick / 10)
        if crowding.look(packets, arrived, 1000 * arrived, now):
            told.append(now)
    return told


def test_a_collapse_is_told_within_half_a_second_and_settles_at_what_comes() -> None:
    crowding = Crowding()
    assert looks(crowding, 0, 5, 150, 1.0) == [] and crowding.bound is None
    told = looks(crowding, 5, 7, 150, 0.1, start=(750, 750))
    assert told[0] <= 5.5
    assert crowding.bound == pytest.approx(DRAINING * 0.1 * 150 * 8000, rel=0.1)
    assert crowding.crowded(7.0) and not crowding.crowded(7.0 + LASTS + 0.1)


@pytest.mark.parametrize("share", [1.0, 0.8, 1 - CROWDED + 0.05])
def test_what_the_air_takes_is_no_crowd(share: float) -> None:
    crowding = Crowding()
    assert looks(crowding, 0, 20, 150, share) == [] and crowding.bound is None


def test_few_packets_tell_nothing() -> None:
    crowding = Crowding()
    assert looks(crowding, 0, 20, 30, 0.4) == []


def test_an_outage_tells_nothing() -> None:
    crowding = Crowding()
    looks(crowding, 0, 5, 150, 1.0)
    assert looks(crowding, 5, 10, 0, 0.0, start=(750, 750)) == []
    assert looks(crowding, 10, 12, 150, 1.0, start=(1500, 750)) == [] and crowding.bound is None


def test_a_bound_is_never_less_than_a_voice_and_is_lifted_bit_by_bit() -> None:
    crowding = Crowding()
    looks(crowding, 0, 3, 200, 0.01)
    assert crowding.bound == LEAST
    bounds = []
    for second in range(20):
        looks(crowding, 3 + second, 4 + second, 20, 1.0, start=(600 + 20 * second, 6 + 20 * second))
        bounds.append(crowding.bound)
    raised = [bound for bound in bounds if bound is not None]
    assert raised == sorted(raised) and raised[4] < 4 * LEAST
    assert bounds[-1] is None
