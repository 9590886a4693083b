"""The estimate on simulated links, in virtual time, through real feedback packets.

A source without layers sends as much as the estimate allows, which is the hardest: it fills the link all the time. A
source with layers sends what an SFU does.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise

import pytest

from server.media.bandwidth.rate import RateControl
from tests.media.bandwidth.link import Download, Link, Source, Subscriber, run

LAYERS = (150e3, 500e3, 1.5e6)
Events = dict[float, Callable[[], None]]


def alone(link: Link, source: Source | None = None, **more: float) -> Subscriber:
    return Subscriber(link, source or Source(), **more)  # type: ignore[arg-type]


def queue(subscriber: Subscriber, begin: float, end: float) -> float:
    """Mean queue of the link in ms."""
    found = subscriber.between(begin, end)
    return sum(sample.queue_ms for sample in found) / len(found)


def switches(subscriber: Subscriber, begin: float, end: float) -> int:
    rates = [sample.rate for sample in subscriber.between(begin, end)]
    return sum(a != b for a, b in pairwise(rates))


# ---- finding the rate ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("interval", [0.05, 0.1, 0.25])
@pytest.mark.parametrize("rate", [100e3, 300e3, 1e6, 5e6])
def test_finds_what_the_link_carries(rate: float, interval: float) -> None:
    subscriber = alone(Link(rate), interval=interval)
    run([subscriber], 30)
    assert 0.85 * rate <= subscriber.mean(8, 10) <= 1.1 * rate
    assert 0.85 * rate <= subscriber.mean(10, 30) <= 1.05 * rate
    assert subscriber.highest(10, 30) <= 1.25 * rate
    assert queue(subscriber, 10, 30) < 130


@pytest.mark.parametrize("spread", [True, False])
def test_finds_room_by_probing_though_little_is_sent(spread: bool) -> None:
    """Voice alone, while the allocator would show 1.5 Mbit/s: no sending rate would ever tell that there is room."""
    subscriber = Subscriber(Link(5e6), Source(wanted=1.5e6, silent=True), spread=spread)
    run([subscriber], 10)
    assert subscriber.mean(9, 10) >= 1.5e6
    assert len(subscriber.probed) <= 4


def test_does_not_believe_in_more_than_the_link_has_though_little_is_sent() -> None:
    subscriber = Subscriber(Link(400e3), Source(wanted=3e6, silent=True))
    run([subscriber], 30)
    assert 300e3 <= subscriber.mean(10, 30) <= 440e3
    assert len(subscriber.probed) <= 9


def test_nothing_is_probed_for_when_what_is_wanted_fits() -> None:
    subscriber = Subscriber(Link(5e6), Source(wanted=500e3, layers=LAYERS))
    run([subscriber], 20)
    assert subscriber.probed == []
    assert subscriber.lowest(0, 20) >= 600e3


@pytest.mark.parametrize("capacity", [400e3, 1e6, 2.2e6, 5e6])
def test_layers_do_not_flap(capacity: float) -> None:
    """At most one switch in five seconds with no hysteresis at all above us."""
    subscriber = Subscriber(Link(capacity), Source(wanted=2.2e6, layers=LAYERS))
    run([subscriber], 60)
    best = max(layer for layer in LAYERS if layer < 0.8 * capacity)
    assert switches(subscriber, 10, 60) <= 10
    assert subscriber.mean(10, 60) >= best
    assert queue(subscriber, 10, 60) < 60


# ---- changes -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("interval", [0.05, 0.1])
def test_a_capacity_that_falls_and_rises(interval: float) -> None:
    link = Link(2e6)
    subscriber = alone(link, interval=interval)
    events: Events = {20: lambda: setattr(link, "rate", 300e3), 45: lambda: setattr(link, "rate", 2e6)}
    run([subscriber], 65, events)
    assert subscriber.lowest(15, 20) > 1.6e6
    assert subscriber.highest(22, 24) < 300e3  # two seconds later it is below
    assert queue(subscriber, 26, 28) < 150  # two seconds' worth of queue is drained
    assert 0.8 * 300e3 < subscriber.mean(28, 45) < 1.05 * 300e3
    assert subscriber.lowest(60, 65) > 1.6e6  # fifteen seconds after it rose


@pytest.mark.parametrize("rate", [800e3, 300e3, 150e3])
def test_a_calm_link_that_narrows_is_measured_by_what_comes_from_then_on(
    rate: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What its last calm feedbacks told of came before the queue: it is no part of what the queue lets through."""
    link, measured = Link(5e6), []
    subscriber = Subscriber(link, Source(wanted=1.3e6, layers=(150e3, 500e3, 1.2e6)))
    decrease = RateControl._decrease
    monkeypatch.setattr(
        RateControl,
        "_decrease",
        lambda self, seen, queue, now: measured.append((seen, now)) or decrease(self, seen, queue, now),
    )

    def narrow() -> None:
        link.rate, link.queue_bytes = rate, rate * 0.3 / 8

    run([subscriber], 22, {20.4: narrow})
    after = [(seen, now) for seen, now in measured if now > 20.4]
    assert after and after[0][1] < 20.8
    assert all(seen == pytest.approx(rate, rel=0.1) for seen, _ in after)


