"""Whether a participant sends more than its way here carries, and what it carries. Pure: `now` is passed in.

Browsers find that out themselves, but it takes them seconds, while whatever they had queued drops the voice or delays
it. The node sees it at once: most of what was sent is missing, and what comes sets the measure. So for as long as that
lasts the browser is told what its way carries (REMB), which it obeys at once, and nothing that is missing is asked for
or told of (Chromium sends again what feedback calls lost): in a full queue it would only be dropped once more.
"""

from __future__ import annotations

from collections import deque

WINDOW = 0.5  # s that are looked at
FEWEST = 24  # packets that must have been sent in them to tell anything
FEWEST_AT_FIRST = 6  # in the last look, for a first suspicion
CROWDED = 0.4  # share that is missing; the air seldom takes so much, a full queue nearly always does
SILENCE = 0.3  # s without any packet: an outage, of which nothing follows
DRAINING = 0.85  # of what comes, so that the queue drains
LEAST = 40_000  # bit/s: a thin voice with its headers
LASTS = 2.0  # s from the last sign
GROWTH = 1.3  # a second, from then on
FORGOTTEN = 2_000_000  # bit/s from which nothing is bounded any more

Sample = tuple[float, int, int, int]  # time; packets sent, packets that came, bytes that came so far


class Crowding:
    """`bound` is the most that the participant should send now, in bit/s; None when nothing is known against more."""

    def __init__(self) -> None:
        self.bound: float | None = None
        self._samples: deque[Sample] = deque()
        self._came = self._came_at = self._seen_at = self._grown_at = float("-inf")

    def crowded(self, now: float) -> bool:
        """Whether what is missing now was dropped by a full queue."""
        return now - self._seen_at < LASTS

    @property
    def suspected(self) -> bool:
        """Whether that may be so: most of what was sent since the look before did not come."""
        if len(self._samples) < 2:
            return False
        (_, sent_before, came_before, _), (_, sent, came, _) = self._samples[-2], self._samples[-1]
        sent, came = sent - sent_before, came - came_before
        return sent >= FEWEST_AT_FIRST and sent - came >= CROWDED * sent

    def look(self, sent: int, came: int, octets: int, now: float) -> bool:
        """Take note of the counters, about ten times a second; true when the participant should hear of `bound` now."""
        if came != self._came:
            if now - self._came_at > SILENCE:
                self._samples.clear()
            self._came, self._came_at = came, now
        self._samples.append((now, sent, came, octets))
        while len(self._samples) > 2 and now - self._samples[1][0] >= WINDOW:
            self._samples.popleft()
        rate = self._crowded_rate()
        if rate is None:
            self._grow(now)
            return False
        self._seen_at = self._grown_at = now
        target = max(LEAST, DRAINING * rate)
        lower = self.bound is None or target < self.bound
        if lower:
            self.bound = target
        return lower

    def _crowded_rate(self) -> float | None:
        """What comes, in bit/s, if most of what was sent does not."""
        begin, sent_before, came_before, octets_before = self._samples[0]
        end, sent, came, octets = self._samples[-1]
        sent, came = sent - sent_before, came - came_before
        if end <= begin or sent < FEWEST or sent - came < CROWDED * sent:
            return None
        return 8 * (octets - octets_before) / (end - begin)

    def _grow(self, now: float) -> None:
        if self.bound is None or self.crowded(now):
            return
        self.bound *= float(GROWTH ** (now - self._grown_at))
        self._grown_at = now
        if self.bound > FORGOTTEN:
            self.bound = None
