"""Automatic gain: a quiet line is heard, a loud one does not hurt, and noise between words stays noise."""

from __future__ import annotations

import numpy as np

from server.media.phone.resample import Floats

TARGET = 3_000.0  # root mean square of 16-bit samples that speech is brought to (-21 dBov)
MOST = 8.0  # times, 18 dB
LEAST = 0.25  # times, -12 dB
_SPEECH = 120.0  # root mean square from which a frame may be speech (-49 dBov)
_ABOVE_NOISE = 3.0  # times the noise of the line, and it is
_RISE = 0.02  # share of the way that the gain goes up each 20 ms of speech: a second or so
_FALL = 0.2  # and down
_NOISE_RISE = 0.005  # share by which the noise of a line is believed to have grown each 20 ms


class Gain:
    """Of one voice."""

    def __init__(self) -> None:
        self.gain = 1.0
        self._noise = 30.0
        self._level = 0.0

    def __call__(self, samples: Floats) -> Floats:
        """A frame, made as loud as it should be."""
        level = float(np.sqrt(np.dot(samples, samples) / samples.size))
        self._noise = min(max(level, 1.0), self._noise * (1 + _NOISE_RISE))
        if level >= _SPEECH and level >= _ABOVE_NOISE * self._noise:
            self._level += (0.3 if level > self._level else 0.05) * (level - self._level)
            wanted = min(max(TARGET / max(self._level, 1.0), LEAST), MOST)
            self.gain += (_RISE if wanted > self.gain else _FALL) * (wanted - self.gain)
        made: Floats = samples * np.float32(self.gain)
        return made


def soften(samples: Floats) -> Floats:
    """A sum whose peaks bend before they are cut off: linear to half of full scale, never above it."""
    peak = float(np.abs(samples).max(initial=0.0))
    if peak <= _KNEE:
        return samples
    over = np.abs(samples) - _KNEE
    bent = _KNEE + _ROOM * np.tanh(np.maximum(over, 0.0) / _ROOM)
    made: Floats = np.where(over > 0, np.sign(samples) * bent, samples).astype(np.float32)
    return made


_KNEE = 16_384.0
_ROOM = 32_767.0 - _KNEE
