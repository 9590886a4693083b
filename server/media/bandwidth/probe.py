"""Probing: a few packets more than usual for some tens of milliseconds, to see whether the link has more.

What a probe measures is its dispersion: a link of capacity C stretches a train of packets to their size / C, however
quickly they were sent. Since a link may also bunch packets (Wi-Fi aggregation), no more than the rate that the probe
was made for is believed.
"""

from __future__ import annotations

from dataclasses import dataclass

from server.media.bandwidth.history import TICK, Group

DURATION = 0.03  # s
_LONGEST = 0.15  # s, on links with jitter
_LEAST = 1_200  # bytes, to be sent as at least five packets
FACTOR = 2.0  # of the estimate
_MARGIN = 1.25  # of what is wanted
ENOUGH = 1.05  # nothing is probed for when less than this times the estimate is wanted
_GAIN = 1.05  # of the estimate: a probe that found this much was worth it
_SATURATED = 0.9  # of the probe's rate: below, it was the link that set the pace
_KEPT = 1.1  # of the time in which a probe was sent: when it takes no longer to arrive, the link kept the pace
_FEWEST = 4  # packets that make a measurement
_BELOW = 0.95  # of a saturated link's rate is taken
_SLACK = 0.02  # s after the duration in which the packets of a probe may leave
_TIMEOUT = 1.0  # s and a round trip until a probe is given up
_FIRST_PAUSE = 1.0  # s after a probe that brought nothing
_LONGEST_PAUSE = 8.0  # s
_THIN = 300_000.0  # bit/s: who has so little is looked after more often, since it means the most there
_LONGEST_PAUSE_THIN = 4.5  # s
_AFTER_CUT = 2.0  # s
_NEAR_CAPACITY = 8.0  # s after a cut to what the link was seen to carry


@dataclass(frozen=True, slots=True)
class Probe:
    """Send `size` bytes beside the media, in at least five packets, spread over `duration` seconds or at once."""

    rate: float  # bit/s that it tests for
    size: int
    duration: float


class Prober:
    """Says when to probe and reads what came of it; one probe at a time."""

    __slots__ = (
        "_begin", "_end", "_first_arrival", "_first_sent", "_first_size", "_jitter", "_last_arrival", "_last_sent",
        "_next", "_packets", "_pause", "_size", "probe",
    )  # fmt: skip

    def __init__(self) -> None:
        self.probe: Probe | None = None  # the one under way
        self._next = float("-inf")
        self._pause = _FIRST_PAUSE
        self._begin = self._end = self._jitter = 0.0

    def due(self, now: float, estimate: float, wanted: float, jitter: float) -> Probe | None:
        """A probe to be sent now, if more than the estimate is wanted and the last one is long enough ago.

        It is the longer the more (seconds) packets are delayed at random, so as to stand out from that.
        """
        if self.probe is not None or now < self._next or wanted < estimate * ENOUGH:
            return None
        rate = min(estimate * FACTOR, wanted * _MARGIN)
        self._jitter = min(jitter, _LONGEST - DURATION)
        size = max(round(rate * (DURATION + self._jitter) / 8), _LEAST)
        self.probe = Probe(rate, size, size * 8 / rate)
        self._begin, self._end = now, now + self.probe.duration + _SLACK
        self._size = self._packets = 0
        self._first_arrival, self._last_arrival = float("inf"), float("-inf")
        self._first_sent = self._last_sent = self._first_size = 0.0
        return self.probe

    def hurry(self, now: float) -> None:
        """Probe at the next occasion: the link came back."""
        self._next, self._pause, self.probe = now, _FIRST_PAUSE, None

    def wait(self, now: float, near_capacity: bool, estimate: float) -> None:
        """The estimate was cut to this: do not probe into the queue, nor soon for what is known."""
        known = _LONGEST_PAUSE_THIN if estimate < _THIN else _NEAR_CAPACITY
        self._next = max(self._next, now + (known if near_capacity else _AFTER_CUT))

    def observe(self, groups: list[Group], newest: float, estimate: float, inherent: float, now: float) -> float | None:
        """Groups of a feedback, which spoke of packets until `newest`; the measured rate in bit/s when it is known."""
        probe = self.probe
        if probe is None:
            return None
        whole = probe.size * (1 - inherent)
        for group in groups:
            if self._size < whole and self._begin <= group[1] and group[0] <= self._end:
                self._add(group)
        if self._size < whole and newest <= self._end:
            return None
        self.probe = None
        rate = self._measured(probe, inherent)
        self._plan(rate, estimate, now)
        return rate

    def give_up(self, now: float, rtt: float) -> None:
        """Forget a probe of which no feedback spoke in time."""
        if self.probe is not None and now > self._end + _TIMEOUT + rtt:
            self.probe = None
            self._plan(None, 0.0, now)

    def _add(self, group: Group) -> None:
        first_sent, self._last_sent, size, packets, first_arrival, last_arrival = group
        if self._packets == 0:
            self._first_sent = first_sent
        self._size += size
        self._packets += packets
        if first_arrival < self._first_arrival:
            self._first_arrival, self._first_size = first_arrival, size / packets
        self._last_arrival = max(self._last_arrival, last_arrival)

    def _measured(self, probe: Probe, inherent: float) -> float | None:
        """The bytes after the first packet over the time from it to the last; the probe's rate if the pace was kept."""
        if self._packets < _FEWEST or self._size < probe.size / 2:
            return None
        span, pace = self._last_arrival - self._first_arrival, self._last_sent - self._first_sent
        span = max(span - self._jitter, min(span, pace))
        share = 1 - inherent
        if 0 < span <= _KEPT * pace and self._size >= _SATURATED * probe.size * share:
            return probe.rate
        rate = (self._size - self._first_size) * 8 / share / max(span, TICK)
        return probe.rate if rate >= _SATURATED * probe.rate else rate * _BELOW

    def _plan(self, rate: float | None, estimate: float, now: float) -> None:
        if rate is not None and rate > estimate * _GAIN:
            self._next, self._pause = now, _FIRST_PAUSE
        else:
            self._next = now + self._pause
            self._pause = min(self._pause * 2, _LONGEST_PAUSE_THIN if estimate < _THIN else _LONGEST_PAUSE)
