"""A stream's place on our clock."""

from __future__ import annotations

import random

import pytest

from server.media.recording.timeline import TOLERANCE, WINDOW, Timeline


def test_slow_packets_do_not_move_a_stream() -> None:
    line, rng = Timeline(1000), random.Random(2)
    line.note(0, 10.0)
    for at in range(20, 20_000, 20):
        line.note(at, 10.0 + at / 1000 + (0 if at % 100 == 0 else rng.uniform(0, 0.3)))
    assert line.place(20_000) == pytest.approx(30.0, abs=TOLERANCE)


def test_a_slow_first_packet_is_corrected_by_the_next() -> None:
    line = Timeline(1000)
    line.note(0, 10.5)
    line.note(20, 10.02)
    assert line.place(100) == pytest.approx(10.1)


def test_a_way_that_became_longer_is_followed_after_the_window() -> None:
    line = Timeline(1000)
    for at in range(0, 10_000 + round(2000 * WINDOW), 20):
        line.note(at, 10 + at / 1000 + (0.2 if at >= 10_000 else 0))
    assert line.place(30_000) == pytest.approx(40.2, abs=TOLERANCE)


def test_another_clock_is_taken_up_at_once() -> None:
    line = Timeline(1000)
    line.note(5_000_000, 10)
    assert line.place(line.note(77, 11)) == pytest.approx(11)


def test_timestamps_wrap() -> None:
    line = Timeline(1000)
    line.note(0xFFFF_FFF0, 10)
    late = line.note(0x10, 10.032)
    assert late == 0x1_0000_0010
    assert line.note(0xFFFF_FFF8, 10.04) == 0xFFFF_FFF8
    assert line.place(late) == pytest.approx(10.032)
