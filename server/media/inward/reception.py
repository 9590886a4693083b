"""Figures of what arrives of one stream, for its receiver reports (RFC 3550 §6.4, A.3, A.8)."""

from __future__ import annotations


class Reception:
    """Figures for the report blocks about one source (RFC 3550 §6.4.1)."""

    def __init__(self, clock_rate: int) -> None:
        self._clock_rate = clock_rate
        self.received = 0
        self.bytes = 0
        self.jitter = 0.0  # in timestamp units
        self._first: int | None = None
        self._highest = 0
        self._transit: float | None = None
        self._expected_before = self._received_before = 0
        self.last_sr = 0
        self.last_sr_at: float | None = None

    def packet(self, index: int, timestamp: int, size: int, now: float) -> None:
        """A packet came the first time (retransmissions do not count)."""
        self.received += 1
        self.bytes += size
        if self._first is None:
            self._first = self._highest = index
        self._highest = max(self._highest, index)
        transit = now * self._clock_rate - timestamp
        if self._transit is not None:
            difference = abs(transit - self._transit)
            if difference < self._clock_rate * 10:  # else the timestamp wrapped or jumped
                self.jitter += (difference - self.jitter) / 16
        self._transit = transit

    @property
    def highest(self) -> int:
        """Extended highest sequence number."""
        return self._highest & 0xFFFFFFFF

    @property
    def lost(self) -> int:
        """Packets lost since the beginning; copies may make it negative."""
        return 0 if self._first is None else self._highest - self._first + 1 - self.received

    def fraction_lost(self) -> int:
        """Loss since the last call, in 1/256."""
        expected = 0 if self._first is None else self._highest - self._first + 1
        wanted, got = expected - self._expected_before, self.received - self._received_before
        self._expected_before, self._received_before = expected, self.received
        return max(0, min(255, ((wanted - got) << 8) // wanted)) if wanted > 0 else 0

    def since_sr(self, now: float) -> int:
        """Delay since the last sender report in 1/65536 s; 0 when there was none."""
        return 0 if self.last_sr_at is None else int((now - self.last_sr_at) * 65536)
