"""Temporal layers: a capped stream must look as if its camera had never sent more, whatever is lost on the way."""

from __future__ import annotations

import random
import re
from dataclasses import dataclass, field

import pytest

from server.media.inward.packet import TOP_LAYER
from server.media.inward.source import Source
from server.media.inward.uplink import Uplink
from server.media.outward.forward import Forwarder
from server.media.wire.rtp import RtpPacket, build_header
from server.media.wire.vp8 import Vp8
from tests.media.endpoint import VP8
from tests.media.memory import MemoryPort, Subscriber
from tests.media.test_forward import PLAN

Layer = tuple[int, bool]  # temporal layer, and whether the picture depends on the base layer alone
CHROMIUM: list[Layer] = [(0, False), (2, True), (1, True), (2, False), (0, False), (2, False), (1, False), (2, False)]
FIREFOX: list[Layer] = [(0, False), (1, True), (0, False), (1, False)]
PLAIN: list[Layer] = [(0, False)]


@dataclass(frozen=True)
class Picture:
    """What was sent: `needs` are the pictures that it was coded from (RFC 7741 §4.2)."""

    camera: str
    number: int
    tid: int
    packets: int
    needs: tuple[int, ...]


@dataclass
class Camera:
    """Makes pictures of one to three packets in a pattern of layers; a key frame begins the pattern anew."""

    name: str
    pattern: list[Layer]
    chance: random.Random
    pictures: list[Picture] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.uplink = Uplink(self.name, PLAN)
        self.sequence, self.tl0, self.step = 65_000, 250, 0
        self.last: dict[int, int] = {}

    def picture(self, *, key: bool = False) -> list[bytes]:
        """The next picture's packets."""
        if key:
            self.step, self.last = 0, {}
        tid, sync = self.pattern[self.step % len(self.pattern)]
        sync = sync or (tid > 0 and tid not in self.last)  # an encoder can only refer to what there is
        needs = tuple(n for layer, n in self.last.items() if layer <= (0 if sync else tid))
        number, count = len(self.pictures), self.chance.randint(1, 3)
        self.pictures.append(Picture(self.name, number, tid, count, needs))
        self.last[tid] = number
        self.step += 1
        self.tl0 += tid == 0
        packets = [self._packet(number, n, count, (tid, sync), key) for n in range(count)]
        self.sequence += count
        return packets

    def _packet(self, number: int, n: int, count: int, layer: Layer, key: bool) -> bytes:
        layers = layer[0] << 6 | layer[1] << 5
        picture_id = 0x8000 | number + 32_700 & 0x7FFF
        descriptor = bytes([0x80 | (0x10 if n == 0 else 0), 0xE0, picture_id >> 8, picture_id & 0xFF])
        descriptor += bytes([self.tl0 & 0xFF, layers])
        head = bytes.fromhex("1000009d012a80026801") if key and n == 0 else b"\x11"
        mark = f"|{self.name}|{number}|{n}|".encode()
        sequence = self.sequence + n & 0xFFFF
        return build_header(VP8, n == count - 1, sequence, number * 3000, 2) + descriptor + head + mark + b"p" * 300

    @property
    def source(self) -> Source:
        source = self.uplink.source("camera")
        assert source is not None
        return source


