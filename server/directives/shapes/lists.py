"""What lists hold: inbox, outbox, what is late, what is to be decided, and a unit's day."""

from __future__ import annotations

import msgspec

from server.directives.shapes.views import ReceivedLine, SentLine


class Late(msgspec.Struct, frozen=True, kw_only=True):
    """What is overdue of what a unit issued: the longest, how many `more`, and those that are no exercise by unit."""

    lines: list[ReceivedLine]
    more: int
    by_unit: dict[int, int]


class ToDecide(msgspec.Struct, frozen=True, kw_only=True):
    """A directive of ours about whose recipients something is to be decided, and how much, as in `Counts`."""

    directive: int
    number_text: str
    subject: str
    exercise: bool
    asking: int
    unjudged: int


class Decisions(msgspec.Struct, frozen=True, kw_only=True):
    """What waits for the issuer: how many requests and answers in all, without exercises, and of which directives."""

    asking: int
    unjudged: int
    lines: list[ToDecide]


class DayLine(msgspec.Struct, frozen=True, kw_only=True):
    """How much of a person's or unit's open work is late, due today, due later this week, and after that."""

    id: int
    name: str
    late: int
    today: int
    week: int
    later: int


class UnitDay(msgspec.Struct, frozen=True, kw_only=True):
    """The work of a unit, its people who lead it (id 0: nobody is named yet), and what units owe it by this week.

    Exercises are not counted.
    """

    own: DayLine
    people: list[DayLine]
    below: list[DayLine]


class FilePlace(msgspec.Struct, frozen=True, kw_only=True):
    """Where a file belongs: a directive, by its number or else its subject, of `ours` or not.

    A file of an answer to a directive of ours belongs to the `delivery` to a unit.
    """

    directive: int
    name: str
    ours: bool
    delivery: int | None
    unit_name: str


class Inbox(msgspec.Struct, frozen=True, kw_only=True):
    """A page of what came, open or done; `total` of all pages, `next` asks for the following one, if there is one."""

    deliveries: list[ReceivedLine]
    total: int
    next: str = ""


class Outbox(msgspec.Struct, frozen=True, kw_only=True):
    """Drafts and what was issued."""

    drafts: list[SentLine]
    issued: list[SentLine]
    pages: int = 1
