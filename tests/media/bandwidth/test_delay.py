"""Delay: a queue that grows is over-use, a burst that queues behind itself is not, nor is jitter."""

from __future__ import annotations

import random
from collections.abc import Iterable

import pytest

from server.media.bandwidth.delay import STANDING, DelayDetector, State
from server.media.bandwidth.history import Group

PATH = 1_000.02  # s: the peer's clock is far ahead of ours
ESTIMATE = 1_000_000.0


def judged(detector: DelayDetector, groups: list[Group], octets: int) -> State:
    """One feedback."""
    detector.hear(groups, ESTIMATE)
    return detector.judge(octets)


def feed(detector: DelayDetector, delays_ms: Iterable[float], start: float = 0.0, size: int = 1_000) -> list[State]:
    """A packet each 25 ms, feedback on every four of them."""
    states: list[State] = []
    groups: list[Group] = []
    for n, delay in enumerate(delays_ms):
        at = start + n * 0.025
        arrival = at + PATH + delay / 1000
        groups.append((at, at, size, 1, arrival, arrival))
        if len(groups) == 4:
            states.append(judged(detector, groups, 4 * size))
            groups = []
    return states


def test_a_steady_way_is_normal() -> None:
    detector = DelayDetector()
    assert set(feed(detector, [0.0] * 80)) == {State.NORMAL}
    assert detector.queue == pytest.approx(0, abs=0.1)
    assert detector.busy is None


def test_a_growing_queue_is_overuse_and_a_shrinking_one_underuse() -> None:
    detector = DelayDetector()
    feed(detector, [0.0] * 40)
    states = feed(detector, [n * 5.0 for n in range(20)], start=1.0)
    assert State.OVERUSE in states
    assert detector.queue > 50
    feed(detector, [100.0] * 24, start=1.5)
    states = feed(detector, [100 - n * 2.5 for n in range(40)], start=2.1)
    assert State.OVERUSE not in states
    assert State.UNDERUSE in states
    assert set(feed(detector, [0.0] * 120, start=3.1)[-10:]) == {State.NORMAL}


def test_the_rate_of_a_busy_link_is_measured() -> None:
    """1,000 bytes each 25 ms are sent, and arrive 40 ms apart: 200 kbit/s."""
    detector = DelayDetector()
    feed(detector, [0.0] * 8)
    feed(detector, [n * 15.0 for n in range(20)], start=0.2)
    assert detector.busy == pytest.approx(200_000, rel=0.05)


@pytest.mark.parametrize("seed", range(5))
def test_jitter_is_no_overuse_for_long(seed: int) -> None:
    """One that the detector meets unprepared may alarm it, but not more than now and then."""
    detector, rng = DelayDetector(), random.Random(seed)
    states = feed(detector, [rng.uniform(0, 100) for _ in range(2400)])
    assert states.count(State.OVERUSE) <= len(states) * 0.02


def test_a_burst_that_fits_the_estimate_is_no_overuse() -> None:
    """A key frame of 40 kB at 1 Mbit/s occupies the link for 320 ms, and what follows waits."""
    detector = DelayDetector()
    states: list[State] = []
    queue = 0.0  # s
    for n in range(200):
        at = n * 0.04
        size = 40_000 if n % 50 == 20 else 2_000
        first = at + PATH + queue
        queue += size * 8 / ESTIMATE
        states.append(judged(detector, [(at, at, size, 4, first, at + PATH + queue)], 2_000))
        queue = max(0.0, queue - 0.04)
    assert State.OVERUSE not in states


def test_the_same_burst_on_half_the_link_is_overuse() -> None:
    detector = DelayDetector()
    states: list[State] = []
    queue = 0.0
    for n in range(60):
        at = n * 0.04
        size = 40_000 if n == 20 else 2_000
        first = at + PATH + queue
        queue += size * 16 / ESTIMATE
        states.append(judged(detector, [(at, at, size, 4, first, at + PATH + queue)], size))
        queue = max(0.0, queue - 0.04)
    assert State.OVERUSE in states


def test_a_standing_queue_is_ours_until_cuts_prove_otherwise() -> None:
    detector = DelayDetector()
    feed(detector, [0.0] * 40)
    states = feed(detector, [STANDING + 20] * 400, start=1.0)
    standing = states[8:]
    assert 1 <= standing.count(State.OVERUSE) <= 6
    assert set(standing[-20:]) == {State.NORMAL}
    assert detector.queue < 5  # it is the way's own delay now


def test_a_way_without_memory_begins_anew() -> None:
    detector = DelayDetector()
    feed(detector, [0.0] * 40)
    detector.reset()
    assert set(feed(detector, [500.0] * 40, start=1.0)) == {State.NORMAL}
    assert detector.queue == pytest.approx(0, abs=0.1)


def test_a_clock_that_drifts_is_no_queue() -> None:
    """200 ppm, for ten minutes."""
    detector = DelayDetector()
    assert set(feed(detector, [n * 0.025 * 0.2 for n in range(24_000)])) == {State.NORMAL}
    assert detector.queue < 10


def test_judging_seldom_sees_the_same_queue() -> None:
    """What was heard in between counts as if it had come at once; and without anything new nothing is said anew."""
    often, seldom = DelayDetector(), DelayDetector()
    delays = [0.0] * 40 + [5.0 * n for n in range(40)]
    feed(often, delays)
    for n in range(0, 80, 8):
        for at in (n, n + 4):
            groups: list[Group] = []
            for k in range(at, at + 4):
                sent, came = k * 0.025, k * 0.025 + PATH + delays[k] / 1000
                groups.append((sent, sent, 1_000, 1, came, came))
            seldom.hear(groups, ESTIMATE)
        state = seldom.judge(8_000)
    assert state is often.state is State.OVERUSE
    assert seldom.busy == pytest.approx(often.busy, rel=0.05)
    before = seldom.queue, seldom.jitter
    assert seldom.judge(0) is state
    assert (seldom.queue, seldom.jitter) == before
