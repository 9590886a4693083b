"""A voice made a little longer or shorter at its own pitch: one whole period is repeated or left out (WSOLA).

A tone stays the tone that it was, as what is cut at one place is joined where the wave is the same.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from server.media.wire.opus import Samples

Floats = NDArray[np.float32]

SHORTEST, LONGEST = 0.0025, 0.010  # s of a period that is looked for
WINDOW = 2 * LONGEST  # s that are looked at


class Period(NamedTuple):
    """After so many samples the wave is like itself, by so much: 1 is the same, 0 is nothing alike."""

    samples: int
    likeness: float


def find_period(samples: Samples, rate: int) -> Period:
    """The period by which the first `WINDOW` seconds, which must be there, repeat themselves best."""
    longest, shortest = round(LONGEST * rate), round(SHORTEST * rate)
    wave = samples[: 2 * longest].astype(np.float32)
    begin = wave[:longest]
    shifted = np.lib.stride_tricks.sliding_window_view(wave, longest)[shortest:]
    power = np.einsum("ij,ij->i", shifted, shifted) * np.dot(begin, begin)
    likeness: Floats = shifted @ begin / np.sqrt(np.maximum(power, 1.0))
    best = int(np.argmax(likeness))
    return Period(shortest + best, float(likeness[best]))


def leave_out(samples: Samples, period: int) -> Samples:
    """Without the first period: it fades into the second."""
    return np.concatenate((_fade(samples[:period], samples[period : 2 * period]), samples[2 * period :]))


def repeat(samples: Samples, period: int) -> Samples:
    """With the first period twice: the second fades into the first, and is then heard as it is."""
    faded = _fade(samples[period : 2 * period], samples[:period])
    return np.concatenate((samples[:period], faded, samples[period:]))


def _fade(before: Samples, after: Samples) -> Samples:
    share = np.linspace(0, 1, before.size, endpoint=False, dtype=np.float32)
    made: Samples = np.rint(before * (1 - share) + after * share).astype(np.int16)
    return made
