"""Rules of telephone calls: what digits mean, why a call came to nothing, and when it is tried again. Pure."""

from __future__ import annotations

from datetime import timedelta
from enum import StrEnum

PIN_DIGITS = 8
"""Of a person. Meetings have as many (`meetings.service.telephone.CODE_DIGITS`): shorter ones would be guessed."""

PIN_TRIES = 3
"""In one call; then it is goodbye."""


class Direction(StrEnum):
    """Whose call it is."""

    IN = "in"
    OUT = "out"


class Purpose(StrEnum):
    """What a call is for."""

    MEETING = "meeting"
    BACK = "back"
    OWN = "own"  # into a meeting, asked for from the person's own page
    TEST = "test"
    DIRECTIVE = "directive"
    CLERK = "clerk"  # of whom somebody who hears a directive asks


class Outcome(StrEnum):
    """What became of a call; `RUNNING` until it has ended."""

    RUNNING = "running"
    MET = "met"  # took part in the meeting
    DROPPED = "dropped"  # took part, until the line broke
    RESTARTED = "restarted"  # took part, until this server was started anew
    STOPPED = "stopped"  # ended with this server before it came to anything; was in no meeting
    TAKEN_OUT = "taken_out"
    GAVE_UP = "gave_up"  # hung up before the meeting
    WRONG_PIN = "wrong_pin"
    LOCKED = "locked"
    NO_MEETING = "no_meeting"
    DECLINED = "declined"
    NO_KEY = "no_key"  # somebody or something answered, but nobody pressed a key
    BUSY = "busy"
    NO_ANSWER = "no_answer"
    REFUSED = "refused"
    WRONG_NUMBER = "wrong_number"
    MOVED = "moved"  # the answer names another number, which we do not call: it may cost, and nobody has noted it
    TRUNK = "trunk"  # the trunk did not answer, or could not
    NO_SOUND = "no_sound"  # no codec in common
    NO_NODE = "no_node"  # our own media node is away
    HEARD = "heard"  # a test call that was heard and answered by a key
    CONFIRMED = "confirmed"  # a directive, by key
    NOTED = "noted"  # heard, where there is nothing to confirm
    UNCONFIRMED = "unconfirmed"  # a human heard it and did not confirm it
    ELSEWHERE = "elsewhere"  # confirmed in another way while it was read
    WITHDRAWN = "withdrawn"  # recalled, replaced or returned while it was read
    TALKED = "talked"  # with the clerk


_BY_CAUSE = {
    17: Outcome.BUSY, 18: Outcome.NO_ANSWER, 19: Outcome.NO_ANSWER, 20: Outcome.NO_ANSWER, 21: Outcome.REFUSED,
    23: Outcome.MOVED,
    1: Outcome.WRONG_NUMBER, 22: Outcome.WRONG_NUMBER, 28: Outcome.WRONG_NUMBER,
}  # fmt: skip
_BY_STATUS = {
    404: Outcome.WRONG_NUMBER, 410: Outcome.WRONG_NUMBER, 484: Outcome.WRONG_NUMBER, 604: Outcome.WRONG_NUMBER,
    480: Outcome.NO_ANSWER, 487: Outcome.NO_ANSWER, 486: Outcome.BUSY, 600: Outcome.BUSY,
    300: Outcome.MOVED, 301: Outcome.MOVED, 302: Outcome.MOVED,
    603: Outcome.REFUSED, 607: Outcome.REFUSED, 608: Outcome.REFUSED, 403: Outcome.REFUSED,
    488: Outcome.NO_SOUND, 606: Outcome.NO_SOUND,
}  # fmt: skip


def not_reached(status: int, cause: int | None) -> Outcome:
    """Why a call of ours was not answered: by the network's cause (Q.850) if it is told, else by the SIP status."""
    return _BY_CAUSE.get(cause or 0) or _BY_STATUS.get(status, Outcome.TRUNK)


def is_dropped(status: int, cause: int | None, *, by_us: bool) -> bool:
    """Whether a call that was up ended by a broken line, not by anybody's wish.

    A network that loses a telephone says so by a cause other than normal clearing (16), or goes silent.
    """
    return not by_us and (status >= 400 or (cause is not None and cause not in (16, 31)))


_AGAIN = {
    Outcome.BUSY: timedelta(minutes=1),
    Outcome.NO_ANSWER: timedelta(minutes=2),
    Outcome.NO_KEY: timedelta(minutes=3),
    Outcome.UNCONFIRMED: timedelta(minutes=5),
    Outcome.TRUNK: timedelta(seconds=30),
    Outcome.NO_NODE: timedelta(seconds=30),
}


def again_after(outcome: Outcome, tries: int, most: int) -> timedelta | None:
    """How long to wait before the person is called again; None: not any more. `tries` were made.

    Voice mail answers at once and for ever, so who pressed nothing is tried only once more.
    """
    if tries >= (min(2, most) if outcome is Outcome.NO_KEY else most):
        return None
    return _AGAIN.get(outcome)
