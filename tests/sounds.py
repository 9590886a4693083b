"""Tones that tests make, and what is asked of sound that they hear."""

from __future__ import annotations

import numpy as np

from server.media.wire.opus import Samples

_ROWS, _COLUMNS = (697, 770, 852, 941), (1_209, 1_336, 1_477, 1_633)
_PAD = "123A456B789C*0#D"
_ALIKE = 0.7  # correlation from which two sounds are one; no two prompts of other words have as much
_LOUD = 2_000  # of 16-bit samples; a line on which nobody speaks has noise of 8


def tone(hertz: float, seconds: float, rate: int = 8_000, level: float = 8_000.0) -> Samples:
    """A tone from the beginning of a wave."""
    at = np.arange(round(seconds * rate)) / rate
    return (level * np.sin(2 * np.pi * hertz * at)).astype(np.int16)


def tones_of(key: str) -> tuple[float, float]:
    """The two frequencies of a key in Hz (ITU-T Q.23)."""
    row, column = divmod(_PAD.index(key), 4)
    return _ROWS[row], _COLUMNS[column]


def loud(sound: np.ndarray) -> bool:
    """Whether there is more than the noise of a line."""
    return bool(np.abs(sound, dtype=np.int32).max(initial=0) > _LOUD)


def pitch(sound: np.ndarray, rate: int = 8_000) -> float:
    """The frequency of its strongest part, in Hz."""
    spectrum = np.abs(np.fft.rfft(sound * np.hanning(sound.size)))
    return float(np.argmax(spectrum)) * rate / sound.size


def begin_of(part: np.ndarray, sound: np.ndarray) -> int | None:
    """The sample of a sound at which a part begins that was heard in it, None when it was not."""
    if sound.size < part.size:
        return None
    whole, wanted, size = sound.astype(float), part.astype(float), sound.size + part.size
    product = np.fft.irfft(np.fft.rfft(whole, size) * np.conj(np.fft.rfft(wanted, size)), size)
    energy = np.cumsum(np.concatenate(([0.0], whole**2)))
    beside = np.sqrt((energy[part.size :] - energy[: -part.size]) * (wanted**2).sum()) + 1.0
    alike = product[: beside.size] / beside
    at = int(np.argmax(alike))
    return at if alike[at] > _ALIKE else None
