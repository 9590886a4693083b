"""What a telephone's packets tell of its line: how many are missing (RFC 3550 A.3) and how unevenly they come (A.8).

Numbers count what was sent: a pause is no loss, however long it is. A call is one line by whatever streams it comes.
"""

from __future__ import annotations

from server.media.inward.reception import Reception

STREAMS = 4  # of a call that are told apart: a PBX that transfers it begins another, or sends keys by one of its own
SURE = 16  # packets of a stream by which its jitter is known: the filter of A.8 is as long
_DROPOUT, _MISORDER = 3_000, 100  # from the newest number; beyond, a number is of another beginning (A.1)


class Stream(Reception):
    """One SSRC's, which begins with the packet of this number."""

    def __init__(self, ssrc: int, sequence: int, clock_rate: int) -> None:
        super().__init__(clock_rate)
        self.ssrc = ssrc
        self.number = self._index = sequence - 1 & 0xFFFF  # of the newest; one that begins anew goes on in its index
        self._missing: frozenset[int] = frozenset()  # of the newest numbers; what is older than the first is not missed
        self._elsewhere = -1  # the number after one from far away

    def index_of(self, sequence: int) -> int | None:
        """Of a packet that came the first time; None for a copy, and for a single number from far away (A.1)."""
        step = ((sequence - self.number + 0x8000) & 0xFFFF) - 0x8000
        if step != 1:
            if -_MISORDER <= step <= 0:
                return self._late(self._index + step)
            if not 0 < step <= _DROPOUT:
                expected, self._elsewhere = self._elsewhere, sequence + 1 & 0xFFFF
                if sequence != expected:
                    return None
                step, self._missing, self._transit = 1, frozenset(), None
            self._miss(self._index + step)
        self._index += step
        self.number = sequence
        return self._index

    def _late(self, index: int) -> int | None:
        if index not in self._missing:
            return None
        self._missing -= {index}
        return index

    def _miss(self, newest: int) -> None:
        """A hole before this one. What is still missing of long ago does not come any more."""
        oldest = newest - _MISORDER
        kept = (index for index in self._missing if index >= oldest)
        self._missing = frozenset((*kept, *range(max(self._index + 1, oldest), newest)))

    @property
    def highest(self) -> int:
        """Extended highest sequence number."""
        return (self._index & ~0xFFFF | self.number) & 0xFFFF_FFFF

    def untimed(self, index: int, size: int) -> None:
        """A packet whose timestamp does not say when it was sent, as that of a pressed key (RFC 4733 §2.2)."""
        self.received += 1
        self.bytes += size
        if self._first is None:
            self._first = self._highest = index
        self._highest = max(self._highest, index)


class Tally:
    """One call's, in packets that were believed. `bytes` is all of them, `newest` the stream whose sound came last."""

    def __init__(self, clock_rate: int) -> None:
        self._clock_rate = clock_rate
        self._streams: dict[int, Stream] = {}  # by SSRC, the oldest first
        self._past_expected = self._past_lost = 0
        self.bytes = 0
        self.newest: Stream | None = None

    def begin(self, clock_rate: int) -> None:
        """What comes from now on has nothing to do with what came: another codec, or back from hold."""
        self._clock_rate = clock_rate
        for ssrc in list(self._streams):
            self._end(ssrc)

    def packet(self, ssrc: int, sequence: int, timestamp: int | None, size: int, now: float) -> None:
        """A packet came; without a `timestamp` where that tells nothing of its way."""
        self.bytes += size
        stream = self._streams.get(ssrc)
        if stream is None:
            stream = self._begin(ssrc, sequence)
        index = stream.index_of(sequence)
        if index is None:
            return
        if timestamp is None:
            stream.untimed(index, size)
            return
        stream.packet(index, timestamp, size, now)
        self.newest = stream

    def _begin(self, ssrc: int, sequence: int) -> Stream:
        if len(self._streams) == STREAMS:
            self._end(next(iter(self._streams)))
        made = self._streams[ssrc] = Stream(ssrc, sequence, self._clock_rate)
        return made

    def _end(self, ssrc: int) -> None:
        stream = self._streams.pop(ssrc)
        self._past_expected += stream.received + stream.lost
        self._past_lost += stream.lost
        if self.newest is stream:
            self.newest = None

    @property
    def expected(self) -> int:
        """Packets that should have come, lost or not."""
        return self._past_expected + sum(stream.received + stream.lost for stream in self._streams.values())

    @property
    def lost(self) -> int:
        """Packets lost on the way here; one that comes late after all is none."""
        return self._past_lost + sum(stream.lost for stream in self._streams.values())

    @property
    def jitter(self) -> float | None:
        """Of the sound that came last, in s; None while too little of it has come."""
        stream = self.newest
        return None if stream is None or stream.received < SURE else stream.jitter / self._clock_rate
