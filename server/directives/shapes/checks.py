"""What the issuer is told before the click."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum

import msgspec

from server.directives.rules import DirectiveState


class DuplicateWhy(StrEnum):
    """Which of the three layers found it."""

    NUMBER = "number"
    FILE = "file"
    SUBJECT = "subject"


class Duplicate(msgspec.Struct, frozen=True, kw_only=True):
    """A document that may ask the same already, issued or, of the own unit, on its way: it has no number then.

    `cited` is the number by which the first layer found it: its own, or that of the document that it carries on. Of
    what the unit neither issued nor received there is no `subject`: number, organ and day suffice to ask about it.
    """

    directive: int
    why: DuplicateWhy
    state: DirectiveState
    number_text: str
    subject: str
    unit_name: str
    issued_at: datetime | None
    scheduled_at: datetime | None = None
    cited: str = ""


class Load(msgspec.Struct, frozen=True, kw_only=True):
    """What a recipient has to do: `open` deliveries, `overdue` of them late, `due_that_day` due when this one would be.

    `busy`: so much is open or due that day that one should think twice; `first` is the first day that is free enough,
    if there is one within MOST_DAYS.
    """

    unit: int
    unit_name: str
    open: int
    overdue: int
    due_that_day: int
    busy: bool
    first: datetime | None


class CheckResult(msgspec.Struct, frozen=True, kw_only=True):
    """What the issuer should know before the click; nothing of it forbids the issue.

    `day_off`: the deadline falls on a day that is not worked, on a holiday by the name of `occasion`; `short`: it is
    sooner than one must even register (T1). `loads` are the recipients that are busy or late, the busy ones first; when
    there are none, `busiest` is who has most to do. On the day of `first_feasible` each of them is free enough.
    `warnings` names each thing to consider, the same as long as it says the same: `duplicate:12:subject:ISSUED`,
    `day_off:2026-12-06`, `short:2026-12-04T03:00:00+00:00`, `busy:31:2026-12-04` (recipient, day of the deadline). That
    somebody is late with other work is only good to know.
    """

    warnings: list[str] = []

    duplicates: list[Duplicate] = []
    day_off: bool = False
    occasion: str = ""
    short: bool = False
    working_hours: float | None = None
    loads: list[Load] = []
    busiest: Load | None = None
    first_feasible: datetime | None = None

    @property
    def warns(self) -> bool:
        """Whether there is anything to consider."""
        return bool(self.warnings)

    def goes_beyond(self, shown: str) -> bool:
        """Whether it warns of something that is not among the `warnings` that were shown, parted by spaces."""
        return not set(self.warnings) <= set(shown.split())
