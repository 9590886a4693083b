"""Rules of a meeting (DOMAIN, Meetings): its states, who may speak, who waits, who was there. Pure."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

LATE_AFTER = timedelta(minutes=5)
"""A unit whose first person joins later than this after the start is late."""


class State(StrEnum):
    """Where a meeting stands."""

    PLANNED = "planned"
    LIVE = "live"
    ENDED = "ended"
    CANCELLED = "cancelled"


class Step(StrEnum):
    """What can be done to a meeting as a whole."""

    START = "start"
    END = "end"
    CANCEL = "cancel"


STATES: dict[tuple[State, Step], State] = {
    (State.PLANNED, Step.START): State.LIVE,
    (State.PLANNED, Step.CANCEL): State.CANCELLED,
    (State.LIVE, Step.END): State.ENDED,
}


class IllegalStepError(ValueError):
    """The state does not allow the step; nothing was changed."""


def after(state: State, step: Step) -> State:
    """The state that `step` leads to. Raises IllegalStepError."""
    try:
        return STATES[(state, step)]
    except KeyError:
        raise IllegalStepError(f"{step} in {state}") from None


class Role(StrEnum):
    """Roles of a participant."""

    CHAIR = "chair"
    SECRETARY = "secretary"
    HALL = "hall"
    DELEGATE = "delegate"
    VILLAGE_HEAD = "village_head"
    GUEST = "guest"


HOSTS = frozenset({Role.CHAIR, Role.SECRETARY})
"""They run the meeting: floor, mute, agenda, recording, end. The secretary does it on the chair's behalf."""


class FloorMode(StrEnum):
    """Everybody may speak, or whom the chair has invited."""

    OPEN = "open"
    INVITATION = "invitation"


class Attendance(StrEnum):
    """A unit at the roll call (điểm danh)."""

    PRESENT = "present"
    LATE = "late"
    LEFT = "left"
    ABSENT = "absent"


class Recording(StrEnum):
    """Where a recording stands; PAUSED means that the media node is away and that a new segment will follow."""

    RUNNING = "running"
    PAUSED = "paused"
    STOPPED = "stopped"
    FAILED = "failed"


@dataclass(frozen=True, kw_only=True)
class Speaker:
    """What the floor rule looks at: a participant's role and what the chair decided about the microphone."""

    participant: int
    role: Role
    has_floor: bool = False
    muted: bool = False


def is_host(role: Role) -> bool:
    """Whether this participant runs the meeting."""
    return role in HOSTS


def may_speak(mode: FloorMode, speaker: Speaker) -> bool:
    """Whether the microphone may be switched on: the chair always, else everybody or the invited."""
    return speaker.role is Role.CHAIR or mode is FloorMode.OPEN or speaker.has_floor


def may_unmute(mode: FloorMode, speaker: Speaker) -> bool:
    """Who was muted by the chair may switch on again only where speaking is allowed to them.

    With the floor open a mute is for quiet, not a punishment; who must stay silent is not invited to speak.
    """
    return may_speak(mode, speaker)


def floor_holders(mode: FloorMode, speakers: Iterable[Speaker]) -> list[int] | None:
    """Who is heard by the floor rule: None is everybody. Mutes come on top."""
    if mode is FloorMode.OPEN:
        return None
    return sorted(s.participant for s in speakers if may_speak(mode, s))


def to_mute(speakers: Iterable[Speaker]) -> list[int]:
    """Whom “mute all” silences: everybody but the chair."""
    return sorted(s.participant for s in speakers if s.role is not Role.CHAIR)


def queue(hands: Iterable[tuple[int, datetime]]) -> list[int]:
    """Participants with a raised hand in the order in which they raised it; equal times by id."""
    return [participant for participant, _ in sorted(hands, key=lambda hand: (hand[1], hand[0]))]


def attendance(*, started: datetime | None, joined: Iterable[datetime], present: bool, state: State) -> Attendance:
    """A unit at the roll call, from the first joins of its people and whether one of them is in the room now.

    Once the meeting has ended, who was there at all counts as present or late; LEFT is for the running meeting.
    """
    first = min(joined, default=None)
    if first is None or started is None:
        return Attendance.PRESENT if present else Attendance.ABSENT
    if not present and state is State.LIVE:
        return Attendance.LEFT
    return Attendance.LATE if first - started > LATE_AFTER else Attendance.PRESENT


def next_item(items: Iterable[tuple[int, bool, bool]]) -> tuple[int | None, int | None]:
    """(id to end, id to begin) when the chair goes on in the agenda; `items` are (id, started, ended) in order."""
    ends = begins = None
    for item, started, ended in items:
        if started and not ended:
            ends = item
        elif not started and begins is None:
            begins = item
    return ends, begins


def has_hidden_marks(text: str) -> bool:
    """Whether a text holds control or direction characters, which can make it read as what it is not.

    The joiners that emoji and some scripts are made of may stand in it.
    """
    return any(
        unicodedata.category(letter) in {"Cc", "Cf", "Co", "Cs"} and letter not in "\n\t\u200c\u200d" for letter in text
    )
