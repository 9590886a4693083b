"""What one screen shows, and what sinks get of it, in virtual time."""

from __future__ import annotations

from itertools import pairwise

from server.media.programme import SEEK_EVERY, SHOWN_AT_LEAST, Programme
from server.media.protocol import ProgrammeChanged
from server.media.wire.vp8 import Vp8
from tests.media.endpoint import picture
from tests.media.test_room import Sink, Stage


def test_a_shared_screen_comes_first_and_stays_while_it_is_shared() -> None:
    programme = Programme()
    programme.choose([], {"a", "b"}, "a", 0)
    assert programme.choose(["b"], {"a", "b"}, "a", 1)
    assert (programme.source, programme.kind) == ("b", "screen")
    assert not programme.choose(["a", "b"], {"a", "b"}, "a", 2), "the first one shared stays"
    assert programme.choose([], {"a", "b"}, "a", 3)
    assert programme.kind == "camera"


def test_a_speaker_is_shown_after_two_seconds_and_not_before() -> None:
    programme = Programme()
    programme.choose([], {"a", "b"}, "a", 0)
    assert programme.source == "a"
    assert not programme.choose([], {"a", "b"}, "b", 1)
    assert not programme.choose([], {"a", "b"}, "b", 1 + SHOWN_AT_LEAST - 0.1)
    assert programme.choose([], {"a", "b"}, "b", 1 + SHOWN_AT_LEAST)
    assert programme.source == "b"


def test_a_cough_does_not_change_the_programme() -> None:
    programme = Programme()
    programme.choose([], {"a", "b"}, "a", 0)
    for now in range(1, 20):
        programme.choose([], {"a", "b"}, "b" if now % 2 else "a", now)
    assert programme.source == "a"


def test_who_spoke_last_stays_when_nobody_speaks_or_the_speaker_has_no_camera() -> None:
    programme = Programme()
    programme.choose([], {"a", "b"}, "a", 0)
    assert not programme.choose([], {"a", "b"}, None, 10)
    assert not programme.choose([], {"a", "b"}, "telephone", 20)
    assert programme.source == "a"


def test_a_camera_that_is_switched_off_makes_room_at_once() -> None:
    programme = Programme()
    programme.choose([], {"a", "b"}, "a", 0)
    assert programme.choose([], {"b"}, None, 1)
    assert programme.source == "b"
    assert programme.choose([], set(), None, 2)
    assert programme.source is None


def test_a_sink_sees_one_unbroken_programme() -> None:
    stage, sink = Stage("a", "b"), Sink()
    stage["a"].camera = stage["b"].camera = True
    stage["a"].level, stage["b"].level = 110, 0
    stage.run(3)
    stage.room.screening.begin(sink, stage.now)
    stage.run(3)
    stage["a"].level, stage["b"].level = 0, 110
    stage.run(6)
    stage["a"].screen = True
    stage.run(2)
    assert sink.programme == [("a", "camera"), ("b", "camera"), ("a", "screen")]
    assert len(sink.pictures) > 450
    assert Vp8.parse(sink.pictures[0][0]).key_frame
    numbers = [sequence for _, _, sequence in sink.pictures]
    assert all((b - a) & 0xFFFF == 1 for a, b in pairwise(numbers))
    times = [timestamp for _, timestamp, _ in sink.pictures]
    assert all(0 < (b - a) & 0xFFFFFFFF < 90_000 for a, b in pairwise(times))
    told = [(e.source, e.kind) for e in stage.events if isinstance(e, ProgrammeChanged)]
    assert told == [("a", "camera"), ("b", "camera"), ("a", "screen")]


def test_a_recorded_picture_has_a_key_frame_every_ten_seconds() -> None:
    stage, sink = Stage("a"), Sink()
    stage["a"].camera = True
    stage.room.screening.begin(sink, stage.now)
    stage.run(3 * SEEK_EVERY + 1)
    assert sum(Vp8.parse(payload).key_frame for payload, _, _ in sink.pictures) in (4, 5)


def test_a_key_frame_that_comes_late_is_followed_by_what_came_before_it() -> None:
    """What follows had been passed on when nobody could be shown it; it does not come to sinks by itself again."""
    stage, sink = Stage("a"), Sink()
    sender = stage["a"].participant
    stage.room.screening.begin(sink, stage.now)
    for number in (0, 2, 3, 1, 4):
        stage.now += 0.02
        arrived = sender.uplink.receive(picture(2, number, number, key=number == 1), stage.now)
        assert arrived is not None
        stage.room.arrived(sender, arrived.source, arrived.packet, None, stage.now)
        for source in stage.room.take_busy():
            stage.room.pass_on(source, stage.now)
        stage.room.tick(stage.now)
    numbers = [sequence for _, _, sequence in sink.pictures]
    assert len(numbers) == 4
    assert all((b - a) & 0xFFFF == 1 for a, b in pairwise(numbers))