@pytest.mark.parametrize("longer", [0.12, 0.15, 0.23])
def test_a_way_that_becomes_longer_at_one_go_takes_no_layer(longer: float) -> None:
    link = Link(5e6)
    subscriber = Subscriber(link, Source(wanted=1.3e6, layers=(150e3, 500e3, 1.2e6)))
    run([subscriber], 40, {20: lambda: setattr(link, "delay", link.delay + longer)})
    assert switches(subscriber, 10, 40) == 0


@pytest.mark.parametrize("longer", [0.065, 0.08, 0.095])
def test_a_way_that_becomes_somewhat_longer_is_used_again_soon(longer: float) -> None:
    """It looks like a queue, and only that nothing shortens it tells that it is none."""
    link = Link(5e6)
    subscriber = Subscriber(link, Source(wanted=1.3e6, layers=(150e3, 500e3, 1.2e6)))
    run([subscriber], 40, {20: lambda: setattr(link, "delay", link.delay + longer)})
    assert {sample.rate for sample in subscriber.between(26, 40)} == {1.2e6}


@pytest.mark.parametrize("rtt", [0.04, 0.6])
def test_an_outage_is_over_soon_after_it_ends(rtt: float) -> None:
    link = Link(2e6, delay=rtt / 2)
    subscriber = alone(link, back=rtt / 2)
    events: Events = {20: lambda: setattr(link, "down", True), 25: lambda: setattr(link, "down", False)}
    run([subscriber], 40, events)
    assert subscriber.lowest(20, 25) < 300e3  # meanwhile little is poured into the dark
    assert subscriber.mean(29, 30) > 1.5e6
    assert subscriber.estimator.loss < 0.02


def test_half_the_feedback_is_enough() -> None:
    subscriber = alone(Link(1e6), feedback_loss=0.5)
    run([subscriber], 40)
    assert 0.8e6 <= subscriber.mean(15, 40) <= 1.1e6
    assert queue(subscriber, 15, 40) < 200


# ---- bad links -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", [1, 2, 3])
@pytest.mark.parametrize("loss", [0.02, 0.1, 0.2])
def test_random_loss_starves_nobody(loss: float, seed: int) -> None:
    subscriber = alone(Link(5e6, loss=loss, seed=seed))
    run([subscriber], 40)
    assert subscriber.lowest(4, 40) > 3e6
    assert 0.85 * 5e6 < subscriber.mean(10, 40) * (1 - loss) < 1.05 * 5e6
    assert subscriber.estimator.loss == pytest.approx(loss, abs=0.05)


@pytest.mark.parametrize("loss", [0.02, 0.1, 0.2])
def test_random_loss_takes_no_layer(loss: float) -> None:
    subscriber = Subscriber(Link(5e6, loss=loss), Source(wanted=2.2e6, layers=LAYERS))
    run([subscriber], 60)
    assert subscriber.lowest(4, 60) > 1.5e6
    assert switches(subscriber, 5, 60) == 0


