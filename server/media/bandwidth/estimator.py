"""The estimate of one subscriber's downlink: history, delay, loss, rate and probing put together."""

from __future__ import annotations

from collections.abc import Callable

from server.media.bandwidth.delay import DelayDetector
from server.media.bandwidth.history import History
from server.media.bandwidth.loss import LossBound
from server.media.bandwidth.probe import Probe, Prober
from server.media.bandwidth.rate import CEILING, FLOOR, START, RateControl, Throughput
from server.media.twcc import read_report

SILENCE = 0.8  # s and two round trips without feedback on what was sent: the link is taken to be interrupted
_AGAIN = 0.5  # s until silence cuts once more
_SILENCE_FACTOR = 0.5
_RESUME = 0.6  # of the estimate before an interruption is taken up after it
_UNHEARD = 3  # batches that must wait for feedback before silence means something
_MORE_THAN_USUAL = 0.05  # share of loss above the inherent at which nothing is increased
_QUEUED = 40.0  # ms of queue with which loss is not inherent
_QUEUE_FOR_PROBES = 40.0  # ms


class BandwidthEstimator:
    """See the package's docstring for how it is used. Times in seconds of one monotonic clock."""

    __slots__ = (
        "_before", "_delay", "_history", "_loss", "_measured_rtt", "_prober", "_rate", "_silent_cut", "_ticks",
        "_throughput", "record",
    )  # fmt: skip

    def __init__(self, start: float = START) -> None:
        self._history = History()
        self._delay = DelayDetector()
        self._loss = LossBound()
        self._rate = RateControl(start)
        self._throughput = Throughput()
        self._prober = Prober()
        self._ticks: int | None = None  # arrival of the newest packet that was reported, on the peer's clock
        self._before: float | None = None  # estimate before an interruption that lasts
        self._silent_cut = float("-inf")
        self._measured_rtt = False
        self.record: Callable[[tuple[int, int, int, float]], None] = self._history.record

    # ---- what happens ----------------------------------------------------------------------------------------------

    def sent(self, first: int, count: int, size: int, now: float) -> None:
        """A batch left: `count` packets from the 16-bit transport-wide number `first` on, `size` bytes in all."""
        self.record((first, count, size, now))

    def feedback(self, fci: bytes, now: float) -> None:
        """A transport-wide feedback came (`rtcp.TransportFeedback.fci`). Raises ProtocolError when malformed."""
        report = read_report(fci, self._ticks)
        if report.ticks:
            self._ticks = report.ticks[-1]
        history = self._history
        groups = history.match(report)
        if self._before is not None and groups:
            self._resume(now)
        if not groups:
            return
        if not self._measured_rtt:
            self._note_rtt(now - groups[-1][1])
        octets = 0
        for group in groups:
            octets += group[2]
        loss, rate = self._loss, self._rate
        self._throughput.add(octets, groups[-1][5])
        self._delay.update(groups, rate.estimate)
        loss.update(history.newest, octets, history.received, history.lost, self._delay.queue > _QUEUED)
        cut = rate.last_cut
        lossy = loss.loss > loss.inherent + _MORE_THAN_USUAL
        rate.update(self._delay, self._throughput.rate, loss.inherent, lossy, now)
        if rate.last_cut > cut:
            self._prober.wait(now, rate.is_near_capacity)
        probed = self._prober.observe(groups, history.newest, rate.estimate, loss.inherent, now)
        if probed is not None:
            rate.probed(probed, now)

    def rtt(self, seconds: float) -> None:
        """A round trip was measured (RTCP reports)."""
        self._measured_rtt = True
        self._rate.rtt = seconds

    def tick(self, now: float) -> None:
        """About ten times a second: notice that feedback stays away."""
        rtt = self._rate.rtt
        self._prober.give_up(now, rtt)
        oldest = self._history.oldest
        if oldest is None or self._history.waiting < _UNHEARD or now - oldest < SILENCE + 2 * rtt:
            return
        if now - self._silent_cut < _AGAIN:
            return
        if self._before is None:
            self._before = self._rate.estimate
        self._silent_cut = now
        self._rate.interrupted(_SILENCE_FACTOR, now)

    def probe(self, now: float, wanted: float) -> Probe | None:
        """What to send beside the media to find out whether `wanted` bit/s would fit; None for now."""
        if self._before is not None or self._delay.queue > _QUEUE_FOR_PROBES:
            return None
        wanted = min(wanted, CEILING, self._loss.bound)
        return self._prober.due(now, self.estimate, wanted, self._delay.jitter)

    def moved(self, now: float) -> None:
        """The subscriber has another address: nothing that was learnt of the way holds."""
        self._delay.reset()
        self._history.forget(now)
        self._loss.restart(self._history.received, self._history.lost)
        self._prober.hurry(now)

    def _resume(self, now: float) -> None:
        before, self._before = self._before, None
        self._silent_cut = float("-inf")
        self._rate.resumed((before or 0.0) * _RESUME)
        self.moved(now - self._rate.rtt)

    def _note_rtt(self, seconds: float) -> None:
        """Without reports: the time from a packet to its feedback, which is a little more than a round trip."""
        self._rate.rtt += 0.1 * (min(seconds, 2.0) - self._rate.rtt)

    # ---- what is known ---------------------------------------------------------------------------------------------

    @property
    def estimate(self) -> float:
        """bit/s that may be sent, in bytes as they were told to `sent`."""
        return max(min(self._rate.estimate, self._loss.bound), FLOOR)

    @property
    def loss(self) -> float:
        """Smoothed share of packets that do not arrive."""
        return self._loss.loss

    @property
    def state(self) -> str:
        """ "normal", "overuse" or "underuse"."""
        return self._delay.state.value

    @property
    def queueing_ms(self) -> float:
        """How long packets wait in the link's queue."""
        return self._delay.queue

    @property
    def in_flight(self) -> int:
        """Bytes of which no feedback has spoken."""
        return self._history.in_flight

    @property
    def throughput(self) -> float:
        """bit/s that arrive."""
        return self._throughput.rate or 0.0
