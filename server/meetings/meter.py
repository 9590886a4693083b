"""How busy a media node is: its own counters (`Stats`), turned into shares and read a few seconds apart."""

from __future__ import annotations

from dataclasses import dataclass

from server.media.protocol import Stats

LEAST_SECONDS = 1.0
"""Two readings that are closer say nothing about the share of a core."""


@dataclass
class Meter:
    """`cpu_share` is of one core between the last two readings (recorder threads included); `lag` in seconds."""

    sessions: int = 0
    cpu_share: float = 0.0
    lag: float = 0.0
    _cpu_seconds: float = 0.0
    _read_at: float | None = None

    def take(self, stats: Stats, now: float) -> None:
        """A new reading, at `now` (seconds, monotonic)."""
        self.sessions = len(stats.participants)
        self.lag = stats.lag_ms / 1000
        if self._read_at is not None:
            if now - self._read_at < LEAST_SECONDS:
                return
            self.cpu_share = max(0.0, stats.cpu_seconds - self._cpu_seconds) / (now - self._read_at)
        self._cpu_seconds, self._read_at = stats.cpu_seconds, now
