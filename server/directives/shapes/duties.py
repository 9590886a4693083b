"""What is read beside the documents: posts, alarms, and numbers that a register leaves out."""

from __future__ import annotations

from datetime import date, datetime

import msgspec

from server.directives.documents import Urgency
from server.directives.posts import Duty, Post
from server.directives.running import AlarmKind, ClockName


class Turn(msgspec.Struct, frozen=True, kw_only=True):
    """Somebody on duty from the `first` day to the end of the `last`; `now` says that it lasts."""

    id: int
    account: int
    name: str
    first: date
    last: date
    now: bool


class PostHolders(msgspec.Struct, frozen=True, kw_only=True):
    """Who is named for a post (account ids), and the names of those who are told now.

    `turns` last now or are to come; while one lasts it comes before who is named.
    """

    post: Post
    named: list[int]
    told: list[str]
    turns: list[Turn] = []


class UnitPosts(msgspec.Struct, frozen=True, kw_only=True):
    """The posts of a unit, and its people who may be named."""

    unit: int
    people: list[tuple[int, str]]
    posts: list[PostHolders]


class AlarmLine(msgspec.Struct, frozen=True, kw_only=True):
    """A reminder or an escalation that still holds, for one person."""

    id: int
    delivery: int
    directive: int
    number_text: str
    subject: str
    unit: int
    unit_name: str
    urgency: Urgency
    clock: ClockName
    kind: AlarmKind
    duty: Duty
    due: datetime
    raised_at: datetime
    exercise: bool = False


class Alarms(msgspec.Struct, frozen=True, kw_only=True):
    """What was raised for the person and still holds, newest first."""

    alarms: list[AlarmLine]


class Gap(msgspec.Struct, frozen=True, kw_only=True):
    """Numbers `first` to `last` that a register does not have."""

    register: str
    year: int
    first: int
    last: int
    reason: str
    at: datetime
    person: str
