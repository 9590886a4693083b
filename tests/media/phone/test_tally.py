"""What a telephone's packets tell of its line, in virtual time: its loss, its jitter, and what is neither."""

from __future__ import annotations

from collections.abc import Iterable

import pytest

from server.media.phone.tally import STREAMS, SURE, Tally

CLOCK, STEP = 8_000, 0.02


class Way:
    """A telephone that sends every 20 ms from number 65,500 on, and a way that does with its packets what it likes."""

    def __init__(self, ssrc: int = 7) -> None:
        self.tally = Tally(CLOCK)
        self.ssrc = ssrc

    def bring(self, numbers: Iterable[int], late: float = 0.0, timed: bool = True) -> None:
        """Packets in the order in which they come, each so much later than it was sent."""
        for n in numbers:
            timestamp = (n + 0xFFFF_FF00) * 160 & 0xFFFF_FFFF
            self.tally.packet(self.ssrc, 65_500 + n & 0xFFFF, timestamp if timed else None, 172, n * STEP + late)

    @property
    def counts(self) -> tuple[int, int]:
        return self.tally.expected, self.tally.lost


def test_what_is_missing_is_lost_across_the_wrap_too() -> None:
    way = Way()
    way.bring(n for n in range(200) if n % 10 != 5)
    assert way.counts == (200, 20)
    assert way.tally.bytes == 180 * 172


def test_a_long_call_is_counted_to_its_end() -> None:
    way = Way()
    way.bring(n for n in range(150_000) if n % 100)
    assert way.counts == (149_999, 1_499), "the first is the first that came"


def test_what_comes_in_another_order_is_not_lost() -> None:
    way = Way()
    way.bring([0, 1, 4, 2, 3, 5, 40])
    assert way.counts == (41, 34)
    way.bring(range(39, 5, -1))
    assert way.counts == (41, 0), "late, but here"


def test_copies_hide_no_loss() -> None:
    way = Way()
    way.bring(sorted([*range(0, 100, 2), *range(0, 100, 2)]))
    assert way.counts == (99, 49)
    way.bring([60, 62, 98])
    assert way.counts == (99, 49), "late copies, too"


def test_one_from_before_the_first_is_not_counted() -> None:
    way = Way()
    way.bring([5, 4, 3, 6, 8])
    assert way.counts == (4, 1)


def test_a_number_from_far_away_is_no_loss_until_another_follows_it() -> None:
    """RFC 3550 A.1: a stray packet, and a telephone that has begun anew under its SSRC."""
    way = Way()
    way.bring(range(50))
    way.bring([20_000])
    way.bring(range(50, 100))
    assert way.counts == (100, 0)
    way.bring(range(30_000, 30_050))
    assert way.counts == (149, 0), "the first of there was not believed"
    way.bring(n for n in range(30_050, 30_150) if n % 2)
    assert way.counts == (249, 50)
    assert way.tally.jitter == pytest.approx(0, abs=1e-6)


def test_other_streams_of_the_call_are_its_line_too() -> None:
    """A PBX transfers it: numbers, timestamps and SSRC are others; what was lost before stays lost."""
    way = Way()
    for ssrc in range(STREAMS + 3):
        way.ssrc = ssrc
        way.bring(n for n in range(100) if n % 10 != 1)
    assert way.counts == (100 * (STREAMS + 3), 10 * (STREAMS + 3))
    assert len(way.tally._streams) == STREAMS


def test_two_streams_side_by_side() -> None:
    """Keys by a source of their own do not begin the sound's count anew."""
    way, keys = Way(), Way(ssrc=8)
    keys.tally = way.tally
    for n in range(100):
        if n % 10:
            way.bring([n])
        keys.bring([n], timed=False)
    assert way.counts == (199, 9)


def test_a_pause_is_no_loss_and_no_jitter() -> None:
    """Silence suppression: numbers go on where they were, timestamps with time."""
    tally = Tally(CLOCK)
    for n in range(100):
        at = n * STEP + (n // 20) * 7.3
        tally.packet(7, n, round(at * CLOCK), 172, at)
    assert (tally.expected, tally.lost) == (100, 0)
    assert tally.jitter == pytest.approx(0, abs=1e-4)


def test_jitter_is_that_of_the_rfc() -> None:
    """A.8: every other packet 10 ms late is a difference of 10 ms each time, to which the filter goes."""
    way = Way()
    for n in range(400):
        way.bring([n], late=0.05 + 0.01 * (n % 2))
    assert way.tally.jitter == pytest.approx(0.01, rel=0.01)
    for n in range(400, 800):
        way.bring([n], late=0.3)
    assert way.tally.jitter == pytest.approx(0, abs=1e-4), "a longer way is none"


def test_jitter_is_not_told_before_it_is_known() -> None:
    way = Way()
    assert way.tally.jitter is None
    way.bring(range(SURE - 1))
    assert way.tally.jitter is None
    way.bring([SURE])
    assert way.tally.jitter == pytest.approx(0, abs=1e-6)


def test_packets_without_a_time_move_no_jitter() -> None:
    """Those of a pressed key have the timestamp of its beginning, and who comes while our clock stands may wait."""
    way = Way()
    way.bring(range(50))
    way.bring(range(50, 60), late=1.0, timed=False)
    way.bring(range(60, 70))
    assert way.counts == (70, 0)
    assert way.tally.jitter == pytest.approx(0, abs=1e-6)


def test_what_begins_anew_has_nothing_to_do_with_what_was() -> None:
    way = Way()
    way.bring(n for n in range(100) if n % 10 != 3)
    way.tally.begin(48_000)
    assert way.tally.jitter is None
    for n in range(500, 520):
        way.tally.packet(7, 65_500 + n & 0xFFFF, n * 960, 60, n * STEP)
    assert way.counts == (120, 10)
    assert way.tally.jitter == pytest.approx(0, abs=1e-6)
