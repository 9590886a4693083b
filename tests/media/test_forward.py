"""Slots and forwarding: what a subscriber decrypts must be one unbroken stream, whatever happens behind it."""

from __future__ import annotations

import random
from itertools import pairwise

import pytest

from server.media.inward.source import Source
from server.media.inward.uplink import Uplink, UplinkPlan
from server.media.outward.forward import Forwarder
from server.media.outward.runs import BATCH_BYTES
from server.media.protocol import Kind
from server.media.wire.rtp import RtpPacket
from server.media.wire.vp8 import Vp8
from tests.media.endpoint import EXTENSIONS, picture, voice
from tests.media.memory import MemoryPort, Subscriber

PLAN = UplinkPlan(
    kinds={"0": "microphone", "1": "camera"},
    ssrcs={1: "0", 2: "1"},
    payload_types=frozenset({111, 96}),
    rtx={97: 96},
    rtx_ssrcs={3: 2},
    level_id=4,
    transport_cc_id=5,
)


class Camera:
    """A publisher whose frames of one packet each go through an uplink; `lost` numbers never arrive."""

    def __init__(self, name: str, *, first: int = 0) -> None:
        self.uplink = Uplink(name, PLAN)
        self.number = self.frame = first
        self.ssrc = 2

    def feed(self, count: int, now: float, *, key: bool = False, size: int = 900) -> None:
        for n in range(count):
            self.uplink.receive(picture(self.ssrc, self.number, self.frame, key=key and n == 0, size=size), now)
            self.number += 1
            self.frame += 1

    @property
    def source(self) -> Source:
        kind: Kind = "camera"
        source = self.uplink.source(kind)
        assert source is not None
        return source


class Scene:
    """A forwarder, one subscriber, and the stream that the subscriber has decrypted so far."""

    def __init__(self) -> None:
        self.port = MemoryPort()
        self.forwarder = Forwarder(self.port)  # type: ignore[arg-type]
        self.subscriber = Subscriber()
        self.seen: list[RtpPacket] = []

    def pass_on(self, source: Source, now: float) -> list[RtpPacket]:
        self.forwarder.forward(source, now)
        new = self.subscriber.read(self.port)
        self.seen += new
        return new

    def pictures(self) -> list[Vp8]:
        return [Vp8.parse(packet.payload) for packet in self.seen]


def unbroken(packets: list[RtpPacket]) -> bool:
    numbers = [packet.sequence for packet in packets]
    return all((b - a) & 0xFFFF == 1 for a, b in pairwise(numbers))


def test_a_slot_begins_with_a_key_frame_and_asks_for_one() -> None:
    scene, camera = Scene(), Camera("a")
    camera.feed(3, 0.0)
    scene.pass_on(camera.source, 0.0)
    scene.subscriber.picture.show(camera.source)
    assert len(camera.uplink.requests(0.1)) == 1, "one PLI"
    assert camera.uplink.requests(0.2) == [], "not two at once"
    assert len(camera.uplink.requests(0.5)) == 1, "again while none comes"
    camera.feed(2, 1.0)
    assert scene.pass_on(camera.source, 1.0) == []
    camera.feed(3, 1.5, key=True)
    got = scene.pass_on(camera.source, 1.5)
    assert len(got) == 3 and Vp8.parse(got[0].payload).key_frame
    assert {packet.ssrc for packet in got} == {0xAAAA}
    assert camera.uplink.requests(2.0) == [], "a key frame came"


def test_a_switch_is_not_to_be_noticed() -> None:
    scene = Scene()
    a, b = Camera("a", first=65_500), Camera("b", first=7)
    slot = scene.subscriber.picture
    for camera in (a, b):
        camera.feed(1, 0.0)
        camera.source.fresh.clear()
    for turn in range(6):
        camera = (a, b)[turn % 2]
        now = 1.0 + turn
        slot.show(camera.source)
        for other in (a, b):
            other.feed(10, now, key=True)
            scene.pass_on(other.source, now)
        for other in (a, b):
            other.feed(10, now + 0.5)
            scene.pass_on(other.source, now + 0.5)
    assert len(scene.seen) > 100
    assert unbroken(scene.seen)
    numbers = [picture.picture_id for picture in scene.pictures()]
    assert all((after - before) & 0x7FFF == 1 for before, after in pairwise(numbers))
    layers = [picture.tl0 for picture in scene.pictures()]
    assert all((after - before) & 0xFF == 1 for before, after in pairwise(layers))
    times = [packet.timestamp for packet in scene.seen]
    assert all(0 < (after - before) & 0xFFFFFFFF < 90_000 * 2 for before, after in pairwise(times))


