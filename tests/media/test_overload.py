"""More arrives than can be passed on: pictures go first, voices stay."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterable, Iterator
from itertools import pairwise

import pytest

from server.media.outward.overload import (
    CALM,
    CAMERA,
    FIRST_CAMERA,
    HIGHEST,
    LONGEST_CALM,
    PATIENCE,
    SCREEN,
    VOICE,
    Overload,
    fate,
    steps,
)
from server.media.protocol import Want
from server.media.wire.rtp import RtpPacket, is_rtcp
from tests.fuzz.stage import ATTACKER, PICTURE_SLOT, VOICE_SLOT, VP9, Stage
from tests.fuzz.stage import CAMERA as CAMERA_SSRC
from tests.fuzz.targets.rtp import picture, screens, voice
from tests.media.endpoint import VP8, vp9_picture
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


def bursts(overload: Overload, begin: float, end: float, rested: bool, levels: Iterable[int] = ALL) -> list[int]:
    """The levels after each of the bursts that come every 10 ms."""
    found = []
    for step in range(round(100 * (end - begin))):
        now = begin + step / 100
        if overload.note(rested, now):
            overload.rise(levels, now)
        found.append(overload.level)
    return found


def test_a_long_burst_alone_is_no_overload() -> None:
    overload = Overload()
    for begin in (1.0, 2.0):
        assert set(bursts(overload, begin, begin + 0.8 * PATIENCE, rested=False)) == {0}
        bursts(overload, begin + 0.8 * PATIENCE, begin + 1, rested=True)


def test_the_level_rises_while_the_node_falls_behind_and_stands_once_it_does_not() -> None:
    overload = Overload()
    levels = bursts(overload, 1.0, 1.1, rested=False)
    assert levels[4] == 0 and levels[-1] == 1
    assert set(bursts(overload, 1.1, 1.1 + 0.9 * CALM, rested=True)) == {1}
    assert bursts(overload, 2.0, 4.0, rested=True)[-1] == 0
    assert max(bursts(overload, 5.0, 9.0, rested=False)) == HIGHEST


def test_steps_that_would_leave_out_nothing_are_left_out_themselves() -> None:
    overload = Overload()
    assert set(bursts(overload, 1.0, 1.2, rested=False, levels=[4, 6, 4])) == {0, 4, 6}
    assert bursts(overload, 1.2, 2.0, rested=False, levels=[])[-1] == 6


def test_what_came_back_too_soon_stays_away_longer_each_time() -> None:
    overload = Overload()
    bursts(overload, 0.0, 0.07, rested=False)
    stood, changed = [], 0.07
    for _ in range(4):
        now = changed
        while overload.level == 1:
            overload.note(True, now)
            now += 0.01
        stood.append(now - changed)
        bursts(overload, now, now + 0.07, rested=False)
        changed = now + 0.07
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


def test_voices_leave_first_and_in_overload_alone() -> None:
    stage = Stage()
    played(stage, [voice(1, 1), picture(0, 0)])
    stage.now += 1
    together = played(stage, [picture(1, 3000), voice(2, 960)])
    kinds = [packet.payload_type == VP8 for packet in together]
    assert kinds == sorted(kinds) and any(kinds) and not all(kinds)
    stage.port.rested = False
    for number in range(10):
        stage.now += PATIENCE
        alone = played(stage, [picture(2 + number, 6000 + 3000 * number), voice(3 + number, 2880 + 960 * number)])
    assert {packet.ssrc for packet in alone} == {VOICE_SLOT}
    assert stage.switch.forwarder.given_up > 0
    stage.port.rested = True
    for number in range(20):
        stage.now += CALM
        after = played(stage, [picture(20 + number, 60_000 + 3000 * number, key=True)])
    assert PICTURE_SLOT in {packet.ssrc for packet in after}


class Crowd:
    """A voice, a screen in VP9 and three cameras in temporal layers, 25 pictures a second, each in bursts of its own.

    The node needs `load` times as long as there is for all of it, and rests when nothing is left to do.
    """

    def __init__(self) -> None:
        self.stage = stage = Stage()
        self.load = 0.0
        self.left = 0.0  # s of work that is not done yet
        self.turn = 0
        self.cameras = [
            Layered(f"p{number}", (CHROMIUM, FIREFOX)[number % 2], random.Random(number)) for number in range(3)
        ]
        stage.room.remove_sink(stage.room.sinks[0], stage.now)
        stage.room.set_floor(["p0"], stage.now)
        for person in stage.people:
            person.downlink.element = person.downlink.step = 0  # links that carry all of it
        for number, wants in enumerate(((1, 2), (0, 2), (1,))):
            seen = [Want(slot=slot, source=f"p{whose}") for slot, whose in enumerate(wants)]
            if number == 2:
                seen.append(Want(slot=1, source="p0", kind="screen"))
            stage.room.show(stage.people[number], seen, stage.now)

    def run(self, seconds: float) -> dict[str, float]:
        """Which share of each went out: of the voice, the screen, the camera of who has the floor, and the others."""
        could: Counter[str] = Counter()
        did: Counter[str] = Counter()
        for _ in range(round(25 * seconds)):
            self.turn += 1
            for what, sender, packets, viewers in self._pictures():
                could[what] += len(packets) * viewers
                did[what] += self._burst(sender, packets)
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

    def _burst(self, sender: int, packets: list[bytes]) -> int:
        stage = self.stage
        for person in stage.people:
            person.consent.heard(stage.now)
        stage.now += 0.008
        self.left = max(0.0, self.left - 0.008)
        stage.port.rested = self.left == 0
        stage.read()
        for data in packets:
            stage.switch.paths.datagram(data, (ATTACKER[0], sender + 1), stage.now)
        stage.switch.paths.burst_ended(stage.now)
        sent = sum(
            not is_rtcp(batch[start : start + segment])
            for batch, segment, _, _ in stage.port.batches
            for start in range(0, len(batch), segment)
        )
        stage.read()  # whatever was left out, all that went out can be read
        self.left += sent * self.load * 0.04 / 15  # 15 are sent in 40 ms, where all is
        return sent


def test_cameras_are_thinned_first_and_the_screen_stays_though_it_comes_by_itself() -> None:
    crowd = Crowd()
    crowd.run(2)
    assert set(crowd.run(2).values()) == {1.0}
    crowd.load = 1.2
    shares = crowd.run(10)
    assert shares["voice"] == shares["screen"] == shares["first"] == 1
    assert 0.2 < shares["others"] < 0.8


def test_far_too_much_is_left_out_by_importance_and_comes_back() -> None:
    crowd = Crowd()
    crowd.run(2)
    crowd.load = 2.5
    shares = crowd.run(20)
    assert shares["voice"] == 1
    assert shares["others"] < shares["first"] < shares["screen"]
    assert shares["screen"] > 0.8
    crowd.load = 0.5
    crowd.run(30)
    assert set(crowd.run(2).values()) == {1.0}
