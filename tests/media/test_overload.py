"""More arrives than can be passed on: pictures go first, voices stay."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterable, Iterator
from itertools import pairwise

import pytest

from server.media.outward.overload import (
    BEHIND,
    CALM,
    CAMERA,
    FIRST_CAMERA,
    HIGHEST,
    LONGEST_CALM,
    PATIENCE,
    SCREEN,
    TURN,
    VOICE,
    Overload,
    fate,
    steps,
)
from server.media.protocol import Want
from server.media.transport.ice import Address
from server.media.wire.rtp import RtpPacket, is_rtcp
from tests.fuzz.stage import ATTACKER, OPUS, PICTURE_SLOT, VOICE_SLOT, VP9, Stage
from tests.fuzz.stage import CAMERA as CAMERA_SSRC
from tests.fuzz.targets.rtp import picture, screens, voice
from tests.media.endpoint import VP8, vp9_picture
from tests.media.memory import MemoryPort
from tests.media.test_forward import Camera, Scene
from tests.media.test_temporal_layers import CHROMIUM, FIREFOX, PLAIN, begun, layers
from tests.media.test_temporal_layers import Camera as Layered

ALL = range(1, HIGHEST + 1)


@pytest.mark.parametrize(
    ("level", "fates"),
    [  # of a voice, a screen, the first camera, another
        (0, ("whole", "whole", "whole", "whole")),
        (1, ("whole", "whole", "whole", "base")),
        (2, ("whole", "whole", "whole", "nothing")),
        (3, ("whole", "whole", "base", "nothing")),
        (4, ("whole", "whole", "nothing", "nothing")),
        (5, ("whole", "base", "nothing", "nothing")),
        (HIGHEST, ("whole", "nothing", "nothing", "nothing")),
    ],
)
def test_what_is_left_out_at_each_level(level: int, fates: tuple[str, ...]) -> None:
    assert tuple(fate(importance, level) for importance in (VOICE, SCREEN, FIRST_CAMERA, CAMERA)) == fates


@pytest.mark.parametrize("importance", [SCREEN, FIRST_CAMERA, CAMERA])
@pytest.mark.parametrize("layered", [True, False])
def test_steps_are_where_less_goes_out(importance: int, layered: bool) -> None:
    def goes_out(level: int) -> str:
        out = fate(importance, level)
        return "whole" if out == "base" and not layered else out

    found = [level for level in range(1, HIGHEST + 1) if goes_out(level) != goes_out(level - 1)]
    assert found == list(steps(importance, layered))


def bursts(overload: Overload, begin: float, end: float, waiting: float, levels: Iterable[int] = ALL) -> list[int]:
    """The levels after each of the bursts that come every 10 ms, while pictures wait so long (s)."""
    found = []
    for step in range(round(100 * (end - begin))):
        now = begin + step / 100
        if overload.note(waiting, now):
            overload.rise(levels, now)
        found.append(overload.level)
    return found


LATE = 1.1 * PATIENCE


def test_pictures_that_wait_for_a_moment_are_no_overload() -> None:
    assert set(bursts(Overload(), 1.0, 9.0, 0.9 * PATIENCE)) == {0}


def test_the_level_rises_while_the_node_falls_behind_and_stands_once_it_does_not() -> None:
    overload = Overload()
    levels = bursts(overload, 1.0, 1.1, LATE)
    assert set(levels) == {1}, "what was decided is given time to show"
    assert set(bursts(overload, 1.1, 1.0 + 0.9 * CALM, 0.0)) == {1}
    assert bursts(overload, 2.0, 4.0, 0.0)[-1] == 0
    assert max(bursts(overload, 5.0, 9.0, LATE)) == HIGHEST


def test_a_node_near_its_limits_brings_nothing_back() -> None:
    overload = Overload()
    bursts(overload, 1.0, 1.1, LATE)
    assert set(bursts(overload, 1.1, 9.0, 1.1 * BEHIND)) == {1}
    assert bursts(overload, 9.0, 9.0 + 1.1 * CALM, 0.9 * BEHIND)[-1] == 0


def test_steps_that_would_leave_out_nothing_are_left_out_themselves() -> None:
    overload = Overload()
    assert set(bursts(overload, 1.0, 1.3, LATE, levels=[4, 6, 4])) == {4, 6}
    assert bursts(overload, 1.3, 2.0, LATE, levels=[])[-1] == 6


def test_what_came_back_too_soon_stays_away_longer_each_time() -> None:
    overload = Overload()
    overload.note(LATE, 0.0)
    overload.rise(ALL, 0.0)
    stood, changed = [], 0.0
    for _ in range(4):
        now = changed
        while overload.level == 1:
            overload.note(0.0, now)
            now += 0.01
        stood.append(now - changed)
        changed = now + LATE
        assert overload.note(LATE, changed)
        overload.rise(ALL, changed)
    assert [round(one) for one in stood] == [CALM, 4 * CALM, LONGEST_CALM, LONGEST_CALM]


def test_a_picture_that_was_given_up_goes_on_at_a_key_frame_without_a_hole() -> None:
    scene, camera = Scene(), Camera("a")
    slot = scene.subscriber.picture
    camera.feed(1, 0.0)
    camera.source.fresh.clear()
    slot.show(camera.source)
    camera.feed(3, 0.1, key=True)
    scene.pass_on(camera.source, 0.1)
    camera.feed(4, 0.2)
    scene.forwarder.give_up(camera.source)
    assert scene.forwarder.given_up == 4
    assert camera.source.waiting == {slot}
    camera.feed(1, 0.25, key=True)
    scene.forwarder.give_up(camera.source)
    assert camera.uplink.requests(0.25) == [], "no PLI for what would be given up, too"
    camera.feed(2, 0.3)
    assert scene.pass_on(camera.source, 0.3) == []
    assert len(camera.uplink.requests(0.3)) == 1, "now one"
    camera.feed(2, 0.4, key=True)
    assert len(scene.pass_on(camera.source, 0.4)) == 2
    numbers = [packet.sequence for packet in scene.seen]
    assert all((b - a) & 0xFFFF == 1 for a, b in pairwise(numbers)) and len(numbers) == 5
    ids = [picture.picture_id or 0 for picture in scene.pictures()]
    assert all((b - a) & 0x7FFF == 1 for a, b in pairwise(ids))


def test_upper_temporal_layers_are_left_out_first_until_the_room_wishes_anew() -> None:
    camera, viewer = begun(CHROMIUM)
    assert layers(camera, viewer, 4) == [2, 1, 2, 0]
    assert viewer.forwarder.thin(camera.source)
    assert layers(camera, viewer, 8) == [0, 0]
    assert not viewer.forwarder.thin(camera.source), "there is nothing more"
    viewer.slot.show(camera.source)
    assert layers(camera, viewer, 16)[-4:] == [2, 1, 2, 0], "as its synchronising pictures come"
    assert viewer.holes() == 0


def test_a_picture_without_layers_cannot_be_thinned() -> None:
    camera, viewer = begun(PLAIN)
    assert not viewer.forwarder.thin(camera.source)


def test_a_slot_that_waits_for_another_source_still_does() -> None:
    scene, a, b = Scene(), Camera("a"), Camera("b")
    slot = scene.subscriber.picture
    for camera in (b, a):
        camera.feed(1, 0.0)
        camera.source.fresh.clear()
    slot.show(a.source)
    a.feed(1, 0.1, key=True)
    scene.pass_on(a.source, 0.1)
    slot.show(b.source)
    a.feed(1, 0.2)
    scene.forwarder.give_up(a.source)
    assert slot.showing is None and slot.awaiting is b.source


def played(stage: Stage, burst: list[bytes]) -> list[RtpPacket]:
    """What a burst of the first participant leads to, as it leaves."""
    stage.port.batches.clear()
    for data in burst:
        stage.switch.paths.datagram(data, ATTACKER, stage.now)
    stage.switch.paths.burst_ended(stage.now)
    sent = stage.port.datagrams()
    return [RtpPacket.parse(data) for data in sent if not 192 <= data[1] <= 223]


def test_voices_leave_first() -> None:
    stage = Stage()
    played(stage, [voice(1, 1), picture(0, 0)])
    stage.now += 1
    together = played(stage, [picture(1, 3000), voice(2, 960)])
    kinds = [packet.payload_type == VP8 for packet in together]
    assert kinds == sorted(kinds) and any(kinds) and not all(kinds)


class SlowPort(MemoryPort):
    """Takes time for each packet, as a processor does: `cost` s."""

    def __init__(self, stage: Stage) -> None:
        super().__init__()
        self.stage, self.cost = stage, 0.0

    def send_segments(self, data: memoryview, segment: int, to: Address, video: bool) -> int:
        sent = super().send_segments(data, segment, to, video)
        self.stage.now += sent * self.cost
        return sent


def slow(stage: Stage) -> SlowPort:
    """The port of a stage from now on."""
    port = stage.port = SlowPort(stage)
    stage.switch.forwarder._sender._port = port  # type: ignore[assignment]
    return port


def test_a_voice_that_comes_meanwhile_goes_before_the_rest_of_a_long_picture() -> None:
    stage = Stage()
    port = slow(stage)
    played(stage, [voice(1, 1), picture(0, 0)])
    port.cost = 0.0015
    began = stage.now
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("server.media.outward.forward.PIECE", 3)  # a packet for each of the two
        first = played(stage, [picture(number, 3000) for number in range(1, 9)])
        assert {packet.ssrc for packet in first} == {PICTURE_SLOT}
        assert TURN <= stage.now - began < 2 * TURN
        assert len(first) < 8
        next_ones = played(stage, [voice(2, 960)])
        assert next_ones[0].ssrc == VOICE_SLOT and next_ones[-1].ssrc == PICTURE_SLOT
        while stage.switch.paths.burst_ended(stage.now):
            pass
        rest = [RtpPacket.parse(data) for data in stage.port.datagrams()]
    pictures = [packet for packet in (*first, *next_ones, *rest) if packet.ssrc == PICTURE_SLOT]
    assert len({(packet.sequence, packet.payload) for packet in pictures}) == len(pictures) == 2 * 8, (
        "each of two got all"
    )


class Crowd:
    """A voice, a screen in VP9 and three cameras in temporal layers, 25 pictures a second, each in bursts of its own.

    To send all of it takes the node `load` times as long as there is.
    """

    def __init__(self) -> None:
        self.stage = stage = Stage()
        self.port = slow(stage)
        self.turn = 0
        self.due = stage.now  # when the next burst comes
        self.said: list[float] = []  # when voices came that did not go yet
        self.delays: list[float] = []  # s from a voice's coming to the end of the turn in which it goes
        self.cameras = [
            Layered(f"p{number}", (CHROMIUM, FIREFOX)[number % 2], random.Random(number)) for number in range(3)
        ]
        stage.room.screening.end(stage.room.sinks[0], stage.now)
        stage.room.set_floor(["p0"], stage.now)
        for person in stage.people:
            person.downlink.element = person.downlink.step = 0  # links that carry all of it
        for number, wants in enumerate(((1, 2), (0, 2), (1,))):
            seen = [Want(slot=slot, source=f"p{whose}") for slot, whose in enumerate(wants)]
            if number == 2:
                seen.append(Want(slot=1, source="p0", kind="screen"))
            stage.room.show(stage.people[number], seen, stage.now)

    def run(self, seconds: float, load: float = 0.0) -> dict[str, float]:
        """Which share of each went out: of the voice, the screen, the camera of who has the floor, and the others."""
        self.port.cost = load * 0.04 / 15  # 15 packets are sent in 40 ms, where all are
        could: Counter[str] = Counter()
        did: Counter[str] = Counter()
        for _ in range(round(25 * seconds)):
            self.turn += 1
            for what, sender, packets, viewers in self._pictures():
                could[what] += len(packets) * viewers
                did += self._burst(sender, packets)
                if self.turn % 3 == 0:
                    self.stage.switch.tick(self.stage.now, self.stage.now)
        return {what: did[what] / could[what] for what in could}

    def _pictures(self) -> Iterator[tuple[str, int, list[bytes], int]]:
        """What comes in 40 ms: its name, its sender, its packets, and how many should get them."""
        said = [voice(2 * self.turn + n, 960 * (2 * self.turn + n)) for n in range(2)]
        source = self.stage.people[0].uplink.source("screen")
        page = vp9_picture(41, self.turn, self.turn, key=source is None or bool(source.waiting))
        yield "voice", 0, said, 2
        yield "screen", 0, [screens(self.turn, VP9, page[12:])], 1
        for number, camera in enumerate(self.cameras):
            sent = self.stage.people[number].uplink.source("camera")
            made = camera.picture(key=sent is None or bool(sent.waiting))
            packets = [data[:8] + CAMERA_SSRC.to_bytes(4, "big") + data[12:] for data in made]
            yield "others" if number else "first", number, packets, (1, 2, 2)[number]

    def _burst(self, sender: int, packets: list[bytes]) -> Counter[str]:
        """What goes out, of this and of what waited, until the next burst comes 8 ms later."""
        stage = self.stage
        for person in stage.people:
            person.path.consent.heard(stage.now)
        stage.read()
        stage.now = max(stage.now, self.due)
        for data in packets:
            stage.switch.paths.datagram(data, (ATTACKER[0], sender + 1), stage.now)
        if packets[0][1] & 0x7F == OPUS:
            self.said.append(self.due)
        self.due += 0.008
        more = True
        while more and stage.now < self.due:  # else the next burst is read with this one
            more = stage.switch.paths.burst_ended(stage.now)
            self.delays += [stage.now - at for at in self.said]
            self.said = []
        sent = Counter(
            self._what(batch[start : start + segment], to[1] - 1)
            for batch, segment, to, _ in stage.port.batches
            for start in range(0, len(batch), segment)
        )
        stage.read()  # whatever was left out, all that went out can be read
        return sent

    @staticmethod
    def _what(data: bytes, viewer: int) -> str:
        if is_rtcp(data):
            return "reports"
        ssrc = int.from_bytes(data[8:12], "big")
        if VOICE_SLOT <= ssrc < PICTURE_SLOT:
            return "voice"
        return {(1, PICTURE_SLOT): "first", (2, PICTURE_SLOT + 1): "screen"}.get((viewer, ssrc), "others")


@pytest.fixture
def crowd(monkeypatch: pytest.MonkeyPatch) -> Crowd:
    """One whose node looks at the clock after each packet, which takes as long as a thousand elsewhere."""
    monkeypatch.setattr("server.media.outward.forward.PIECE", 1)
    return Crowd()


def test_cameras_are_thinned_first_and_the_screen_stays_though_it_comes_by_itself(crowd: Crowd) -> None:
    crowd.run(2)
    assert set(crowd.run(2, 0.1).values()) == {1.0}
    shares = crowd.run(10, 1.2)
    assert shares["voice"] == shares["screen"] == shares["first"] == 1
    assert 0.2 < shares["others"] < 0.8


def test_far_too_much_is_left_out_by_importance_and_comes_back(crowd: Crowd) -> None:
    crowd.run(2)
    shares = crowd.run(20, 2.5)
    assert shares["voice"] == 1
    assert shares["others"] < shares["first"] < shares["screen"]
    assert shares["screen"] > 0.8
    assert max(crowd.delays) < 0.06, "of which the four packets of the voice itself take half"
    crowd.run(30, 0.5)
    assert set(crowd.run(2, 0.5).values()) == {1.0}


def test_a_moment_without_the_processor_costs_no_picture(crowd: Crowd) -> None:
    crowd.run(2, 0.55)
    given_up = crowd.stage.switch.forwarder.given_up
    for _ in range(5):
        crowd.stage.now += PATIENCE
        crowd.run(2, 0.55)
    assert crowd.stage.switch.forwarder.given_up == given_up
