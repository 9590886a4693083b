"""Keys, menus and verdicts of calls about directives, as tables."""

from __future__ import annotations

from datetime import timedelta

import pytest

from server.calls.menu import Do, May, Stage, asked_for, menu, verdict
from server.calls.prompts import texts
from server.calls.rules import Outcome
from server.reach.rules import Later, Never, Reason, Sent

ALL = May(confirm=True, answer=True)
KEYS = "0123456789*#"


@pytest.mark.parametrize("key", KEYS)
def test_no_key_confirms_what_nobody_has_heard(key: str) -> None:
    assert asked_for(Stage.GREETING, key, ALL) is (Do.CLERK if key == "9" else Do.READ)


@pytest.mark.parametrize("stage", [Stage.READ, Stage.CONFIRMED])
def test_keys_after_it_was_read(stage: Stage) -> None:
    done = {key: asked_for(stage, key, ALL) for key in KEYS}
    assert {key: do for key, do in done.items() if do is not Do.NOTHING} == {
        "1": Do.READ, "2": Do.CONFIRM, "3": Do.SPEAK, "9": Do.CLERK
    }  # fmt: skip
    assert asked_for(stage, "3", May(confirm=True, answer=False)) is Do.NOTHING


def test_keys_after_an_answer() -> None:
    done = {key: asked_for(Stage.ANSWER, key, ALL) for key in KEYS}
    assert {key: do for key, do in done.items() if do is not Do.NOTHING} == {
        "1": Do.SEND, "2": Do.HEAR, "3": Do.SPEAK
    }  # fmt: skip


MAYS = [May(confirm, answer) for confirm in (True, False) for answer in (True, False)]
REACHED = [(stage, may) for stage in Stage for may in MAYS if may.answer or stage is not Stage.ANSWER]


@pytest.mark.parametrize(("stage", "may"), REACHED)
def test_every_menu_is_recorded_and_names_no_key_that_does_nothing(stage: Stage, may: May) -> None:
    words = {"một": "1", "hai": "2", "ba": "3", "chín": "9"}
    for name in menu(stage, may):
        said = texts()[name].split()
        keys = {words[said[at + 1]] for at, word in enumerate(said) if word == "phím" and said[at + 1] in words}
        assert keys
        assert all(asked_for(stage, key, may) is not Do.NOTHING for key in keys)
        assert ("3" in keys) == (stage is Stage.ANSWER or (may.answer and stage is not Stage.GREETING))


@pytest.mark.parametrize("outcome", [Outcome.CONFIRMED, Outcome.NOTED, Outcome.ELSEWHERE, Outcome.WITHDRAWN])
def test_what_is_done_is_done(outcome: Outcome) -> None:
    assert verdict(outcome, 1, 3) == Sent(outcome.value)


@pytest.mark.parametrize(
    ("outcome", "reason", "minutes", "times"),
    [
        (Outcome.BUSY, Reason.LINE_BUSY, 1, 3),
        (Outcome.NO_ANSWER, Reason.NO_ANSWER, 2, 3),
        (Outcome.NO_KEY, Reason.NO_KEY, 3, 2),
        (Outcome.UNCONFIRMED, Reason.NO_KEY, 5, 3),
        (Outcome.REFUSED, Reason.WRONG_NUMBER, 0, 1),
        (Outcome.WRONG_NUMBER, Reason.WRONG_NUMBER, 0, 1),
        (Outcome.MOVED, Reason.WRONG_NUMBER, 0, 1),
    ],
)
def test_how_soon_and_how_often_it_is_tried(outcome: Outcome, reason: Reason, minutes: int, times: int) -> None:
    for tried in range(1, times):
        assert verdict(outcome, tried, 3) == Later(reason, outcome.value, timedelta(minutes=minutes))
    assert verdict(outcome, times, 3) == Never(reason, outcome.value)


@pytest.mark.parametrize("outcome", [Outcome.TRUNK, Outcome.NO_SOUND, Outcome.NO_NODE])
def test_what_is_our_fault_is_tried_for_an_hour(outcome: Outcome) -> None:
    waits = []
    while isinstance(found := verdict(outcome, len(waits) + 1, 3), Later):
        assert found.after is not None and found.reason is Reason.NO_CONNECTION
        waits.append(found.after)
    assert waits[:3] == [timedelta(seconds=30), timedelta(minutes=1), timedelta(minutes=2)]
    assert timedelta(hours=1) < sum(waits, timedelta()) < timedelta(hours=2)


def test_every_outcome_has_a_verdict() -> None:
    assert all(isinstance(verdict(outcome, 1, 3), Sent | Later | Never) for outcome in Outcome)
