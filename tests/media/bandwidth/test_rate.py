"""Rate: up slowly and not beyond what was seen to arrive, down to what the link delivers."""

from __future__ import annotations

import pytest

from server.media.bandwidth.delay import DelayDetector, State
from server.media.bandwidth.rate import CEILING, FLOOR, HEADROOM, START, RateControl, Throughput


def detector(state: State = State.NORMAL, queue: float = 0.0, busy: float | None = None) -> DelayDetector:
    found = DelayDetector()
    found.state, found.queue, found.busy = state, queue, busy
    return found


def run(rate: RateControl, seconds: float, throughput: float | None, start: float = 0.0) -> float:
    """Feedbacks of a link without a queue; returns when they ended."""
    for n in range(round(seconds * 10)):
        rate.update(detector(), throughput, 0.0, False, start + n * 0.1)
    return start + seconds


def test_grows_by_some_per_cent_a_second_while_it_is_used() -> None:
    rate = RateControl()
    run(rate, 10, 20e6)
    assert START * 1.6 < rate.estimate < START * 2.6


def test_does_not_outgrow_what_arrives() -> None:
    rate = RateControl(100_000)
    run(rate, 600, 200_000)
    assert rate.estimate == pytest.approx(HEADROOM * 200_000, rel=0.05)


def test_silence_lowers_nothing() -> None:
    rate = RateControl(2e6)
    run(rate, 600, 1_000)
    assert rate.estimate == 2e6


def test_overuse_cuts_below_what_the_link_delivers_at_most_five_times_a_second() -> None:
    rate = RateControl(2e6)
    assert rate.update(detector(State.OVERUSE, 30, 1.5e6), 1e6, 0.0, False, 1.0)
    assert rate.estimate == pytest.approx(0.88 * 1.5e6)
    assert not rate.update(detector(State.OVERUSE, 30, 1e6), 1e6, 0.0, False, 1.1)
    assert rate.update(detector(State.OVERUSE, 30, 1e6), 1e6, 0.0, False, 1.3)
    assert rate.estimate == pytest.approx(0.88e6)


def test_packets_under_way_when_it_is_cut_are_judged_by_what_was_in_force() -> None:
    rate = RateControl(2e6)
    assert rate.in_force(0.5) == 2e6
    rate.update(detector(State.OVERUSE, 1000, 300_000), 1e6, 0.0, False, 1.0)
    assert rate.in_force(0.9) == 2e6
    assert rate.in_force(1.1) == rate.estimate < 300_000


def test_a_slight_alarm_halves_at_most_and_a_long_queue_is_drained() -> None:
    rate = RateControl(2e6)
    rate.update(detector(State.OVERUSE, 30, 100_000), 1e6, 0.0, False, 1.0)
    assert rate.estimate == 1e6
    rate.update(detector(State.OVERUSE, 1000, 500_000), 1e6, 0.0, False, 2.0)
    assert rate.estimate == pytest.approx(500_000 / 3)


def test_after_the_queue_is_drained_the_link_is_used_again() -> None:
    rate = RateControl(2e6)
    rate.update(detector(State.OVERUSE, 1000, 500_000), 1e6, 0.0, False, 2.0)
    rate.update(detector(State.UNDERUSE, 500, 500_000), 5e5, 0.0, False, 3.0)
    assert rate.estimate < 200_000
    rate.update(detector(), 2e5, 0.0, False, 4.0)
    assert rate.estimate == pytest.approx(0.88 * 500_000, rel=0.05)
    assert rate.is_near_capacity


def test_unusual_loss_with_a_queue_is_overuse_and_without_one_a_reason_to_wait() -> None:
    rate = RateControl(1e6)
    run(rate, 1, 1e6)
    before = rate.estimate
    assert not rate.update(detector(), 1e6, 0.0, True, 2.0)
    assert rate.estimate == before
    assert rate.update(detector(queue=400, busy=5e5), 1e6, 0.0, True, 3.0)
    assert rate.estimate < 5e5


def test_rates_that_arrive_are_made_those_that_were_sent() -> None:
    rate = RateControl(4e6)
    rate.update(detector(State.OVERUSE, 30, 2e6), 2e6, 0.2, False, 1.0)
    assert rate.estimate == pytest.approx(0.88 * 2.5e6)


def test_the_first_probe_replaces_the_guess_and_later_ones_only_raise() -> None:
    rate = RateControl(600_000)
    rate.probed(400_000)
    assert rate.estimate == 400_000
    rate.probed(1e6)
    rate.probed(500_000)
    assert rate.estimate == 1e6


def test_stays_between_floor_and_ceiling() -> None:
    rate = RateControl()
    rate.probed(1e9)
    assert rate.estimate == CEILING
    for n in range(20):
        rate.interrupted(0.5, float(n))
    assert rate.estimate == FLOOR
    rate.resumed(300_000)
    assert rate.estimate == 300_000


def test_throughput_is_what_arrives() -> None:
    throughput = Throughput()
    for n in range(100):
        throughput.add(2_500, 500 + n * 0.05)
    assert throughput.rate == pytest.approx(400_000, rel=0.02)
    for n in range(100):
        throughput.add(5_000, 505 + n * 0.05)
    assert throughput.rate == pytest.approx(800_000, rel=0.02)


def test_throughput_begins_anew_after_a_long_silence_or_another_clock() -> None:
    throughput = Throughput()
    for n in range(20):
        throughput.add(2_500, 500 + n * 0.05)
    rate = throughput.rate
    throughput.add(1_000_000, 600)
    throughput.add(1_000_000, 100)
    assert throughput.rate == rate
