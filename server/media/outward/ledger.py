"""What many subscribers of a room were sent alike, written down once and read by each when it is asked for.

Between two feedbacks of a subscriber, some hundred batches may leave to it. To touch its counters for each of them, far
apart in memory as they are, would cost as much as to make the packets. So a batch for many is one entry here; each
downlink catches up with the entries ten times a second.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

from server.media.wire.rtp import IP_UDP

if TYPE_CHECKING:
    from server.media.outward.audience import Audience
    from server.media.outward.slots import Slot

KEPT = 1024  # entries: seconds of a room, while everybody reads them five times a second
_ROWS = 16  # to begin with
_NOBODY: frozenset[int] = frozenset()


class Entry(NamedTuple):
    """`packets` of `octets` in all, `size` with IP and UDP, left at `at` to each of an audience but those in `without`.

    `places` says by row who is where in the audience, `slots` and `first` what is theirs there: the slot that it went
    through, and the transport-wide number of the first packet.
    """

    places: dict[int, int]
    slots: list[Slot]
    first: memoryview
    packets: int
    octets: int
    size: int
    at: float
    without: frozenset[int]


class Ledger:
    """The last transport-wide number of each downlink of a room (`tcc`, by row), and the entries of late.

    `end` counts all entries that there were.
    """

    __slots__ = ("_begin", "_entries", "_rows", "_whole", "end", "numbers", "tcc")

    def __init__(self) -> None:
        self.tcc: NDArray[np.uint16] = np.zeros(_ROWS, np.uint16)
        self.numbers = self.tcc.data  # the same memory, for single ones
        self.end = 0
        self._begin = 0  # the count of the first entry kept
        self._entries: list[Entry] = []
        self._rows = 0
        self._whole = True  # whether the last entry was read, and so may not grow

    def row(self, tcc: int) -> int:
        """A row for one more downlink, whose last number is `tcc`. Rows are used once: there are two bytes to each."""
        row, self._rows = self._rows, self._rows + 1
        if row == len(self.tcc):
            self.tcc = np.concatenate([self.tcc, np.zeros_like(self.tcc)])
            self.numbers = self.tcc.data
        self.tcc[row] = tcc
        return row

    def enter(
        self,
        audience: Audience,
        first: NDArray[np.uint16],
        packets: int,
        octets: int,
        at: float,
        without: frozenset[int] = _NOBODY,
    ) -> None:
        """A batch left. What the same audience got at the same instant before it is one entry with it."""
        last = None if self._whole else self._entries[-1]
        if last is not None and last.places is audience.places and last.at == at and last.without == without:
            packets, octets = last.packets + packets, last.octets + octets
            self._entries[-1] = last._replace(packets=packets, octets=octets, size=octets + packets * IP_UDP)
            return
        if len(self._entries) >= 2 * KEPT:
            del self._entries[:KEPT]
            self._begin += KEPT
        size = octets + packets * IP_UDP
        self._entries.append(Entry(audience.places, audience.slots, first.data, packets, octets, size, at, without))
        self._whole = False
        self.end += 1

    def since(self, count: int) -> list[Entry]:
        """The entries after the first `count`; they do not change any more."""
        self._whole = True
        return self._entries[max(0, count - self._begin) :]
