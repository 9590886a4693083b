"""Keys that are nothing but sound: two tones at once, one of four low and one of four high (ITU-T Q.23, Q.24).

For telephones that do not tell keys by RFC 4733. Sans-IO: G.711 goes in as it comes, keys come out once each.
A key lasts 40 ms at least, and so does the pause after it (Q.24), which are two whole pieces in a row; a voice hardly
ever is two pure tones of these pitches for as long.
"""

from __future__ import annotations

import math
from functools import cache

import numpy as np
from numpy.typing import NDArray

from server.media.phone.g711 import G711, LINE_RATE

Floats = NDArray[np.float64]

ROWS, COLUMNS = (697, 770, 852, 941), (1_209, 1_336, 1_477, 1_633)
KEYS = ("123A", "456B", "789C", "*0#D")

_PIECE = 102  # samples, 12.75 ms: tells tones apart that differ by 73 Hz, and two fit into 40 ms wherever they begin
_LEAST = 0.9e6  # mean square of both tones together: -30 dBov, softer than any telephone's keys
_WEAK = math.isqrt(round(_LEAST / 4))  # no two tones of a piece have more than four times its mean square
_PURE = 0.6  # of all the power is in the two tones; of a voice much less
_ALONE = 4.0  # times as strong as the next tone of its four (6 dB)
_TWIST_UP, _TWIST_DOWN = 10 ** (4 / 10), 10 ** (8 / 10)  # power of the high to the low tone, and of the low to the high
_BEGINS, _ENDS = 2, 2  # pieces in a row

_TONES = len(ROWS) + len(COLUMNS)
_TURNS = 2 * np.pi * np.outer(np.arange(_PIECE), ROWS + COLUMNS) / LINE_RATE
_WAVES = math.sqrt(2) / _PIECE * np.hstack((np.cos(_TURNS), np.sin(_TURNS)))


class Listening:
    """One telephone's keys. `pressed` is whether one sounds, or may."""

    def __init__(self, law: G711) -> None:
        self._law, self._weak = law, _weak_codes(law)
        self._resting = True  # nothing of the samples before can be part of a key
        self._rest: Floats = np.zeros(0)
        self._down = ""  # the key that sounds
        self._seen, self._times = "", 0  # what the latest pieces have, "" for no key, and how many in a row

    @property
    def pressed(self) -> bool:
        """Whether what comes now is, or may be, a key."""
        return bool(self._down or self._seen)

    def hear(self, payload: bytes) -> str:
        """The keys that are new in a packet. Most are of a line on which nobody speaks: those cost next to nothing."""
        weak = not payload.translate(None, self._weak)
        if weak and self._resting:
            return ""
        found = self._look(payload)
        self._resting = weak and not self.pressed
        if self._resting:
            self._rest = self._rest[:0]
        return found

    def _look(self, payload: bytes) -> str:
        whole: Floats = np.concatenate((self._rest, self._law.decode(payload)))
        pieces: Floats = whole[: whole.size // _PIECE * _PIECE].reshape(-1, _PIECE)
        self._rest = whole[pieces.size :]
        halves = np.square(pieces @ _WAVES)
        powers = halves[:, :_TONES] + halves[:, _TONES:]  # mean square of each tone
        totals = np.einsum("ij,ij->i", pieces, pieces) / _PIECE
        return "".join([self._follow(_key(*one)) for one in zip(powers.tolist(), totals.tolist(), strict=True)])

    def _follow(self, key: str) -> str:
        self._times = self._times + 1 if key == self._seen else 1
        self._seen = key
        if key and key != self._down and self._times >= _BEGINS:
            self._down = key
            return key
        if not key and self._times >= _ENDS:
            self._down = ""
        return ""


@cache
def _weak_codes(law: G711) -> bytes:
    """Octets that are too weak to be part of a key."""
    return bytes(code for code in range(256) if abs(int(law.decode(bytes((code,)))[0])) < _WEAK)


def _key(powers: list[float], total: float) -> str:
    """What key a piece is, "" when it is none."""
    rows, columns = powers[: len(ROWS)], powers[len(ROWS) :]
    low, high = max(rows), max(columns)
    if low + high < _LEAST or low + high < _PURE * total:
        return ""
    if high > _TWIST_UP * low or low > _TWIST_DOWN * high:
        return ""
    if sorted(rows)[-2] * _ALONE > low or sorted(columns)[-2] * _ALONE > high:
        return ""
    return KEYS[rows.index(low)][columns.index(high)]
