"""A participant's clock: neither a report nor a stream that is held up on the way moves anything."""

from __future__ import annotations

import random

import pytest

from server.media.inward.clocks import SenderClock
from server.media.inward.packet import PAYLOAD, Packet
from server.media.inward.source import HELD_UP, Source
from server.media.outward.forward import Forwarder
from server.media.protocol import Kind
from server.media.wire.rtcp import ntp_time
from tests.media.memory import MemoryPort, Subscriber

THEIRS = 5_000_000.0  # Unix seconds of the participant at our second 0
WAY = 0.03  # s


class Sender:
    """A voice and a camera on one clock; everything takes `WAY` and what a test adds."""

    def __init__(self) -> None:
        self.clock = SenderClock()
        self.voice, self.camera = Source("a", "microphone", "", 1), Source("a", "camera", "", 2)
        self.first = {"microphone": 0xFFFF_0000, "camera": 777}

    def timestamp(self, source: Source, at: float) -> int:
        return self.first[source.kind] + round(at * source.clock_rate) & 0xFFFF_FFFF

    def media(self, source: Source, at: float, held_up: float = 0.0) -> Packet:
        index = round(at * 50)
        packet = Packet(index, self.timestamp(source, at), 0, bytes(PAYLOAD + 9), at + WAY + held_up)
        source.accept(packet)
        return packet

    def report(self, source: Source, at: float, held_up: float = 0.0) -> None:
        ntp = ntp_time(THEIRS + at)
        self.clock.report(source, ntp, self.timestamp(source, at), at + WAY + held_up)


def test_without_a_report_a_packet_is_placed_when_it_came() -> None:
    sender = Sender()
    assert sender.voice.placed(sender.media(sender.voice, 1.0, 0.1)) == 1.0 + WAY + 0.1


def test_a_late_report_shifts_nothing() -> None:
    sender = Sender()
    for tick in range(100):
        sender.media(sender.camera, tick / 50, 0.02 * (tick % 5))
    sender.report(sender.camera, 2.0, held_up=0.3)
    packet = sender.media(sender.camera, 2.1, 0.2)
    assert sender.camera.placed(packet) == pytest.approx(2.1 + WAY, abs=0.001)


def test_a_stream_that_is_held_up_is_placed_with_the_other() -> None:
    sender = Sender()
    for tick in range(100):
        sender.media(sender.voice, tick / 50, 0.15)
        sender.media(sender.camera, tick / 50)
    sender.report(sender.voice, 2.0, held_up=0.15)
    sender.report(sender.camera, 2.0)
    sender.report(sender.voice, 2.5, held_up=0.15)
    voice, picture = sender.media(sender.voice, 3.0, 0.15), sender.media(sender.camera, 3.0)
    assert sender.voice.placed(voice) == pytest.approx(sender.camera.placed(picture), abs=0.002)


@pytest.mark.parametrize("drift", [-300e-6, 300e-6])
def test_a_clock_that_drifts_and_a_way_that_became_longer_are_followed(drift: float) -> None:
    sender, chance = Sender(), random.Random(4)
    for second in range(600):
        longer = 0.08 if second > 200 else 0.0
        for tick in range(50):
            at = second + tick / 50
            packet = sender.media(sender.voice, at, at * drift + longer + chance.random() * 0.05)
        sender.report(sender.voice, second + 1.0, (second + 1.0) * drift + longer + 0.02)
    assert sender.voice.placed(packet) == pytest.approx(at + WAY + at * drift + longer, abs=0.04)


def test_a_report_of_nonsense_moves_a_packet_by_a_quarter_of_a_second_at_most() -> None:
    sender = Sender()
    packet = sender.media(sender.voice, 1.0)
    for ntp, timestamp in ((0, 0), (2**64 - 1, 2**32 - 1), (ntp_time(THEIRS), 12345)):
        sender.clock.report(sender.voice, ntp, timestamp, 1.0)
        assert abs(sender.voice.placed(packet) - packet.arrival) <= HELD_UP


def test_what_one_stream_tells_of_the_way_holds_for_the_other_at_once() -> None:
    """They join through a queue of half a second, which is gone when the next report about the camera comes."""
    sender = Sender()
    for source in (sender.voice, sender.camera):
        sender.media(source, 1.0, 0.5)
        sender.report(source, 1.0, 0.5)
    sender.media(sender.camera, 2.0)
    sender.report(sender.camera, 2.0)
    voice, picture = sender.media(sender.voice, 2.1), sender.media(sender.camera, 2.1)
    assert sender.voice.placed(voice) == pytest.approx(sender.camera.placed(picture), abs=0.002)


