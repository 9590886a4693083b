from __future__ import annotations

from datetime import timedelta

import pytest

from server.calls.rules import Outcome, again_after, is_dropped, not_reached


@pytest.mark.parametrize(
    ("status", "cause", "outcome"),
    [
        (486, None, Outcome.BUSY),
        (503, 17, Outcome.BUSY),
        (487, None, Outcome.NO_ANSWER),
        (480, 21, Outcome.REFUSED),
        (404, None, Outcome.WRONG_NUMBER),
        (500, 1, Outcome.WRONG_NUMBER),
        (408, None, Outcome.TRUNK),
        (503, 34, Outcome.TRUNK),
        (488, None, Outcome.NO_SOUND),
        (302, None, Outcome.MOVED),
        (301, None, Outcome.MOVED),
        (480, 23, Outcome.MOVED),
        (305, None, Outcome.TRUNK),
        (607, None, Outcome.REFUSED),
        (608, None, Outcome.REFUSED),
    ],
)
def test_why_a_call_was_not_answered(status: int, cause: int | None, outcome: Outcome) -> None:
    assert not_reached(status, cause) is outcome


@pytest.mark.parametrize(
    ("status", "cause", "by_us", "dropped"),
    [
        (200, None, False, False),
        (200, 16, False, False),
        (200, 31, False, False),
        (200, 27, False, True),
        (200, 41, False, True),
        (408, None, False, True),
        (408, None, True, False),
    ],
)
def test_what_counts_as_a_broken_line(status: int, cause: int | None, by_us: bool, dropped: bool) -> None:
    assert is_dropped(status, cause, by_us=by_us) is dropped


def test_tries_come_to_an_end() -> None:
    assert again_after(Outcome.BUSY, 1, 3) == timedelta(minutes=1)
    assert again_after(Outcome.BUSY, 3, 3) is None
    assert again_after(Outcome.NO_KEY, 1, 5) == timedelta(minutes=3)
    assert again_after(Outcome.NO_KEY, 2, 5) is None
    assert again_after(Outcome.NO_KEY, 1, 1) is None
    for outcome in (
        Outcome.MET,
        Outcome.DECLINED,
        Outcome.REFUSED,
        Outcome.WRONG_NUMBER,
        Outcome.MOVED,
        Outcome.DROPPED,
    ):
        assert again_after(outcome, 1, 5) is None
