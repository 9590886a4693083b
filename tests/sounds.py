"""Tones that tests make, and what is asked of sound that they hear."""

from __future__ import annotations

import numpy as np

from server.media.wire.opus import Samples

_LOUD = 2_000  # of 16-bit samples; a line on which nobody speaks has noise of 8


def tone(hertz: float, seconds: float, rate: int = 8_000, level: float = 8_000.0) -> Samples:
    """A tone from the beginning of a wave."""
    at = np.arange(round(seconds * rate)) / rate
    return (level * np.sin(2 * np.pi * hertz * at)).astype(np.int16)


def loud(sound: np.ndarray) -> bool:
    """Whether there is more than the noise of a line."""
    return bool(np.abs(sound, dtype=np.int32).max(initial=0) > _LOUD)


def pitch(sound: np.ndarray, rate: int = 8_000) -> float:
    """The frequency of its strongest part, in Hz."""
    spectrum = np.abs(np.fft.rfft(sound * np.hanning(sound.size)))
    return float(np.argmax(spectrum)) * rate / sound.size
