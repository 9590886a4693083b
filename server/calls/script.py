"""What is read of a directive, in its order: recorded prompts, and texts for the speech synthesiser. Pure."""

from __future__ import annotations

import re
from datetime import datetime
from zoneinfo import ZoneInfo

from server.calls.prompts import NUMBERS
from server.calls.spelling import pieces, spoken
from server.directives.documents import Urgency
from server.directives.running import ClockName
from server.directives.service import Reading
from server.reach.notice import NoticeKind, Tie

MOST_OF_BODY = 6_000  # characters, seven minutes or so; the rest is to be read
_TIES = {
    Tie.REPLACES: ("replaces", "old_not_valid"),
    Tie.CORRECTS: ("corrects", "read_both"),
    Tie.REPLACED_BY: ("replaced_by", "follow_the_new"),
}
"""What is said before and after the number of the other document."""
_URGENCY = {
    Urgency.URGENT: "urgent",
    Urgency.VERY_URGENT: "very_urgent",
    Urgency.FLASH: "flash",
    Urgency.FLASH_TIMED: "flash",  # its hour is the deadline, which is read
}

_TIMES = {
    ClockName.REGISTER: "received_by",
    ClockName.ASSIGN: "assign_by",
    ClockName.RESPOND: "deadline_is",
    ClockName.REVIEW: "review_by",
    ClockName.EXTENSION: "decide_by",
    ClockName.RECALL: "recall_by",
}
"""What the time is for that is read after it. Who may confirm is asked to (`register_by`)."""


class Text(str):
    """A text that the synthesiser says; any other string of a script is the name of a prompt."""

    __slots__ = ()


def _said(text: str) -> list[str]:
    """In pieces: while one is heard, the next is made."""
    return [Text(piece) for piece in pieces(spoken(text))]


def greeting(kind: NoticeKind, reading: Reading) -> list[str]:
    """What is heard before any key: that there is something, not what it says."""
    parts = ["exercise"] if reading.exercise else []
    parts.append(f"directive_{kind.value}")
    return parts + ([_URGENCY[reading.urgency]] if reading.urgency in _URGENCY else [])


def script(reading: Reading, zone: ZoneInfo, *, speaks: bool) -> list[str]:
    """All that is read after the first key; without a synthesiser number and deadline, and whom to ask for the rest."""
    parts = ["exercise"] if reading.exercise else []
    if not speaks:
        number = _number(reading.number, speaks=False)
        parts += ["number_is", *number] if number else []
        rest = ["ask_the_clerk"] if reading.body.strip() else []
        return [*parts, *_tied(reading, speaks=False), *_deadline(reading, zone), *rest]
    parts += ["number_is", *_said(reading.number), "issued_by", *_said(reading.sender)]
    if not reading.own:
        parts += ["about_units", *_said(", ".join(reading.unit_names))]
    parts += ["subject_is", *_said(reading.subject), *_tied(reading, speaks=True), *_deadline(reading, zone)]
    if reading.body.strip() and reading.own:
        parts += ["body_is", *_said(reading.body[:MOST_OF_BODY])]
        parts += ["rest_of_body"] if len(reading.body) > MOST_OF_BODY else []
    return parts


def replaced_by(number: str, *, speaks: bool) -> list[str]:
    """That the document of which was spoken is not valid any more, and which one to follow."""
    return _tie(Tie.REPLACED_BY, number, speaks=speaks)


def _tied(reading: Reading, *, speaks: bool) -> list[str]:
    return _tie(reading.tie, reading.other, speaks=speaks) if reading.tie is not None else []


def _tie(tie: Tie, other: str, *, speaks: bool) -> list[str]:
    before, after = _TIES[tie]
    number = _number(other, speaks=speaks)
    return [before, *number, after] if number else []


def _number(number: str, *, speaks: bool) -> list[str]:
    """A number and notation; the digits with which it begins alone where no synthesiser can say its letters."""
    if speaks:
        return _said(number)
    found = re.search(r"\d+", number)
    return recorded(int(found[0])) if found else []


def _deadline(reading: Reading, zone: ZoneInfo) -> list[str]:
    if reading.due is None:
        return []
    asked = reading.clock is ClockName.REGISTER and reading.may_confirm
    return ["register_by" if asked else _TIMES[reading.clock], *moment(reading.due.astimezone(zone))]


def moment(at: datetime) -> list[str]:
    """A local time by recorded numbers: mười bốn giờ ba mươi phút, ngày mười lăm tháng mười một."""
    minutes = [*recorded(at.minute), "minute"] if at.minute else []
    return [*recorded(at.hour), "hour", *minutes, "day", *recorded(at.day), "month", *recorded(at.month)]


def lasting(seconds: int) -> list[str]:
    """How long to wait, in hours and minutes; a minute that has begun counts whole, so that nobody calls too early."""
    hours, minutes = divmod(-(-seconds // 60), 60)
    parts = [*recorded(hours), "hour"] if hours else []
    return [*parts, *recorded(minutes), "minute"] if minutes or not hours else parts


def recorded(value: int) -> list[str]:
    """Prompts of a number: in one word as far as there are words, else digit by digit."""
    return [f"n{value}"] if value <= NUMBERS else [f"n{digit}" for digit in str(value)]
