"""What is taken for Chromium's beep, and what is not: else nothing that hears it proves anything."""

from __future__ import annotations

import numpy as np
import pytest

from server.calls import prompts
from server.calls.prompts import spoken_prompts
from server.media.phone.codecs import codec
from server.media.phone.sounds import read
from tests.e2e.hearing import BEEP, BEEP_EVERY, beeps
from tests.sounds import tone

SECONDS = 10


def beeping(hertz: float = BEEP, every: float = BEEP_EVERY, length: float = 0.02, rate: int = 8_000) -> np.ndarray:
    one = np.sign(tone(hertz, length, rate)) * 6_000
    said = np.random.default_rng(1).normal(0, 8, SECONDS * rate)
    for at in np.arange(0.3, SECONDS - 0.2, every):
        said[round(at * rate) : round(at * rate) + one.size] += one
    return said.astype(np.int16)


@pytest.mark.parametrize(("name", "rate"), [("PCMA", 8_000), ("G722", 16_000), ("OPUS", 48_000)])
def test_beeps_are_heard_through_every_codec(name: str, rate: int) -> None:
    there, back = codec(name), codec(name)
    pieces = (back.decode(there.encode(piece)) for piece in beeping(rate=rate).reshape(-1, rate // 50))
    sound = np.concatenate([piece for piece in pieces if piece is not None])
    assert beeps(sound, rate) == round((SECONDS - 0.5) / BEEP_EVERY)


def test_another_pitch_another_rhythm_and_a_tone_that_stays_are_none() -> None:
    assert beeps(beeping(hertz=1_000)) == 0
    assert beeps(beeping(every=0.7 * BEEP_EVERY)) == 1
    assert beeps(beeping(length=0.3)) == 0
    assert beeps(tone(BEEP, SECONDS)) == 0
    assert beeps(np.zeros(0, np.int16)) == 0


@pytest.mark.parametrize("name", [*spoken_prompts(), prompts.ENTER, prompts.MUSIC])
def test_no_prompt_is_taken_for_beeps(name: str) -> None:
    """One alone may look like it, in a syllable; never two when they are due."""
    assert beeps(read(prompts.prompt(name)).at(8_000)) <= 1