class Viewer:
    """A subscriber and what it has decrypted, by number."""

    def __init__(self, cameras: list[Camera]) -> None:
        self.port = MemoryPort()
        self.forwarder = Forwarder(self.port)  # type: ignore[arg-type]
        self.subscriber = Subscriber()
        self.slot = self.subscriber.picture
        self.cameras = cameras
        self.got: dict[int, RtpPacket] = {}
        self.newest: int | None = None

    def pass_on(self, now: float) -> list[RtpPacket]:
        for camera in self.cameras:
            self.forwarder.forward(camera.source, now)
        packets = self.subscriber.read(self.port)
        for packet in packets:
            near = packet.sequence if self.newest is None else self.newest
            number = near + ((packet.sequence - near + 0x8000) & 0xFFFF) - 0x8000
            assert number not in self.got, "a number is sent once"
            self.got[number] = packet
            self.newest = max(near, number)
        return packets

    def holes(self) -> int:
        return max(self.got) - min(self.got) + 1 - len(self.got)

    def pictures(self) -> dict[tuple[str, int], set[int]]:
        """Which packets of which pictures came."""
        found: dict[tuple[str, int], set[int]] = {}
        for packet in self.got.values():
            if packet.payload:
                camera, number, n = mark(packet.payload)
                found.setdefault((camera, number), set()).add(n)
        return found

    def picture_ids(self) -> set[int]:
        """Without wraps, in the order of the numbers."""
        ids: set[int] = set()
        near: int | None = None
        for _number, packet in sorted(self.got.items()):
            if packet.payload:
                picture_id = Vp8.parse(packet.payload).picture_id
                assert picture_id is not None
                near = picture_id if near is None else near + ((picture_id - near + 0x4000) & 0x7FFF) - 0x4000
                ids.add(near)
        return ids


def mark(payload: bytes) -> tuple[str, int, int]:
    """Camera, picture and place in it."""
    found = re.search(rb"\|([ab])\|(\d+)\|(\d)\|p", payload)
    assert found is not None
    return found[1].decode(), int(found[2]), int(found[3])


def begun(pattern: list[Layer], cap: int = TOP_LAYER, *, seed: int = 1) -> tuple[Camera, Viewer]:
    """A viewer who sees the first picture, a key frame."""
    camera = Camera("a", pattern, random.Random(seed))
    camera.uplink.receive(camera.picture()[0], 0.0)
    camera.source.fresh.clear()
    camera.step = 0
    viewer = Viewer([camera])
    viewer.slot.show(camera.source, cap)
    send(camera, viewer, key=True)
    return camera, viewer


def send(camera: Camera, viewer: Viewer, *, key: bool = False, now: float = 0.1) -> list[int]:
    """One picture goes through; the layers of what the viewer gets of it."""
    for data in camera.picture(key=key):
        camera.uplink.receive(data, now)
    return [camera.pictures[mark(packet.payload)[1]].tid for packet in viewer.pass_on(now)]


def layers(camera: Camera, viewer: Viewer, count: int) -> list[int]:
    """Layers of the pictures that the viewer gets of the next `count`."""
    return [got[0] for got in (send(camera, viewer) for _ in range(count)) if got]


def test_a_cap_leaves_out_the_layers_above_it_and_leaves_no_trace() -> None:
    for cap, expected in enumerate(([0, 0], [1, 0, 1, 0], [2, 1, 2, 0, 2, 1, 2, 0])):
        camera, viewer = begun(CHROMIUM, cap)
        assert layers(camera, viewer, 8) == expected
        assert viewer.holes() == 0
        ids = viewer.picture_ids()
        assert len(ids) == len(expected) + 1 == max(ids) - min(ids) + 1


def test_a_lower_cap_holds_from_the_next_picture_on() -> None:
    camera, viewer = begun(CHROMIUM)
    assert layers(camera, viewer, 3) == [2, 1, 2]
    viewer.slot.show(camera.source, 0)
    assert layers(camera, viewer, 8) == [0, 0]
    assert camera.source.changing == set()
    assert camera.uplink.requests(9.0) == [], "no key frame is asked for"


def test_a_picture_in_parts_is_finished_under_the_old_cap() -> None:
    camera, viewer = begun(CHROMIUM)
    camera.chance = random.Random(3)
    packets = camera.picture()
    while len(packets) == 1:
        packets = camera.picture()
    camera.uplink.receive(packets[0], 0.2)
    viewer.pass_on(0.2)
    viewer.slot.show(camera.source, 0)
    for data in packets[1:]:
        camera.uplink.receive(data, 0.2)
    assert len(viewer.pass_on(0.2)) == len(packets) - 1


