"""The estimate of one subscriber's downlink: history, delay, loss, rate and probing put together."""

from __future__ import annotations

from math import inf

from server.media.bandwidth.delay import DelayDetector
from server.media.bandwidth.history import ALL_READ, TICK, Group, History, Unread
from server.media.bandwidth.loss import LossBound
from server.media.bandwidth.probe import Probe, Prober
from server.media.bandwidth.rate import CEILING, FLOOR, START, RateControl, Throughput
from server.media.wire.twcc import read_report, read_run

QUEUED = 40.0  # ms for which packets wait in a link: more, and loss is not inherent; what can be spared is not sent
JUDGED_EVERY = 0.08  # s: feedbacks that come more often are taken together
CALM_EVERY = 0.35  # s: those of a link on which nothing happens, and which was not found full of late
SILENCE = 0.8  # s and two round trips without feedback on what was sent: the link is taken to be interrupted
_AGAIN = 0.5  # s until silence cuts once more
_SILENCE_FACTOR = 0.5
_RESUME = 0.6  # of the estimate before an interruption is taken up after it
_UNHEARD = 3  # batches that must wait for feedback before silence means something
_LONGEST_RTT = 2.0  # s
_RTT_SMOOTHING = 0.1
_UNUSUAL = 0.05  # share of loss above the inherent with which nothing is increased
_RESTLESS = 10.0  # ms: on a link like this a cut may have been a false alarm


