"""What many were sent alike: read by each exactly once, in order, whoever reads when."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from server.media.outward.audience import Audience
from server.media.outward.ledger import KEPT, Ledger
from server.media.wire.rtp import IP_UDP
from tests.media.memory import Subscriber
from tests.media.test_audience import Hall


def shown(count: int) -> tuple[Hall, Audience]:
    """A hall that sees its camera, and the audience that this makes."""
    hall = Hall(count)
    hall.show()
    hall.frame([900], key=True)
    hall.frame([900])
    assert hall.camera.source.audiences is not None
    (audience,), _ = hall.camera.source.audiences
    return hall, audience


def test_a_frame_of_several_runs_is_one_entry() -> None:
    hall, audience = shown(30)
    before = audience.ledger.end
    hall.frame([1100] * 7 + [200])
    assert audience.ledger.end == before + 1
    one = hall.subscribers[0].downlink
    assert one.packets == hall.subscribers[0].picture.packets == 2 + 8  # a key frame, the frame after it, and this one
    assert one.bytes == hall.subscribers[0].picture.octets > 7 * 1100
    assert one.bandwidth.in_flight == 0
    one.catch_up()
    assert one.bandwidth.in_flight == one.bytes + 10 * IP_UDP


def rows_of(ledger: Ledger, count: int) -> NDArray[np.intp]:
    """So many rows, taken in this ledger."""
    return np.array([ledger.row(0) for _ in range(count)], np.intp)


def test_what_was_read_does_not_grow() -> None:
    """Who reads between two batches of one instant gets the second as well."""
    ledger = Ledger()
    rows = rows_of(ledger, 30)
    ledger.enter(rows, 2, 200, 1.0)
    assert [entry.sizes[3] for entry in ledger.since(0)] == [200]
    ledger.enter(rows, 3, 300, 1.0)
    ledger.enter(rows, 1, 100, 1.0)
    ledger.enter(rows, 1, 100, 1.0, [4])
    ledger.enter(rows, 1, 100, 2.0)
    assert [entry.sizes[3] for entry in ledger.since(1)] == [600, 700, 800]
    assert [entry.sizes[4] for entry in ledger.since(1)] == [600, 600, 700]
    assert (ledger.counts[3], ledger.counts[4]) == (8, 7)


def test_what_somebody_misses_is_an_entry_by_itself() -> None:
    """Else a reader could not tell how many of its numbers were used for nothing."""
    ledger = Ledger()
    rows = rows_of(ledger, 2)
    ledger.enter(rows, 1, 100, 1.0, [0])
    ledger.enter(rows, 1, 100, 1.0)
    assert [entry.sizes[0] for entry in ledger.since(0)] == [0, 100]


def test_it_keeps_so_many_entries_and_no_more() -> None:
    ledger = Ledger()
    rows = rows_of(ledger, 30)
    for number in range(5 * KEPT):
        ledger.enter(rows, 1, 100, float(number))
    kept = ledger.since(0)
    assert KEPT <= len(kept) <= 2 * KEPT
    assert kept[-1].at == 5 * KEPT - 1
    assert [entry.at for entry in ledger.since(ledger.end - 3)] == [5 * KEPT - 3, 5 * KEPT - 2, 5 * KEPT - 1]


def test_a_room_may_have_many_rows() -> None:
    ledger = Ledger()
    people = [Subscriber(5, ledger) for _ in range(100)]
    for number, person in enumerate(people):
        person.downlink.tcc = 65_500 + number & 0xFFFF
    assert [person.downlink.tcc for person in people] == [65_500 + n & 0xFFFF for n in range(100)]


def test_rows_of_those_who_have_left_are_used_again() -> None:
    """Else a room to which people come and go all day would have ever longer entries."""
    ledger = Ledger()
    ledger.enter(rows_of(ledger, 3), 2, 200, 1.0)
    for number in range(100):
        person = Subscriber(5, ledger).downlink
        person.tcc = number
        ledger.enter(np.array([person.row], np.intp), 1, 128, 2.0 + number)
        assert (person.packets, person.bytes, person.row) == (1, 100, 3)
        person.part()
        assert (person.packets, person.bytes, person.tcc) == (1, 100, number)
    assert len(ledger.since(0)[-1].numbers) == 16


def test_who_joins_another_ledger_takes_its_number_along() -> None:
    hall, _ = shown(30)
    to = hall.subscribers[3].downlink
    hall.frame([900] * 3)
    sent = to.tcc
    to.join(Ledger())
    assert to.tcc == sent
    assert to.packets == hall.subscribers[3].picture.packets == 5
    hall.subscribers[3].picture.renew()
    hall.frame([900])
    assert to.tcc == sent + 1 & 0xFFFF
    to.catch_up()
    assert to.packets == 6


def test_what_a_calm_link_tells_need_not_be_recorded() -> None:
    hall, _ = shown(30)
    to = hall.subscribers[7].downlink
    history = to.bandwidth._history
    first = to.tcc - 1 & 0xFFFF
    assert history.whole(first, 2, to) == (2, to.bytes + 2 * IP_UDP, hall.clock)
    assert history.whole(first, 3, to) is None, "that was not sent"
    assert history.whole(first + 1 & 0xFFFF, 1, to) is None, "the first has been waiting for longer"
    history.pass_over(2, to.bytes, 2, to)
    hall.frame([900] * 4)
    to.catch_up()
    assert (history.received, history.waiting) == (2, 1), "only what nobody has told of is recorded"
    hall.frame([900] * 3)
    assert history.whole(first + 2 & 0xFFFF, 4 + 3, to) is not None, "recorded and unread together"
    assert history.whole(first + 2 & 0xFFFF, 4 + 2, to) is None, "it ends within a batch"


def test_who_reads_late_is_not_confused() -> None:
    """The entries that are gone count as one batch."""
    ledger, to = Ledger(), Subscriber().downlink
    to.join(ledger)
    history, rows = to.bandwidth._history, np.array([to.row], np.intp)
    for number in range(3 * KEPT):
        ledger.tcc[rows] += 1
        ledger.enter(rows, 1, 100, float(number))
    found = history.whole(1, 3 * KEPT - 5, to)
    assert found is not None
    taken, octets, at = found
    assert (octets, at) == (100 * (3 * KEPT - 5), 3 * KEPT - 6.0)
    history.pass_over(taken, octets, 3 * KEPT - 5, to)
    to.catch_up()
    assert (history.waiting, history.in_flight) == (5, 500)


@given(st.lists(st.tuples(st.integers(1, 6), st.sets(st.integers(0, 29), max_size=8)), max_size=12))
def test_counters_do_not_depend_on_who_reads_when(frames: list[tuple[int, set[int]]]) -> None:
    hall, _ = shown(30)
    total = 2
    for size, readers in frames:
        hall.frame([900] * size)
        total += size
        for number in readers:
            hall.subscribers[number].downlink.catch_up()
            assert hall.subscribers[number].downlink.packets == total
    for subscriber in hall.subscribers:
        subscriber.downlink.catch_up()
        subscriber.downlink.catch_up()
        assert subscriber.downlink.packets == subscriber.picture.packets == total
