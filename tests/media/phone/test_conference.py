"""Browsers and telephones in one room, by the test's own clock: who hears whom, and how well."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest

from server.media.phone.bridge import Bridge, Ports
from server.media.phone.codecs import codec
from server.media.phone.conference import Conference
from server.media.phone.playout import Playout
from server.media.phone.sounds import Player, Sound
from server.media.protocol import Speaking
from server.media.wire.opus import FRAME, RATE, Encoder, Samples
from server.media.wire.opus import Decoder as OpusDecoder
from server.media.wire.rtp import RtpPacket
from tests.media.endpoint import OPUS, voice
from tests.media.phone.test_bridge import HOST, Handset
from tests.media.test_room import Person, Sink, Stage
from tests.sounds import tone

MICROPHONE = frozenset({"microphone"})


class Singer:
    """Makes a person's browser send a tone."""

    def __init__(self, person: Person, hertz: float) -> None:
        self._person, self._encoder, self._sound = person, Encoder(), tone(hertz, 30, RATE)
        person.packets = self.packets  # type: ignore[method-assign]

    def packets(self) -> list[bytes]:
        n, self._person.number = self._person.number, self._person.number + 1
        payload = self._encoder.encode(self._sound[n * FRAME : (n + 1) * FRAME])
        return [voice(1, n, level=20, payload=payload)]


class Hall(Stage):
    """A stage with telephones, each of which says a tone as long as it is in `talking`."""

    def __init__(self, browsers: str, telephones: dict[str, float]) -> None:
        super().__init__(*browsers)
        self.bridge = Bridge(Ports(HOST, 41_300, 41_398), lambda call, key: None, clock=lambda: self.now, ticking=False)
        self.conference = Conference(self.room, self.bridge, lambda: self.now)
        self.handsets = {name: Handset(hertz) for name, hertz in telephones.items()}
        self.talking = set(telephones)
        lobby = Bridge(Ports(HOST, 41_400, 41_498), lambda call, key: None, clock=lambda: self.now, ticking=False)
        for name, handset in self.handsets.items():
            handset.port = lobby.open(f"call {name}", handset.terms)
            self.conference.seat(lobby.let_go(f"call {name}"), name)

    def allow(self, *names: str) -> None:
        for name in names:
            self.room.set_publish(name, MICROPHONE, self.now)

    def _deliver(self) -> None:
        super()._deliver()
        for name in self.talking:
            self.handsets[name].say()
        self.bridge.step(self.now)
        super()._deliver()
        for handset in self.handsets.values():
            handset.listen()

    def hear(self, seconds: float) -> None:
        """Run; what came before is forgotten by everybody."""
        for handset in self.handsets.values():
            handset.heard.clear()
        self.run(seconds)

    def close(self) -> None:
        self.bridge.close_all()
        for handset in self.handsets.values():
            handset.socket.close()


@pytest.fixture
async def hall() -> Iterator[Hall]:  # type: ignore[misc]
    made = Hall("ab", {"x": 400.0, "y": 700.0, "z": 850.0})
    yield made
    made.close()


def sound_of_telephone(packets: list[RtpPacket]) -> Samples:
    decoder = codec("PCMA")
    return np.concatenate([decoder.decode(packet.payload) for packet in packets])


def sound_of_browser(packets: list[RtpPacket]) -> Samples:
    """The sum of its slots; each packet at its timestamp."""
    whole = np.zeros(RATE * 40, np.int32)
    for ssrc in {packet.ssrc for packet in packets if packet.payload_type == OPUS}:
        own = sorted((p for p in packets if p.ssrc == ssrc), key=lambda p: (p.timestamp - packets[0].timestamp) % 2**32)
        decoder, first = OpusDecoder(), own[0].timestamp
        for packet in own:
            samples = decoder.decode(packet.payload)
            at = (packet.timestamp - first) % 2**32
            if samples is not None and at + samples.size < whole.size:
                whole[at : at + samples.size] += samples
    return whole[: np.flatnonzero(whole)[-1] + 1] if whole.any() else whole[:RATE]


def strength(sound: Samples, rate: int, hertz: float) -> float:
    """Root mean square of what is within 1 % of a frequency."""
    sound = sound.astype(float)
    spectrum = np.abs(np.fft.rfft(sound * np.hanning(sound.size))) / sound.size * np.sqrt(16 / 3)
    places = np.arange(spectrum.size) * rate / sound.size
    return float(np.sqrt((spectrum[np.abs(places - hertz) <= 0.01 * hertz] ** 2).sum()))


def heard(sound: Samples, rate: int) -> set[int]:
    return {hertz for hertz in (400, 700, 850, 1_000) if strength(sound, rate, hertz) > 700}


