"""The rate that delays allow: additive increase, multiplicative decrease (draft-ietf-rmcat-gcc-02 §5.5).

An SFU sends what its layers happen to weigh and so seldom fills the link: silence is no reason to lower the estimate,
and a link that delivers little is no reason to believe in much (at most `HEADROOM` times what arrived, unless probed).
"""

from __future__ import annotations

from server.media.bandwidth.delay import DelayDetector, State

START = 600_000.0  # bit/s
FLOOR = 20_000.0
CEILING = 20_000_000.0
HEADROOM = 1.5
_HEADROOM_LEAST = 10_000.0  # bit/s
_GROWTH = 0.08  # of the estimate, a second
_PACKET = 6_000.0  # bits: what is added in a response time near the capacity
_BETA = 0.88  # of what the link delivered, after over-use
_SHARPEST = 0.3
_DRAIN = 1.5  # s in which a queue is to be gone
_FULL = 150.0  # ms of queue: no false alarm
_LONGEST_STEP = 0.5  # s of increase at once
_INTERVAL = 0.2  # s at least between two cuts
_OVERFLOW = 50.0  # ms of queue with which unusual loss is congestion
_QUEUE = 30.0  # ms of queue with which nothing is increased
_FRAME = 1 / 40  # s: packets are smaller where a frame of this time is
_DRAINED = 15.0  # ms
_CAPACITY_MEMORY = 30.0  # s
_RESTORED = 0.9  # of the estimate before cuts that were a mistake
_NEAR = 0.8
_CHANGED = 0.3  # of the capacity: another link, not another measurement
_WINDOW = 0.2  # s of arrivals that make one measurement of the throughput
_SMOOTHING = 0.4


class Throughput:
    """What arrives, in bit/s of the peer's clock."""

    __slots__ = ("_begin", "_bytes", "rate")

    def __init__(self) -> None:
        self._begin = float("-inf")
        self._bytes = 0
        self.rate: float | None = None

    def add(self, octets: int, arrival: float) -> None:
        """So many bytes came, the last of them at `arrival`."""
        span = arrival - self._begin
        self._bytes += octets
        if span > 10 or span < 0:
            self._begin, self._bytes = arrival, 0
        elif span >= _WINDOW:
            rate = self._bytes * 8 / span
            self.rate = rate if self.rate is None else self.rate + _SMOOTHING * (rate - self.rate)
            self._begin, self._bytes = arrival, 0


class RateControl:
    """`estimate` is in bit/s. `capacity` is what the link delivered at the last over-use, None when long ago."""

    __slots__ = (
        "_before_cut",
        "_capacity_until",
        "_cut",
        "_drains",
        "_proven",
        "_unjustified",
        "_updated",
        "capacity",
        "estimate",
        "rtt",
    )

    def __init__(self, start: float = START) -> None:
        self.estimate = start
        self._proven = False  # whether the estimate rests on anything measured
        self.rtt = 0.1
        self.capacity: float | None = None
        self._capacity_until = float("-inf")
        self._drains = False  # whether the last cut went below the capacity only to drain the queue
        self._cut = float("-inf")
        self._before_cut = start  # the estimate by which packets were sent before the last cut
        self._updated = float("-inf")
        self._unjustified = 0.0  # the estimate before the cuts that have not yet drained a queue

    def update(self, delay: DelayDetector, throughput: float | None, inherent: float, lossy: bool, now: float) -> bool:
        """Follow the detector after a feedback; returns whether the estimate was cut.

        Rates that arrived are made those that were sent by the share of `inherent` loss. When more is lost than that
        (`lossy`) with a queue, this is over-use; without one nothing is increased.
        """
        elapsed = min(now - self._updated, _LONGEST_STEP)
        self._updated = now
        if now > self._capacity_until:
            self.capacity = None
        if delay.waiting < _QUEUE:
            self._unjustified = 0.0
        sent = throughput / (1 - inherent) if throughput is not None else None
        if delay.state is State.OVERUSE or (lossy and delay.waiting > _OVERFLOW):
            measured = delay.busy / (1 - inherent) if delay.busy is not None else sent
            if measured is not None and now - self._cut >= max(_INTERVAL, min(self.rtt, 1.0)):
                self._decrease(measured, delay.queue, now)
                return True
        elif delay.state is State.NORMAL and delay.waiting < _QUEUE and not lossy and sent is not None:
            if self._drains and delay.waiting < _DRAINED:
                self._drains = False
                self._set(max(self.estimate, _BETA * (self.capacity or 0.0)))
            self._increase(sent, elapsed)
        return False

    @property
    def is_near_capacity(self) -> bool:
        """Whether over-use not long ago told what the link carries, and the estimate is about that."""
        return self.capacity is not None and self.estimate > _NEAR * self.capacity

    def in_force(self, sent: float) -> float:
        """The estimate by which a packet was sent that feedback speaks of now: a cut shows a round trip later."""
        if sent >= self._cut:
            self._before_cut = self.estimate
        return max(self._before_cut, self.estimate)

    def probed(self, rate: float) -> None:
        """A probe was measured at this rate; the first measurement may lower the guess, by half at most."""
        if rate > self.estimate or not self._proven:
            self._set(max(rate, self.estimate / 2))
            if self.capacity is not None and rate > self.capacity:
                self.capacity = None
        self._proven = True

    def restore(self) -> None:
        """The cuts of late were made for a queue that is none of ours."""
        if self._unjustified:
            self._set(max(self.estimate, _RESTORED * self._unjustified))
        self.capacity, self._drains, self._unjustified = None, False, 0.0

    def interrupted(self, factor: float, now: float) -> None:
        """No feedback: nothing is known, so less is sent."""
        self._set(self.estimate * factor)
        self._cut = now

    def resumed(self, estimate: float) -> None:
        """Feedback is back after an interruption."""
        self._set(max(estimate, self.estimate))

    def _set(self, estimate: float) -> None:
        self.estimate = min(max(estimate, FLOOR), CEILING)

    def _decrease(self, measured: float, queue: float, now: float) -> None:
        """Below what the link delivers by so much that the queue drains soon; a slight one may be a false alarm, and
        then the estimate is halved at most."""
        self._unjustified = max(self._unjustified, self.estimate)
        target = measured * max(_SHARPEST, min(_BETA, 1 - queue / 1000 / _DRAIN))
        if queue < _FULL:
            target = max(target, self.estimate / 2)
        if target < self.estimate:
            self._set(target)
        self._drains = target < _BETA * measured
        self._cut = now
        self._proven = True
        if self.capacity is None or abs(measured - self.capacity) > _CHANGED * self.capacity:
            self.capacity = measured
        else:
            self.capacity += 0.5 * (measured - self.capacity)
        self._capacity_until = now + _CAPACITY_MEMORY

    def _increase(self, throughput: float, elapsed: float) -> None:
        """By a packet a response time near the known capacity, else by `_GROWTH`."""
        step = min(_PACKET, self.estimate * _FRAME) / (self.rtt + 0.1) * elapsed
        if self.capacity is None or self.estimate < _BETA * self.capacity:
            step = max(step, self.estimate * _GROWTH * elapsed)
        limit = HEADROOM * throughput + _HEADROOM_LEAST
        if self.estimate < limit:
            self._set(min(self.estimate + step, limit))
            self._proven = True
