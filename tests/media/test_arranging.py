"""A large room when a picture begins: how much is done before the next packets are read, and what is done but once."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest

from server.media.allocation import layers
from server.media.allocation.pictures import Pictures
from server.media.inward.source import JUST_BEGUN
from server.media.outward.forward import BEGUN_AT_ONCE
from server.media.protocol import Want
from server.media.room import AT_ONCE
from server.media.wire.vp8 import Vp8
from tests.media.test_audience import Hall
from tests.media.test_forward import Scene, unbroken
from tests.media.test_pictures import PLAN, Simulcast
from tests.media.test_room import Stage

VIEWERS = 60


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch) -> Counter[str]:
    """How often what costs most is done."""
    found: Counter[str] = Counter()

    def count(where: Any, name: str) -> None:
        real: Callable[..., Any] = getattr(where, name)

        def counted(*given: Any) -> Any:
            found[name] += 1
            return real(*given)

        monkeypatch.setattr(where, name, counted)

    count(Pictures, "arrange")
    count(layers, "options")
    return found


@pytest.fixture
def stage(monkeypatch: pytest.MonkeyPatch) -> Stage:
    """Many who wish to see `a` as wide."""
    monkeypatch.setattr("tests.media.test_room.PLAN", PLAN)
    monkeypatch.setattr("tests.media.test_room.Person", Simulcast)
    made = Stage("a", "b", *(f"v{n}" for n in range(VIEWERS)))
    for n in range(VIEWERS):
        made.room.show(made[f"v{n}"].participant, [Want(slot=0, source="a", width=960)], made.now)
        made.room.catch_up(made.now)
    made.run(1)
    return made


def settle(stage: Stage) -> None:
    """Let all who wait have their turn."""
    while stage.room.catch_up(stage.now):
        pass
    stage.room.catch_up(stage.now)


def feed(stage: Stage, name: str) -> None:
    """All that this person sends in 20 ms, in one burst."""
    stage.now += 0.02
    for data in stage[name].packets():
        arrived = stage[name].participant.uplink.receive(data, stage.now)
        assert arrived is not None
        stage.room.arrived(stage[name].participant, arrived.source, arrived.packet, arrived.level, stage.now)


def test_a_camera_that_begins_holds_up_a_burst_by_a_few_of_its_viewers(stage: Stage, calls: Counter[str]) -> None:
    stage["a"].camera = stage["a"]._key_wanted = True
    stage["a"].number += stage["a"].number % 2
    settle(stage)
    calls.clear()
    feed(stage, "a")  # three layers, each of which all wait for
    assert calls["arrange"] == AT_ONCE
    turns = [calls["arrange"]]
    while stage.room.catch_up(stage.now):
        turns.append(calls["arrange"] - sum(turns))
    assert max(turns) <= AT_ONCE
    assert calls["arrange"] <= VIEWERS + AT_ONCE, "each once, though three layers began"
    assert calls["options"] <= 2 * len(turns), "alike viewers are offered the same"
    stage.run(0.3)
    assert all(stage[f"v{n}"].seen() for n in range(VIEWERS))
    assert stage["a"].plis <= 1


def test_wishes_of_many_are_spread_too(stage: Stage, calls: Counter[str]) -> None:
    settle(stage)
    calls.clear()
    for n in range(VIEWERS):
        stage.room.show(stage[f"v{n}"].participant, [Want(slot=0, source="b", width=320)], stage.now)
    assert calls["arrange"] == AT_ONCE
    settle(stage)
    assert calls["arrange"] == VIEWERS
    assert all(stage[f"v{n}"].participant.view.demands[0].wish[0] == "b" for n in range(VIEWERS))


def test_a_voice_that_begins_arranges_nobody_who_has_room_for_it(stage: Stage, calls: Counter[str]) -> None:
    settle(stage)
    calls.clear()
    stage["a"].level = 110
    feed(stage, "a")
    assert not calls["arrange"] and not stage.room.catch_up(stage.now)


def test_who_leaves_before_its_turn_is_not_waited_for(stage: Stage) -> None:
    for n in range(VIEWERS):
        stage.room.show(stage[f"v{n}"].participant, [Want(slot=0, source="b", width=320)], stage.now)
    for n in range(VIEWERS):
        stage.room.depart(stage[f"v{n}"].participant, stage.now)
    assert not stage.room.catch_up(stage.now)


# ---- a key frame that has just gone out ----------------------------------------------------------------------------


def test_who_comes_just_after_a_key_frame_begins_with_it() -> None:
    hall = Hall(2)
    first, second = (subscriber.picture for subscriber in hall.subscribers)
    hall.show()
    second.show(None)
    hall.frame([900], key=True)
    hall.frame([900, 900])
    hall.camera.uplink.requests(hall.clock)
    second.show(hall.camera.source)
    hall.frame([900])
    got = hall.got()
    assert len(got[0]) == len(got[1]) == 4
    assert not hall.camera.source.key_frames.wanted, "nobody needs another"
    assert first.showing is second.showing is hall.camera.source


@pytest.mark.parametrize("later", [JUST_BEGUN + 0.01, 5.0])
def test_who_comes_later_waits_for_another(later: float) -> None:
    scene, camera = Scene(), Hall(0).camera
    camera.feed(1, 0.0, key=True)
    scene.pass_on(camera.source, 0.0)
    camera.feed(1, later)
    scene.pass_on(camera.source, later)
    scene.subscriber.picture.show(camera.source)
    assert camera.source.key_frames.wanted
    camera.feed(1, later + 0.02)
    assert scene.pass_on(camera.source, later + 0.02) == []
    camera.feed(2, later + 0.1, key=True)
    got = scene.pass_on(camera.source, later + 0.1)
    assert len(got) == 2 and unbroken(got) and Vp8.parse(got[0].payload).key_frame


def test_what_was_too_much_for_a_link_is_not_sent_to_it_again() -> None:
    scene, camera = Scene(), Hall(0).camera
    camera.feed(1, 0.0)
    scene.pass_on(camera.source, 0.0)
    scene.subscriber.picture.show(camera.source)
    camera.feed(2, 0.1, key=True)
    assert len(scene.pass_on(camera.source, 0.1)) == 2
    scene.subscriber.picture.begin_again()
    camera.feed(1, 0.12)
    assert scene.pass_on(camera.source, 0.12) == [] and camera.source.key_frames.wanted


def test_a_key_frame_for_very_many_is_begun_in_parts() -> None:
    hall = Hall(2 * BEGUN_AT_ONCE + 1)
    hall.show()
    hall.camera.feed(1, 0.04, key=True)
    source = hall.camera.source
    hall.forwarder.forward(source, 0.04)
    shown = [len(source.slots)]
    while source.joining:
        hall.forwarder.join(source, 0.04)
        shown.append(len(source.slots))
    assert shown == [BEGUN_AT_ONCE, 2 * BEGUN_AT_ONCE, 2 * BEGUN_AT_ONCE + 1]
    assert {len(packets) for packets in hall.got()} == {1}
