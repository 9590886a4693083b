"""Probes: small, only when more is wanted, rarer when they bring nothing, believed up to their own rate."""

from __future__ import annotations

import pytest

from server.media.bandwidth.history import Group
from server.media.bandwidth.probe import DURATION, Probe, Prober

PATH = 77.0  # s


def train(probe: Probe, start: float, capacity: float, packets: int = 6) -> list[Group]:
    """The probe's packets, spread over its duration, through a link of this capacity."""
    groups: list[Group] = []
    free = start + PATH
    size = probe.size // packets + 1
    for n in range(packets):
        at = start + probe.duration * n / packets
        free = max(free, at + PATH) + size * 8 / capacity
        groups.append((at, at, size, 1, free, free))
    return groups


def ask(prober: Prober, now: float, estimate: float, wanted: float, jitter: float = 0.0) -> Probe:
    probe = prober.due(now, estimate, wanted, jitter)
    assert probe is not None
    return probe


def test_nothing_is_probed_for_when_nothing_more_is_wanted() -> None:
    prober = Prober()
    assert prober.due(1.0, 1e6, 0.9e6, 0.0) is None
    assert prober.due(1.0, 1e6, 1e6, 0.0) is None


def test_a_probe_is_harmless() -> None:
    """At most twice the estimate for 30 ms: on a link that is just full it makes a queue of 60 ms."""
    probe = ask(Prober(), 1.0, 1e6, 20e6)
    assert probe.rate == 2e6
    assert probe.duration == DURATION
    assert probe.size * 8 / 1e6 <= 0.06


def test_a_probe_tests_for_little_more_than_is_wanted() -> None:
    assert ask(Prober(), 1.0, 1e6, 1.2e6).rate == pytest.approx(1.5e6)


def test_one_probe_at_a_time() -> None:
    prober = Prober()
    ask(prober, 1.0, 1e6, 5e6)
    assert prober.due(1.1, 1e6, 5e6, 0.0) is None
    prober.give_up(1.5, 0.1)
    assert prober.due(1.6, 1e6, 5e6, 0.0) is None
    prober.give_up(3.0, 0.1)
    ask(prober, 6.0, 1e6, 5e6)


def test_a_link_with_room_is_believed_up_to_the_probes_rate() -> None:
    prober = Prober()
    probe = ask(prober, 1.0, 1e6, 20e6)
    assert prober.observe(train(probe, 1.0, 100e6), 2.0, 1e6, 0.0, 1.2) == probe.rate
    ask(prober, 1.2, 2e6, 20e6)  # at once: there may be still more


def test_a_link_that_stretches_the_probe_shows_its_capacity() -> None:
    prober = Prober()
    probe = ask(prober, 1.0, 1e6, 20e6)
    assert prober.observe(train(probe, 1.0, 1.3e6), 2.0, 1e6, 0.0, 1.2) == pytest.approx(1.3e6, rel=0.08)


def test_a_probe_in_one_burst_is_measured_too() -> None:
    prober = Prober()
    probe = ask(prober, 1.0, 1e6, 20e6)
    capacity, packets = 1.5e6, 7
    last = probe.size * (packets - 1) / packets * 8 / capacity
    groups = [(1.0, 1.0, probe.size, packets, 90.0, 90.0 + last)]
    assert prober.observe(groups, 1.0, 1e6, 0.0, 1.2) == pytest.approx(0.95 * capacity, rel=0.01)


def test_inherent_loss_does_not_spoil_a_probe() -> None:
    prober = Prober()
    probe = ask(prober, 1.0, 1e6, 20e6)
    groups = train(probe, 1.0, 100e6, packets=20)
    kept = [group for n, group in enumerate(groups) if n % 5]
    assert prober.observe(kept, 2.0, 1e6, 0.2, 1.2) == probe.rate


def test_jitter_lengthens_a_probe_and_is_taken_off_its_span() -> None:
    prober = Prober()
    probe = ask(prober, 1.0, 1e6, 20e6, jitter=0.08)
    assert probe.duration == pytest.approx(0.11)
    groups = train(probe, 1.0, 100e6)
    at, sent, size, packets, first, last = groups[-1]
    groups[-1] = (at, sent, size, packets, first + 0.08, last + 0.08)
    assert prober.observe(groups, 2.0, 1e6, 0.0, 1.2) == probe.rate


def test_too_few_packets_tell_nothing() -> None:
    prober = Prober()
    probe = ask(prober, 1.0, 1e6, 20e6)
    assert prober.observe(train(probe, 1.0, 100e6)[:3], 2.0, 1e6, 0.0, 1.2) is None
    assert prober.probe is None


def test_waits_until_feedback_has_spoken_of_the_whole_probe() -> None:
    prober = Prober()
    probe = ask(prober, 1.0, 1e6, 20e6)
    groups = train(probe, 1.0, 100e6)
    assert prober.observe(groups[:2], 1.01, 1e6, 0.0, 1.1) is None
    assert prober.probe is probe
    assert prober.observe(groups[2:], 1.03, 1e6, 0.0, 1.2) == probe.rate


def test_probes_that_bring_nothing_become_rare() -> None:
    prober, now, pauses = Prober(), 1.0, []
    for _ in range(6):
        probe = ask(prober, now, 1e6, 20e6)
        assert prober.observe(train(probe, now, 1e6), now + 1, 1e6, 0.0, now + 0.1) is not None
        begin = now + 0.1
        while prober.due(now, 1e6, 20e6, 0.0) is None:
            now += 0.05
        prober.probe = None
        pauses.append(now - begin)
    assert pauses == pytest.approx([1, 2, 4, 8, 8, 8], abs=0.1)
    prober.hurry(now)
    ask(prober, now, 1e6, 20e6)


def test_after_a_cut_the_queue_is_left_alone() -> None:
    prober = Prober()
    prober.wait(1.0, near_capacity=False, estimate=1e6)
    assert prober.due(2.9, 1e6, 20e6, 0.0) is None
    ask(prober, 3.0, 1e6, 20e6)
    prober = Prober()
    prober.wait(1.0, near_capacity=True, estimate=1e6)
    assert prober.due(8.9, 1e6, 20e6, 0.0) is None
    ask(prober, 9.0, 1e6, 20e6)