def test_a_higher_cap_waits_for_a_picture_that_depends_on_the_base_alone() -> None:
    camera, viewer = begun(CHROMIUM, 0)
    assert layers(camera, viewer, 4) == [0], "the fifth of eight is a base picture"
    viewer.slot.show(camera.source, TOP_LAYER)
    assert layers(camera, viewer, 8) == [0, 1, 0], "layer 1 is begun by the third of the next eight"
    assert layers(camera, viewer, 8) == [1, 0, 2, 1, 2, 0], "and layer 2 by the second of those after"
    assert camera.source.changing == set()


def test_a_key_frame_allows_any_cap_at_once() -> None:
    camera, viewer = begun(CHROMIUM, 0)
    assert layers(camera, viewer, 4) == [0]
    viewer.slot.show(camera.source, TOP_LAYER)
    send(camera, viewer, key=True)
    assert layers(camera, viewer, 4) == [2, 1, 2, 0]


def test_without_temporal_layers_a_cap_changes_nothing() -> None:
    camera, viewer = begun(PLAIN, 0)
    assert layers(camera, viewer, 3) == [0, 0, 0]
    viewer.slot.show(camera.source, 1)
    assert layers(camera, viewer, 3) == [0, 0, 0]
    assert camera.source.changing == set()


def test_a_wish_for_another_source_does_not_cap_the_one_that_is_shown() -> None:
    camera, viewer = begun(CHROMIUM)
    other = Camera("b", CHROMIUM, random.Random(2))
    other.uplink.receive(other.picture()[0], 0.0)
    other.source.fresh.clear()
    viewer.slot.show(other.source, 0)
    assert layers(camera, viewer, 4) == [2, 1, 2, 0]
    viewer.cameras.append(other)
    for data in other.picture(key=True):
        other.uplink.receive(data, 0.3)
    viewer.pass_on(0.3)
    assert viewer.slot.showing is other.source
    assert [n for n in (send(other, viewer) for _ in range(8)) if n] and viewer.holes() == 0
    assert {other.pictures[n].tid for name, n in viewer.pictures() if name == "b"} == {0}


def test_a_late_packet_above_the_cap_becomes_padding_so_that_nobody_waits_for_its_number() -> None:
    camera, viewer = begun(CHROMIUM, 0)
    late, *others = camera.picture()
    for data in others:
        camera.uplink.receive(data, 0.2)
    viewer.pass_on(0.2)
    layers(camera, viewer, 4)
    assert viewer.holes() == 1
    camera.uplink.receive(late, 0.3)
    (packet,) = viewer.pass_on(0.3)
    assert packet.payload == b"" and viewer.holes() == 0
    assert viewer.forwarder.rtx.answer(viewer.slot, [packet.sequence], 0.4) == 1
    (again,) = viewer.subscriber.read(viewer.port)
    assert again.payload == packet.sequence.to_bytes(2, "big")


def test_a_number_that_is_still_to_be_sent_is_not_answered_with_what_was_left_out() -> None:
    camera, viewer = begun(CHROMIUM, 0)
    assert layers(camera, viewer, 2) == []
    following = max(viewer.got) + 1 & 0xFFFF
    assert viewer.forwarder.rtx.answer(viewer.slot, [following], 0.2) == 0


def test_rates_of_the_layers_are_counted_while_pictures_come() -> None:
    camera, viewer = begun(CHROMIUM, 0)
    assert camera.source.rates == (0, 0, 0)
    for step in range(90):
        send(camera, viewer, now=0.2 + step / 30)
    base, middle, top = camera.source.rates
    packets = sum(picture.packets for picture in camera.pictures[-60:-30])
    assert top == pytest.approx(8 * packets * (300 + 20 + 6 + 16 + 12), rel=0.15)
    assert 0.15 * top < base < 0.4 * top < middle < 0.65 * top
    assert camera.source.frame_rate == pytest.approx(30, abs=1)


def test_rates_are_not_those_of_a_pause() -> None:
    camera, viewer = begun(FIREFOX)
    for step in range(60):
        send(camera, viewer, now=0.2 + step / 30)
    before = camera.source.rates
    for step in range(60):
        send(camera, viewer, now=100.2 + step / 30)
    assert camera.source.rates == pytest.approx(before, rel=0.3)
