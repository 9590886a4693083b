"""A room in virtual time: who is heard, what is shown, what a sink gets, what happens when somebody is cut off."""

from __future__ import annotations

from random import Random
from typing import Any

import pytest
from pylibsrtp import Policy

from server.media.inward.uplink import Uplink, UplinkPlan
from server.media.outward.downlink import Downlink
from server.media.outward.forward import Forwarder
from server.media.outward.slots import Slot
from server.media.participant import Participant
from server.media.protocol import AUDIO_SLOTS, Codec, Event, Picture, Speaking, TrackChanged, Want
from server.media.room import Room
from server.media.transport.ice import CLOSED_AFTER, LOST_AFTER, Consent, Credentials
from server.media.transport.paths import Path
from server.media.wire.rtcp import Pli, parse
from server.media.wire.rtp import RtpPacket
from server.media.wire.vp8 import Vp8
from tests.media.endpoint import OPUS, VP8, picture, voice
from tests.media.memory import TAG, MemoryPort, session

PLAN = UplinkPlan(
    kinds={"0": "microphone", "1": "camera", "2": "screen"},
    ssrcs={1: "0", 2: "1", 3: "2"},
    payload_types=frozenset({OPUS, VP8}),
    level_id=4,
)


class Link:
    """A secure link that is up."""

    def __init__(self) -> None:
        self.out = session(Policy.SSRC_ANY_OUTBOUND)
        self.session: Any = self.out._srtp[0]
        self.tag_bytes = TAG

    def protect_rtcp(self, data: bytes) -> bytes:
        return data

    def close(self) -> None:
        self.session = None


class Sink:
    """Keeps what a recorder would get."""

    def __init__(self) -> None:
        self.voices: list[str] = []
        self.pictures: list[tuple[bytes, int, int]] = []
        self.programme: list[tuple[str | None, Picture]] = []

    def on_audio(self, participant: str, payload: bytes, rtp_timestamp: int, arrival: float) -> None:
        self.voices.append(participant)

    def on_video(
        self, payload: bytes, rtp_timestamp: int, marker: bool, sequence: int, arrival: float, codec: Codec = "vp8"
    ) -> None:
        self.pictures.append((payload, rtp_timestamp, sequence))

    def on_programme(self, source: str | None, kind: Picture) -> None:
        self.programme.append((source, kind))


class Person:
    """A participant at port `number`, who may speak at a level and show a picture or a screen."""

    def __init__(self, name: str, number: int, port: MemoryPort, now: float) -> None:
        self.name = name
        self.address = ("10.0.0.1", number)
        self.level: int | None = None
        self.levels: list[int] = []  # of the next packets, one each
        self.camera = self.screen = False
        self.answers_pli = True
        downlink = Downlink(None)
        slots = (
            [Slot(n, OPUS, 48_000, 100 + n, downlink) for n in range(AUDIO_SLOTS)],
            [Slot(n, VP8, 90_000, 200 + n, downlink) for n in range(2)],
        )
        self.participant = Participant(
            name,
            "s",
            "r",
            Path(Credentials.new(), Consent(now), now),
            Link(),
            Uplink(name, PLAN),
            downlink,
            slots,
            port.send,
            now,  # type: ignore[arg-type]
        )
        self._reading = session(Policy.SSRC_ANY_INBOUND)
        self._key_wanted = True
        self.plis = 0
        self.number = 0
        self.got: list[RtpPacket] = []

    def read(self, data: bytes) -> None:
        if data[1] in (205, 206):
            plis = sum(isinstance(message, Pli) for message in parse(data))
            self._key_wanted |= plis > 0 and self.answers_pli
            self.plis += plis
        elif not 192 <= data[1] <= 223:
            self.got.append(RtpPacket.parse(self._reading.unprotect(data)))

    def packets(self) -> list[bytes]:
        """What it sends in 20 ms."""
        if self.levels:
            self.level = self.levels.pop(0)
        found = [] if self.level is None else [voice(1, self.number, level=127 - self.level)]
        for ssrc, on in ((2, self.camera), (3, self.screen)):
            if on:
                found.append(picture(ssrc, self.number, self.number, key=self._key_wanted))
        self._key_wanted = False
        self.number += 1
        return found

    def begin_screen(self) -> None:
        """Share it from now on, with a key frame as browsers do."""
        self.screen = self._key_wanted = True

    def heard(self) -> int:
        return sum(packet.payload_type == OPUS for packet in self.got)

    def seen(self) -> int:
        return sum(packet.payload_type == VP8 for packet in self.got)


