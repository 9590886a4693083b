"""One queue of timers for everything above the sockets; the shell tells it the time, so tests may make it up."""

from __future__ import annotations

import heapq
from collections.abc import Callable
from itertools import count

Action = Callable[[float], None]

T1 = 0.5  # s, a round trip (RFC 3261 §17.1.1.1)
T2 = 4.0  # s, the longest wait before a repetition
T4 = 5.0  # s, how long a message may linger in the network
TIMEOUT = 64 * T1  # timers B, F, H, J, L, M


class Timer:
    """Something to do at a time, once."""

    __slots__ = ("action",)

    def __init__(self, action: Action) -> None:
        self.action: Action | None = action

    def cancel(self) -> None:
        """It is not to be done any more."""
        self.action = None


class Timers:
    """The queue. Times are seconds of any one clock."""

    def __init__(self) -> None:
        self._queue: list[tuple[float, int, Timer]] = []
        self._order = count()
        self.on_earlier: Action | None = None  # told of a time before all others

    def at(self, when: float, action: Action) -> Timer:
        """Do something at `when`; the action gets the time at which it is done."""
        timer = Timer(action)
        entry = (when, next(self._order), timer)
        heapq.heappush(self._queue, entry)
        if self.on_earlier is not None and self._queue[0] is entry:
            self.on_earlier(when)
        return timer

    def next(self) -> float | None:
        """When the next action is due, None when there is none."""
        while self._queue and self._queue[0][2].action is None:
            heapq.heappop(self._queue)
        return self._queue[0][0] if self._queue else None

    def run(self, now: float) -> None:
        """Do all that is due by `now`, in order of its time."""
        while (due := self.next()) is not None and due <= now:
            timer = heapq.heappop(self._queue)[2]
            action, timer.action = timer.action, None
            if action is not None:
                action(now)


class Repeating:
    """A message that is sent again at growing distances until it is stopped: T1, doubled, at most `longest`."""

    __slots__ = ("_action", "_longest", "_step", "_timer", "_timers")

    def __init__(self, timers: Timers, now: float, action: Action, longest: float = T2) -> None:
        self._timers, self._action, self._longest = timers, action, longest
        self._step = T1
        self._timer = timers.at(now + T1, self._again)

    def _again(self, now: float) -> None:
        self._step = min(2 * self._step, self._longest)
        self._timer = self._timers.at(now + self._step, self._again)
        self._action(now)

    def slow_down(self) -> None:
        """From the next repetition on wait the longest (§17.1.2.2, Proceeding)."""
        self._step = self._longest

    def stop(self) -> None:
        """It is heard."""
        self._timer.cancel()
