"""More arrives than can be passed on: pictures go first, voices stay."""

from __future__ import annotations

from itertools import pairwise

from server.media.outward.overload import PATIENCE, Overload
from server.media.wire.rtp import RtpPacket
from tests.fuzz.stage import ATTACKER, PICTURE_SLOT, VOICE_SLOT, Stage
from tests.fuzz.targets.rtp import picture, voice
from tests.media.endpoint import VP8
from tests.media.test_forward import Camera, Scene
from tests.media.test_temporal_layers import CHROMIUM, PLAIN, begun, layers


def test_a_long_burst_alone_is_no_overload() -> None:
    overload = Overload()
    overload.note(False, 1.0)
    assert not overload.lasts(1.0 + PATIENCE / 2)
    overload.note(True, 1.0 + PATIENCE)
    overload.note(False, 2.0)
    assert not overload.lasts(2.0 + PATIENCE / 2)


def test_never_to_catch_up_is_overload_until_it_is_over() -> None:
    overload = Overload()
    for step in range(20):
        overload.note(False, 1.0 + step / 100)
    assert not overload.lasts(1.0 + PATIENCE / 2) and overload.lasts(1.2)
    overload.note(True, 1.21)
    assert not overload.lasts(1.21)


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
    assert len(camera.uplink.requests(0.2)) == 1, "a PLI"
    camera.feed(2, 0.3)
    assert scene.pass_on(camera.source, 0.3) == []
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
    played(stage, [voice(3, 1920)])
    stage.now += 2 * PATIENCE
    alone = played(stage, [picture(2, 6000), voice(4, 2880)])
    assert {packet.ssrc for packet in alone} == {VOICE_SLOT}
    assert stage.switch.forwarder.given_up > 0
    stage.port.rested = True
    after = played(stage, [picture(3, 9000, key=True)])
    assert PICTURE_SLOT in {packet.ssrc for packet in after}
