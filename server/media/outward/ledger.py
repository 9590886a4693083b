"""What many subscribers of a room were sent alike, written down once and read by each when it is asked for.

Between two feedbacks of a subscriber, some hundred batches may leave to it. To touch its counters for each of them, far
apart in memory as they are, would cost as much as to make the packets. So a batch for many is a few sums over arrays
and one entry here, which says how far everybody has got. Most feedbacks of a calm link look up a single entry; those of
another link are read against all that came since the last.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

KEPT = 1024  # entries: seconds of a room, while everybody reads them five times a second
_ROWS = 16  # to begin with


class Entry(NamedTuple):
    """How far everybody had got when something had left at `at`.

    By row, `numbers` are the last transport-wide numbers (16 bits), `sizes` all bytes that ever left, with IP and UDP.
    """

    numbers: memoryview
    sizes: memoryview
    at: float


class Ledger:
    """How far each downlink of a room has got, by row, and the entries of late, of which there were `end` in all.

    `tcc` are the last transport-wide numbers; `counts` and `sizes` are what left for many at a time: packets, and their
    bytes with IP and UDP.
    """

    __slots__ = ("_begin", "_entries", "_free", "_rows", "_whole", "counts", "end", "numbers", "sizes", "tcc")

    def __init__(self) -> None:
        self.tcc: NDArray[np.uint16] = np.zeros(_ROWS, np.uint16)
        self.numbers = self.tcc.data  # the same memory, for single ones
        self.counts: NDArray[np.int64] = np.zeros(_ROWS, np.int64)
        self.sizes: NDArray[np.int64] = np.zeros(_ROWS, np.int64)
        self.end = 0
        self._begin = 0  # the count of the first entry kept
        self._entries: list[Entry] = []
        self._rows = 0
        self._free: list[int] = []
        self._whole = True  # whether the last entry was read, or somebody misses something of it: it may not grow

    def row(self, tcc: int) -> int:
        """A row for one more downlink, whose last number is `tcc`."""
        row = self._free.pop() if self._free else self._new_row()
        self.tcc[row], self.counts[row], self.sizes[row] = tcc, 0, 0
        self._whole = True
        return row

    def _new_row(self) -> int:
        row, self._rows = self._rows, self._rows + 1
        if row == len(self.tcc):
            self.tcc, self.counts, self.sizes = (
                np.concatenate([column, np.zeros_like(column)]) for column in (self.tcc, self.counts, self.sizes)
            )
            self.numbers = self.tcc.data
        return row

    def release(self, row: int) -> None:
        """Whose row this was is sent nothing more with the others here, and reads no more."""
        self._free.append(row)

    def enter(self, rows: NDArray[np.intp], packets: int, size: int, at: float, without: Sequence[int] = ()) -> None:
        """A batch left to each of these rows but those that are `without`: so many packets, bytes with IP and UDP.

        All have got its numbers. What left at the same instant as the batch before it is one entry with it.
        """
        self.counts[rows] += packets
        self.sizes[rows] += size
        for row in without:
            self.counts[row] -= packets
            self.sizes[row] -= size
        entry = Entry(self.tcc.copy().data, self.sizes.copy().data, at)
        if not (self._whole or without) and self._entries[-1].at == at:
            self._entries[-1] = entry
            return
        if len(self._entries) >= 2 * KEPT:
            del self._entries[:KEPT]
            self._begin += KEPT
        self._entries.append(entry)
        self._whole = bool(without)
        self.end += 1

    def since(self, count: int) -> list[Entry]:
        """The entries after the first `count`; they do not change any more."""
        self._whole = True
        return self._entries[max(0, count - self._begin) :]