class BandwidthEstimator:
    """See the package's docstring for how it is used. Times in seconds of one monotonic clock, rates in bit/s."""

    __slots__ = (
        "_before", "_calm", "_delay", "_groups", "_heard", "_history", "_judged", "_loss", "_prober", "_rate",
        "_reported_rtt", "_silent_cut", "_throughput", "_ticks", "record", "returns",
    )  # fmt: skip

    def __init__(self, start: float = START) -> None:
        self._history = History()
        self._delay = DelayDetector()
        self._loss = LossBound()
        self._rate = RateControl(start)
        self._throughput = Throughput()
        self._prober = Prober()
        self._groups: list[Group] = []  # told by feedback while a probe runs, not judged yet
        self._calm = True  # whether these told of nothing that is new
        self._heard = self._judged = float("-inf")
        self._ticks: int | None = None  # arrival of the newest packet that was reported, on the peer's clock
        self._before: float | None = None  # estimate before an interruption that lasts
        self._silent_cut = float("-inf")
        self._reported_rtt = False
        self.returns = 0  # interruptions that are over, and queues that were none
        self.record = self._history.record

    # ---- what happens ----------------------------------------------------------------------------------------------

    def sent(self, first: int, count: int, size: int, now: float) -> None:
        """A batch left: `count` packets from the 16-bit transport-wide number `first` on, `size` bytes in all.

        The hot path may call `record((first, count, size, now))` instead, which is the same without a frame of Python.
        """
        self.record((first, count, size, now))

    def feedback(self, fci: bytes, now: float, unread: Unread = ALL_READ) -> bool:
        """A transport-wide feedback came (`rtcp.TransportFeedback.fci`); whether the link was judged by it.

        What left and is `unread` is recorded as far as that is needed. Raises ProtocolError when malformed.
        """
        if self._calm and now - self._judged < CALM_EVERY and self._passes_over(fci, now, unread):
            return False
        unread.catch_up()
        report = read_report(fci, self._ticks)
        if report.ticks:
            self._ticks = report.ticks[-1]
        groups = self._history.match(report)
        if not groups:
            return False
        self._heard = now
        if self._before is not None:
            self._resume(self._before, now)
        newest = groups[-1]
        calm = report.before is None and not self._watched and self._delay.is_calm(newest[1], newest[5])
        due = now - self._judged >= (CALM_EVERY if calm else JUDGED_EVERY)
        if due and self._calm and not calm:
            self._judge(now)  # by themselves: as one with these, the quickest of them would hide that these are late
        self._delay.hear(groups, self._rate.in_force(newest[1]))
        if self._prober.probe is not None:
            self._groups += groups
        self._calm = calm
        if due:
            self._judge(now)
        return due

    @property
    def _watched(self) -> bool:
        """Whether each feedback counts, even when nothing happens."""
        return self._prober.probe is not None or self._rate.capacity is not None

    def _passes_over(self, fci: bytes, now: float, unread: Unread) -> bool:
        """Whether a feedback of a calm link tells only that it still is: then one in some, when the link is due to be
        judged, is looked at closely."""
        run = None if self._watched or self._before is not None else read_run(fci, self._ticks)
        if run is None:
            return False
        base, told, ticks = run
        found = self._history.whole(base, told, unread)
        if found is None or not self._delay.is_calm(found[2], ticks * TICK):
            return False
        self._history.pass_over(found[0], found[1], told, unread)
        self._heard, self._ticks = now, ticks
        return True

    def _judge(self, now: float) -> None:
        history, delay, loss, rate, heard = self._history, self._delay, self._loss, self._rate, self._delay.heard
        if heard.first is None:
            return
        self._judged = now
        octets, passed = history.unheard + heard.octets, history.passed
        history.unheard = history.passed = 0
        newest_sent = heard.sent
        if not self._reported_rtt:  # from a packet to its feedback: a little more than a round trip
            rate.rtt += _RTT_SMOOTHING * (min(now - newest_sent, _LONGEST_RTT) - rate.rtt)
        self._throughput.add(octets + passed, heard.arrival)
        delay.judge(octets)  # what was passed over had come before anything waited: it tells nothing of a queue's pace
        loss.update(newest_sent, octets + passed, history.received, history.lost, delay.waiting > QUEUED)
        lossy = loss.loss > loss.inherent + _UNUSUAL
        if delay.mistaken:
            rate.restore()
            self._prober.hurry(now)
            self.returns += 1
        if delay.others:
            rate.capacity = None
            self._prober.hurry(now)
        if rate.update(delay, self._throughput.rate, loss.inherent, lossy, now):
            self._prober.wait(now, rate.is_near_capacity and delay.restless < _RESTLESS, rate.estimate)
        groups, self._groups = self._groups, []
        probed = self._prober.observe(groups, newest_sent, rate.estimate, loss.inherent, now)
        if probed is not None:
            rate.probed(probed)

    def rtt(self, seconds: float) -> None:
        """A round trip was measured (RTCP reports)."""
        self._reported_rtt = True
        self._rate.rtt = min(seconds, _LONGEST_RTT)

    def at_ease(self, now: float) -> bool:
        """Whether `tick` and `probe` have nothing to do while no more is wanted: feedback comes, and no probe runs."""
        return self._prober.probe is None and self._before is None and now - self._heard < SILENCE

    def tick(self, now: float) -> None:
        """About ten times a second: notice that feedback stays away."""
        rtt = self._rate.rtt
        self._prober.give_up(now, rtt)
        oldest = self._history.oldest
        if oldest is None or self._history.waiting < _UNHEARD or now - oldest < SILENCE + 2 * rtt:
            return
        if now - self._silent_cut >= _AGAIN:
            if self._before is None:
                self._before = self._rate.estimate
            self._silent_cut = now
            self._rate.interrupted(_SILENCE_FACTOR, now)

    def probe(self, now: float, wanted: float) -> Probe | None:
        """What to send beside the media to find out whether `wanted` bit/s would fit; None for now."""
        if self._before is not None or self._delay.waiting > QUEUED:
            return None
        wanted = min(wanted, CEILING, self._loss.bound)
        return self._prober.due(now, self.estimate, wanted, self._delay.jitter)

    def moved(self, now: float) -> None:
        """The subscriber has another address since `now`: what was learnt of the old way does not hold.

        What stood before the silence of a way that was lost stands again, as far as one may begin with on a new one.
        """
        if self._before is not None:
            self._recover(min(_RESUME * self._before, START))
        self._forget(now)

    def _forget(self, now: float) -> None:
        """What was learnt of delays and losses does not hold any more."""
        self._delay.reset()
        self._groups.clear()
        self._history.forget(now)
        self._history.unheard = self._history.passed = 0
        self._loss.restart(self._history.received, self._history.lost)
        self._prober.hurry(now)

    def _resume(self, before: float, now: float) -> None:
        self._recover(_RESUME * before)
        self._forget(now - self._rate.rtt)

    def _recover(self, estimate: float) -> None:
        """The interruption is over."""
        self._before, self._silent_cut = None, float("-inf")
        self._rate.resumed(estimate)
        self.returns += 1

    # ---- what is known ---------------------------------------------------------------------------------------------

    @property
    def estimate(self) -> float:
        """What may be sent, in bit/s of bytes as they were told to `sent`."""
        return max(min(self._rate.estimate, self._loss.bound), FLOOR)

    @property
    def loss(self) -> float:
        """Smoothed share of packets that do not arrive."""
        return self._loss.loss

    @property
    def is_full(self) -> bool:
        """Whether the link has lately shown that it carries no more than about the estimate."""
        return self._rate.is_near_capacity or self._loss.bound < inf

    @property
    def inherent_loss(self) -> float:
        """Share of packets that the link loses however little is sent."""
        return self._loss.inherent

    @property
    def received(self) -> int:
        """Packets that arrived, by all feedback so far."""
        return self._history.received

    @property
    def lost(self) -> int:
        """Packets that did not; falls again when one came after all."""
        return self._history.lost

    @property
    def interrupted(self) -> bool:
        """Whether feedback stays away."""
        return self._before is not None

    @property
    def state(self) -> str:
        """One of "normal", "overuse" and "underuse"."""
        return self._delay.state.value

    @property
    def queueing_ms(self) -> float:
        """How long packets wait in the link's queue, beside what a restless link makes of it."""
        return self._delay.waiting

    @property
    def in_flight(self) -> int:
        """Bytes of which no feedback has spoken yet."""
        return self._history.in_flight

    @property
    def throughput(self) -> float:
        """bit/s that arrive, 0 before anything did."""
        return self._throughput.rate or 0.0
