"""What was sent to one subscriber, and what its transport-wide feedback says became of it.

Packets that leave at one instant are one record, so that sending costs one `append` a batch. Records whose packets left
within `GROUP_TIME` come back as one group (draft-ietf-rmcat-gcc-02 §5.2): single packets of a burst tell nothing about
the queue that the burst as a whole does not tell.
"""

from __future__ import annotations

from collections import deque
from typing import Protocol

from server.media.wire.rtp import unwrap
from server.media.wire.twcc import TICK_US, Report

GROUP_TIME = 0.005  # s
TICK = TICK_US / 1e6  # s
RECORDS = 2048  # batches that wait for feedback; older ones are forgotten
UNACKNOWLEDGED = 1024  # packets without acknowledgement that may still be told as arrived


# What came of packets that left together: when the first and the last left, bytes, packets, and when the first and the
# last came on the peer's clock. Plain tuples: there are many.
Group = tuple[float, float, int, int, float, float]


class Unread(Protocol):
    """Batches that left since the last that was recorded, written down elsewhere: most need never be recorded."""

    def catch_up(self) -> None:
        """Record them."""

    def ending(self, first: int, count: int) -> tuple[int, int, float] | None:
        """How many of the first of them are just `count` packets from this 16-bit number on, their bytes, and when the
        last of these left; None when no batch ends there."""

    def skip(self, batches: int) -> None:
        """The first ones need not be recorded any more."""


class _AllRead:
    """Nothing waits."""

    def catch_up(self) -> None: ...

    def ending(self, first: int, count: int) -> None: ...

    def skip(self, batches: int) -> None: ...


ALL_READ: Unread = _AllRead()


class History:
    """`received` and `lost` count packets; `lost` falls again when one of them came after all.

    Bytes of which no group tells count as delivered, too, for who wants to know what arrived: those `unheard`, whose
    feedback did not come, and those `passed`, whose feedback was not looked at closely, since all was calm.
    """

    __slots__ = ("_batches", "_cursor", "_open", "lost", "passed", "received", "record", "unheard")

    def __init__(self) -> None:
        self._batches: deque[tuple[int, int, int, float]] = deque(maxlen=RECORDS)
        self.record = self._batches.append  # the hot path: (first 16-bit number, packets, bytes, time)
        self._cursor = 0  # unwrapped number: all before it were reported or passed over
        self._open: dict[int, bool] = {}  # number -> whether it was told as missing (else no feedback spoke of it)
        self.received = self.lost = self.unheard = self.passed = 0

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
        newest = self._newest_number()  # first: it brings the cursor up to date
        base = unwrap(report.base, newest - 0x7FFF)  # it speaks of numbers sent, however long ago
        end = min(base + report.told, newest + 1)
        if base < self._cursor and self._open:
            self._tell_again(report, base, min(end, self._cursor))
        groups = self._take(report, base, end)
        if end > self._cursor:
            self._cursor = end
        while len(self._open) > UNACKNOWLEDGED:
            del self._open[next(iter(self._open))]
        for group in groups:
            self.received += group[3]
        return groups

    def whole(self, base: int, told: int, unread: Unread = ALL_READ) -> tuple[int, int, float] | None:
        """How many of the batches that have waited longest are just these numbers, their bytes, and when the last left.

        None when they are something else.
        """
        octets = taken = stop = 0
        for taken, (first, count, size, at) in enumerate(self._batches, 1):
            octets += size
            stop = first + count - base & 0xFFFF
            if stop >= told:
                begins = self._batches[0][0] == base
                return (taken, octets, at) if begins and stop == told else None
        if self._batches and self._batches[0][0] != base:
            return None
        found = unread.ending(base + stop & 0xFFFF, told - stop)
        return (taken + found[0], octets + found[1], found[2]) if found is not None else None

    def pass_over(self, taken: int, octets: int, told: int, unread: Unread = ALL_READ) -> None:
        """Take what `whole` found for delivered."""
        self._newest_number()  # it brings the cursor up to date
        self._cursor += told
        self.received += told
        self.passed += octets
        recorded = min(taken, len(self._batches))
        for _ in range(recorded):
            self._batches.popleft()
        if taken > recorded:
            unread.skip(taken - recorded)

    def _take(self, report: Report, base: int, end: int) -> list[Group]:
        """Take the batches before `end` from those that wait, with what the feedback says of them, as groups.

        One loop, for this is where the time goes.
        """
        _, told, before, ticks, ordered = report
        batches, low = self._batches, base & 0xFFFF
        groups: list[Group] = []
        begin = last = float("-inf")
        octets = packets = first_tick = last_tick = 0
        while batches:
            taken = 0
            for first, count, size, at in batches:
                start = first - low & 0xFFFF
                stop = start + count
                if stop > told:
                    break
                taken += 1
                came, weight = count, size
                if before is not None:
                    came = before[stop] - before[start]
                    if came < count:
                        self._miss(before, base, self._ahead(first), count)
                        if came == 0:
                            continue
                        weight = size * came // count
                    start, stop = before[start], before[stop]
                if ordered:
                    earliest, latest = ticks[start], ticks[stop - 1]
                else:
                    earliest, latest = min(ticks[start:stop]), max(ticks[start:stop])
                if at - begin > GROUP_TIME:
                    if packets:
                        groups.append((begin, last, octets, packets, first_tick * TICK, last_tick * TICK))
                    begin, octets, packets, first_tick, last_tick = at, weight, came, earliest, latest
                else:
                    octets += weight
                    packets += came
                    if latest > last_tick:
                        last_tick = latest
                    if earliest < first_tick:
                        first_tick = earliest
                last = at
            if taken == len(batches):
                batches.clear()
            else:
                for _ in range(taken):
                    batches.popleft()
                if not self._cut(base, end):
                    break
        if packets:
            groups.append((begin, last, octets, packets, first_tick * TICK, last_tick * TICK))
        return groups

    def _cut(self, base: int, end: int) -> bool:
        """Cut the first batch so that it lies in [base, end) or is gone; false when it lies beyond.

        What is before had no feedback, which may have been lost or may still come.
        """
        first, count, size, at = self._batches[0]
        first = self._ahead(first)
        if first >= end:
            return False
        self._batches.popleft()
        each = size // count
        skipped = min(max(base - first, 0), count)
        for number in range(first, first + skipped):
            self._open[number] = False
        self.unheard += each * skipped
        first, count = first + skipped, count - skipped
        beyond = min(max(first + count - end, 0), count)
        if beyond:
            self._batches.appendleft((end & 0xFFFF, beyond, each * beyond, at))
        if count > beyond:
            self._batches.appendleft((first & 0xFFFF, count - beyond, size - each * (skipped + beyond), at))
        return True

    def _miss(self, before: list[int], base: int, first: int, count: int) -> None:
        """Note those of `count` packets that did not come; they may be told again when they come late."""
        place = before[first - base]
        for number in range(first, first + count):
            now = before[number - base + 1]
            if now == place:
                self._open[number] = True
                self.lost += 1
            place = now

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
        """The last number sent. The first batch that waits is where the cursor is, unless others were forgotten."""
        if not self._batches:
            return self._cursor - 1
        self._cursor = self._ahead(self._batches[0][0])
        first, count, _, _ = self._batches[-1]
        return self._ahead(first) + count - 1
