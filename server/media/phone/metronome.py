"""The clock of a bridge: every 20 ms are due at their own time, however late the machine gets round to them."""

from __future__ import annotations

import asyncio
import time
from collections import Counter, deque
from collections.abc import Callable, Iterator
from itertools import chain

from server.media.phone.codecs import FRAME_TIME

AHEAD = 0.002  # s before each tick that what it needs is made ready; sound waits for longer (`playout`)
BEHIND = 0.2  # s: the machine stood still; what was missed is not made up for
_KEPT = 3_000  # ticks whose length is remembered: the last minute
COUNTED = 0.00005  # s: lengths that `counts` tells apart
Turns = Iterator[None]
"""Work that is done in pieces: whenever it yields, the loop sees to what else waits first."""
Step = Callable[[float], Turns]


class Metronome:
    """Calls `step` with the time that is due, on the loop's clock. A tick that comes late is no later in the music:
    a voice is taken from where it was, not from where it would be by now, and so has no hole. `prepare` is called
    a little before with the same time, and all of it is done before the tick, even when both come late. Both are done
    in turns, so that the loop is held up often for a short time and not for a long one: a meeting's media go by the
    same loop.

    `lengths` are those of the last minute's ticks in s of this thread's CPU, the oldest first (what other programs take
    of the core in between shows as the loop's lag). `counts` are of all ticks since the beginning, by how many whole
    times `COUNTED` each took; `skipped` counts ticks left out.
    """

    def __init__(self, step: Step, prepare: Step = lambda due: iter(())) -> None:
        self.lengths: deque[float] = deque(maxlen=_KEPT)
        self.counts: Counter[int] = Counter()
        self.skipped = 0
        self._step, self._prepare = step, prepare
        self._preparing: Turns = iter(())
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
            loop.call_at(following - AHEAD, self._make_ready, following),
            loop.call_at(following, self._tick, following),
        ]

    def _tick(self, due: float) -> None:
        loop = asyncio.get_running_loop()
        began = loop.time()
        if began - due > BEHIND:
            self.skipped += round((began - due) / FRAME_TIME)
            due = began
        self._after(due)
        self._go_on(chain(self._preparing, self._step(due)), self._note)

    def _note(self, used: float) -> None:
        self.lengths.append(used)
        self.counts[int(used / COUNTED)] += 1

    def _make_ready(self, due: float) -> None:
        self._preparing = self._prepare(due)
        self._go_on(self._preparing)

    def _go_on(self, work: Turns, done: Callable[[float], None] = lambda used: None, used: float = 0.0) -> None:
        """The next turn of what has used so much CPU (s) so far."""
        began = time.thread_time()
        over = next(work, work) is work
        used += time.thread_time() - began
        if over:
            done(used)
        else:
            asyncio.get_running_loop().call_soon(self._go_on, work, done, used)
