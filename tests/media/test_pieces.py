"""A long picture goes out in pieces: between two of them a subscriber may come, go or see something else."""

from __future__ import annotations

import random

import pytest

from server.media.outward import forward
from tests.media.memory import Subscriber
from tests.media.test_forward import Camera, Scene, unbroken


def begun(camera: Camera) -> None:
    """Let its source exist."""
    camera.feed(1, 0.0)
    camera.source.fresh.clear()


@pytest.fixture
def scene(monkeypatch: pytest.MonkeyPatch) -> Scene:
    """One in which a piece is three packets of one subscriber."""
    monkeypatch.setattr(forward, "PIECE", 3)
    return Scene()


def test_a_piece_goes_to_all_before_the_next(scene: Scene) -> None:
    camera = Camera("a")
    begun(camera)
    scene.subscriber.picture.show(camera.source)
    camera.feed(8, 0.1, key=True)
    assert [len(scene.pass_on(camera.source, 0.1)) for _ in range(3)] == [3, 3, 2]
    assert unbroken(scene.seen)


def test_who_leaves_between_pieces_and_comes_back_misses_no_number(scene: Scene) -> None:
    a, b = Camera("a"), Camera("b")
    for camera in (a, b):
        begun(camera)
    slot = scene.subscriber.picture
    slot.show(a.source)
    a.feed(8, 0.1, key=True)
    scene.pass_on(a.source, 0.1)
    slot.show(b.source)
    b.feed(2, 0.1, key=True)
    assert len(scene.pass_on(b.source, 0.1)) == 2
    assert scene.pass_on(a.source, 0.1) == []
    assert unbroken(scene.seen) and len(scene.seen) == 5


def test_who_waits_begins_in_the_piece_with_the_key_frame_and_gets_the_rest_once(scene: Scene) -> None:
    camera, second = Camera("a"), Subscriber()
    second.picture.ssrc = 0xDDDD  # all in memory have one key, so either can read both
    begun(camera)
    scene.subscriber.picture.show(camera.source)
    camera.feed(1, 0.1, key=True)
    scene.pass_on(camera.source, 0.1)
    second.picture.show(camera.source)
    camera.feed(2, 0.2)
    camera.feed(5, 0.2, key=True)
    while camera.source.fresh:
        scene.pass_on(camera.source, 0.2)
    first, other = ([one for one in scene.seen if one.ssrc == ssrc] for ssrc in (0xAAAA, 0xDDDD))
    assert len(other) == 5 and unbroken(other)
    assert len(first) == 8 and unbroken(first)


@pytest.mark.parametrize("seed", range(5))
def test_whatever_happens_between_pieces_each_number_is_sent_once(scene: Scene, seed: int) -> None:
    chance = random.Random(seed)
    cameras = [Camera("a", first=60_000), Camera("b", first=100)]
    for camera in cameras:
        begun(camera)
    shown, given_up = 0, 0
    for step in range(600):
        now = step / 50
        for camera in cameras:
            camera.feed(chance.randrange(4), now, key=chance.random() < 0.2)
        for _ in range(chance.randrange(4)):
            scene.pass_on(chance.choice(cameras).source, now)
        if chance.random() < 0.05:
            shown = 1 - shown
            scene.subscriber.picture.show(cameras[shown].source)
        if chance.random() < 0.02:
            given_up += 1
            scene.forwarder.give_up(cameras[shown].source)
    assert given_up > 2 and len(scene.seen) > 300
    assert unbroken(scene.seen)
