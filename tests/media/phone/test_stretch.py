from __future__ import annotations

import numpy as np
import pytest

from server.media.phone.stretch import LONGEST, SHORTEST, find_period, leave_out, repeat


def wave(rate: int, hertz: float) -> np.ndarray:
    return (9_000 * np.sin(2 * np.pi * hertz * np.arange(rate // 20) / rate)).astype(np.int16)


@pytest.mark.parametrize("rate", [8_000, 16_000, 48_000])
@pytest.mark.parametrize("hertz", [120.0, 333.0, 1_000.0])
def test_a_tone_goes_on_without_a_step_where_a_period_came_or_went(rate: int, hertz: float) -> None:
    before = wave(rate, hertz)
    period = find_period(before, rate)
    assert period.likeness > 0.97
    assert SHORTEST * rate <= period.samples <= LONGEST * rate
    steepest = np.abs(np.diff(before.astype(int))).max()
    for made, size in (
        (leave_out(before, period.samples), before.size - period.samples),
        (repeat(before, period.samples), before.size + period.samples),
    ):
        assert made.size == size
        assert made.dtype == np.int16
        assert np.abs(np.diff(made.astype(int))).max() <= steepest + 600
        assert np.array_equal(made[-100:], before[-100:])


def test_noise_and_silence_are_like_nothing() -> None:
    noise = np.random.default_rng(1).normal(0, 3_000, 400).astype(np.int16)
    assert find_period(noise, 8_000).likeness < 0.5
    assert find_period(np.zeros(400, np.int16), 8_000).likeness == 0
