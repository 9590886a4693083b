"""What a message tells: the facts, kept as JSON, from which each channel makes its own words."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum

import msgspec


class NoticeKind(StrEnum):
    """What happened."""

    ISSUED = "issued"
    REMINDER = "reminder"
    ESCALATION = "escalation"
    RECALL = "recall"
    REPLACED = "replaced"
    RELEASED = "released"
    HELD = "held"
    TO_SIGN = "to_sign"
    HANDED_BACK = "handed_back"
    TO_ASSIGN = "to_assign"
    ASSIGNED = "assigned"
    ANSWERED = "answered"
    ACCEPTED = "accepted"
    REWORK = "rework"
    RETURNED = "returned"
    RECALL_REFUSED = "recall_refused"
    WAIVED = "waived"
    PRESSED = "pressed"
    ASKED = "asked"
    GRANTED = "granted"
    REFUSED = "refused"
    CODE = "code"


FOR_KNOWLEDGE = frozenset(
    {
        *(NoticeKind.REPLACED, NoticeKind.RELEASED, NoticeKind.HELD, NoticeKind.HANDED_BACK),
        *(NoticeKind.RETURNED, NoticeKind.WAIVED, NoticeKind.GRANTED, NoticeKind.REFUSED),
        *(NoticeKind.ACCEPTED, NoticeKind.RECALL_REFUSED),
    }
)
"""Nobody else can confirm these."""

RANKS = {"FLASH": 0, "FLASH_TIMED": 0, "VERY_URGENT": 1, "URGENT": 2, "NORMAL": 3}
"""What is sent first, by urgency."""
AT_ONCE = frozenset({"FLASH", "FLASH_TIMED", "VERY_URGENT"})
"""What devices show at once, and mail programs as important."""


class Tie(StrEnum):
    """What a directive is to the other one that its notice names."""

    REPLACES = "replaces"
    CORRECTS = "corrects"
    REPLACED_BY = "replaced_by"


class Notice(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Facts about a directive, never its body: restricted documents leave the house by number, subject and time alone.

    `unit_names` are the units it is about, `sender` who issued it and `issuer` that unit's id; `due` is until when
    somebody has to act. `other` is the number of the directive that it has a `tie` to. A CODE has `code` and nothing
    else.
    """

    kind: NoticeKind
    directive: int = 0
    number: str = ""
    subject: str = ""
    urgency: str = "NORMAL"
    sender: str = ""
    issuer: int = 0
    unit_names: tuple[str, ...] = ()
    units: int = 0
    due: datetime | None = None
    href: str = "/"
    exercise: bool = False
    tie: Tie | None = None
    other: str = ""
    code: str = ""

    @property
    def rank(self) -> int:
        """0 goes first; a code is waited for."""
        return 0 if self.kind is NoticeKind.CODE else RANKS[self.urgency]