def test_loss_that_sets_in_takes_no_layer() -> None:
    link = Link(5e6)
    subscriber = Subscriber(link, Source(wanted=2.2e6, layers=LAYERS))
    run([subscriber], 60, {20: lambda: setattr(link, "loss", 0.2), 40: lambda: setattr(link, "loss", 0.0)})
    assert subscriber.lowest(5, 60) > 1.5e6


def test_a_lossy_thin_link_is_used_and_not_overfilled() -> None:
    subscriber = alone(Link(300e3, loss=0.1))
    run([subscriber], 40)
    assert 0.85 * 300e3 <= subscriber.mean(10, 40) * 0.9 <= 1.1 * 300e3
    assert queue(subscriber, 10, 40) < 150


@pytest.mark.parametrize("seed", [1, 2, 3])
@pytest.mark.parametrize("reorders", [False, True])
@pytest.mark.parametrize("rate", [1e6, 5e6])
def test_jitter_of_100_ms_does_not_collapse_it(rate: float, reorders: bool, seed: int) -> None:
    subscriber = alone(Link(rate, jitter=0.1, reorders=reorders, seed=seed))
    run([subscriber], 60)
    assert subscriber.lowest(5, 60) > 250e3  # and not for long:
    assert subscriber.mean(10, 60) > 0.5 * rate
    assert subscriber.mean(10, 60) < 1.2 * rate


@pytest.mark.parametrize("seed", [1, 2, 3])
@pytest.mark.parametrize("reorders", [False, True])
def test_layers_come_up_under_jitter(reorders: bool, seed: int) -> None:
    subscriber = Subscriber(Link(5e6, jitter=0.1, reorders=reorders, seed=seed), Source(wanted=2.2e6, layers=LAYERS))
    run([subscriber], 60)
    assert subscriber.mean(20, 60) > 1.0e6
    assert switches(subscriber, 20, 60) <= 8


def test_a_round_trip_of_600_ms() -> None:
    subscriber = alone(Link(2e6, delay=0.3), back=0.3)
    run([subscriber], 40)
    assert subscriber.lowest(5, 40) > 1.4e6
    assert 0.85 * 2e6 < subscriber.mean(10, 40) < 1.05 * 2e6


def test_a_satellite_that_loses_and_jitters() -> None:
    subscriber = Subscriber(Link(2e6, delay=0.3, loss=0.05, jitter=0.03), Source(wanted=1.5e6, layers=LAYERS), back=0.3)
    run([subscriber], 60)
    assert subscriber.lowest(10, 60) > 500e3


# ---- little is sent ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("voice", [True, False])
def test_idle_keeps_the_estimate(voice: bool) -> None:
    subscriber = alone(Link(2e6))
    subscriber.source.voice = voice

    def stop() -> None:
        subscriber.source.silent = True
        subscriber.probes = False

    run([subscriber], 90, {20: stop})
    assert subscriber.lowest(22, 90) > 1.6e6
    assert subscriber.estimator.queueing_ms < 60


def test_after_idle_the_link_is_used_at_once() -> None:
    subscriber = Subscriber(Link(2e6), Source(wanted=1.6e6, layers=LAYERS))
    events: Events = {
        15: lambda: setattr(subscriber.source, "silent", True),
        45: lambda: setattr(subscriber.source, "silent", False),
    }
    run([subscriber], 50, events)
    assert [sample.rate for sample in subscriber.between(45.1, 50)] == [1.5e6] * len(subscriber.between(45.1, 50))


def with_key_frames(rate: float) -> Subscriber:
    """24 kB at one instant each five seconds: a fifth to a third of a second of the link."""
    source = Source(wanted=400e3, layers=(400e3,), key_frames=tuple(range(10, 60, 5)), key_weight=12)
    subscriber = Subscriber(Link(rate, queue_ms=600), source)
    run([subscriber], 60)
    assert max(sample.queue_ms for sample in subscriber.between(10, 60)) > 100
    return subscriber


