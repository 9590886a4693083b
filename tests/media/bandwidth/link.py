"""A simulated way to subscribers, in virtual time: one bottleneck with a drop-tail queue, then a path with delay.

`Link` carries packets of any number of `Subscriber`s; a `Subscriber` sends frames and voice like the node does (all
packets of a frame at one instant, in batches of at most sixteen), and its far end answers with real feedback packets.
"""

from __future__ import annotations

import heapq
import random
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from server.media.bandwidth import BandwidthEstimator
from server.media.wire.twcc import FeedbackBuilder

STEP = 0.001  # s
BATCH = 16
PACKET = 1_100  # bytes
VOICE = 100
RTCP_HEAD = 12
PEER_CLOCK = 4_321.0  # s that the peer's clock is ahead of ours


class Queued(NamedTuple):
    size: int
    sent: float
    deliver: Callable[[float], None]


class Link:
    """`rate` in bit/s and `down` may be changed at any time; `dropped` counts what the queue did not take."""

    def __init__(
        self,
        rate: float,
        delay: float = 0.02,
        queue_ms: float = 300,
        loss: float = 0.0,
        jitter: float = 0.0,
        reorders: bool = False,
        seed: int = 1,
    ) -> None:
        self.rate, self.delay, self.loss, self.jitter, self.reorders = rate, delay, loss, jitter, reorders
        self.queue_bytes = max(rate * queue_ms / 8000, 1600)
        self.down = False
        self.dropped = self.offered = 0
        self._queue: deque[Queued] = deque()
        self._waiting = 0
        self._free = 0.0
        self._way: list[tuple[float, int, Callable[[float], None]]] = []
        self._count = 0
        self._latest = 0.0
        self._rng = random.Random(seed)

    @property
    def queue_ms(self) -> float:
        """What a packet would wait now."""
        return self._waiting * 8000 / self.rate

    def send(self, now: float, size: int, deliver: Callable[[float], None]) -> None:
        self.offered += 1
        if self.down or self._rng.random() < self.loss:
            return
        if self._waiting + size > self.queue_bytes:
            self.dropped += 1
            return
        self._waiting += size
        self._queue.append(Queued(size, now, deliver))

    def run(self, now: float) -> None:
        """Deliver what has arrived by now."""
        queue = self._queue
        while queue:
            done = max(self._free, queue[0].sent) + queue[0].size * 8 / self.rate
            if done > now:
                break
            packet = queue.popleft()
            self._free = done
            self._waiting -= packet.size
            arrival = done + self.delay + self._rng.uniform(0, self.jitter)
            if not self.reorders:
                arrival = self._latest = max(arrival, self._latest)
            self._count += 1
            heapq.heappush(self._way, (arrival, self._count, packet.deliver))
        while self._way and self._way[0][0] <= now:
            arrival, _, deliver = heapq.heappop(self._way)
            deliver(arrival)


@dataclass
class Source:
    """Frames of `wanted` bit/s, or less: the largest of `layers` that fits the estimate, or any rate without layers."""

    wanted: float = 20e6
    layers: tuple[float, ...] = ()
    fps: int = 25
    voice: bool = True
    key_frames: tuple[float, ...] = ()  # times; a key frame is five times a frame
    key_weight: float = 5.0
    silent: bool = False  # no frames

    def rate(self, estimate: float) -> float:
        if self.silent:
            return 0.0
        target = max(min(self.wanted, estimate), 0.0)
        if self.layers:
            return max((layer for layer in self.layers if layer <= target), default=0.0)
        return target


@dataclass
class Sample:
    now: float
    estimate: float
    queue_ms: float
    state: str
    rate: float


