"""The clock of a bridge: every 20 ms are due at their own time, however late the machine gets round to them."""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Callable

from server.media.phone.codecs import FRAME_TIME

BEHIND = 0.2  # s: the machine stood still; what was missed is not made up for
_KEPT = 3_000  # ticks whose length is remembered: the last minute


class Metronome:
    """Calls `step` with the time that is due, on the loop's clock. A tick that comes late is no later in the music:
    a voice is taken from where it was, not from where it would be by now, and so has no hole.

    `lengths` are those of the last minute's ticks in s of this thread's CPU, the oldest first (what other programs take
    of the core in between shows as the loop's lag); `skipped` counts ticks left out.
    """

    def __init__(self, step: Callable[[float], None]) -> None:
        self.lengths: deque[float] = deque(maxlen=_KEPT)
        self.skipped = 0
        self._step = step
        self._timer: asyncio.TimerHandle | None = None

    def start(self) -> None:
        """From now on; one that runs goes on."""
        if self._timer is None:
            self._after(asyncio.get_running_loop().time())

    def stop(self) -> None:
        """No more, until it is started again."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _after(self, due: float) -> None:
        self._timer = asyncio.get_running_loop().call_at(due + FRAME_TIME, self._tick, due + FRAME_TIME)

    def _tick(self, due: float) -> None:
        loop = asyncio.get_running_loop()
        began = loop.time()
        if began - due > BEHIND:
            self.skipped += round((began - due) / FRAME_TIME)
            due = began
        self._after(due)
        used = time.thread_time()
        self._step(due)
        self.lengths.append(time.thread_time() - used)
