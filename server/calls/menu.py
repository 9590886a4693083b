"""What the keys do while a directive is read, what is asked when, and what becomes of the call: pure."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from enum import StrEnum

import msgspec

from server.calls.rules import Outcome, again_after
from server.reach import rules as reach
from server.reach.rules import Later, Never, Reason, Sent


class Stage(StrEnum):
    """Where the conversation stands: nobody has pressed a key; it was read; it is confirmed; an answer is recorded."""

    GREETING = "greeting"
    READ = "read"
    CONFIRMED = "confirmed"
    ANSWER = "answer"


class Do(StrEnum):
    """What a key asks for."""

    READ = "read"
    CONFIRM = "confirm"
    SPEAK = "speak"
    CLERK = "clerk"
    SEND = "send"
    HEAR = "hear"
    NOTHING = "nothing"


class May(msgspec.Struct, frozen=True):
    """Whether the person may confirm the directive for a unit, and answer it."""

    confirm: bool
    answer: bool


_DIRECTIVE = {"1": Do.READ, "2": Do.CONFIRM, "3": Do.SPEAK, "9": Do.CLERK}
_KEYS: Mapping[Stage, Mapping[str, Do]] = {
    Stage.GREETING: {**dict.fromkeys("012345678*#", Do.READ), "9": Do.CLERK},  # whoever presses anything listens
    Stage.READ: _DIRECTIVE,
    Stage.CONFIRMED: _DIRECTIVE,
    Stage.ANSWER: {"1": Do.SEND, "2": Do.HEAR, "3": Do.SPEAK},
}


def asked_for(stage: Stage, key: str, may: May) -> Do:
    """What the key does; in the greeting nothing is confirmed, as nothing was heard."""
    do = _KEYS[stage].get(key, Do.NOTHING)
    return Do.NOTHING if do is Do.SPEAK and not may.answer else do


def menu(stage: Stage, may: May) -> list[str]:
    """Prompts that say which keys there are."""
    if stage is Stage.GREETING:
        return ["press_to_hear"]
    if stage is Stage.ANSWER:
        return ["answer_menu"]
    if stage is Stage.CONFIRMED:
        return ["confirmed_menu"] if may.answer else ["clerk_menu"]
    if may.answer:
        return ["directive_menu"] if may.confirm else ["work_menu"]
    return ["short_menu"] if may.confirm else ["notice_menu"]


_MOST_TRIES = 12
_FIRST_PAUSE, _LONGEST_PAUSE = timedelta(seconds=30), timedelta(minutes=10)
_DONE = frozenset({Outcome.CONFIRMED, Outcome.NOTED, Outcome.ELSEWHERE, Outcome.WITHDRAWN})
_WHY = {
    Outcome.BUSY: Reason.LINE_BUSY,
    Outcome.NO_ANSWER: Reason.NO_ANSWER,
    Outcome.NO_KEY: Reason.NO_KEY,
    Outcome.UNCONFIRMED: Reason.NO_KEY,
    Outcome.REFUSED: Reason.WRONG_NUMBER,
    Outcome.WRONG_NUMBER: Reason.WRONG_NUMBER,
    Outcome.MOVED: Reason.WRONG_NUMBER,
}


def verdict(outcome: Outcome, tries: int, most: int) -> reach.Outcome:
    """What a call, the `tries`-th, is for the outbox: done, to be tried again, or the operator's to decide."""
    if outcome in _DONE:
        return Sent(outcome.value)
    if outcome in _WHY:
        again = again_after(outcome, tries, most)
        why = _WHY[outcome]
        return Later(why, outcome.value, again) if again is not None else Never(why, outcome.value)
    return our_fault(Reason.NO_CONNECTION, outcome.value, tries)


def our_fault(why: Reason, detail: str, tries: int) -> reach.Outcome:
    """Something of ours or of the trunk failed: again, more and more seldom, then the operator's to decide."""
    if tries >= _MOST_TRIES:
        return Never(why, detail)
    pause: timedelta = min(_FIRST_PAUSE * 2 ** (tries - 1), _LONGEST_PAUSE)
    return Later(why, detail, pause)
