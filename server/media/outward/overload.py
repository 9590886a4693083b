"""More arrives than the node can pass on: pictures are left out, the less important first, so that voices stay in time.

Without this the kernel would throw packets away as they come, voices among them, behind a queue that is always full.
A long burst alone is no overload: a key frame for three hundred viewers takes tens of milliseconds, once.

What is left out goes by a level that stands from burst to burst: it rises while the node cannot keep up, and sinks by
one step at a time once it can, later each time when that was too soon, since a picture comes back with a key frame.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal

PATIENCE = 0.05  # s in which the node may fail to catch up before something is left out
LONGER = 0.15  # s until what was thinned is left out whole, since that costs a key frame when it comes back
CALM = 1.0  # s at a level before it sinks, where it did not sink too soon before
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
    """Told at each burst whether the node rested before it; `level` says what to leave out now."""

    def __init__(self) -> None:
        self.level = 0
        self._due: float | None = None  # when more is left out, if the node does not rest before
        self._changed_at = self._sank_at = float("-inf")
        self._calm = CALM

    def note(self, rested: bool, now: float) -> bool:
        """A burst has come; whether the level must `rise`."""
        if rested:
            self._due = None
            if self.level and now - self._changed_at > self._calm:
                self._sink(now)
        elif self._due is None:
            self._due = now + self._patience
        return self._due is not None and now >= self._due

    def rise(self, steps: Iterable[int], now: float) -> None:
        """Go up to the next of the levels at which less goes out of what goes out now (`steps`)."""
        self.level = min((level for level in steps if level > self.level), default=self.level)
        too_soon = now - self._sank_at < CALM
        self._calm = min(4 * self._calm, LONGEST_CALM) if too_soon else CALM
        self._changed_at, self._due = now, now + self._patience

    @property
    def _patience(self) -> float:
        return LONGER if self.level % 2 else PATIENCE

    def _sink(self, now: float) -> None:
        """By one step; the next may follow sooner, unless this one was too soon."""
        self.level -= 1
        self._calm = max(CALM, self._calm / 2)
        self._changed_at = self._sank_at = now
