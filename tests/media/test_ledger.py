"""What many were sent alike: read by each exactly once, in order, whoever reads when."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from server.media.outward.audience import Audience
from server.media.outward.ledger import KEPT, Ledger
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
    packets, octets = one.packets, one.bytes
    one.catch_up()
    assert one.packets - packets == 2 + 8  # the key frame, the frame after it, and this one
    assert one.bytes - octets > 7 * 1100
    assert hall.subscribers[0].picture.packets == one.packets


def test_what_was_read_does_not_grow() -> None:
    """Who reads between two batches of one instant gets the second as well."""
    ledger = Ledger()
    _, audience = shown(30)
    first = np.zeros(30, np.uint16)
    ledger.enter(audience, first, 2, 200, 1.0)
    assert [entry.packets for entry in ledger.since(0)] == [2]
    ledger.enter(audience, first, 3, 300, 1.0)
    ledger.enter(audience, first, 1, 100, 1.0)
    ledger.enter(audience, first, 1, 100, 1.0, frozenset({4}))
    ledger.enter(audience, first, 1, 100, 2.0)
    assert [entry.packets for entry in ledger.since(1)] == [4, 1, 1]


def test_it_keeps_so_many_entries_and_no_more() -> None:
    ledger, (_, audience) = Ledger(), shown(30)
    first = np.zeros(30, np.uint16)
    for number in range(5 * KEPT):
        ledger.enter(audience, first, 1, 100, float(number))
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