@dataclass
class Subscriber:
    link: Link
    source: Source
    interval: float = 0.1
    feedback_loss: float = 0.0
    back: float = 0.02
    probes: bool = True
    spread: bool = True  # packets of a probe over its duration
    estimator: BandwidthEstimator = field(default_factory=BandwidthEstimator)
    samples: list[Sample] = field(default_factory=list)
    probed: list[float] = field(default_factory=list)
    received: int = 0  # bytes

    def __post_init__(self) -> None:
        self._builder = FeedbackBuilder(1)
        self._number = 65_000
        self._next_frame = self._next_voice = self._next_tick = 0.0
        self._next_feedback = self.interval
        self._answers: deque[tuple[float, bytes]] = deque()
        self._later: list[tuple[float, int]] = []
        self._rng = random.Random(7)
        self._keys = list(self.source.key_frames)
        self._carry = 0.0

    def step(self, now: float) -> None:
        estimator, source = self.estimator, self.source
        while self._answers and self._answers[0][0] <= now:
            estimator.feedback(self._answers.popleft()[1], now)
        if now >= self._next_frame:
            self._next_frame += 1 / source.fps
            self._frame(now)
        if source.voice and now >= self._next_voice:
            self._next_voice += 0.02
            self._burst(now, [VOICE])
        while self._later and self._later[0][0] <= now:
            self._burst(now, [self._later.pop(0)[1]])
        if now >= self._next_feedback:
            self._next_feedback += self.interval
            for packet in self._builder.build():
                if self._rng.random() >= self.feedback_loss and not self.link.down:
                    self._answers.append((now + self.back, packet[RTCP_HEAD:]))
        if now >= self._next_tick:
            self._next_tick += 0.1
            self._tick(now)

    def _tick(self, now: float) -> None:
        estimator = self.estimator
        estimator.tick(now)
        self.samples.append(
            Sample(now, estimator.estimate, self.link.queue_ms, estimator.state, self.source.rate(estimator.estimate))
        )
        if not self.probes:
            return
        probe = estimator.probe(now, self.source.wanted)
        if probe is not None:
            self.probed.append(now)
            count = max(5, -(-probe.size // PACKET))
            each = -(-probe.size // count)
            if self.spread:
                self._later = [(now + probe.duration * i / count, each) for i in range(count)]
            else:
                self._burst(now, [each] * count)

    def _frame(self, now: float) -> None:
        voices = VOICE * 8 * 50 if self.source.voice else 0
        octets = self.source.rate(self.estimator.estimate - voices) / 8 / self.source.fps
        octets *= self._rng.uniform(0.7, 1.3)
        if self._keys and now >= self._keys[0]:
            self._keys.pop(0)
            octets *= self.source.key_weight
        octets += self._carry
        if octets < 50:
            self._carry = octets if octets > 0 else 0.0
            return
        self._carry = 0.0
        count = max(1, -(-int(octets) // PACKET))
        self._burst(now, [int(octets) // count] * count)

    def _burst(self, now: float, sizes: list[int]) -> None:
        for start in range(0, len(sizes), BATCH):
            batch = sizes[start : start + BATCH]
            self.estimator.sent(self._number, len(batch), sum(batch), now)
            for size in batch:
                self.link.send(now, size, self._arrive(self._number, size))
                self._number = self._number + 1 & 0xFFFF

    def _arrive(self, number: int, size: int) -> Callable[[float], None]:
        def arrived(at: float) -> None:
            self.received += size
            self._builder.record(number, round((at + PEER_CLOCK) * 1e6))

        return arrived

    # ---- what came of it -------------------------------------------------------------------------------------------

    def between(self, begin: float, end: float) -> list[Sample]:
        return [sample for sample in self.samples if begin <= sample.now < end]

    def mean(self, begin: float, end: float) -> float:
        """Mean estimate."""
        found = self.between(begin, end)
        return sum(sample.estimate for sample in found) / len(found)

    def lowest(self, begin: float, end: float) -> float:
        return min(sample.estimate for sample in self.between(begin, end))

    def highest(self, begin: float, end: float) -> float:
        return max(sample.estimate for sample in self.between(begin, end))


class Download:
    """Somebody else's on the same link, as TCP does it: more until something is lost, then three tenths less."""

    def __init__(self, link: Link, begin: float, end: float, back: float = 0.02) -> None:
        self.link, self.begin, self.end, self.back = link, begin, end, back
        self.received = 0  # bytes
        self._window = 10.0  # packets
        self._threshold = float("inf")
        self._next = self._recovered = 0  # numbers
        self._flying: dict[int, float] = {}
        self._acknowledged: deque[tuple[float, int]] = deque()
        self._heard = begin

    def step(self, now: float) -> None:
        while self._acknowledged and self._acknowledged[0][0] <= now:
            self._hear(self._acknowledged.popleft()[1], now)
        if self._flying and now - self._heard > 2.0:
            self._flying.clear()
            self._shrink(0.5)
            self._window, self._heard = 2.0, now
        while self.begin <= now < self.end and len(self._flying) < self._window:
            number, self._next = self._next, self._next + 1
            self._flying[number] = now
            self.link.send(now, PACKET, lambda at, number=number: self._acknowledged.append((at + self.back, number)))

    def _hear(self, number: int, now: float) -> None:
        if self._flying.pop(number, None) is None:
            return
        self._heard = now
        self.received += PACKET
        self._window += 1 if self._window < self._threshold else 1 / self._window
        for missing in [flying for flying in self._flying if flying < number - 3]:
            del self._flying[missing]
            if missing >= self._recovered:
                self._shrink(0.7)

    def _shrink(self, share: float) -> None:
        self._window = self._threshold = max(2.0, share * self._window)
        self._recovered = self._next


def run(
    subscribers: Sequence[Subscriber | Download],
    seconds: float,
    events: dict[float, Callable[[], None]] | None = None,
) -> None:
    """Let virtual time pass from nought; `events` happen at their times."""
    todo = sorted((events or {}).items())
    links = list({id(subscriber.link): subscriber.link for subscriber in subscribers}.values())
    for step in range(round(seconds / STEP)):
        now = step * STEP
        while todo and todo[0][0] <= now:
            todo.pop(0)[1]()
        for link in links:
            link.run(now)
        for subscriber in subscribers:
            subscriber.step(now)
