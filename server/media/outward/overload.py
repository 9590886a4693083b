"""Whether more arrives than the node can pass on. Pictures are then left out, so that voices stay in time.

Without this the kernel would throw packets away as they come, voices among them, behind a queue that is always full.
A long burst alone is no overload: a key frame for three hundred viewers takes tens of milliseconds, once.
"""

from __future__ import annotations

PATIENCE = 0.05  # s in which the node may fail to catch up before pictures are left out


class Overload:
    """Told at each burst whether the node rested before it."""

    def __init__(self) -> None:
        self._behind_since: float | None = None

    def note(self, rested: bool, now: float) -> None:
        """A burst has come."""
        if rested:
            self._behind_since = None
        elif self._behind_since is None:
            self._behind_since = now

    def lasts(self, now: float) -> bool:
        """Whether to leave out pictures now."""
        return self._behind_since is not None and now - self._behind_since > PATIENCE
