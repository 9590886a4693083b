"""Where on our clock the packets of an RTP stream belong, judged by when they arrive.

The quickest packets of the last seconds show the true offset between the sender's clock and ours; slower ones were
held up on the way. Streams placed like this stay together (lips and voices), and a clock that drifts is followed.
"""

from __future__ import annotations

from server.media.wire.rtp import unwrap

TOLERANCE = 0.01  # s that a stream may be off before it is moved
WINDOW = 5.0  # s in which the quickest packet is looked for
RESTART = 5.0  # s off: not a slow packet but another clock (the sender began anew)


class Timeline:
    """Maps RTP timestamps (32 bit, `rate` a second) to seconds of the clock that `arrival` is read from."""

    def __init__(self, rate: int) -> None:
        self._rate = rate
        self._last: int | None = None
        self.offset = 0.0  # seconds to add to an unwrapped timestamp's seconds
        self._quickest = float("inf")
        self._window_end = float("-inf")

    def unwrap(self, timestamp: int) -> int:
        """The timestamp without its wraps: the nearest to the newest noted."""
        return timestamp if self._last is None else unwrap(timestamp, self._last, 32)

    def note(self, timestamp: int, arrival: float) -> int:
        """Learn from a packet; returns its unwrapped timestamp, to be given to `place`."""
        first = self._last is None
        unwrapped = self._last = self.unwrap(timestamp)
        offset = arrival - unwrapped / self._rate
        if first or abs(offset - self.offset) > RESTART or offset < self.offset - TOLERANCE:
            self.restart(unwrapped, arrival)
        self._quickest = min(self._quickest, offset)
        if arrival >= self._window_end:
            if self._quickest > self.offset + TOLERANCE:
                self.offset = self._quickest
            self._begin_window(arrival)
        return unwrapped

    def restart(self, unwrapped: int, arrival: float) -> None:
        """Believe this packet, whatever came before it."""
        self.offset = arrival - unwrapped / self._rate
        self._begin_window(arrival)

    def place(self, unwrapped: int) -> float:
        """Seconds on our clock of an unwrapped timestamp."""
        return unwrapped / self._rate + self.offset

    def _begin_window(self, now: float) -> None:
        self._window_end = now + WINDOW
        self._quickest = float("inf")
