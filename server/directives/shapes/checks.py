"""What the issuer is told before the click."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum

import msgspec


class DuplicateWhy(StrEnum):
    """Which of the three layers found it."""

    NUMBER = "number"
    FILE = "file"
    SUBJECT = "subject"


class Duplicate(msgspec.Struct, frozen=True, kw_only=True):
    """A document that may ask the same already.

    `cited` is the number by which the first layer found it: its own, or that of the document that it carries on.
    """

    directive: int
    why: DuplicateWhy
    number_text: str
    subject: str
    unit_name: str
    issued_at: datetime
    cited: str = ""


class Load(msgspec.Struct, frozen=True, kw_only=True):
    """A recipient with much due on the same day; `first` is the first day that is free enough."""

    unit: int
    unit_name: str
    open: int
    due_that_day: int
    first: datetime


class CheckResult(msgspec.Struct, frozen=True, kw_only=True):
    """What the issuer should know before the click; nothing of it forbids the issue.

    `day_off`: the deadline falls on a day that is not worked, on a holiday by the name of `occasion`; `short`: it is
    sooner than one must even register (T1).
    """

    duplicates: list[Duplicate] = []
    day_off: bool = False
    occasion: str = ""
    short: bool = False
    working_hours: float | None = None
    loads: list[Load] = []
    first_feasible: datetime | None = None

    @property
    def warns(self) -> bool:
        """Whether there is anything to consider."""
        return bool(self.duplicates or self.day_off or self.short or self.loads)
