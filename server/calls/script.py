"""What is read of a directive, in its order: recorded prompts, and texts for the speech synthesiser. Pure."""

from __future__ import annotations

import re
from datetime import datetime
from zoneinfo import ZoneInfo

from server.calls.prompts import NUMBERS
from server.calls.spelling import pieces, spoken
from server.directives.documents import Urgency
from server.directives.service import Reading
from server.reach.notice import NoticeKind

MOST_OF_BODY = 6_000  # characters, seven minutes or so; the rest is to be read
_URGENCY = {Urgency.URGENT: "urgent", Urgency.VERY_URGENT: "very_urgent", Urgency.FLASH: "flash"}


class Text(str):
    """A text that the synthesiser says; any other string of a script is the name of a prompt."""

    __slots__ = ()


def greeting(kind: NoticeKind, reading: Reading) -> list[str]:
    """What is heard before any key: that there is something, not what it says."""
    parts = ["exercise"] if reading.exercise else []
    parts.append(f"directive_{kind.value}")
    return parts + ([_URGENCY[reading.urgency]] if reading.urgency in _URGENCY else [])


def script(reading: Reading, zone: ZoneInfo, *, speaks: bool) -> list[str]:
    """All that is read after the first key; without a synthesiser number and deadline, and whom to ask for the rest."""
    parts = ["exercise"] if reading.exercise else []
    if not speaks:
        rest = ["ask_the_clerk"] if reading.body.strip() else []
        return [*parts, *_recorded_number(reading.number), *_deadline(reading, zone), *rest]
    parts += ["number_is", Text(spoken(reading.number)), "issued_by", Text(spoken(reading.sender))]
    if not reading.own:
        parts.append(Text(spoken(", ".join(reading.unit_names))))
    parts += ["subject_is", Text(spoken(reading.subject)), *_deadline(reading, zone)]
    if reading.body.strip() and reading.own:
        parts += ["body_is", *(Text(piece) for piece in pieces(spoken(reading.body[:MOST_OF_BODY])))]
        parts += ["rest_of_body"] if len(reading.body) > MOST_OF_BODY else []
    return parts


def _recorded_number(number: str) -> list[str]:
    """The digits with which a notation begins; its letters only a synthesiser can say."""
    found = re.search(r"\d+", number)
    return ["number_is", *recorded(int(found[0]))] if found else []


def _deadline(reading: Reading, zone: ZoneInfo) -> list[str]:
    if reading.due is None:
        return []
    return ["deadline_is" if reading.to_answer else "register_by", *moment(reading.due.astimezone(zone))]


def moment(at: datetime) -> list[str]:
    """A local time by recorded numbers: mười bốn giờ ba mươi phút, ngày mười lăm tháng mười một."""
    minutes = [*recorded(at.minute), "minute"] if at.minute else []
    return [*recorded(at.hour), "hour", *minutes, "day", *recorded(at.day), "month", *recorded(at.month)]


def recorded(value: int) -> list[str]:
    """Prompts of a number: in one word as far as there are words, else digit by digit."""
    return [f"n{value}"] if value <= NUMBERS else [f"n{digit}" for digit in str(value)]
