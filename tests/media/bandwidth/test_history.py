"""History: every packet is told once, whatever feedback is lost, doubled, reordered or invented."""

from __future__ import annotations

from dataclasses import dataclass, field

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from server.media.bandwidth.history import RECORDS, UNACKNOWLEDGED, Group, History
from server.media.wire.twcc import TICK_US, FeedbackBuilder, Report, read_report, read_run

HEAD = 12  # octets of RTCP before the fci


def report(base: int, arrivals: list[float | None]) -> Report:
    """A feedback on the packets from `base` on, with their arrivals in ms."""
    ticks = [round(at * 1000 / TICK_US) for at in arrivals if at is not None]
    before = [sum(at is not None for at in arrivals[:i]) for i in range(len(arrivals) + 1)]
    return Report(base, len(arrivals), None if None not in arrivals else before, ticks, ticks == sorted(ticks))


def sent(history: History, first: int, *batches: tuple[int, float]) -> None:
    """Batches of (packets of 1,000 bytes, time in ms)."""
    for count, at in batches:
        history.record((first & 0xFFFF, count, count * 1000, at / 1000))
        first += count


def in_ms(group: Group) -> tuple[float, float, int, int, float, float]:
    first, last, size, packets, begin, end = group
    return (round(first * 1000), round(last * 1000), size, packets, round(begin * 1000), round(end * 1000))


def test_batches_of_one_instant_are_one_group_and_later_ones_another() -> None:
    history = History()
    sent(history, 10, (2, 0), (1, 4), (3, 33))
    groups = history.match(report(10, [20, 21, 25, 60, 61, 62]))
    assert [in_ms(group) for group in groups] == [(0, 4, 3000, 3, 20, 25), (33, 33, 3000, 3, 60, 62)]
    assert (history.received, history.lost, history.in_flight, history.oldest) == (6, 0, 0, None)


def test_lost_packets_are_counted_and_their_bytes_are_not() -> None:
    history = History()
    sent(history, 0, (4, 0), (2, 40), (1, 80))
    groups = history.match(report(0, [20, None, None, 23, None, None, 100]))
    assert [in_ms(group) for group in groups] == [(0, 0, 2000, 2, 20, 23), (80, 80, 1000, 1, 100, 100)]
    assert (history.received, history.lost) == (3, 4)


def test_a_feedback_may_end_within_a_batch() -> None:
    history = History()
    sent(history, 65_530, (10, 0))
    assert [group[2:4] for group in history.match(report(65_530, [20, 21, 22]))] == [(3000, 3)]
    assert history.in_flight == 7000
    assert [group[2:4] for group in history.match(report(65_533, [23, None, 25, 26, 27, 28, 29]))] == [(6000, 6)]
    assert (history.received, history.lost, history.in_flight) == (9, 1, 0)


def test_a_packet_that_comes_late_is_no_loss() -> None:
    history = History()
    sent(history, 0, (3, 0), (1, 50))
    history.match(report(0, [20, None, 22]))
    assert history.lost == 1
    history.match(report(1, [90, 22, 70]))
    assert (history.received, history.lost) == (4, 0)


def test_reordered_feedback_is_made_good() -> None:
    history = History()
    sent(history, 0, (2, 0), (2, 30))
    assert len(history.match(report(2, [50, 51]))) == 1
    assert (history.received, history.lost, history.unheard) == (2, 0, 2000)  # of the first batch nothing is known
    assert history.match(report(0, [20, None])) == []
    assert (history.received, history.lost) == (3, 1)


def test_the_same_feedback_twice_counts_once() -> None:
    history = History()
    sent(history, 0, (4, 0))
    told = report(0, [20, None, 22, 23])
    history.match(told)
    assert history.match(told) == []
    assert (history.received, history.lost) == (3, 1)


def test_packets_that_were_never_sent_are_not_believed() -> None:
    history = History()
    sent(history, 0, (2, 0))
    history.match(report(0, [20, 21, 22, 23]))
    assert history.received == 2
    assert history.match(report(4, [30, 31])) == []
    sent(history, 2, (2, 50))
    assert [group[3] for group in history.match(report(2, [70, 71]))] == [2]


def test_numbers_that_never_left_are_no_loss() -> None:
    """The kernel refused the end of a batch: its numbers are used up, but nothing was sent under them."""
    history = History()
    sent(history, 0, (2, 0))
    sent(history, 5, (2, 20))
    assert [group[3] for group in history.match(report(0, [20, 21, None, None, None, 40, 41]))] == [2, 2]
    assert (history.received, history.lost) == (4, 0)


def test_arrivals_out_of_order_keep_first_and_last_apart() -> None:
    history = History()
    sent(history, 0, (3, 0))
    (group,) = history.match(report(0, [25, 20, 22]))
    assert in_ms(group)[4:] == (20, 25)


def test_a_silent_peer_costs_bounded_memory() -> None:
    history = History()
    for n in range(3 * RECORDS):
        history.record((n & 0xFFFF, 1, 1000, n / 100))
    assert history.waiting == RECORDS
    last = 3 * RECORDS - 1
    assert [group[3] for group in history.match(report(last & 0xFFFF, [20]))] == [1]
    assert history.waiting == 0
    assert len(history._open) <= UNACKNOWLEDGED