def longest_hole(sound: Samples, rate: int) -> float:
    """s of the longest time in which nothing is heard, in steps of 5 ms."""
    size = rate // 200
    pieces = sound[: sound.size // size * size].astype(float).reshape(-1, size)
    longest = hole = 0
    for loud in np.sqrt((pieces**2).mean(axis=1)) > 300:
        hole = 0 if loud else hole + 1
        longest = max(longest, hole)
    return longest / 200


async def test_browsers_and_telephones_hear_each_other_at_the_right_pitch_without_holes(hall: Hall) -> None:
    Singer(hall["a"], 1_000)
    hall.talking.discard("z")
    hall.allow("x", "y")
    hall.hear(2)  # gains settle
    hall.hear(5)
    for name, expected in (("x", {700, 1_000}), ("y", {400, 1_000}), ("z", {400, 700, 1_000})):
        sound = sound_of_telephone(hall.handsets[name].heard)
        assert heard(sound, 8_000) == expected, name
        assert longest_hole(sound, 8_000) <= 0.04
    b, a = sound_of_browser(hall["b"].got), sound_of_browser(hall["a"].got)
    assert heard(b, RATE) == {400, 700, 1_000}
    assert heard(a, RATE) == {400, 700}
    for sound in (a, b):
        assert longest_hole(sound[RATE // 2 :], RATE) <= 0.04


async def test_a_telephone_is_silent_until_it_may_speak_and_without_the_floor(hall: Hall) -> None:
    hall.talking = {"x"}
    hall.hear(1)
    assert hall["a"].heard() == 0
    assert heard(sound_of_telephone(hall.handsets["y"].heard), 8_000) == set()
    hall.allow("x")
    hall.room.set_floor(["a"], hall.now)
    hall.hear(1)
    assert hall["a"].heard() == 0
    assert heard(sound_of_telephone(hall.handsets["y"].heard), 8_000) == set()
    hall.room.set_floor(["a", "x"], hall.now)
    hall.hear(2)
    assert hall["a"].heard() > 80
    assert heard(sound_of_telephone(hall.handsets["y"].heard), 8_000) == {400}
    spoken = [event for event in hall.events if isinstance(event, Speaking)][-1]
    assert [level.participant for level in spoken.loudest] == ["x"]
    hall.room.set_publish("x", frozenset(), hall.now)
    hall.hear(1)
    hall.hear(1)
    assert hall["a"].heard() == 0
    assert heard(sound_of_telephone(hall.handsets["y"].heard), 8_000) == set()


async def test_the_recorder_gets_telephones_as_it_gets_browsers(hall: Hall) -> None:
    sink = Sink()
    hall.room.screening.begin(sink, hall.now)
    Singer(hall["a"], 1_000)
    hall.talking = {"x"}
    hall.allow("x")
    hall.hear(2)
    assert sink.voices.count("x") == pytest.approx(100, abs=10)
    assert sink.voices.count("a") == 100


async def test_a_silent_line_takes_no_place_from_those_who_speak() -> None:
    hall = Hall("abcde", {"x": 400.0})
    hall.allow("x")
    hall.hear(1)
    hall.talking.clear()
    for name in "bcd":
        hall[name].level = 100
    hall.hear(3)
    assert set(hall.room.speakers.slots) == {"b", "c", "d"}
    hall.close()


async def test_what_is_played_to_one_is_heard_by_nobody_else_and_ends(hall: Hall) -> None:
    ended: list[str] = []
    hall.talking.clear()
    hall.bridge["call x"].play(Player([Sound(tone(850, 1, RATE))]), lambda: ended.append("x"))
    hall.hear(0.96)
    assert heard(sound_of_telephone(hall.handsets["x"].heard), 8_000) == {850}
    assert heard(sound_of_telephone(hall.handsets["y"].heard), 8_000) == set()
    assert ended == []
    hall.hear(0.2)
    assert ended == ["x"]
    hall.hear(0.5)
    assert len(hall.handsets["x"].heard) == 25
    assert heard(sound_of_telephone(hall.handsets["x"].heard), 8_000) == set()


async def test_an_announcement_is_heard_by_all_telephones_once(hall: Hall) -> None:
    hall.talking.clear()
    hall.conference.announce(Sound(tone(850, 0.5, RATE)))
    hall.hear(0.5)
    for name in "xyz":
        assert heard(sound_of_telephone(hall.handsets[name].heard), 8_000) == {850}
    hall.hear(0.5)
    assert heard(sound_of_telephone(hall.handsets["x"].heard), 8_000) == set()


async def test_a_browser_takes_the_place_of_its_telephone_and_back(hall: Hall) -> None:
    hall.allow("x")
    hall.talking = {"x"}
    hall.hear(1)
    x = Person("x", 77, hall.port, hall.now)
    hall.people["x"] = x
    hall.room.enter(x.participant, hall.now)
    assert "x" not in hall.room.telephones
    hall.hear(1)
    assert hall["a"].heard() == 0, "the call goes on in nobody's name"
    assert heard(sound_of_telephone(hall.handsets["y"].heard), 8_000) == set()


async def test_who_leaves_is_out_of_the_room(hall: Hall) -> None:
    hall.allow("x")
    hall.hear(1)
    made = hall.conference.unseat("call x")
    assert "x" not in hall.room.audible
    hall.hear(1)
    assert heard(sound_of_telephone(hall.handsets["y"].heard), 8_000) == set()
    made.socket.close()
    left = hall.conference.end()
    assert [call.listener.who for call in left] == ["call y", "call z"]
    assert hall.room.telephones == {} and hall.room.voice_sinks == []
    for call in left:
        call.socket.close()


async def test_a_browsers_voice_at_which_we_fail_keeps_telephones_from_nothing_else(
    hall: Hall, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """It is logged once, and tried anew."""
    hall.allow("a", "x")
    Singer(hall["a"], 1_000)
    hall.hear(0.5)
    take, fails = Playout.take, [True]

    def failing(self: Playout, now: float) -> Samples | None:
        if fails and self in [voice.playout for voice in hall.conference._voices.values()]:
            raise RuntimeError("a bug of ours")
        return take(self, now)

    monkeypatch.setattr(Playout, "take", failing)
    hall.hear(1.0)
    assert heard(sound_of_telephone(hall.handsets["y"].heard[5:]), 8_000) == {400}
    (record,) = (one for one in caplog.records if one.levelname == "ERROR")
    assert record.getMessage().endswith("a") and record.exc_info is not None
    fails.clear()
    hall.hear(2.0)
    assert heard(sound_of_telephone(hall.handsets["y"].heard[50:]), 8_000) == {400, 1_000}
