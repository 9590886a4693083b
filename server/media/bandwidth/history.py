"""What was sent to one subscriber, and what its transport-wide feedback says became of it.

Packets that leave at one instant are one record, so that sending costs one `append` a batch. Records whose packets left
within `GROUP_TIME` come back as one group (draft-ietf-rmcat-gcc-02 §5.2): single packets of a burst tell nothing about
the queue that the burst as a whole does not tell.
"""

from __future__ import annotations

from collections import deque
from typing import NamedTuple

from server.media.rtp import unwrap
from server.media.twcc import TICK_US, Report

GROUP_TIME = 0.005  # s
TICK = TICK_US / 1e6  # s
RECORDS = 2048  # batches that wait for feedback; older ones are forgotten
UNACKNOWLEDGED = 1024  # packets without acknowledgement that may still be told as arrived


class Group(NamedTuple):
    """Packets that left together, of which at least one came. Times of sending are ours, of arrival the peer's."""

    first_sent: float
    last_sent: float
    size: int  # bytes sent
    got: int  # packets that came
    received: int  # bytes of them
    first_arrival: float
    last_arrival: float


# Of one batch, what one feedback says: sent at, bytes, packets that came, bytes of them, ticks of first and last arrival.
_Piece = tuple[float, int, int, int, int, int]


class History:
    """`received` and `lost` count packets; `lost` falls again when one of them came after all."""

    __slots__ = ("_batches", "_cursor", "_open", "lost", "newest", "received", "record")

    def __init__(self) -> None:
        self._batches: deque[tuple[int, int, int, float]] = deque(maxlen=RECORDS)
        self.record = self._batches.append  # the hot path: (first 16-bit number, packets, bytes, time)
        self._cursor = 0  # unwrapped number: all before it were reported or passed over
        self._open: dict[int, bool] = {}  # number -> whether it was told as missing (else no feedback spoke of it)
        self.received = self.lost = 0
        self.newest = float("-inf")  # when the newest batch left that a feedback spoke of

    @property
    def in_flight(self) -> int:
        """Bytes sent after the newest packet that was reported."""
        return sum(size for _, _, size, _ in self._batches)

    @property
    def oldest(self) -> float | None:
        """When the oldest batch left that waits for feedback; None when none does."""
        return self._batches[0][3] if self._batches else None

    @property
    def waiting(self) -> int:
        """Batches that wait for feedback."""
        return len(self._batches)

    def forget(self, before: float) -> None:
        """Wait no longer for what left before a time: the way was interrupted."""
        batches = self._batches
        while batches and batches[0][3] < before:
            first, count, _, _ = batches.popleft()
            self._cursor = self._ahead(first) + count

    def match(self, report: Report) -> list[Group]:
        """The groups that this feedback is the first to speak of, in order of sending."""
        base = unwrap(report.base, self._newest_number() - 0x7FFF)  # it speaks of numbers sent, however long ago
        end = base + report.count
        if base < self._cursor and self._open:
            self._tell_again(report, base, min(end, self._cursor))
        return _grouped(self._take(report, base, end))

    def _take(self, report: Report, base: int, end: int) -> list[_Piece]:
        """Take the batches before `end` from those that wait, with what the feedback says of each."""
        batches, cursor = self._batches, self._cursor
        before, ticks, ordered = report.before, report.ticks, report.ordered
        pieces: list[_Piece] = []
        while batches:
            first, count, size, at = batches[0]
            first = cursor + (first - cursor & 0xFFFF)
            if first >= end:
                break
            batches.popleft()
            if first < base or first + count > end:
                first, count, size = self._cut(first, count, size, at, base, end)
            self.newest = at
            cursor = first + count
            if before is None:
                start, stop = first - base, cursor - base
                got, received = count, size
            elif count:
                start, stop = before[first - base], before[cursor - base]
                got = stop - start
                received = size if got == count else size * got // count
                if got < count:
                    self._missed(before, base, first, cursor)
            else:
                got = 0
            if got:
                self.received += got
                if ordered or got == 1:
                    pieces.append((at, size, got, received, ticks[start], ticks[stop - 1]))
                else:
                    pieces.append((at, size, got, received, min(ticks[start:stop]), max(ticks[start:stop])))
        self._cursor = max(self._cursor, cursor)
        return pieces

    def _cut(self, first: int, count: int, size: int, at: float, base: int, end: int) -> tuple[int, int, int]:
        """The part of a batch that lies in [base, end): what is before had no feedback, what is after waits on."""
        each = size // count
        skipped = min(max(base - first, 0), count)
        for number in range(first, first + skipped):
            self._open[number] = False
        first, count, size = first + skipped, count - skipped, size - each * skipped
        beyond = first + count - end
        if count and beyond > 0:
            self._batches.appendleft((end & 0xFFFF, beyond, each * beyond, at))
            count, size = count - beyond, size - each * beyond
        return first, count, size

    def _missed(self, before: list[int], base: int, first: int, stop: int) -> None:
        for number in range(first, stop):
            if before[number - base + 1] == before[number - base]:
                self._open[number] = True
                self.lost += 1
        while len(self._open) > UNACKNOWLEDGED:
            del self._open[next(iter(self._open))]

    def _tell_again(self, report: Report, base: int, stop: int) -> None:
        """Of numbers already passed: reordered packets that came after all, or feedback that was itself reordered."""
        before, still_open = report.before, self._open
        for number in range(base, stop):
            told_missing = still_open.get(number)
            if told_missing is None:
                continue
            if before is None or before[number - base + 1] > before[number - base]:
                self.received += 1
                self.lost -= told_missing
                del still_open[number]
            elif not told_missing:
                self.lost += 1
                still_open[number] = True

    def _ahead(self, number: int) -> int:
        return self._cursor + (number - self._cursor & 0xFFFF)

    def _newest_number(self) -> int:
        if not self._batches:
            return self._cursor - 1
        first, count, _, _ = self._batches[-1]
        return self._ahead(first) + count - 1


def _grouped(pieces: list[_Piece]) -> list[Group]:
    groups: list[Group] = []
    begin = last = float("-inf")
    size = got = received = first_arrival = last_arrival = 0
    for at, sent, came, octets, start, stop in pieces:
        if at - begin > GROUP_TIME:
            if got:
                groups.append(Group(begin, last, size, got, received, first_arrival * TICK, last_arrival * TICK))
            begin, size, got, received, first_arrival, last_arrival = at, sent, came, octets, start, stop
        else:
            size += sent
            got += came
            received += octets
            if stop > last_arrival:
                last_arrival = stop
            if start < first_arrival:
                first_arrival = start
        last = at
    if got:
        groups.append(Group(begin, last, size, got, received, first_arrival * TICK, last_arrival * TICK))
    return groups
