"""The clock of a bridge: every 20 ms are due at their own time, however late the machine gets round to them."""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Callable

from server.media.phone.codecs import FRAME_TIME

AHEAD = 0.002  # s before each tick that what it needs is made ready; sound waits for longer (`playout`)
BEHIND = 0.2  # s: the machine stood still; what was missed is not made up for
_KEPT = 3_000  # ticks whose length is remembered: the last minute


class Metronome:
    """Calls `step` with the time that is due, on the loop's clock. A tick that comes late is no later in the music:
    a voice is taken from where it was, not from where it would be by now, and so has no hole. `prepare` is called a
    little before each, so that the loop is held up twice for a short time and not once for a long one.

    `lengths` are those of the last minute's ticks in s of this thread's CPU, the oldest first (what other programs take
    of the core in between shows as the loop's lag); `skipped` counts ticks left out.
    """

    def __init__(self, step: Callable[[float], None], prepare: Callable[[], None] = lambda: None) -> None:
        self.lengths: deque[float] = deque(maxlen=_KEPT)
        self.skipped = 0
        self._step, self._prepare = step, prepare
        self._timers: list[asyncio.TimerHandle] = []

    def start(self) -> None:
        """From now on; one that runs goes on."""
        if not self._timers:
            self._after(asyncio.get_running_loop().time())

    def stop(self) -> None:
        """No more, until it is started again."""
        for timer in self._timers:
            timer.cancel()
        self._timers = []

    def _after(self, due: float) -> None:
        loop, following = asyncio.get_running_loop(), due + FRAME_TIME
        self._timers = [
            loop.call_at(following - AHEAD, self._prepare),
            loop.call_at(following, self._tick, following),
        ]

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