class Stage:
    """A room with people, and a clock."""

    def __init__(self, *names: str) -> None:
        self.now = 1000.0
        self._steps = 0
        self.port = MemoryPort()
        self.events: list[Event] = []
        self.forwarder = Forwarder(self.port)  # type: ignore[arg-type]
        self.room = Room("r", self.forwarder, self.events.append)
        self.people: dict[str, Person] = {}
        for number, name in enumerate(names, 1):
            person = Person(name, number, self.port, self.now)
            self.people[name] = person
            self.room.enter(person.participant, self.now)
            person.participant.changed = lambda who, state, why: self.room.arrange(who, self.now)
            person.participant.move(person.address, self.now)
            person.participant.path.consent.heard(self.now)
            person.participant.secured()

    def __getitem__(self, name: str) -> Person:
        return self.people[name]

    def run(self, seconds: float) -> None:
        """Let time pass; each one's `got` then holds what came meanwhile."""
        for person in self.people.values():
            person.got.clear()
        for _ in range(round(seconds * 50)):
            self._steps += 1
            self.now += 0.02
            for person in self.people.values():
                for data in person.packets():
                    arrived = person.participant.uplink.receive(data, self.now)
                    assert arrived is not None
                    self.room.arrived(person.participant, arrived.source, arrived.packet, arrived.level, self.now)
            for source in self.room.take_busy():
                self.room.pass_on(source, self.now)
            self.forwarder.release(self.now)
            self.room.catch_up(self.now)
            if self._steps % 5 == 0:
                self.room.tick(self.now)
            for person in self.people.values():
                person.participant.send_requests(self.now)
                if self._steps % 50 == 0:
                    self.room.look_after(person.participant, self.now)
            self._deliver()

    def _deliver(self) -> None:
        people = {person.address: person for person in self.people.values()}
        for data, segment, to, _ in self.port.batches:
            for start in range(0, len(data), segment):
                people[to].read(data[start : start + segment])
        self.port.batches.clear()

    def show(self, who: str, *sources: str, kind: Picture = "camera") -> None:
        wants = [Want(slot=n, source=source, kind=kind) for n, source in enumerate(sources)]
        self.room.show(self[who].participant, wants, self.now)


def test_each_hears_the_others_and_not_itself() -> None:
    stage = Stage("a", "b", "c")
    stage["a"].level = stage["b"].level = 100
    stage.run(1)
    assert (stage["a"].heard(), stage["b"].heard(), stage["c"].heard()) == pytest.approx((50, 50, 100), abs=4)


def test_of_many_voices_the_three_loudest_are_sent() -> None:
    stage = Stage("a", "b", "c", "d", "e", "listener")
    for name, level in zip("abcde", (110, 100, 95, 20, 10), strict=True):
        stage[name].level = level
    stage.run(3)
    stage.run(1)
    assert stage["listener"].heard() == pytest.approx(150, abs=3)
    assert set(stage.room.speakers.slots) == {"a", "b", "c"}


def test_the_floor_and_the_chair_s_mute_hold_whatever_is_sent() -> None:
    stage = Stage("a", "b")
    stage["a"].level = 110
    stage.run(0.5)
    stage.room.set_floor(["b"], stage.now)
    stage.run(0.5)
    assert stage["b"].heard() == 0
    stage.room.set_floor(None, stage.now)
    stage.run(0.5)
    assert stage["b"].heard() > 20
    stage.room.set_publish("a", frozenset({"camera"}), stage.now)
    stage.run(0.5)
    assert stage["b"].heard() == 0


def test_the_chair_s_mute_outlives_a_reload() -> None:
    stage = Stage("a", "b")
    stage.room.set_publish("a", frozenset({"camera"}), stage.now)
    old = stage["a"].participant
    stage.people["a"] = Person("a", 9, stage.port, stage.now)
    stage.room.depart(old, stage.now)
    stage.room.enter(stage["a"].participant, stage.now)
    stage["a"].level = 110
    stage.run(0.5)
    assert stage["b"].heard() == 0


def test_a_slot_follows_the_wish_even_before_there_is_a_picture() -> None:
    stage = Stage("a", "b")
    stage.show("b", "a")
    stage.run(0.5)
    assert stage["b"].seen() == 0
    stage["a"].camera = True
    stage.run(0.5)
    assert stage["b"].seen() > 20
    stage.show("b")
    stage.run(0.5)
    assert stage["b"].seen() == 0
    assert [e for e in stage.events if isinstance(e, TrackChanged)] == [
        TrackChanged(room="r", participant="a", kind="camera", live=True)
    ]


def test_a_picture_that_begins_needs_no_second_key_frame() -> None:
    stage = Stage("a", "b")
    stage.show("b", "a", kind="screen")
    stage.run(0.5)
    stage["a"].begin_screen()
    stage.run(1)
    assert stage["b"].seen() == 50
    assert stage["a"].plis == 0


