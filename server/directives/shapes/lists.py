"""What lists hold: inbox, outbox, what is late, what is to be decided, and a unit's day."""

from __future__ import annotations

from typing import Annotated

import msgspec

from server.directives.documents import DocumentType
from server.directives.shapes.views import ReceivedLine, SentLine


class Late(msgspec.Struct, frozen=True, kw_only=True):
    """What is overdue of what a unit issued: the longest, how many `more`, and those that are no exercise by unit."""

    lines: list[ReceivedLine]
    more: int
    by_unit: dict[int, int]


class LateUnit(msgspec.Struct, frozen=True, kw_only=True):
    """How many overdue deliveries a unit has, exercises aside."""

    unit: int
    name: str
    late: int


class LatePage(msgspec.Struct, frozen=True, kw_only=True):
    """A page of what is overdue, the longest first, exercises last; each line with who held it when.

    `total` of all pages; `units` are all that owe something, most late first. `next` asks for the following page, if
    there is one.
    """

    lines: list[ReceivedLine]
    total: int
    units: list[LateUnit]
    next: str = ""


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
    exercise: bool
    delivery: int | None
    unit_name: str


class Inbox(msgspec.Struct, frozen=True, kw_only=True):
    """A page of what came, open or done; `total` of all pages, `next` asks for the following one, if there is one."""

    deliveries: list[ReceivedLine]
    total: int
    next: str = ""


class OutboxQuery(msgspec.Struct, frozen=True, kw_only=True):
    """A page of what was issued, 50 each: all, or what somebody is `late` with, is of a `kind`, and holds `words`.

    Words are found as in the registers. With a filter there are no drafts.
    """

    page: Annotated[int, msgspec.Meta(ge=1, le=10_000)] = 1
    late: bool = False
    kind: DocumentType | None = None
    words: Annotated[str, msgspec.Meta(max_length=200)] = ""

    @property
    def filtered(self) -> bool:
        """Whether anything may be left out."""
        return self.late or self.kind is not None or bool(self.words)


class Outbox(msgspec.Struct, frozen=True, kw_only=True):
    """Drafts, on the first page, and a page of what was issued; `total` of all pages."""

    drafts: list[SentLine]
    issued: list[SentLine]
    page: int = 1
    pages: int = 1
    total: int = 0
