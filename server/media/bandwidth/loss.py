"""What loss says of the capacity: a bound, or nothing at all.

Radio links lose packets whatever we send; a full link loses what exceeds it. As in libwebrtc's LossBasedBweV2 a model
of both is fitted to the last observations: at rate s a link of capacity B with an inherent loss p loses

    p + (1 - p) * max(0, 1 - B / s)

A capacity is believed in only when it explains the observations far better than inherent loss alone does; else the
loss is left to retransmission and redundancy, for sending less would not lower it.
"""

from __future__ import annotations

from collections import deque
from math import inf, log

OBSERVATION_TIME = 0.4  # s at least
_PACKETS = 15  # packets at least, or _LONGEST seconds
_LONGEST = 2.0  # s
_MEMORY = 16  # observations
_FADE = 0.9  # weight of an observation against the one after it
NEGLIGIBLE = 0.02  # share of packets below which nothing is fitted
_EVIDENCE = 9.0  # log-likelihood by which a capacity must explain the losses better
_FASTER = 1.02  # how much faster than on average was sent where losses were, if it is not chance
_FEWEST_LOSSY = 4  # observations with losses that may speak for a capacity: fewer are soon explained by chance
HOPELESS = 0.4  # share lost over some observations at which less is sent, whatever the cause
_LEAST, _MOST = 0.001, 0.5  # inherent loss that is thought possible
_CANDIDATES = (0.9, 1.0)  # of the delivered rate
_SMOOTHING = 0.3

_Observation = tuple[float, int, int]  # bit/s sent, packets, lost


class LossBound:
    """Fed with running totals of packets; `bound` is in bit/s (infinite: none), `loss` and `inherent` are shares."""

    __slots__ = ("_begin", "_lost", "_observations", "_queued", "_received", "_size", "bound", "inherent", "loss")

    def __init__(self) -> None:
        self._observations: deque[_Observation] = deque(maxlen=_MEMORY)
        self._begin: float | None = None
        self._size = self._received = self._lost = 0
        self._queued = False
        self.bound = inf
        self.loss = self.inherent = 0.0

    def restart(self, received: int, lost: int) -> None:
        """Begin a new observation: what was lost until now is not counted (the link was down)."""
        self._begin = None
        self._received, self._lost = received, lost

    def update(self, sent: float, size: int, received: int, lost: int, queued: bool) -> None:
        """Feedback spoke of packets until one that left at `sent`: `size` more bytes came; totals of packets so far.

        What is lost with a queue (`queued`) tells nothing of the inherent loss, and the delay tells of the capacity.
        """
        if self._begin is None:
            self._begin, self._size = sent, 0
            self._received, self._lost = received, lost
            return
        self._size += size
        self._queued |= queued
        elapsed = sent - self._begin
        packets = received - self._received + lost - self._lost
        if elapsed < OBSERVATION_TIME or (packets < _PACKETS and elapsed < _LONGEST) or packets <= 0:
            return
        missing = min(max(lost - self._lost, 0), packets)
        self.loss += _SMOOTHING * (missing / packets - self.loss)
        if not self._queued:
            rate = self._size * 8 / elapsed * packets / max(packets - missing, 1)
            self._observations.append((rate, packets, missing))
            self._fit()
        self._begin, self._size, self._received, self._lost = sent, 0, received, lost
        self._queued = queued

    def _fit(self) -> None:
        if not any(lost for _, _, lost in self._observations):
            self.bound, self.inherent = inf, 0.0
            return
        newest_first = list(self._observations)[::-1]
        weighted: list[tuple[float, float, float]] = []
        weight, total, gone, rates, lossy_rates = 1.0, 0.0, 0.0, 0.0, 0.0
        for rate, packets, lost in newest_first:
            weighted.append((rate, weight * packets, weight * lost))
            total += weight * packets
            gone += weight * lost
            rates += weight * packets * rate
            lossy_rates += weight * lost * rate
            weight *= _FADE
        self.bound, self.inherent = inf, min(gone / total, _MOST)
        if self.inherent < NEGLIGIBLE:
            return
        lossy = sum(lost > NEGLIGIBLE * packets for _, packets, lost in newest_first)
        faster = lossy_rates / gone > _FASTER * rates / total  # else a capacity could not explain the losses better
        if faster and lossy >= _FEWEST_LOSSY:
            self._try_capacities(newest_first, weighted)
        if self.bound == inf and self.loss > HOPELESS:
            self.bound = _delivered(newest_first[:4])

    def _try_capacities(self, newest_first: list[_Observation], weighted: list[tuple[float, float, float]]) -> None:
        best = _likelihood(weighted, inf)[0] + _EVIDENCE
        for capacity in self._candidates(newest_first):
            likelihood, inherent = _likelihood(weighted, capacity)
            if likelihood > best:
                best, self.bound, self.inherent = likelihood, capacity, inherent

    def _candidates(self, newest_first: list[_Observation]) -> set[float]:
        """Capacities worth a try: what got through when it was lossy, and about that."""
        lossy = [o for o in newest_first if o[2] > NEGLIGIBLE * o[1]]
        delivered = {_delivered(lossy), _delivered(lossy[:4])}
        return {rate * factor for rate in delivered for factor in _CANDIDATES}


def _delivered(observations: list[_Observation]) -> float:
    return sum(rate * (packets - lost) / packets for rate, packets, lost in observations) / len(observations)


def _likelihood(weighted: list[tuple[float, float, float]], capacity: float) -> tuple[float, float]:
    """Log-likelihood of the losses when the link has this capacity, with the inherent loss that suits it best."""
    excess = gone = through = 0.0
    for rate, packets, lost in weighted:
        beyond = max(0.0, 1 - capacity / rate) if rate else 0.0
        excess += packets * beyond
        gone += lost
        through += packets * (1 - beyond)
    inherent = min(max((gone - excess) / through, _LEAST), _MOST)
    likelihood = 0.0
    for rate, packets, lost in weighted:
        beyond = max(0.0, 1 - capacity / rate) if rate else 0.0
        chance = inherent + (1 - inherent) * beyond
        likelihood += lost * log(chance) + (packets - lost) * log(1 - chance)
    return likelihood, inherent
