"""More arrives than the node can pass on: pictures are left out, the less important first, so that voices stay in time.

Voices never wait for pictures longer than a `TURN`: what is not done by then waits until the next burst was read and
its voices went. How long pictures wait tells of overload, and whatever else takes the processor does not: a key frame
for three hundred viewers takes tens of milliseconds, once, and a moment without the processor is made up for.

What is left out goes by a level that stands from burst to burst: it rises while the node cannot keep up, and sinks by
one step at a time once it can, later each time when that was too soon, since a picture comes back with a key frame.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal

TURN = 0.004  # s for pictures before the next burst is read
PIECE = 1_000  # packets that leave before the clock is looked at: as long as a turn
PATIENCE = 0.1  # s that a picture may wait before something is left out
LONGER = 0.15  # s until what was thinned is left out whole, since that costs a key frame when it comes back
BEHIND = 0.02  # s that a picture waits where a node is near its limits
CALM = 1.0  # s at a level, and since a picture waited so long, before it sinks, unless it sank too soon before
LONGEST_CALM = 8.0

VOICE, SCREEN, FIRST_CAMERA, CAMERA = range(4)  # importance; the first camera is that of who has the floor
HIGHEST = 2 * CAMERA
Fate = Literal["whole", "base", "nothing"]


def fate(importance: int, level: int) -> Fate:
    """What goes out of a source at a level of 0 to `HIGHEST`: all, its lowest temporal layer, or nothing.

    A step each for the two: of other cameras first, then of the first camera, then of screens; never of voices.
    """
    above = level - 2 * (CAMERA - importance)
    if importance == VOICE or above <= 0:
        return "whole"
    return "base" if above == 1 else "nothing"


def steps(importance: int, layered: bool) -> tuple[int, ...]:
    """The levels at which less goes out of a picture than at the one below; it may have temporal layers or not."""
    nothing = 2 * (CAMERA - importance) + 2
    return (nothing - 1, nothing) if layered else (nothing,)


class Overload:
    """Told after each burst how long pictures wait; `level` says what to leave out now."""

    def __init__(self) -> None:
        self.level = 0
        self._behind_at = self._changed_at = self._sank_at = float("-inf")
        self._calm = CALM

    def note(self, waiting: float, now: float) -> bool:
        """The oldest picture that is not passed on has waited so long (s), 0 if none is; whether the level must `rise`.

        What was decided last is given time to show.
        """
        if waiting > BEHIND:
            self._behind_at = now
        elif self.level and now - max(self._changed_at, self._behind_at) > self._calm:
            self._sink(now)
        return waiting > PATIENCE and now - self._changed_at > (LONGER if self.level % 2 else PATIENCE)

    def rise(self, steps: Iterable[int], now: float) -> None:
        """Go up to the next of the levels at which less goes out of what goes out now (`steps`)."""
        self.level = min((level for level in steps if level > self.level), default=self.level)
        too_soon = now - self._sank_at < CALM
        self._calm = min(4 * self._calm, LONGEST_CALM) if too_soon else CALM
        self._changed_at = now

    def _sink(self, now: float) -> None:
        """By one step; the next may follow sooner, unless this one was too soon."""
        self.level -= 1
        self._calm = max(CALM, self._calm / 2)
        self._changed_at = self._sank_at = now
