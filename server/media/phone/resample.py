"""From one rate to another, a frame at a time: 8, 16 and 48 kHz differ by whole factors, so a short filter does it."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]

_TAPS = 16  # a side, of the lower rate: passes 85 % of the band, 60 dB down where it would fold


def _lowpass(factor: int) -> Floats:
    """Cuts at nine tenths of the lower rate's band; a windowed sinc (Kaiser, β = 6)."""
    reach = _TAPS * factor
    at = np.arange(-reach, reach)
    taps = np.sinc((at + 0.5) * 0.9 / factor) * np.kaiser(2 * reach, 6.0)
    made: Floats = (taps / taps.sum()).astype(np.float32)
    return made


class Resampler:
    """One stream from rate `source` to `target`. Raises ValueError when they differ by no whole factor."""

    def __init__(self, source: int, target: int) -> None:
        high, low = max(source, target), min(source, target)
        if high % low:
            raise ValueError(f"{source} to {target}")
        self._factor = high // low
        self._up = target > source
        taps = _lowpass(self._factor) if self._factor > 1 else np.ones(1, np.float32)
        if self._up:  # one short filter for each of the samples that come of one
            self._phases = np.ascontiguousarray((taps * self._factor).reshape(-1, self._factor)[::-1])
            self._before = np.zeros(self._phases.shape[0] - 1, np.float32)
        else:
            self._phases = taps
            self._before = np.zeros(taps.size - self._factor, np.float32)

    def __call__(self, samples: Floats) -> Floats:
        """The same time at the other rate; to go down, a whole number of the lower rate's samples."""
        if self._factor == 1:
            return samples
        whole = np.concatenate((self._before, samples))
        self._before = whole[whole.size - self._before.size :]
        windows = np.lib.stride_tricks.sliding_window_view(whole, self._phases.shape[0])
        made: Floats = windows @ self._phases if self._up else windows[:: self._factor] @ self._phases
        return made.reshape(-1)