def test_many_who_wish_at_once_cost_one_key_frame() -> None:
    stage = Stage("a", *(f"v{n}" for n in range(20)))
    stage["a"].camera = True
    stage.run(1)
    before = stage["a"].plis
    for n in range(20):
        stage.show(f"v{n}", "a")
    stage.run(0.2)
    assert stage["a"].plis - before == 1
    assert all(stage[f"v{n}"].seen() > 5 for n in range(20))


def test_key_frames_are_asked_for_until_one_comes() -> None:
    stage = Stage("a", "b")
    stage["a"].camera = True
    stage.run(1)
    stage["a"].answers_pli = False
    stage.show("b", "a")
    before = stage["a"].plis
    stage.run(2)
    assert 5 <= stage["a"].plis - before <= 8
    assert stage["b"].seen() == 0


def test_a_camera_that_stops_is_told_and_its_slot_waits_for_it() -> None:
    stage = Stage("a", "b")
    stage["a"].camera = True
    stage.show("b", "a")
    stage.run(1)
    stage["a"].camera = False
    stage.run(4)
    assert TrackChanged(room="r", participant="a", kind="camera", live=False) in stage.events
    stage["a"].camera = True
    stage.run(1)
    assert stage["b"].seen() > 20


# ---- cut off -------------------------------------------------------------------------------------------------------


def test_who_is_cut_off_costs_nothing_and_comes_back_with_a_key_frame_to_the_same_place() -> None:
    stage = Stage("a", "b")
    stage["a"].camera, stage["a"].level = True, 100
    stage.show("b", "a")
    stage.run(1)
    last = stage["b"].got[-1]
    who = stage["b"].participant
    who.look(stage.now - 1000 + 1000 + LOST_AFTER)
    assert who.state == "lost"
    stage.run(10)
    assert stage["b"].got == []
    who.path.consent.heard(stage.now)
    who.look(stage.now)
    assert who.state == "connected"
    stage.run(1)
    pictures = [packet for packet in stage["b"].got if packet.payload_type == VP8]
    assert Vp8.parse(pictures[0].payload).key_frame
    same = [packet for packet in stage["b"].got if packet.ssrc == last.ssrc]
    assert (same[0].sequence - last.sequence) & 0xFFFF < 100, "numbers go on"


def test_who_stays_away_is_closed_once() -> None:
    stage = Stage("a", "b")
    who, seen = stage["b"].participant, []
    who.changed = lambda participant, state, why: seen.append((state, why))
    who.look(stage.now + LOST_AFTER)
    who.look(stage.now + LOST_AFTER + CLOSED_AFTER)
    who.look(stage.now + 1000)
    who.close("left")
    assert seen == [("lost", ""), ("closed", "lost")]


def test_who_leaves_takes_everything_along() -> None:
    stage = Stage("a", "b")
    stage["a"].camera, stage["a"].level = True, 100
    stage.show("b", "a")
    stage.run(1)
    leaving = stage.people.pop("a").participant
    stage.room.depart(leaving, stage.now)
    assert stage["b"].participant.pictures[0].showing is None
    assert TrackChanged(room="r", participant="a", kind="camera", live=False) in stage.events
    assert stage.room.programme.source is None
    stage.run(1)
    assert stage["b"].got == []


# ---- sinks ---------------------------------------------------------------------------------------------------------


def test_a_sink_hears_all_who_hold_the_floor() -> None:
    stage, sink = Stage("a", "b", "c", "d", "e"), Sink()
    for name in "abcde":
        stage[name].level = 100
    stage.room.set_floor(["a", "b", "c", "d"], stage.now)
    stage.room.screening.begin(sink, stage.now)
    stage.run(1)
    assert {name: sink.voices.count(name) for name in "abcde"} == {"a": 50, "b": 50, "c": 50, "d": 50, "e": 0}
    stage.room.screening.end(sink, stage.now)
    stage.run(1)
    assert len(sink.voices) == 200


def test_speaking_is_told_when_it_changes_and_not_more() -> None:
    stage = Stage("a", "b")
    stage["a"].level = 100
    stage.run(5)
    stage["a"].level = 0
    stage.run(5)
    told = [e for e in stage.events if isinstance(e, Speaking)]
    assert told[0].loudest[0].participant == "a" and told[-1].loudest == []
    assert len(told) <= 8


def test_speaking_is_told_ten_times_a_second_at_most() -> None:
    stage, chance = Stage("a", "b", "c"), Random(5)
    for _ in range(10):
        for name in "abc":
            stage[name].levels = [chance.choice((0, 60, 127)) for _ in range(50)]
        before = len(stage.events)
        stage.run(1)
        assert 3 < sum(isinstance(event, Speaking) for event in stage.events[before:]) <= 10
