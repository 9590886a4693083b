"""Bits, length of packets and copies of a voice by the weakest link."""

from __future__ import annotations

import pytest

from server.media.voices import RAISED_AFTER, USUAL, Form, VoiceForm, copies, fitting


@pytest.mark.parametrize(
    ("weakest", "form"),
    [
        (45_000, (16, 60)),
        (60_000, (16, 40)),
        (79_999, (16, 40)),
        (80_000, (24, 40)),
        (199_999, (24, 40)),
        (200_000, USUAL),
        (5e6, USUAL),
    ],
)
def test_the_weakest_link_sets_the_form(weakest: float, form: Form) -> None:
    assert fitting(weakest) == form


@pytest.mark.parametrize("weakest", [45_000, 50_000, 64_000, 80_000, 100_000, 130_000, 1e6])
def test_a_voice_with_a_copy_fits_every_link(weakest: float) -> None:
    form = fitting(weakest)
    assert form.rate(1) <= weakest
    assert copies(weakest, form) >= 1


@pytest.mark.parametrize(("estimate", "most"), [(37_000, 0), (39_000, 1), (126_000, 2), (5e6, 2)])
def test_copies_that_fit(estimate: float, most: int) -> None:
    assert copies(estimate, Form(16, 40)) == most


def test_what_a_voice_takes_of_a_link() -> None:
    packet = 64 + 1 + 4 + 2 * 80  # bytes: headers, RED, twice 40 ms of 16 kbit/s
    assert Form(16, 40).rate(1) == packet * 8 * 25
    assert USUAL.rate() == (64 + 80) * 8 * 50


def test_lowered_at_once_and_raised_after_a_while() -> None:
    voice = VoiceForm()
    voice.step(60_000, 0.0)
    assert voice.present == (16, 40)
    voice.step(5e6, 1.0)
    voice.step(5e6, RAISED_AFTER)
    assert voice.present == (16, 40)
    voice.step(60_000, RAISED_AFTER + 0.5)
    voice.step(5e6, RAISED_AFTER + 1.0)
    voice.step(5e6, 2 * RAISED_AFTER + 1.0)
    assert voice.present == USUAL
