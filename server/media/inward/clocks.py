"""A participant's clock: when its packets would have come if nothing had held them up on the way.

Its sender reports say which of its NTP times a timestamp stands for (RFC 3550 §6.4.1), the same clock for its voice
and its pictures. What lies between that clock and ours is the quickest way that anything took lately, report or media:
a report or a stream that is held up moves nothing, and lips stay with voices. What is learned of it from one stream
holds for all of them at once.
"""

from __future__ import annotations

from server.media.inward.source import Source
from server.media.protocol import Kind
from server.media.wire.rtp import unwrap

RECENT = 32  # packets of a stream that are looked at with each report
PLAUSIBLE = 1.0  # s between what a report and the media around it say; beyond, its timestamp is not of this stream
ANOTHER_CLOCK = 3.0  # s by which all is late: not held up, but told by a clock that stood, as while a laptop sleeps
_FOLLOW = 100  # reports in which a way that became longer, or a clock that drifts, is followed


class SenderClock:
    """One for all streams of a participant; it sets `Source.clock`."""

    def __init__(self) -> None:
        self._offset: float | None = None  # our clock less the participant's, s
        self._told: dict[tuple[Kind, str], tuple[Source, float, int]] = {}  # the last report about each stream

    def report(self, source: Source, ntp: int, rtp_timestamp: int, now: float) -> None:
        """A sender report about `source` came: its 64-bit NTP time, and the timestamp of that instant."""
        theirs = ntp / (1 << 32)
        quickest = self._quickest(source, theirs, rtp_timestamp, now)
        before = self._offset
        if before is None or quickest < before or quickest > before + ANOTHER_CLOCK:
            offset = quickest
        else:
            offset = before + (quickest - before) / _FOLLOW
        self._offset = offset
        self._told[source.kind, source.rid] = source, theirs, rtp_timestamp
        for told, at, timestamp in self._told.values():
            if told is source or told.clock is not None:
                told.clock = (at + offset, timestamp)

    @staticmethod
    def _quickest(source: Source, theirs: float, rtp_timestamp: int, now: float) -> float:
        own = now - theirs
        ways = [own]
        newest = source.newest.index if source.newest is not None else 0
        for index in range(newest, max(newest - RECENT, source.goes_since - 1), -1):
            packet = source.recent(index)
            if packet is not None:
                captured = theirs + unwrap(packet.timestamp - rtp_timestamp & 0xFFFF_FFFF, 0, 32) / source.clock_rate
                ways.append(packet.arrival - captured)
        return min(way for way in ways if abs(way - own) <= PLAUSIBLE)