@pytest.mark.parametrize("rate", [1e6, 900e3])
def test_a_key_frame_is_no_overuse(rate: float) -> None:
    subscriber = with_key_frames(rate)
    assert subscriber.lowest(10, 60) >= subscriber.lowest(9, 10)
    assert "overuse" not in {sample.state for sample in subscriber.between(10, 60)}


def test_a_key_frame_tells_of_a_link_below_the_estimate_and_costs_no_layer() -> None:
    subscriber = with_key_frames(600e3)
    assert subscriber.lowest(9, 10) > 650e3
    assert 440e3 < subscriber.lowest(10, 60) < 600e3
    assert switches(subscriber, 5, 60) == 0


# ---- sharing -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("delay", [0.02, 0.06])
@pytest.mark.parametrize("interval", [0.05, 0.1])
def test_two_subscribers_share_a_link(interval: float, delay: float) -> None:
    link = Link(1e6, delay=delay)
    first, second = (Subscriber(link, Source(), interval=interval, back=delay) for _ in range(2))
    run([first, second], 90)
    a, b = first.mean(20, 90), second.mean(20, 90)
    assert 0.85e6 <= a + b <= 1.1e6
    assert max(a, b) <= 3 * min(a, b)
    for subscriber in (first, second):
        low, high = subscriber.lowest(20, 90), subscriber.highest(20, 90)
        assert high <= 5 * low  # no wild oscillation, though both fill the link without pause
    assert queue(first, 20, 90) < 120
    assert link.dropped < 0.01 * link.offered


def test_subscribers_with_layers_share_a_link_in_peace() -> None:
    link = Link(1e6)
    pair = [Subscriber(link, Source(wanted=2.2e6, layers=LAYERS)) for _ in range(2)]
    run(pair, 90)
    assert sum(subscriber.samples[-1].rate for subscriber in pair) >= 300e3
    assert sum(switches(subscriber, 20, 90) for subscriber in pair) <= 28  # one in five seconds each
    assert queue(pair[0], 20, 90) < 60


def test_who_comes_later_gets_a_share() -> None:
    link = Link(1e6)
    first, second = Subscriber(link, Source()), Subscriber(link, Source(silent=True, voice=False), probes=False)

    def begin() -> None:
        second.source.silent = False
        second.source.voice = second.probes = True

    run([first, second], 80, {20: begin})
    assert second.mean(40, 80) > 200e3
    assert first.mean(40, 80) > 200e3
    assert 0.85e6 <= first.mean(40, 80) + second.mean(40, 80) <= 1.1e6


@pytest.mark.parametrize(
    ("rate", "queue_ms", "least"),
    [(5e6, 100, 1e6), (5e6, 300, 800e3), (2e6, 300, 200e3), (1e6, 300, 200e3), (5e6, 1000, 500e3)],
)
def test_a_download_on_the_same_link_leaves_us_a_picture(rate: float, queue_ms: float, least: float) -> None:
    """It fills the queue as long as it lasts, whatever we do: to send ever less would help nobody."""
    link = Link(rate, queue_ms=queue_ms)
    subscriber = Subscriber(link, Source(wanted=1.3e6, layers=(150e3, 500e3, 1.2e6)))
    download = Download(link, 20, 60)
    run([subscriber, download], 75, {})
    shown = [sample.rate for sample in subscriber.between(40, 60)]
    assert sum(shown) / len(shown) >= least
    assert switches(subscriber, 40, 60) <= 6
    assert 8 * download.received / 40 > 0.4 * rate
    assert subscriber.mean(70, 75) > 0.8 * min(rate, 1.3e6)


@pytest.mark.parametrize(("rate", "queue_ms"), [(100e3, 100), (100e3, 300)])
def test_two_of_ours_on_a_link_that_narrows_do_not_take_each_other_for_others(rate: float, queue_ms: float) -> None:
    """Both give way, and come back; a queue that each leaves to the other would stand in the way of both voices."""
    link = Link(1e6, queue_ms=queue_ms, jitter=0.01)
    both = [Subscriber(link, Source(wanted=1.3e6), interval=interval) for interval in (0.1, 0.05)]
    run(both, 70, {20.3: lambda: setattr(link, "rate", rate)})
    assert queue(both[0], 30, 70) < 650
