"""Loss: what exceeds a link is told from what a link loses anyway."""

from __future__ import annotations

import random
from math import inf

import pytest

from server.media.bandwidth.loss import LossBound

PACKET = 1_000  # bytes
STEP = 0.1  # s


class Feed:
    """Feedbacks on a sender whose rate the test chooses, over a link with a capacity and an inherent loss."""

    def __init__(self, capacity: float = inf, inherent: float = 0.0, seed: int = 3) -> None:
        self.bound = LossBound()
        self.capacity, self.inherent = capacity, inherent
        self._rng = random.Random(seed)
        self._now = 0.0
        self._received = self._lost = 0

    def send(self, rate: float, seconds: float, queued: bool = False) -> None:
        share = min(1.0, self.capacity / rate) * (1 - self.inherent)
        for _ in range(round(seconds / STEP)):
            self._now += STEP
            packets = round(rate * STEP / 8 / PACKET)
            came = sum(self._rng.random() < share for _ in range(packets))
            self._received += came
            self._lost += packets - came
            self.bound.update(self._now, came * PACKET, self._received, self._lost, queued)


def test_nothing_lost_nothing_bound() -> None:
    feed = Feed()
    feed.send(1e6, 10)
    assert (feed.bound.bound, feed.bound.loss, feed.bound.inherent) == (inf, 0, 0)


@pytest.mark.parametrize("loss", [0.02, 0.1, 0.2, 0.3])
@pytest.mark.parametrize("seed", range(8))
def test_random_loss_binds_nothing_however_the_rate_varies(loss: float, seed: int) -> None:
    feed = Feed(inherent=loss, seed=seed)
    for rate in (1e6, 1.5e6, 0.5e6, 2e6, 1e6, 3e6) * 2:
        feed.send(rate, 2)
        assert feed.bound.bound == inf
    assert feed.bound.inherent == pytest.approx(loss, abs=0.03)
    assert feed.bound.loss == pytest.approx(loss, abs=0.08)


@pytest.mark.parametrize("seed", range(4))
def test_a_policer_is_found_when_the_rate_rises_beyond_it(seed: int) -> None:
    """A link without a queue: it loses what exceeds 1 Mbit/s, and delays nothing."""
    feed = Feed(capacity=1e6, seed=seed)
    feed.send(0.7e6, 4)
    feed.send(1.5e6, 2)
    assert 0.8e6 < feed.bound.bound < 1.15e6
    assert feed.bound.inherent < 0.03


def test_a_policer_is_found_on_a_lossy_link() -> None:
    feed = Feed(capacity=1e6, inherent=0.1)
    feed.send(0.6e6, 4)
    feed.send(1.8e6, 3)
    assert 0.75e6 < feed.bound.bound < 1.3e6
    assert feed.bound.inherent == pytest.approx(0.1, abs=0.07)


def test_a_bound_goes_when_what_spoke_for_it_is_long_ago() -> None:
    feed = Feed(capacity=1e6)
    feed.send(0.7e6, 4)
    feed.send(1.5e6, 2)
    assert feed.bound.bound < inf
    feed.capacity = inf
    feed.send(1e6, 10)
    assert feed.bound.bound == inf


def test_loss_in_a_queue_is_not_inherent() -> None:
    feed = Feed(capacity=1e6)
    feed.send(1.5e6, 5, queued=True)
    assert feed.bound.loss == pytest.approx(1 / 3, abs=0.08)
    assert (feed.bound.inherent, feed.bound.bound) == (0, inf)


def test_a_hopeless_link_is_sent_what_arrives() -> None:
    feed = Feed(inherent=0.6)
    feed.send(1e6, 10)
    assert feed.bound.bound == pytest.approx(0.4e6, rel=0.2)


def test_an_interruption_is_not_counted() -> None:
    bound = LossBound()
    for n in range(20):
        bound.update(n * 0.1, 10_000, n * 10, 0, False)
    bound.restart(190, 500)
    for n in range(20):
        bound.update(7 + n * 0.1, 10_000, 190 + n * 10, 500, False)
    assert (bound.loss, bound.bound) == (0, inf)
