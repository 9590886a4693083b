"""Temporal layers under anything that may happen: cameras on bad paths, a viewer whose wishes change."""

from __future__ import annotations

import random
from dataclasses import dataclass

from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from server.media.inward.packet import TOP_LAYER
from server.media.inward.source import VIDEO_RING
from tests.media.test_temporal_layers import CHROMIUM, FIREFOX, PLAIN, Camera, Layer, Viewer

WITHOUT_SHRINKING = (Phase.explicit, Phase.reuse, Phase.generate)  # a shorter story says no more, and takes minutes
patterns = st.one_of(
    st.sampled_from([CHROMIUM, FIREFOX, PLAIN]),
    st.lists(st.tuples(st.integers(0, 2), st.booleans()), min_size=1, max_size=8).map(
        lambda drawn: [(0, False), *((tid, sync and tid > 0) for tid, sync in drawn)]
    ),
)


@dataclass
class Story:
    """Two cameras on bad paths and one viewer whose wishes change; pictures of which something was lost or late."""

    seed: int
    pattern: list[Layer]
    loss: float = 0.0
    disorder: float = 0.0
    switching: bool = True

    def tell(self, steps: int = 250) -> Viewer:
        self.chance = random.Random(self.seed)
        self.packets_lost = 0
        self.lost: set[tuple[str, int]] = set()
        self.late: set[tuple[str, int]] = set()
        self.on_the_way: list[tuple[int, Camera, bytes]] = []
        cameras = [Camera(name, self.pattern, self.chance) for name in "ab"]
        for camera in cameras:
            camera.uplink.receive(camera.picture(key=True)[0], 0.0)
            camera.source.fresh.clear()
        viewer = Viewer(cameras)
        shown = cameras[0]
        viewer.slot.show(shown.source, 0)
        for step in range(steps):
            if self.switching and self.chance.random() < 0.02:
                shown = self.chance.choice(cameras)
            if self.chance.random() < 0.1:
                viewer.slot.show(shown.source, self.chance.randint(0, TOP_LAYER))
            for camera in cameras:
                self._publish(camera, step, key=step == 0 or self.chance.random() < 0.03)
            self._arrive(viewer, step)
        self._arrive(viewer, steps + 100)
        return viewer

    def _publish(self, camera: Camera, step: int, key: bool) -> None:
        for data in camera.picture(key=key):
            fate = self.chance.random()
            delay = self.chance.randint(1, 6) if fate > 1 - self.disorder else 0
            if fate < self.loss:
                self.lost.add((camera.name, len(camera.pictures) - 1))
                self.packets_lost += 1
            else:
                if delay:
                    self.late.add((camera.name, len(camera.pictures) - 1))
                self.on_the_way.append((step + delay, camera, data))

    def _arrive(self, viewer: Viewer, step: int) -> None:
        due = [item for item in self.on_the_way if item[0] <= step]
        self.on_the_way = [item for item in self.on_the_way if item[0] > step]
        for _step, camera, data in due:
            camera.uplink.receive(data, step / 30)
            if self.chance.random() < 0.3:
                viewer.pass_on(step / 30)
        viewer.pass_on(step / 30)


@settings(max_examples=60, deadline=None, phases=WITHOUT_SHRINKING)
@given(st.integers(0, 10**6), patterns)
def test_in_order_every_stream_is_whole(seed: int, pattern: list[Layer]) -> None:
    viewer = Story(seed, pattern).tell()
    assert viewer.holes() == 0
    ids = viewer.picture_ids()
    assert max(ids) - min(ids) + 1 == len(ids)
    assert whole(viewer, set()) and decodable(viewer, set())


@settings(max_examples=60, deadline=None, phases=WITHOUT_SHRINKING)
@given(st.integers(0, 10**6), patterns, st.floats(0, 0.1), st.floats(0, 0.2))
def test_only_what_was_lost_on_the_way_here_is_missing(
    seed: int, pattern: list[Layer], loss: float, disorder: float
) -> None:
    story = Story(seed, pattern, loss, disorder, switching=False)
    viewer = story.tell()
    assert viewer.holes() <= story.packets_lost
    assert whole(viewer, story.lost) and decodable(viewer, story.lost)


@settings(max_examples=60, deadline=None, phases=WITHOUT_SHRINKING)
@given(st.integers(0, 10**6), patterns, st.floats(0, 0.1), st.floats(0, 0.2))
def test_a_switch_gives_up_what_is_still_on_its_way_and_nothing_else(
    seed: int, pattern: list[Layer], loss: float, disorder: float
) -> None:
    story = Story(seed, pattern, loss, disorder)
    assert decodable(story.tell(), story.lost | story.late)


def whole(viewer: Viewer, lost: set[tuple[str, int]]) -> bool:
    """Whether each picture came with all its packets, if nothing of it was lost."""
    facts = {(p.camera, p.number): p for camera in viewer.cameras for p in camera.pictures}
    came = viewer.pictures()
    return all(parts == set(range(facts[name].packets)) for name, parts in came.items() if name not in lost)


def decodable(viewer: Viewer, lost: set[tuple[str, int]]) -> bool:
    """Whether all came that any picture needs, but for what was lost."""
    facts = {(p.camera, p.number): p for camera in viewer.cameras for p in camera.pictures}
    known = viewer.pictures().keys() | lost
    return all((name, needed) in known for name, number in viewer.pictures() for needed in facts[name, number].needs)


@settings(max_examples=30, deadline=None, phases=WITHOUT_SHRINKING)
@given(st.integers(0, 10**6), patterns, st.floats(0, 0.1), st.floats(0, 0.2))
def test_every_number_that_was_sent_is_found_again_with_its_content(
    seed: int, pattern: list[Layer], loss: float, disorder: float
) -> None:
    viewer = Story(seed, pattern, loss, disorder).tell(60)
    recent = dict(sorted(viewer.got.items())[-VIDEO_RING // 8 :])
    for packet in recent.values():
        if not viewer.forwarder.rtx.answer(viewer.slot, [packet.sequence], 1000.0):
            continue  # of a source that the slot has left long ago
        (again,) = viewer.subscriber.read(viewer.port)
        assert again.payload == packet.sequence.to_bytes(2, "big") + packet.payload
        assert again.timestamp == packet.timestamp
