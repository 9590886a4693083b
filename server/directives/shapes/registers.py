"""What the registers give: a page of lines with the year's gaps."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal

import msgspec

from server.directives.rules import State
from server.directives.shapes.duties import Gap


class RegisterQuery(msgspec.Struct, frozen=True, kw_only=True):
    """Which lines: `out` what was issued, `in` what was received; without a year the present one, 0 for all years.
    `exercise` asks for the register that exercises have for themselves.

    `words` all occur in the number, type, subject or signer's name: with diacritics exactly so, without them either
    way.
    """

    register: Literal["out", "in"] = "out"
    year: Annotated[int, msgspec.Meta(ge=0, le=9_999)] | None = None
    exercise: bool = False
    words: Annotated[str, msgspec.Meta(max_length=200)] = ""
    page: Annotated[int, msgspec.Meta(ge=1, le=100_000)] = 1


class RegisterLine(msgspec.Struct, frozen=True, kw_only=True):
    """One entry: its number in this register, `at` when it was entered; `kind` is the name of its type.

    `authority` is the line over the signer's position: “KT. CHỦ TỊCH”.

    Only of what was received: its `state`, `handler` who leads the work on it, and `handed_at` since when. What came as
    edXML has a `document`, and the `directive` that was made of it, if that is still there; its `unit_name` is whoever
    sent it.
    """

    entry: int
    at: datetime
    directive: int | None
    number_text: str
    kind: str
    subject: str
    unit_name: str
    issued_at: datetime
    signer: str
    deadline: datetime | None
    recipients: list[str] = []
    state: State | None = None
    document: int | None = None
    exercise: bool = False
    authority: str = ""
    handler: str = ""
    handed_at: datetime | None = None

    @property
    def signed_by(self) -> str:
        """The signer, and the mark of the capacity: Nguyễn Văn An (KT.)."""
        return f"{self.signer} ({self.authority.partition(' ')[0]})" if self.authority else self.signer


class RegisterPage(msgspec.Struct, frozen=True, kw_only=True):
    """A page of a register, newest first; `gaps` are all of the year, `next_number` the one that comes next.

    `year` is 0 for all years, which have no gaps here. Files of a register hold `most_exported` lines at most.
    """

    register: str
    year: int
    years: list[int]
    next_number: int
    total: int
    page: int
    pages: int
    lines: list[RegisterLine]
    gaps: list[Gap]
    most_exported: int
    exercise: bool = False
