"""Whether a participant's way here is too thin for the layers that it sends. Pure: `now` is passed in.

A browser that is told how its packets arrive sends less, and the queue on its way drains. But Firefox sends of each
layer at least what its size is worth to it (measured: 200, 150 and 100 kbit/s of ours), whatever feedback says. On a
thinner way the queue stays full then, voices wait in it and are dropped from it. Only a smaller layer takes less. So
where everything has waited for long, the largest layer is left out, then the next; later it is tried again, ever more
seldom while that is in vain.
"""

from __future__ import annotations

STANDS = 0.15  # s that packets wait in a queue that is worth it
LASTS = 2.5  # s for which nothing came quicker; what obeys feedback has obeyed by then
DRAINS = 0.05  # s by which the queue must have become shorter to count as one that drains
RELIEF = 6.0  # s from one layer to the next: the smaller one begins with a key frame, behind all that waits already
CALM = 10.0  # s until what was left out is tried again, and twice as long after each trial in vain,
MOST_CALM = 60.0  # but no longer
PROVEN = 20.0  # s after which a trial was not in vain
MOST = 2  # layers that are left out; the smallest is never


class Strain:
    """`left_out` is how many of the largest layers are too much for the way here."""

    def __init__(self) -> None:
        self.left_out = 0
        self._quick_at = float("inf")  # nothing has come yet
        self._stepped_at = float("-inf")
        self._shortest = 0.0  # wait since a layer was left out, as long as the queue drains
        self._tried_at: float | None = None  # while the trial may still be in vain
        self._calm = CALM

    def look(self, waited: float | None, now: float) -> None:
        """Take note, about ten times a second, of how long the quickest packet waited; None when none came."""
        if waited is None or waited < STANDS:
            self._quick_at = now
        elif waited < self._shortest - DRAINS:
            self._quick_at, self._shortest = now, waited
        if self._tried_at is not None and now - self._tried_at >= PROVEN:
            self._tried_at, self._calm = None, CALM
        since = now - self._stepped_at
        tried = self._tried_at is not None
        if now - self._quick_at >= LASTS and (tried or since >= RELIEF) and self.left_out < MOST:
            if tried:
                self._tried_at, self._calm = None, min(2 * self._calm, MOST_CALM)
            self.left_out += 1
            self._stepped_at, self._shortest = now, waited or 0.0
        elif self.left_out and since >= self._calm and waited is not None and waited < STANDS:
            self.left_out -= 1
            self._stepped_at = self._tried_at = now