def test_a_clock_that_stood_while_its_machine_slept_is_read_anew() -> None:
    """Nothing is held up afterwards: else its largest layers would be left out for minutes (`strain`)."""
    sender = Sender()
    for slept in (0.0, 40.0):
        for second in range(10):
            at = slept + second
            for source in (sender.voice, sender.camera):
                packet = sender.media(source, at, slept)
                sender.report(source, at, slept)
                assert source.placed(packet) == pytest.approx(packet.arrival, abs=0.002)


@pytest.mark.parametrize("off", [0.4, 3.0, 20.0])
def test_a_microphone_that_was_off_is_placed_anew(off: float) -> None:
    """Its timestamps stood meanwhile; as long as no report says what they mean now, a packet is placed when it came."""
    sender = Sender()
    for tick in range(100):
        sender.media(sender.voice, tick / 50)
    sender.report(sender.voice, 2.0)
    for tick in range(100, 120):
        packet = sender.media(sender.voice, tick / 50, off)
        sender.report(sender.camera, tick / 50 + off)  # says nothing of the voice
        assert sender.voice.placed(packet) == packet.arrival


@pytest.mark.parametrize("off", [0.3, 0.6, 0.9])
def test_a_microphone_that_was_off_for_less_than_a_second_moves_nothing_else(off: float) -> None:
    """What came before that is nothing that came quickly: else the camera would count as held up for a minute."""
    sender = Sender()
    for tick in range(100):
        for source in (sender.voice, sender.camera):
            sender.media(source, tick / 50)
    for source in (sender.voice, sender.camera):
        sender.report(source, 2.0)
    for tick in range(100, 110):
        sender.media(sender.voice, tick / 50, off)
    at, stood = 2.2 + off, sender.timestamp(sender.voice, 2.2)
    sender.clock.report(sender.voice, ntp_time(THEIRS + at), stood, at + WAY)
    voice, picture = sender.media(sender.voice, 2.22, off), sender.media(sender.camera, at + 0.02)
    assert sender.voice.placed(voice) == pytest.approx(voice.arrival, abs=0.002)
    assert sender.camera.held_up(picture) == pytest.approx(0, abs=0.002)


def test_a_clock_is_believed_again_when_what_was_held_up_has_come() -> None:
    """Not only at the next report, five seconds later: until then the voice would not belong to the picture."""
    sender = Sender()
    for tick in range(100):
        sender.media(sender.voice, tick / 50)
    sender.report(sender.voice, 2.0)
    for tick in range(100, 140):
        at = tick / 50
        packet = sender.media(sender.voice, at, max(2.4 - at, 0.2))
    assert sender.voice.placed(packet) == pytest.approx(at + WAY, abs=0.002)


def test_a_slot_keeps_one_clock_whatever_it_shows() -> None:
    """What its sender reports say (RFC 3550 §6.4.1) stays true when it goes over to somebody on a slower line, unless
    it was in use until then: what comes next goes behind that.
    """
    port, subscriber, chance = MemoryPort(), Subscriber(), random.Random(2)
    forwarder, slot = Forwarder(port), subscriber.voice  # type: ignore[arg-type]
    senders, readings = [Sender(), Sender()], list[float]()
    for tick in range(3000):
        at = tick / 50
        now = at + WAY
        for number, sender in enumerate(senders):
            sender.media(sender.voice, at, chance.random() * 0.1 * number)
            if tick % 50 == 10:
                sender.report(sender.voice, at, 0.02 * number)
            if tick % 500 == 240:
                slot.show(None)
            if tick % 500 == 250 and tick // 500 % 2 == number:
                slot.show(sender.voice)
            forwarder.forward(sender.voice, now)
        time = slot.segment.source.timestamp_at(now) if slot.segment else None
        if slot.segment and time is not None and tick > 300:
            readings.append((time + slot.segment.timestamp) / 48_000 - now)
    assert len(readings) > 2600
    assert max(readings) - min(readings) < 0.005


@pytest.mark.parametrize("kind", ["microphone", "camera"])
def test_timestamps_wrap(kind: Kind) -> None:
    sender = Sender()
    sender.first[kind] = 0xFFFF_FFF0
    source = sender.voice if kind == "microphone" else sender.camera
    sender.report(source, 0.0)
    assert source.placed(sender.media(source, 0.1)) == pytest.approx(0.1 + WAY, abs=0.001)
