"""Pictures held back on thin links: how fast they leave, in which order, and what never waits."""

from __future__ import annotations

import pytest

from server.media.outward.forward import Forwarder
from server.media.outward.pacing import (
    AT_ONCE,
    CAMERAS_BELOW,
    LONGEST,
    LONGEST_SCREEN,
    LONGEST_WAIT,
    SCREENS_BELOW,
    TAKEN_FOR_LOST,
)
from server.media.outward.slots import Slot
from server.media.wire.rtp import RtpPacket
from server.media.wire.vp8 import Vp8
from tests.media.memory import MemoryPort, Subscriber
from tests.media.test_forward import Camera, Scene, _begun

ESTIMATE = 100_000.0
SIZE = 1_000


def thin(scene: Scene, estimate: float = ESTIMATE) -> None:
    link = scene.subscriber.downlink
    link.bandwidth._rate.estimate = estimate
    link.pace()


def held_up() -> tuple[Scene, Camera]:
    """A subscriber on a thin link whose picture has just begun with a key frame of ten packets."""
    scene, camera = Scene(), Camera("a")
    thin(scene)
    scene.subscriber.picture.show(_begun(camera))
    camera.feed(10, 1.0, key=True, size=SIZE)
    assert scene.pass_on(camera.source, 1.0) == []
    return scene, camera


def released(scene: Scene, begin: float, seconds: float) -> list[RtpPacket]:
    found: list[RtpPacket] = []
    for step in range(round(seconds * 50)):
        scene.forwarder.release(begin + step / 50)
        found += scene.subscriber.read(scene.port)
    return found


def test_a_key_frame_leaves_as_fast_as_the_link_carries_it() -> None:
    scene, _ = held_up()
    first = released(scene, 1.0, 0.4)
    assert len(first) == pytest.approx(ESTIMATE / 8 * (0.4 + AT_ONCE) / (SIZE + 44), abs=1)
    rest = released(scene, 1.4, 0.6)
    numbers = [packet.sequence for packet in first + rest]
    assert numbers == [(numbers[0] + n) & 0xFFFF for n in range(10)]


def test_voices_pass_and_are_counted() -> None:
    scene, _ = held_up()
    released(scene, 1.0, 0.1)
    scene.subscriber.downlink.count(5, 5_000, 1.05)  # voices meanwhile
    assert released(scene, 1.1, 0.05) == [], "what else was sent has used the link"
    assert len(released(scene, 1.15, 0.5)) > 2


def test_what_comes_after_waits_behind_also_on_a_link_that_is_no_longer_thin() -> None:
    scene, camera = held_up()
    thin(scene, CAMERAS_BELOW + 1)
    camera.feed(1, 1.02, size=SIZE)
    assert scene.pass_on(camera.source, 1.02) == []
    numbers = [packet.sequence for packet in released(scene, 1.02, 1.0)]
    assert numbers == [(numbers[0] + n) & 0xFFFF for n in range(11)]
    camera.feed(1, 2.1, size=SIZE)
    assert len(scene.pass_on(camera.source, 2.1)) == 1, "nothing is held: it leaves at once"


def test_more_than_the_link_can_carry_is_given_up_until_a_key_frame() -> None:
    scene, camera = held_up()
    slot = scene.subscriber.picture
    count = int(ESTIMATE / 8 * LONGEST / SIZE)
    camera.feed(count, 1.0, size=SIZE)
    scene.pass_on(camera.source, 1.0)
    scene.forwarder.release(1.0)
    assert scene.subscriber.read(scene.port) == [] and slot.showing is None and slot.awaiting is camera.source
    camera.feed(2, 1.1, key=True, size=SIZE)
    scene.pass_on(camera.source, 1.1)
    assert len(released(scene, 1.1, 1.0)) == 2


def test_what_was_held_of_another_picture_is_forgotten() -> None:
    scene, camera = held_up()
    other = Camera("b")
    scene.subscriber.picture.show(_begun(other))
    other.feed(3, 1.02, key=True, size=SIZE)
    scene.pass_on(other.source, 1.02)
    got = released(scene, 1.02, 1.0)
    assert len(got) == 3 and Vp8.parse(got[0].payload).key_frame
    assert camera.source.slots == set()


