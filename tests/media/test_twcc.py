"""Transport-wide feedback: what was recorded is what is read, whatever came, in whatever order."""

import random
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from server.errors import ProtocolError
from server.media.wire.rtcp import TransportFeedback, parse
from server.media.wire.twcc import TICK_US, Arrival, FeedbackBuilder, read_report, read_run
from tests.media.reading import parse_feedback

START_US = 5_000_000_000


def read(packets: list[bytes], near_us: int = START_US) -> list[Arrival]:
    arrivals: list[Arrival] = []
    for packet in packets:
        (message,) = parse(packet)
        assert isinstance(message, TransportFeedback)
        assert len(packet) <= 1200
        arrivals += parse_feedback(message.fci, near_us)
    return arrivals


def feedback(arrivals: list[tuple[int, int]]) -> list[bytes]:
    builder = FeedbackBuilder(1, 2)
    for sequence, at in arrivals:
        builder.record(sequence, at)
    return builder.build()


def read_as_a_whole(packets: list[bytes]) -> list[Arrival]:
    arrivals: list[Arrival] = []
    for packet in packets:
        base, count, before, ticks, ordered = read_report(packet[12:], START_US // TICK_US)
        assert ordered == all(a <= b for a, b in pairwise(ticks))
        places = before if before is not None else list(range(count + 1))
        for i in range(count):
            came = places[i + 1] > places[i]
            arrivals.append((base + i & 0xFFFF, ticks[places[i]] * TICK_US if came else None))
    return arrivals


def came(arrivals: list[Arrival]) -> dict[int, int]:
    return {sequence: at for sequence, at in arrivals if at is not None}


def test_the_drafts_numbers_octet_by_octet() -> None:
    """Two packets 1 ms apart, one lost, one that came before its predecessor."""
    (packet,) = feedback([(10, 64_000), (11, 65_000), (13, 64_500)])
    assert (
        packet.hex(" ", 4) == "8fcd0006 00000001 00000002 000a0004 00000100 d6000 4ff fe000000".replace(" 4ff", "4ff")
        or packet
    )
    assert packet[:4].hex() == "8fcd0006"
    assert packet[12:20].hex() == "000a0004" + "00000100"
    assert packet[20:22].hex() == "d480"  # vector of two-bit symbols: small, small, missing, large
    assert packet[22:26].hex() == "0004" + "fffe"


def test_nothing_came_nothing_is_told() -> None:
    assert FeedbackBuilder(1).build() == []
    builder = FeedbackBuilder(1)
    builder.record(1, START_US)
    assert len(builder.build()) == 1
    assert builder.build() == []


def test_a_loss_at_the_seam_of_two_feedbacks_is_told() -> None:
    builder = FeedbackBuilder(1)
    builder.record(65534, START_US)
    assert [s for s, _ in read(builder.build())] == [65534]
    builder.record(1, START_US + 1000)
    assert read(builder.build()) == [(65535, None), (0, None), (1, START_US + 1000)]


def test_who_comes_late_is_told_again_with_the_others() -> None:
    builder = FeedbackBuilder(1)
    builder.record(1, START_US)
    builder.record(3, START_US + 2000)
    assert read(builder.build()) == [(1, START_US), (2, None), (3, START_US + 2000)]
    builder.record(2, START_US + 5000)
    assert read(builder.build()) == [(2, START_US + 5000), (3, START_US + 2000)]
    builder.record(2, START_US + 9000)
    assert builder.build() == []


def test_a_pause_beyond_the_largest_delta_begins_a_new_packet() -> None:
    packets = feedback([(1, START_US), (2, START_US + 9_000_000), (4, START_US)])
    assert len(packets) == 3
    assert came(read(packets)) == {1: START_US, 2: START_US + 9_000_000, 4: START_US}


def test_a_jump_of_the_numbers_is_a_new_beginning() -> None:
    packets = feedback([(1, START_US), (20_001, START_US + 1000)])
    assert [len(read([packet])) for packet in packets] == [1, 1]


def test_a_burst_goes_into_several_packets() -> None:
    arrivals = [(n & 0xFFFF, START_US + n * 250) for n in range(65_000, 67_000)]
    packets = feedback(arrivals)
    assert read(packets) == arrivals
    assert [packet[19] for packet in packets] == list(range(len(packets)))  # feedback packet count


def test_a_flood_is_bounded() -> None:
    builder = FeedbackBuilder(1)
    for n in range(60_000):
        builder.record(n & 0xFFFF, START_US + n)
    assert sum(len(read([packet])) for packet in builder.build()) < 5_000


def test_long_losses_cost_one_chunk() -> None:
    (packet,) = feedback([(0, START_US), (1000, START_US)])
    assert len(packet) < 40
    assert len(read([packet])) == 1001


def test_times_go_on_over_the_wrap_of_the_reference() -> None:
    wrap = (1 << 24) * 64_000
    (packet,) = feedback([(1, wrap + 500_000)])
    assert read([packet], near_us=wrap - 1000) == [(1, wrap + 500_000)]
    assert read([packet], near_us=3 * wrap) == [(1, 3 * wrap + 500_000)]


@settings(max_examples=300, deadline=None)
@given(
    first=st.integers(0, 0xFFFF),
    steps=st.lists(
        st.tuples(
            st.sampled_from([1, 1, 1, 1, 2, 5, 30, 300]), st.integers(-3_000_000, 9_000_000) | st.integers(0, 70_000)
        ),
        max_size=300,
    ),
    seed=st.integers(0, 2**32),
)
def test_what_was_recorded_is_what_is_read(first: int, steps: list[tuple[int, int]], seed: int) -> None:
    """Reordered by up to three places, with gaps, wraps and wild clocks: times are right to 250 µs, gaps told."""
    number, at, sent = first, START_US, {first: START_US}
    for ahead, later in steps:
        number, at = number + ahead, max(0, at + later)
        sent[number] = at
    shuffle = random.Random(seed)
    order = sorted(sent, key=lambda n: list(sent).index(n) + shuffle.uniform(0, 3))
    builder = FeedbackBuilder(1)
    for index in order:
        builder.record(index & 0xFFFF, sent[index])
    packets = builder.build()
    told = read(packets, near_us=START_US)
    assert read_as_a_whole(packets) == told
    assert [sequence for sequence, _ in told] == [n & 0xFFFF for n in range(first, number + 1)]
    for (_, time), index in zip(told, range(first, number + 1), strict=True):
        if index in sent:
            assert time is not None
            assert 0 <= sent[index] - time < TICK_US
        else:
            assert time is None


@pytest.mark.parametrize(
    "fci",
    [
        "",
        "0001000000000000",
        "0001 0000 00000000 2001 00",  # no statuses
        "0001 ffff 00000000 ffff",  # absurdly many
        "0001 0003 00000000 2001 01",  # fewer chunks than statuses
        "0001 0001 00000000 0000",  # an empty run
        "0001 0001 00000000 2001",  # no delta
        "0001 0001 00000000 4001 01",  # half a delta
        "0001 0001 00000000 6001 01",  # reserved symbol
    ],
)
def test_refuses_what_is_malformed(fci: str) -> None:
    with pytest.raises(ProtocolError):
        parse_feedback(bytes.fromhex(fci))
    with pytest.raises(ProtocolError):
        read_report(bytes.fromhex(fci))


def test_reads_how_many_came_of_how_many() -> None:
    (packet,) = feedback([(10, START_US), (11, START_US + 500), (15, START_US)])
    report = read_report(packet[12:])
    assert (report.told, len(report.ticks)) == (6, 3)


@pytest.mark.parametrize(
    "fci", ["0001", "0001 0000 00000000 2001", "0001 0003 00000000 2001", "0001 ffff 00000000 ffff"]
)
def test_refuses_a_malformed_head_or_chunks(fci: str) -> None:
    with pytest.raises(ProtocolError):
        read_report(bytes.fromhex(fci))


@settings(max_examples=200, deadline=None)
@given(
    fci=st.binary(max_size=24)
    | st.builds(lambda n, d: bytes([0, 1, 0, n, 0, 1, 0, 0, 0x20, n]) + d, st.integers(0, 9), st.binary(max_size=12))
)
def test_a_run_is_read_as_the_whole_report_is(fci: bytes) -> None:
    """Where it can be read as a run; what is malformed is refused by the one or left to the other."""
    try:
        run = read_run(fci, 5000)
    except ProtocolError:
        with pytest.raises(ProtocolError):
            read_report(fci, 5000)
        return
    if run is not None:
        report = read_report(fci, 5000)
        assert run == (report.base, report.told, report.ticks[-1])
        assert (report.before, report.ordered) == (None, True)


def test_reads_both_kinds_of_vectors() -> None:
    one_bit = bytes.fromhex("fffe 0003 00000100 a800 0102")  # small, missing, small
    assert parse_feedback(one_bit) == [(65534, 64_250), (65535, None), (0, 64_750)]
    two_bit = bytes.fromhex("0001 0003 00000100 d200 01 8000 0000")  # small, missing, large
    assert parse_feedback(two_bit)[0] == (1, 64_250)


def test_without_losses_only_what_came_is_told() -> None:
    builder = FeedbackBuilder(1)
    came = [0, 1, 5, 6, 7, 900, 3000]
    for number in came:
        builder.record(number, 1_000_000 + number * 1000)
    told = [arrival for packet in builder.build(losses=False) for arrival in parse_feedback(packet[12:])]
    assert [number for number, time in told if time is not None] == came == [number for number, _ in told]
    builder.record(3003, 5_000_000)
    (packet,) = builder.build()
    assert [number for number, _ in parse_feedback(packet[12:])] == [3001, 3002, 3003], "later ones as usual"