def test_the_old_picture_goes_on_until_the_new_one_can_be_shown() -> None:
    scene, a, b = Scene(), Camera("a"), Camera("b")
    for camera in (a, b):
        camera.feed(1, 0.0)
        camera.source.fresh.clear()
    scene.subscriber.picture.show(a.source)
    a.feed(2, 0.1, key=True)
    scene.pass_on(a.source, 0.1)
    scene.subscriber.picture.show(b.source)
    a.feed(5, 0.2)
    b.feed(5, 0.2)
    assert len(scene.pass_on(a.source, 0.2)) == 5
    assert scene.pass_on(b.source, 0.2) == []
    b.feed(2, 0.3, key=True)
    assert len(scene.pass_on(b.source, 0.3)) == 2
    a.feed(5, 0.4)
    assert scene.pass_on(a.source, 0.4) == []


def test_a_burst_of_equal_packets_is_one_batch() -> None:
    scene, camera = Scene(), Camera("a")
    camera.feed(1, 0.0)
    camera.source.fresh.clear()
    scene.subscriber.picture.show(camera.source)
    camera.feed(5, 0.1, key=True)
    scene.forwarder.forward(camera.source, 0.1)
    assert len(scene.port.batches) == 1
    assert len(scene.subscriber.read(scene.port)) == 5
    camera.feed(4, 0.2, size=700)
    camera.feed(1, 0.2, size=300)
    camera.feed(2, 0.2, size=500)
    scene.forwarder.forward(camera.source, 0.2)
    assert [len(data) // segment for data, segment, _, _ in scene.port.batches] == [4, 2], "the last may be shorter"
    assert [len(packet.payload) for packet in scene.subscriber.read(scene.port)] == [700] * 4 + [300] + [500] * 2
    camera.feed(12, 0.3)
    scene.forwarder.forward(camera.source, 0.3)
    assert len(scene.port.batches) == 3, "a batch is bounded"
    assert max(len(data) for data, _, _, _ in scene.port.batches) <= BATCH_BYTES


def test_packets_that_differ_by_an_octet_leave_in_one_batch_and_arrive_as_they_were() -> None:
    scene, camera = Scene(), Camera("a")
    scene.subscriber.picture.show(_begun(camera))
    camera.feed(1, 0.1, key=True, size=801)
    for size in (800, 800, 802, 801):
        camera.feed(1, 0.1, size=size)
    scene.forwarder.forward(camera.source, 0.1)
    assert len(scene.port.batches) == 1
    got = scene.subscriber.read(scene.port)
    assert [len(packet.payload) for packet in got] == [801, 800, 800, 802, 801]
    assert scene.forwarder.rtx.answer(scene.subscriber.picture, [got[1].sequence], 0.2) == 1
    assert scene.subscriber.read(scene.port)[0].payload[2:] == got[1].payload


def test_a_subscriber_without_transport_cc_gets_padding_instead() -> None:
    scene, camera = Scene(), Camera("a")
    scene.subscriber = Subscriber(transport_cc=None)
    camera.feed(1, 0.0)
    scene.subscriber.picture.show(camera.source)
    camera.feed(2, 0.1, key=True)
    assert [dict(packet.extensions) for packet in scene.pass_on(camera.source, 0.1)] == [{}, {}]


def test_transport_numbers_count_over_all_streams_of_a_subscriber() -> None:
    scene, camera = Scene(), Camera("a")
    scene.subscriber.picture.show(_begun(camera))
    scene.subscriber.voice.show(_voice_of(camera))
    camera.feed(2, 0.1, key=True)
    scene.pass_on(camera.source, 0.1)
    for number in range(10, 13):
        camera.uplink.receive(voice(1, number), 0.2)
    microphone = camera.uplink.source("microphone")
    assert microphone is not None
    scene.pass_on(microphone, 0.2)
    numbers = [int.from_bytes(packet.extensions[5], "big") for packet in scene.seen]
    assert numbers == [1, 2, 3, 4, 5]


def _begun(camera: Camera) -> Source:
    camera.feed(1, 0.0)
    camera.source.fresh.clear()
    return camera.source


def _voice_of(camera: Camera) -> Source:
    camera.uplink.receive(voice(1, 9), 0.0)
    source = camera.uplink.source("microphone")
    assert source is not None
    source.withhold()
    return source


def test_a_voice_is_heard_from_its_next_packet() -> None:
    scene, camera = Scene(), Camera("a")
    microphone = _voice_of(camera)
    scene.subscriber.voice.show(microphone)
    camera.uplink.receive(voice(1, 10, payload=b"hello"), 0.1)
    got = scene.pass_on(microphone, 0.1)
    assert [packet.payload for packet in got] == [b"hello"]
    assert got[0].ssrc == 0xCCCC and got[0].payload_type == 111


# ---- losses --------------------------------------------------------------------------------------------------------


def test_gaps_upstream_are_asked_for_and_filled_by_rtx() -> None:
    scene, camera = Scene(), Camera("a")
    slot = scene.subscriber.picture
    slot.show(_begun(camera))
    camera.feed(2, 0.1, key=True)
    lost = picture(2, camera.number, camera.frame)
    camera.number += 1
    camera.frame += 1
    camera.feed(2, 0.1)
    scene.pass_on(camera.source, 0.1)
    assert camera.uplink.requests(0.105) == [], "it may only be late"
    request = camera.uplink.requests(0.12)
    assert len(request) == 1
    assert camera.uplink.requests(0.13) == [], "not asked twice within a round trip"
    rtx = b"\x80" + bytes([0x80 | 97]) + b"\x00\x01" + lost[4:8] + (3).to_bytes(4, "big") + lost[2:4] + lost[12:]
    assert camera.uplink.receive(rtx, 0.15) is not None
    assert camera.uplink.receive(rtx, 0.16) is None, "a copy is not sent twice"
    scene.pass_on(camera.source, 0.15)
    assert sorted(packet.sequence for packet in scene.seen) == list(
        range(scene.seen[0].sequence, scene.seen[0].sequence + 5)
    )
    assert camera.uplink.requests(0.3) == []


def test_probing_padding_on_rtx_costs_nothing() -> None:
    camera = Camera("a")
    _begun(camera)
    padding = b"\xa0" + bytes([97]) + bytes(6) + (3).to_bytes(4, "big") + bytes(199) + bytes([200])
    assert camera.uplink.receive(padding, 0.1) is None
    assert camera.source.fresh == []


def test_padding_in_a_stream_goes_on_as_padding() -> None:
    scene, camera = Scene(), Camera("a")
    slot = scene.subscriber.picture
    slot.show(_begun(camera))
    camera.feed(2, 0.1, key=True)
    camera.uplink.receive(
        b"\xa0" + bytes([96]) + camera.number.to_bytes(2, "big") + bytes(4) + (2).to_bytes(4, "big") + b"\0\0\0\x04",
        0.1,
    )
    camera.number += 1
    camera.feed(2, 0.2)
    got = scene.pass_on(camera.source, 0.2)
    assert unbroken(got) and [len(packet.payload) > 0 for packet in got] == [True, True, False, True, True]


def test_packets_that_come_late_from_before_a_switch_are_not_sent() -> None:
    scene, camera = Scene(), Camera("a")
    slot = scene.subscriber.picture
    _begun(camera)
    late = picture(2, camera.number, camera.frame)
    camera.number += 1
    camera.frame += 1
    slot.show(camera.source)
    camera.feed(3, 0.1, key=True)
    first = len(scene.pass_on(camera.source, 0.1))
    camera.uplink.receive(late, 0.2)
    assert first == 3 and scene.pass_on(camera.source, 0.2) == []


@pytest.mark.parametrize("seed", range(5))
def test_under_random_loss_and_reordering_each_number_is_sent_once_with_its_own_content(seed: int) -> None:
    """Twenty virtual seconds: no number is used twice (AES-GCM would break), and little is missing."""
    chance = random.Random(seed)
    scene, cameras = Scene(), [Camera("a", first=60_000), Camera("b", first=100)]
    slot = scene.subscriber.picture
    for camera in cameras:
        slot.show(_begun(camera))
    held: list[tuple[Camera, bytes]] = []
    for step in range(1000):
        now = step / 50
        for camera in cameras:
            data = picture(2, camera.number, camera.frame, key=step % 25 == 0)
            camera.number = camera.number + 1 & 0xFFFF
            camera.frame += 1
            fate = chance.random()
            if fate < 0.05:
                continue
            if fate < 0.15:
                held.append((camera, data))
                continue
            camera.uplink.receive(data, now)
        if held and chance.random() < 0.3:
            camera, data = held.pop(chance.randrange(len(held)))
            camera.uplink.receive(data, now)
        if step % 100 == 99:
            slot.show(cameras[step // 100 % 2].source)
        for camera in cameras:
            scene.pass_on(camera.source, now)
    numbers = [packet.sequence for packet in scene.seen]
    assert len(numbers) == len(set(numbers))
    span = (numbers[-1] - numbers[0]) & 0xFFFF
    assert len(numbers) > 0.8 * span > 700


def test_extensions_of_test_packets_are_those_of_the_plan() -> None:
    assert set(EXTENSIONS.values()) >= {PLAN.level_id, PLAN.transport_cc_id}