def test_only_what_has_waited_longest_can_be_passed_over() -> None:
    history = History()
    sent(history, 65_534, (2, 0), (3, 20), (1, 40))
    assert history.whole(65_534, 5) == (2, 5000, 0.02)
    assert history.whole(65_534, 6) == (3, 6000, 0.04)
    assert history.whole(65_534, 4) is None  # ends within a batch
    assert history.whole(65_534, 7) is None  # speaks of what was not sent
    assert history.whole(0, 4) is None  # speaks of nothing before
    history.pass_over(2, 5000, 5)
    assert (history.received, history.passed, history.unheard, history.in_flight) == (5, 5000, 0, 1000)
    assert [group[3] for group in history.match(report(3, [60]))] == [1]


def test_what_is_forgotten_is_not_told_any_more() -> None:
    history = History()
    sent(history, 0, (2, 0), (2, 100), (2, 200))
    history.forget(0.15)
    assert history.oldest == pytest.approx(0.2)
    assert [group[3] for group in history.match(report(0, [1, 2, 3, 4, 300, 301]))] == [2]
    assert (history.received, history.lost) == (2, 0)


@dataclass
class Peer:
    """Sends, loses, answers: a plain model of what a history must find out."""

    number: int
    history: History = field(default_factory=History)
    builder: FeedbackBuilder = field(default_factory=lambda: FeedbackBuilder(1))
    came: set[int] = field(default_factory=set)
    sent: int = 0
    now: float = 1.0


@settings(max_examples=200, deadline=None)
@given(
    first=st.integers(0, 0xFFFF),
    steps=st.lists(
        st.tuples(
            st.integers(1, 16),  # packets of a batch
            st.integers(0, 0xFFFF),  # which of them come, by bits
            st.sampled_from([0.0, 0.001, 0.02, 0.3]),  # s after the batch before
            st.sampled_from(["nothing", "nothing", "feedback", "lost", "twice", "held", "passed over"]),
        ),
        max_size=60,
    ),
)
def test_every_packet_is_told_once(first: int, steps: list[tuple[int, int, float, str]]) -> None:
    """Feedback is lost, doubled, overtaken by the next or not looked at closely; at the end nothing is counted twice,
    and nothing is lost that came, but where its feedback was lost."""
    peer = Peer(first)
    held: list[bytes] = []
    unheard: set[int] = set()  # numbers of which only a lost feedback spoke
    waiting: set[int] = set()

    def tell(packet: bytes, closely: bool = True) -> None:
        run = None if closely else read_run(packet[HEAD:])
        found = peer.history.whole(run[0], run[1]) if run is not None else None
        if run is not None and found is not None:
            in_flight, received = peer.history.in_flight, peer.history.received
            taken, octets, at = found
            assert 0 < taken <= run[1]
            assert at <= peer.now
            peer.history.pass_over(taken, octets, run[1])
            assert peer.history.in_flight == in_flight - octets == in_flight - 100 * run[1]
            assert peer.history.received == received + run[1]
            return
        groups = peer.history.match(read_report(packet[HEAD:]))
        assert all(group[0] <= group[1] and group[4] <= group[5] and group[2] > 0 < group[3] for group in groups)
        assert [group[0] for group in groups] == sorted(group[0] for group in groups)

    for count, bits, later, what in steps:
        peer.now += later
        peer.history.record((peer.number & 0xFFFF, count, count * 100, peer.now))
        for i in range(count):
            if bits >> i & 1:
                peer.builder.record(peer.number + i & 0xFFFF, round((peer.now + 0.05) * 1e6) + i * 300)
                peer.came.add(peer.number + i)
                waiting.add(peer.number + i)
        peer.number += count
        peer.sent += count
        if what == "nothing":
            continue
        packets = peer.builder.build()
        if what == "lost":
            unheard |= waiting
        elif what == "held":
            held += packets
        else:
            for packet in packets * (2 if what == "twice" else 1):
                tell(packet, closely=what != "passed over")
        waiting.clear()
        if what != "held":
            for packet in held:
                tell(packet)
            held.clear()
        assert peer.history.received <= len(peer.came)
        assert 0 <= peer.history.lost <= peer.sent - peer.history.received
    for packet in held + peer.builder.build():
        tell(packet)
    assert len(peer.came) - len(unheard) <= peer.history.received <= len(peer.came)
    if not unheard:
        assert peer.history.received == len(peer.came)
        assert peer.history.lost <= peer.sent - len(peer.came)


@settings(max_examples=40, deadline=None)
@given(reports=st.lists(st.tuples(st.integers(0, 0xFFFF), st.integers(1, 2048), st.booleans()), max_size=10))
def test_invented_feedback_breaks_nothing(reports: list[tuple[int, int, bool]]) -> None:
    history = History()
    for n in range(200):
        history.record((65_400 + 2 * n & 0xFFFF, 2, 2000, n / 100))
    for base, count, whole in reports:
        history.match(report(base, [float(i) if whole or i % 3 else None for i in range(count)]))
    assert 0 <= history.received <= 400
    assert 0 <= history.lost <= 400
    assert history.received + history.lost <= 400
