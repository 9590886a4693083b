"""Bits and copies of a voice by the weakest link."""

from __future__ import annotations

import pytest

from server.media.voices import RAISED_AFTER, USUAL_KBPS, VoiceRate, copies, kbps


@pytest.mark.parametrize(("weakest", "rate"), [(60_000, 16), (74_999, 16), (75_000, 24), (110_000, 32), (5e6, 32)])
def test_the_weakest_link_sets_the_rate(weakest: float, rate: int) -> None:
    assert kbps(weakest) == rate


@pytest.mark.parametrize(("estimate", "most"), [(40_000, 0), (60_000, 1), (120_000, 2), (5e6, 2)])
def test_copies_that_fit(estimate: float, most: int) -> None:
    assert copies(estimate) == most


def test_a_voice_with_a_copy_fits_the_thinnest_link_that_gets_one() -> None:
    headers = 64 * 8 * 50
    assert 2 * kbps(64_000) * 1000 + headers <= 64_000


def test_lowered_at_once_and_raised_after_a_while() -> None:
    voice = VoiceRate()
    voice.step(60_000, 0.0)
    assert voice.kbps == 16
    voice.step(5e6, 1.0)
    voice.step(5e6, RAISED_AFTER)
    assert voice.kbps == 16
    voice.step(60_000, RAISED_AFTER + 0.5)
    voice.step(5e6, RAISED_AFTER + 1.0)
    voice.step(5e6, 2 * RAISED_AFTER + 1.0)
    assert voice.kbps == USUAL_KBPS
