"""The first syllable of who has been silent, and voices that come and go in slots, in virtual time."""

from __future__ import annotations

from itertools import pairwise

import pytest

from server.media.inward.packet import BLANK_HEADER, Packet
from server.media.inward.source import Source
from server.media.outward.forward import Forwarder
from tests.media.memory import MemoryPort, Subscriber
from tests.media.test_room import Person, Stage

HARD = [40, 95, 110, 110]  # levels of the first packets of a word after silence: "tôi"
SOFT = [35, 45, 55, 62, 68, 74, 80, 84, 88]  # "xin"
AUDIBLE = 57  # -70 dBov: below, there is nothing to be heard


def _waiting_speaker() -> Stage:
    """Three who spoke have the slots and pause; the fourth, d, has been silent all the time."""
    stage = Stage("a", "b", "c", "d", "listener")
    for name in "abc":
        stage[name].level = 100
    stage.run(2)
    for name in "abcd":
        stage[name].level = 0
    stage.run(3)
    assert "d" not in stage.room.speakers.slots
    return stage


@pytest.mark.parametrize("word", [HARD, SOFT])
def test_the_first_syllable_is_heard_by_all(word: list[int]) -> None:
    stage = _waiting_speaker()
    for name in "abc":
        stage[name].level = None  # their DTX sends nothing meanwhile
    stage["d"].levels = [*word, *[100] * (50 - len(word))]
    stage.run(1)
    heard = stage["listener"].got
    assert len(heard) >= 50 - sum(level < AUDIBLE for level in word)
    assert len({packet.ssrc for packet in heard}) == 1
    assert all((b.sequence - a.sequence) & 0xFFFF == 1 for a, b in pairwise(heard))
    assert {(b.timestamp - a.timestamp) & 0xFFFFFFFF for a, b in pairwise(heard)} == {960}


def test_a_word_s_beginning_does_not_overlap_what_the_slot_sent_just_before() -> None:
    """The three are silent but send on: what the slot takes over goes behind their last packet."""
    stage = _waiting_speaker()
    before = {packet.ssrc: packet for packet in stage["listener"].got}
    stage["d"].levels = [*SOFT, *[100] * 41]
    stage.run(1)
    slot = 100 + stage.room.speakers.slots.index("d")
    stream = [before[slot], *(packet for packet in stage["listener"].got if packet.ssrc == slot)]
    assert all((b.sequence - a.sequence) & 0xFFFF == 1 for a, b in pairwise(stream))
    assert all((b.timestamp - a.timestamp) & 0xFFFFFFFF >= 960 for a, b in pairwise(stream))


def test_what_was_said_without_the_floor_is_not_heard_afterwards() -> None:
    stage = Stage("a", "b")
    stage.room.set_floor(["b"], stage.now)
    stage["a"].level = 110
    stage.run(1)
    stage.room.set_floor(None, stage.now)
    stage.run(0.1)
    assert stage["b"].heard() == 5


def test_a_voice_that_comes_back_to_a_slot_is_not_heard_twice() -> None:
    stage = Stage("a", "b")
    stage["a"].level = 110
    stage.run(1)
    stage.room.speakers.choose([], stage.now)
    for person in stage.people.values():
        stage.room.arrange(person.participant, stage.now)
    stage.run(0.2)
    assert stage["b"].heard() == 10


def test_who_comes_into_the_room_hears_a_speaker_from_now_on() -> None:
    stage = Stage("a", "b")
    stage["a"].level = 110
    stage.run(1)
    late = stage.people["c"] = Person("c", 9, stage.port, stage.now)
    stage.room.enter(late.participant, stage.now)
    late.participant.move(late.address, stage.now)
    late.participant.secured()
    stage.room.arrange(late.participant, stage.now)
    stage.run(0.2)
    assert late.heard() == 10


@pytest.mark.parametrize(("first_octet", "ticks"), [(0x08, 960), (0x10, 1920), (0x18, 2880)])
def test_a_word_does_not_overlap_a_long_packet(first_octet: int, ticks: int) -> None:
    """On thin links a packet has up to 60 ms of sound: what begins within it is thrown away by who plays it."""
    port, subscriber = MemoryPort(), Subscriber()
    forwarder = Forwarder(port)  # type: ignore[arg-type]
    silent, speaker = (Source(name, "microphone", "", number) for number, name in enumerate("ab"))
    for source, number in ((silent, 0), (silent, 1), (speaker, 1)):
        payload = BLANK_HEADER + bytes([first_octet]) + b"voice"
        source.accept(Packet(number + 70_000, number * ticks, 0, payload, number * ticks / 48_000 + 10))
        subscriber.voice.show(source)
        forwarder.forward(source, 10)
    stream = subscriber.read(port)
    assert len(stream) == 3
    assert {(b.timestamp - a.timestamp) & 0xFFFFFFFF for a, b in pairwise(stream)} == {ticks}
