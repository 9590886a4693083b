"""G.711 (ITU-T G.711, RFC 3551 §4.5.14): a sample an octet, by tables: half a microsecond for 20 ms."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from server.media.wire.opus import Samples

_Table = NDArray[np.int16]
_Codes = NDArray[np.uint8]

LINE_RATE = 8_000  # samples a second
_BIAS = 132  # µ-law: what is added before the logarithm, in 16-bit samples


def _from_ulaw() -> _Table:
    code = ~np.arange(256, dtype=np.uint8)
    exponent, mantissa = (code >> 4) & 7, (code & 15).astype(np.int32)
    size = (((mantissa << 3) + _BIAS) << exponent) - _BIAS
    return np.where(code & 0x80, -size, size).astype(np.int16)


def _from_alaw() -> _Table:
    code = np.arange(256, dtype=np.uint8) ^ 0x55
    exponent, mantissa = (code >> 4) & 7, (code & 15).astype(np.int32)
    size = np.where(exponent, (mantissa * 16 + 264) << np.maximum(exponent, 1) - 1, mantissa * 16 + 8)
    return np.where(code & 0x80, size, -size).astype(np.int16)


def _codes(samples: _Table) -> _Codes:
    """The code of the nearest level for each of the 65,536 samples."""
    codes = np.argsort(samples, kind="stable").astype(np.uint8)
    levels, last = np.unique(samples[codes][::-1].astype(np.int32), return_index=True)
    between = (levels[1:] + levels[:-1]) / 2
    return codes[::-1][last][np.searchsorted(between, np.arange(-32_768, 32_768))]


class G711:
    """One of the two laws."""

    def __init__(self, samples: _Table) -> None:
        self._samples = samples
        self._codes = np.roll(_codes(samples), -32_768)  # by the sample as an unsigned number

    def decode(self, payload: bytes) -> Samples:
        """16-bit samples at 8 kHz."""
        made: Samples = self._samples.take(np.frombuffer(payload, np.uint8))
        return made

    def encode(self, samples: Samples) -> bytes:
        """An octet a sample."""
        return self._codes.take(samples.view(np.uint16)).tobytes()


ULAW = G711(_from_ulaw())
ALAW = G711(_from_alaw())
LAWS = {"PCMU": ULAW, "PCMA": ALAW}
"""By their names in a description."""