def test_a_link_that_closes_holds_nothing() -> None:
    scene, _ = held_up()
    assert scene.forwarder.holding()
    scene.subscriber.downlink.close()
    assert not scene.subscriber.downlink.pacer.busy
    scene.forwarder.release(1.1)
    assert not scene.forwarder.holding()


def test_a_good_link_is_not_paced() -> None:
    port = MemoryPort()
    forwarder, subscriber, camera = Forwarder(port), Subscriber(), Camera("a")  # type: ignore[arg-type]
    subscriber.downlink.pace()
    subscriber.picture.show(_begun(camera))
    camera.feed(10, 1.0, key=True, size=SIZE)
    forwarder.forward(camera.source, 1.0)
    assert len(subscriber.read(port)) == 10


# ---- shared screens

SECOND = 0xDDDD  # SSRC of a second slot


def with_screen(estimate: float) -> tuple[Scene, Camera, Camera]:
    """A subscriber on a link of this estimate, whose first slot awaits a camera, the second a shared page."""
    scene, camera, screen = Scene(), Camera("a"), Camera("b")
    thin(scene, estimate)
    link = scene.subscriber.downlink
    second = Slot(1, 96, 90_000, SECOND, link, rtx_ssrc=SECOND + 1, rtx_payload_type=97)
    scene.subscriber.picture.show(_begun(camera))
    _begun(screen).kind = "screen"
    second.show(screen.source)
    return scene, camera, screen


def fed(scene: Scene, camera: Camera, count: int, now: float) -> list[RtpPacket]:
    camera.feed(count, now, key=True, size=SIZE)
    return scene.pass_on(camera.source, now)


def test_a_turned_page_is_spread_on_a_link_that_carries_a_key_frame_at_once() -> None:
    scene, camera, screen = with_screen(CAMERAS_BELOW * 2)
    assert len(fed(scene, camera, 5, 1.0)) == 5
    assert fed(scene, screen, 100, 1.0) == []
    second = released(scene, 1.0, 0.5)
    assert len(second) == pytest.approx(CAMERAS_BELOW * 2 / 8 * (0.5 + AT_ONCE) / (SIZE + 44), rel=0.15)
    assert len(released(scene, 1.5, 1.0)) == 100 - len(second)


def test_a_good_link_spreads_nothing() -> None:
    scene, _, screen = with_screen(SCREENS_BELOW + 1)
    assert len(fed(scene, screen, 100, 1.0)) == 100


def test_a_screen_leaves_before_the_cameras_that_wait() -> None:
    scene, camera, screen = with_screen(ESTIMATE)
    fed(scene, camera, 8, 1.0)
    fed(scene, screen, 8, 1.0)
    order = [packet.ssrc for packet in released(scene, 1.0, 1.5)]
    assert order == [SECOND] * 8 + [scene.subscriber.picture.ssrc] * 8


def test_a_camera_that_waits_too_long_behind_a_page_begins_again() -> None:
    scene, camera, screen = with_screen(ESTIMATE)
    slot = scene.subscriber.picture
    fed(scene, camera, 4, 1.0)
    fed(scene, screen, 60, 1.0)
    released(scene, 1.0, LONGEST_WAIT)
    assert slot.showing is camera.source
    got = released(scene, 1.0 + LONGEST_WAIT, 4.0)
    assert slot.showing is None and slot.awaiting is camera.source
    assert {packet.ssrc for packet in got} == {SECOND}, "the page comes whole"


def test_pages_that_the_link_does_not_carry_in_time_begin_again() -> None:
    scene, _, screen = with_screen(ESTIMATE)
    fed(scene, screen, int(ESTIMATE / 8 * LONGEST_SCREEN / SIZE), 1.0)
    scene.forwarder.release(1.0)
    assert not scene.subscriber.downlink.pacer.busy and screen.source.slots == set()


def test_who_waits_for_a_held_page_has_not_lost_it() -> None:
    scene, _, screen = with_screen(ESTIMATE)
    fed(scene, screen, 60, 1.0)
    (slot,) = screen.source.slots
    pacer = scene.subscriber.downlink.pacer
    assert not pacer.delays(slot, 1.5) and pacer.delays(slot, 1.1 + TAKEN_FOR_LOST)
    assert not pacer.delays(scene.subscriber.picture, 3.0)
