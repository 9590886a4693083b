"""What a participant may ask of the node: all that a legal browser does, and not much more; in virtual time."""

from __future__ import annotations

import pytest

from server.media.transport.policing import (
    ASKED_PER_SECOND,
    BYTES_PER_MBIT,
    CHECKS_PER_SECOND,
    CLOCKS_PER_SECOND,
    KEY_FRAMES_AT_ONCE,
    MOST_STREAMS,
    NUMBERS_PER_SECOND,
    PACKETS_PER_MBIT,
    REPORTS_PER_SECOND,
    UPLINK_MBIT,
    Allowance,
    Bucket,
)
from server.media.wire import rtcp
from server.media.wire.rtp import build_header

BYTES_PER_SECOND, PACKETS_PER_SECOND = UPLINK_MBIT * BYTES_PER_MBIT, UPLINK_MBIT * PACKETS_PER_MBIT
REPORT = bytes((0x81, 201, 0, 7)) + (9).to_bytes(4, "big") + bytes(24)


def packet(ssrc: int = 9, size: int = 1200) -> bytes:
    return build_header(96, 0, 1, 1, ssrc).ljust(size, b"x")


def passed(allowance: Allowance, data: bytes, a_second: float, seconds: float, start: float = 0.0) -> int:
    """How many of a steady stream of genuine packets are taken."""
    taken = 0
    for number in range(round(a_second * seconds)):
        if not allowance.refuses(data, start + number / a_second):
            allowance.spend(data)
            taken += 1
    return taken


def test_a_bucket_holds_a_burst_and_fills_at_its_rate() -> None:
    bucket = Bucket(10, 20)
    assert [bucket.take(1, 5.0) for _ in range(21)] == [True] * 20 + [False]
    assert bucket.take(5, 5.5)
    assert not bucket.take(1, 5.5)
    assert not bucket.take(1, 4.0), "a clock that went back gives nothing"
    assert bucket.take(20, 100.0)
    assert not bucket.take(1, 100.0), "and no more than the burst is saved up"


def test_what_a_legal_browser_sends_is_taken() -> None:
    """Three layers and a screen at 4 Mbit/s with a probe to twice that, voices, feedback and reports beside."""
    allowance = Allowance(0.0)
    for second in range(20):
        size = packet(size=1200)
        rate = 834 if second in (3, 4, 12) else 417  # packets of 1,200 bytes: 8 and 4 Mbit/s
        assert passed(allowance, size, rate, 1, second) == rate
        assert passed(allowance, packet(10, 120), 100, 1, second) == 100
        assert passed(allowance, REPORT, 80, 1, second) == 80
    assert not allowance.refused


@pytest.mark.parametrize("size", [1200, 600, 40, 12])
def test_fifty_megabits_become_eight(size: int) -> None:
    allowance = Allowance(0.0)
    a_second = 50_000_000 / 8 / 1200
    taken = passed(allowance, packet(size=size), a_second, 10)
    assert taken <= 11 * PACKETS_PER_SECOND + 11
    assert taken * size <= 11 * BYTES_PER_SECOND + 1500 * 100
    assert taken >= 9 * min(BYTES_PER_SECOND / size, PACKETS_PER_SECOND)
    assert allowance.refused["policed"] == round(10 * a_second) - taken
    assert not allowance.refuses(packet(size=size), 12.0), "and it is heard again when it has become quiet"


def test_what_was_forged_uses_nothing_up() -> None:
    allowance = Allowance(0.0)
    for number in range(100_000):
        allowance.refuses(packet(number), number / 100_000)
        allowance.refuses(REPORT, number / 100_000)
    assert not allowance.refused
    assert not allowance.refuses(packet(), 1.0)


def test_reports_do_not_starve_media_nor_the_other_way_round() -> None:
    allowance = Allowance(0.0)
    assert passed(allowance, REPORT, 5000, 2) <= 3 * REPORTS_PER_SECOND + 5
    assert passed(allowance, packet(), 400, 1, 2.0) == 400
    passed(allowance, packet(), 10_000, 1, 3.0)
    assert passed(allowance, REPORT, 100, 1, 4.0) == 100


def test_streams_are_bounded_and_the_known_ones_go_on() -> None:
    allowance = Allowance(0.0)
    taken = sum(passed(allowance, packet(ssrc, 100), 1, 1, ssrc / 10) for ssrc in range(1000))
    assert taken == MOST_STREAMS
    assert allowance.refused == {"too_many_streams": 1000 - MOST_STREAMS}
    assert passed(allowance, packet(MOST_STREAMS - 1, 100), 50, 1, 200.0) == 50
    assert allowance.refuses(bytes((0x80, 201, 0, 1)) + (5000).to_bytes(4, "big"), 300.0), "RTCP has streams too"


def test_checks_are_answered_up_to_a_rate() -> None:
    allowance = Allowance(0.0)
    answered = sum(allowance.answers(number / 10_000) for number in range(20_000))
    assert 2 * CHECKS_PER_SECOND <= answered <= 4 * CHECKS_PER_SECOND + 1
    assert allowance.refused["policed_stun"] == 20_000 - answered


def test_numbers_of_feedback_are_bounded() -> None:
    allowance = Allowance(0.0)
    nack = rtcp.Nack(1, 2, list(range(17)))
    heard = sum(allowance.hears(nack, number / 5_000) for number in range(50_000))
    assert heard * 17 <= 11 * ASKED_PER_SECOND
    assert heard * 17 >= 9 * ASKED_PER_SECOND
    allowance = Allowance(0.0)
    feedback = rtcp.TransportFeedback(1, 2, bytes((0, 0, 2, 0)) + bytes(8))
    heard = sum(allowance.hears(feedback, number / 300) for number in range(3_000))
    assert heard * 512 <= 12 * NUMBERS_PER_SECOND
    assert allowance.refused["policed_feedback"] == 3_000 - heard


def test_sender_reports_are_bounded() -> None:
    allowance = Allowance(0.0)
    report = rtcp.SenderReport(1, 2, 3, 4, 5)
    heard = sum(allowance.hears(report, number / 5_000) for number in range(50_000))
    assert 10 * CLOCKS_PER_SECOND <= heard <= 12 * CLOCKS_PER_SECOND
    assert allowance.refused["policed_feedback"] == 50_000 - heard


def test_a_viewer_of_a_busy_meeting_on_a_bad_line_is_heard_in_full() -> None:
    """1,000 packets a second come, a fifth is lost and asked for three times, feedback each 50 ms."""
    allowance = Allowance(0.0)
    for number in range(20 * 60):
        now = number / 20
        assert allowance.hears(rtcp.TransportFeedback(1, 2, (50).to_bytes(4, "big") + bytes(8)), now)
        assert allowance.hears(rtcp.Nack(1, 2, list(range(30))), now)
        assert allowance.hears(rtcp.ReceiverReport(1), now)


def test_key_frames_are_bounded_for_each_subscriber() -> None:
    allowance = Allowance(0.0)
    heard = sum(allowance.hears(rtcp.Pli(1, 2), number / 1000) for number in range(10_000))
    assert KEY_FRAMES_AT_ONCE <= heard <= KEY_FRAMES_AT_ONCE + 10
    allowance.hears(rtcp.Fir(1, 2, 3), 10.0)
    assert not allowance.hears(rtcp.Fir(1, 2, 3), 10.001)
    assert allowance.hears(rtcp.Pli(1, 2), 12.0)


def test_a_node_may_be_told_to_take_more() -> None:
    """A camera of a hall that is no browser, or a bench."""
    assert passed(Allowance(0.0, 80), packet(), 5_000, 2) == 10_000
