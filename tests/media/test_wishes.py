"""What one viewer's wishes cost those whom it looks at: each key frame is a burst for everybody."""

from __future__ import annotations

from server.media.protocol import Want
from tests.media.test_room import Stage

SECONDS = 20


def test_who_changes_its_wishes_without_end_costs_few_key_frames() -> None:
    stage = Stage("a", "b", "v")
    stage["a"].camera = stage["b"].camera = True
    stage.run(1)
    before = [stage[name].plis for name in "ab"]
    for turn in range(10 * SECONDS):
        stage.show("v", "ab"[turn % 2])
        stage.run(0.1)
    asked = [stage[name].plis - was for name, was in zip("ab", before, strict=True)]
    assert max(asked) <= 0.8 * SECONDS
    stage.show("v", "a")
    stage.run(1.3)
    assert stage["v"].participant.pictures[0].showing is stage["a"].participant.uplink.source("camera")


def test_who_turns_pages_some_times_waits_for_nothing() -> None:
    stage = Stage("a", "b", "v")
    stage["a"].camera = stage["b"].camera = True
    stage.run(1)
    for turn in range(5):
        stage.show("v", "ab"[turn % 2])
        stage.run(0.3)
        shown = stage["v"].participant.pictures[0].showing
        assert shown is stage["ab"[turn % 2]].participant.uplink.source("camera")


def test_the_last_wish_is_the_one_that_holds() -> None:
    stage = Stage("a", "b", "v")
    stage["a"].camera = stage["b"].camera = True
    stage.run(1)
    for turn in range(31):
        stage.room.show(stage["v"].participant, [Want(slot=0, source="ab"[turn % 2])], stage.now)
    stage.run(1.3)
    assert stage["v"].participant.pictures[0].showing is stage["a"].participant.uplink.source("camera")
