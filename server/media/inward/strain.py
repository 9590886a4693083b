"""Whether a participant's way here is too thin for the layers that it sends. Pure: `now` is passed in.

A browser that is told how its packets arrive sends less, and the queue on its way drains. But Firefox sends of each
layer at least what its size is worth to it (measured: 200, 150 and 100 kbit/s of ours), whatever feedback says. On a
thinner way the queue stays full then, voices wait in it and are dropped from it. Only a smaller layer takes less. So
where everything has waited for long, the largest layer is left out, then the next; later it is tried again, ever more
seldom while that is in vain.

A way that has become longer at one go (another network, a satellite) looks like that at first. But what waits from one
moment to the next, then ever as long, and is not dropped, waits in no queue.
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
LEAP = 3  # looks within which a way has become longer
HALF = 8  # looks; the mean wait of the last ones differs from that of as many before by less than
STEADY = 0.03  # s
DROPPED = 0.01  # share of what was sent that is missing where a queue is full


class Strain:
    """`left_out` is how many of the largest layers are too much for the way here."""

    def __init__(self) -> None:
        self.left_out = 0
        self._quick_at = float("inf")  # nothing has come yet
        self._stepped_at = float("-inf")
        self._shortest = 0.0  # wait since a layer was left out, as long as the queue drains
        self._tried_at: float | None = None  # while the trial may still be in vain
        self._calm = CALM
        self._longer = 0.0  # s by which the way is longer than was once known
        self._waits: list[float] = []  # since it was quick
        self._counted = 0, 0  # packets sent, and that came, when it was quick

    def look(self, waited: float | None, now: float, sent: int = 0, came: int = 0) -> None:
        """Take note, about ten times a second, of how long the quickest packet waited; None when none came.

        `sent` and `came` count packets.
        """
        if waited is not None:
            self._longer = min(self._longer, max(waited, 0.0))
            waited -= self._longer
        if waited is None or waited < STANDS:
            self._begin(now, sent, came)
        elif waited < self._shortest - DRAINS:
            self._shortest = waited
            self._begin(now, sent, came)
        else:
            self._waits.append(waited)
            if now - self._quick_at >= LASTS and self._is_way(sent, came):
                self._longer += sum(self._waits[-HALF:]) / HALF
                self._begin(now, sent, came)
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

    def _begin(self, now: float, sent: int, came: int) -> None:
        self._quick_at, self._counted = now, (sent, came)
        self._waits.clear()

    def _is_way(self, sent: int, came: int) -> bool:
        """Whether what has waited since it was quick was held up by no queue."""
        sent, came = sent - self._counted[0], came - self._counted[1]
        if len(self._waits) < LEAP + 2 * HALF or not sent or sent - came > DROPPED * sent:
            return False
        before, lately = sum(self._waits[-2 * HALF : -HALF]) / HALF, sum(self._waits[-HALF:]) / HALF
        return abs(lately - before) < STEADY and max(self._waits[:LEAP]) > lately - STEADY
