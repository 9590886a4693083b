"""The facade: what the node calls, in order and out of it."""

from __future__ import annotations

import pytest

from server.errors import ProtocolError
from server.media.bandwidth import BandwidthEstimator, estimator
from server.media.bandwidth.history import History
from server.media.bandwidth.rate import FLOOR, START
from server.media.wire.twcc import FeedbackBuilder

HEAD = 12  # octets of RTCP before the fci
PATH = 55.0  # s


class Talk:
    """An estimator and a peer that answers each tenth of a second, while the link is up."""

    def __init__(self, number: int = 65_500) -> None:
        self.estimator = BandwidthEstimator()
        self.now = 10.0
        self.path = PATH
        self._number = number
        self._builder = FeedbackBuilder(1)

    def go(self, seconds: float, up: bool = True, size: int = 5_000) -> None:
        for _ in range(round(seconds * 10)):
            for _ in range(4):
                self.estimator.sent(self._number, 5, size, self.now)
                for i in range(5):
                    if up:
                        self._builder.record(self._number & 0xFFFF, round((self.now + self.path + i / 1e4) * 1e6))
                    self._number = self._number + 1 & 0xFFFF
                self.now += 0.025
            for packet in self._builder.build():
                self.estimator.feedback(packet[HEAD:], self.now)
            self.estimator.tick(self.now)


def test_begins_with_a_guess() -> None:
    estimator = BandwidthEstimator()
    assert (estimator.estimate, estimator.loss, estimator.state) == (START, 0.0, "normal")
    assert (estimator.queueing_ms, estimator.throughput, estimator.in_flight) == (0.0, 0.0, 0)
    assert BandwidthEstimator(1e6).estimate == 1e6


def test_tells_what_arrives_and_what_is_under_way() -> None:
    talk = Talk()
    talk.go(3)
    assert talk.estimator.throughput == pytest.approx(1.6e6, rel=0.05)
    assert talk.estimator.in_flight == 0
    talk.estimator.sent(0, 2, 2_400, talk.now)
    assert talk.estimator.in_flight == 2_400


@pytest.mark.parametrize("fci", [b"", bytes(8), bytes(20), bytes.fromhex("0001 0003 00000100 2003 01")])
def test_malformed_feedback_is_refused_and_changes_nothing(fci: bytes) -> None:
    talk = Talk()
    talk.go(1)
    before = talk.estimator.estimate
    with pytest.raises(ProtocolError):
        talk.estimator.feedback(fci, talk.now)
    assert talk.estimator.estimate == before
    talk.go(1)
    assert talk.estimator.estimate > before


def test_feedback_on_what_was_never_sent_changes_nothing() -> None:
    builder = FeedbackBuilder(1)
    for n in range(50):
        builder.record(n, 1_000_000 + n * 1000)
    (packet,) = builder.build()
    estimator = BandwidthEstimator()
    estimator.feedback(packet[HEAD:], 1.0)
    assert (estimator.estimate, estimator.throughput) == (START, 0.0)


def test_silence_cuts_and_its_end_restores() -> None:
    talk = Talk()
    talk.go(10)
    before = talk.estimator.estimate
    talk.go(0.7, up=False)
    assert talk.estimator.estimate == before
    talk.go(6, up=False)
    assert talk.estimator.estimate == FLOOR
    assert talk.estimator.probe(talk.now, 5e6) is None
    talk.go(0.3)
    assert talk.estimator.estimate > before / 2
    assert talk.estimator.probe(talk.now, 5e6) is not None
    talk.go(3)
    assert talk.estimator.loss == 0.0  # what the outage took is no loss of the link


def test_a_peer_that_never_answers_is_sent_little() -> None:
    talk = Talk()
    talk.go(10, up=False)
    assert talk.estimator.estimate == FLOOR


def test_nothing_sent_is_no_silence() -> None:
    talk = Talk()
    talk.go(5)
    before = talk.estimator.estimate
    for n in range(600):
        talk.estimator.tick(talk.now + n * 0.1)
    assert talk.estimator.estimate == before


def test_a_long_round_trip_is_no_silence() -> None:
    estimator = BandwidthEstimator()
    estimator.rtt(0.6)
    for n in range(5):
        estimator.sent(n, 1, 1_000, n * 0.02)
    estimator.tick(1.9)
    assert estimator.estimate == START
    estimator.tick(2.1)
    assert estimator.estimate < START


def test_another_address_with_a_longer_way_is_no_queue() -> None:
    talk = Talk()
    talk.go(10)
    before = talk.estimator.estimate
    talk.path += 0.4
    talk.estimator.moved(talk.now)
    talk.go(5)
    assert talk.estimator.estimate >= before
    assert talk.estimator.queueing_ms < 1


def test_another_address_ends_the_silence_of_the_old_one() -> None:
    """Nobody waits for feedback on the new way that cannot come before something is sent there."""
    talk = Talk()
    talk.go(20)
    assert talk.estimator.estimate > 2 * START
    talk.go(3, up=False)
    assert talk.estimator.interrupted and talk.estimator.estimate < START / 2
    talk.estimator.moved(talk.now)
    assert not talk.estimator.interrupted
    assert (talk.estimator.estimate, talk.estimator.returns) == (START, 1)  # of a new way no more is known
    talk.go(1)
    assert talk.estimator.estimate >= START


def test_the_hot_path_is_the_same_as_the_method() -> None:
    one, other = BandwidthEstimator(), BandwidthEstimator()
    one.sent(7, 3, 3_000, 1.0)
    other.record((7, 3, 3_000, 1.0))
    assert one.in_flight == other.in_flight == 3_000


@pytest.mark.parametrize("clock", [0.0, (1 << 24) * 0.064 - 60])
def test_the_peers_clock_may_wrap(clock: float) -> None:
    """Its reference time begins anew after twelve days."""
    talk = Talk()
    talk.path = clock
    talk.go(10)
    before = talk.estimator.estimate
    talk.go(80)
    assert talk.estimator.estimate >= before
    assert talk.estimator.queueing_ms < 1


def test_a_calm_link_that_is_looked_at_seldom_is_known_as_well(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nine feedbacks a second tell the same, and one in some is read; none of their packets is forgotten by that."""
    seldom, looks = Talk(), []
    match = seldom.estimator._history.match
    monkeypatch.setattr(History, "match", lambda self, report: looks.append(report.told) or match(report))
    seldom.go(20)
    monkeypatch.undo()
    monkeypatch.setattr(estimator, "CALM_EVERY", 0.0)
    always = Talk()
    always.go(20)
    assert 40 < len(looks) < 100  # of 200
    assert seldom.estimator.received == always.estimator.received == 4000
    assert seldom.estimator.throughput == pytest.approx(always.estimator.throughput, rel=0.01)
    assert seldom.estimator.estimate == pytest.approx(always.estimator.estimate, rel=0.05)
    seldom.path += 0.03  # a queue
    seldom.go(0.3)
    assert seldom.estimator.queueing_ms == pytest.approx(30, abs=5)
