"""What was lost is sent once more over RTX: how far back, to whom, and how much of it."""

from __future__ import annotations

from server.media.bandwidth import QUEUED
from tests.media.test_forward import Camera, Scene, _begun


def test_a_nack_is_answered_over_rtx_as_far_back_as_the_key_frame_of_what_is_shown() -> None:
    scene, a, b = Scene(), Camera("a"), Camera("b")
    slot = scene.subscriber.picture
    for camera in (a, b):
        slot.show(_begun(camera))
        camera.feed(5, 0.1, key=True)
        scene.pass_on(camera.source, 0.1)
    assert scene.forwarder.rtx.answer(slot, [packet.sequence for packet in scene.seen], 0.2) == 5
    again, missed = scene.subscriber.read(scene.port), scene.seen[5:]
    assert {(packet.ssrc, packet.payload_type) for packet in again} == {(0xBBBB, 97)}
    assert [packet.payload[:2] for packet in again] == [packet.sequence.to_bytes(2, "big") for packet in missed]
    assert [packet.payload[2:] for packet in again] == [packet.payload for packet in missed]
    assert [packet.timestamp for packet in again] == [packet.timestamp for packet in missed]
    assert [packet.marker for packet in again] == [packet.marker for packet in missed]


def test_a_silent_slot_repeats_nothing_unless_it_showed_a_single_picture() -> None:
    scene, camera = Scene(), Camera("a")
    slot = scene.subscriber.picture
    slot.show(_begun(camera))
    camera.feed(5, 0.1, key=True)
    numbers = [packet.sequence for packet in scene.pass_on(camera.source, 0.1)]
    slot.show(None)
    assert scene.forwarder.rtx.answer(slot, numbers, 0.2) == 0
    slot.still = True
    assert scene.forwarder.rtx.answer(slot, numbers, 0.2) == 5


def test_a_link_with_a_queue_gets_few_retransmissions() -> None:
    scene, camera = Scene(), Camera("a")
    slot = scene.subscriber.picture
    slot.show(_begun(camera))
    camera.feed(10, 0.1, key=True)
    numbers = [packet.sequence for packet in scene.pass_on(camera.source, 0.1)]
    slot.downlink.bandwidth._delay.queue = QUEUED + 1.0
    sent = sum(scene.forwarder.rtx.answer(slot, numbers, 0.2) for _ in range(100))
    assert 9 < sent < 18  # a seventh of what the link is taken to carry, for a second


def test_what_was_never_sent_or_is_too_old_is_not_answered() -> None:
    scene, camera = Scene(), Camera("a")
    slot = scene.subscriber.picture
    slot.show(_begun(camera))
    camera.feed(3, 0.1, key=True)
    first = scene.pass_on(camera.source, 0.1)[0].sequence
    assert scene.forwarder.rtx.answer(slot, [first + 100 & 0xFFFF, first - 1 & 0xFFFF], 0.2) == 0
    for round_ in range(30):
        camera.feed(20, 0.2 + round_ / 10)
        scene.pass_on(camera.source, 0.2 + round_ / 10)
    assert scene.forwarder.rtx.answer(slot, [first], 4.0) == 0


def test_retransmissions_have_an_allowance() -> None:
    scene, camera = Scene(), Camera("a")
    slot = scene.subscriber.picture
    slot.show(_begun(camera))
    camera.feed(10, 0.1, key=True)
    numbers = [packet.sequence for packet in scene.pass_on(camera.source, 0.1)]
    sent = sum(scene.forwarder.rtx.answer(slot, numbers, 0.2) for _ in range(100))
    assert 30 < sent < 60  # half of what the link is taken to carry, for a second
    assert scene.forwarder.rtx.answer(slot, numbers, 5.0) == 10
