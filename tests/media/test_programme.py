"""What one screen shows, in virtual time."""

from __future__ import annotations

from server.media.programme import SHOWN_AT_LEAST, Programme


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
