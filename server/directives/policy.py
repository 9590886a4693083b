"""The district's own rules about directives: clocks, numbering and limits, from `config/directives.toml`."""

from __future__ import annotations

import tomllib
from collections.abc import Collection
from datetime import date, datetime, time
from functools import lru_cache
from hashlib import sha256
from pathlib import Path
from typing import Annotated
from zoneinfo import ZoneInfo

import msgspec

from server.directives.clocks import WorkingCalendar, after_quiet, check_span, due_after, notice_before
from server.directives.documents import ABBREVIATIONS, DocumentType, Urgency
from server.directives.posts import Duty
from server.reach.rules import Channel
from server.units.rules import Bloc, Level

_CLOCKS = ("register", "assign", "respond", "review")
Hours = Annotated[list[list[time]], msgspec.Meta(min_length=1)]


Missed = list[tuple[str, Duty]]
"""How long after the time has passed, and whom it is told."""


class Clocks(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Spans of one urgency: T1 register, T2 assign after T1, T3 respond if the issuer names no day, T4 review.

    `soon` and `remind` come before T3; the `*_missed` say who is told when a time has passed. With `quiet` nobody is
    told in quiet hours.
    """

    register_by: str
    assign_by: str
    respond_by: str
    review_by: str
    soon: str
    remind: list[str]
    quiet: bool
    register_missed: Missed
    assign_missed: Missed
    respond_missed: Missed
    review_missed: Missed

    def __post_init__(self) -> None:
        before = [span.replace("%", "m") for span in (self.soon, *self.remind)]
        after = [span for name in _CLOCKS for span, _duty in getattr(self, f"{name}_missed")]
        for span in (self.register_by, self.assign_by, self.respond_by, self.review_by, *before, *after):
            check_span(span)

    def missed(self, clock: str) -> Missed:
        """Who is told when a clock has run out; a recall counts as T1, the decision on an extension as T4."""
        name = {"recall": "register", "extension": "review"}.get(clock, clock)
        found: Missed = getattr(self, f"{name}_missed")
        return found


class Quiet(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Hours in which nobody is told what can wait; with `days_off` neither on days that are not worked."""

    begin: time
    end: time
    days_off: bool


Ladder = list[tuple[Channel, str]]
"""Channels beyond the live page, and how long each waits for somebody to act first."""


class Reach(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How people of one urgency are reached who look at no page: `told` hear of a new directive.

    A unit without a device is called `no_device` after the issue, a reminder or an escalation; empty: it is not.
    """

    told: list[Duty]
    issued: Ladder
    reminder: Ladder
    escalation: Ladder
    no_device: str = ""

    def __post_init__(self) -> None:
        if self.no_device:
            check_span(self.no_device)
        for _channel, span in [*self.issued, *self.reminder, *self.escalation]:
            check_span(span)
        if any(duty.post is None or duty.of_issuer for duty in self.told):
            raise ValueError("told: only posts of the recipient")


class Numbering(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How organs of one bloc write their numbers, with the fields of `str.format`; `organ` by level."""

    text: str
    notation: str
    letter: str
    organ: dict[Level, str] = {}


class Calendar(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Days that differ from what the library says, and office hours."""

    hours: Hours = msgspec.field(default_factory=lambda: [[time(7, 30), time(11, 30)], [time(13, 30), time(17)]])
    worked: list[date] = []
    off: list[date] = []


class File(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`config/directives.toml`; what has an hour (FLASH_TIMED) has the rules of FLASH, or its own."""

    calendar: str
    most_attachments: int
    most_due_a_day: int
    most_open: int
    device_days: int
    quiet: Quiet
    clocks: dict[Urgency, Clocks]
    reach: dict[Urgency, Reach]
    numbering: dict[str, Numbering]
    organs: dict[str, str] = {}
    edxml: dict[str, str] = {}

    def __post_init__(self) -> None:
        for name, of_urgency in (("clocks", self.clocks), ("reach", self.reach)):
            if Urgency.FLASH in of_urgency:
                of_urgency.setdefault(Urgency.FLASH_TIMED, of_urgency[Urgency.FLASH])  # type: ignore[arg-type]
            missing = [one.value for one in Urgency if one not in of_urgency]
            if missing:
                raise ValueError(f"{name}: nothing for {', '.join(missing)}")
        if "default" not in self.numbering or not self.numbering.keys() <= {"default", *Bloc}:
            raise ValueError("numbering: a default, and blocs")


class Policy:
    """What services need to know of the configuration; made once at the start."""

    def __init__(
        self,
        file: File,
        calendar: Calendar,
        zone: ZoneInfo,
        attachment_limit: int,
        channels: Collection[Channel] = (),
    ) -> None:
        self.file = file
        self.channels = frozenset(channels)
        """Channels beyond the live page that this server has."""
        self.zone = zone
        self.attachment_limit = attachment_limit
        days = {**dict.fromkeys(calendar.worked, True), **dict.fromkeys(calendar.off, False)}
        self.calendar = WorkingCalendar(zone, [(h[0], h[1]) for h in calendar.hours], days)
        self.digest = sha256(msgspec.json.encode([file, calendar, str(zone)], order="deterministic")).hexdigest()
        """Changes when any rule changes: what was scheduled by the old rules is then looked at again."""
        self._due = lru_cache(4096)(lambda begin, span: due_after(begin, span, self.calendar))

    def year(self, moment: datetime) -> int:
        """The register's year: numbers begin anew on 1 January, local time."""
        return moment.astimezone(self.zone).year

    def notation(self, kind: DocumentType, bloc: str, level: str, code: str) -> str:
        """An organ's usual notation of a document type, by its bloc, level and unit code; empty if it has none."""
        numbering = self._numbering(bloc)
        letters = self.file.organs.get(code) or numbering.organ.get(Level(level))
        if not letters:
            return ""
        short = ABBREVIATIONS[kind]
        return (numbering.notation if short else numbering.letter).format(kind=short, organ=letters)

    def organ_id(self, code: str) -> str:
        """What a unit is called in the exchange with other systems, by its unit code."""
        return self.file.edxml.get(code, code)

    def unit_code(self, organ_id: str) -> str:
        """The other way round."""
        return next((code for code, known in self.file.edxml.items() if known == organ_id), organ_id)

    def number_text(self, number: int, notation: str, bloc: str, exercise: bool = False) -> str:
        """As it is printed: 05/KH-UBND, or 05-KH/HU in the Party; DT-05/KH-UBND in an exercise."""
        text = self._numbering(bloc).text.format(number=f"{number:02}", notation=notation)
        return f"DT-{text}" if exercise else text

    def _numbering(self, bloc: str) -> Numbering:
        return self.file.numbering.get(bloc) or self.file.numbering["default"]

    def register_due(self, sent: datetime, urgency: Urgency) -> datetime:
        """T1: until when a recipient registers."""
        return self._due(sent, self.file.clocks[urgency].register_by)

    def assign_due(self, registered: datetime, urgency: Urgency, deadline: datetime | None) -> datetime:
        """T2: until when a leader names who works on it; nobody has longer than the deadline."""
        due = self._due(registered, self.file.clocks[urgency].assign_by)
        return due if deadline is None else min(due, deadline)

    def review_due(self, reported: datetime, urgency: Urgency) -> datetime:
        """T4: until when the issuer judges an answer or a request."""
        return self._due(reported, self.file.clocks[urgency].review_by)

    def after_quiet_hours(self, at: datetime, urgency: Urgency) -> datetime:
        """The moment itself, or the end of the quiet hours that it falls into."""
        quiet = self.file.quiet
        if not self.file.clocks[urgency].quiet:
            return at
        return after_quiet(at, quiet.begin, quiet.end, self.calendar, days_off=quiet.days_off)

    def ladder(self, kind: str, urgency: Urgency, now: datetime) -> list[tuple[Channel, datetime]]:
        """Which channels of this server carry an `issued`, `reminder` or `escalation`, and when; not in quiet hours.

        All that comes after a step waits as long as quiet hours have held that up, so that each leaves time to act.
        """
        ladder: Ladder = getattr(self.file.reach[urgency], kind)
        begin, found = self.after_quiet_hours(now, urgency), []
        for channel, span in sorted(ladder, key=lambda step: due_after(now, step[1], self.calendar)):
            if channel in self.channels:
                at = due_after(begin, span, self.calendar)
                awake = self.after_quiet_hours(at, urgency)
                begin += awake - at
                found.append((channel, awake))
        return found

    def call_without_device(self, urgency: Urgency, now: datetime) -> datetime | None:
        """When units are called that have no device, if they are."""
        span = self.file.reach[urgency].no_device
        begin = self.after_quiet_hours(now, urgency)
        return self.after_quiet_hours(due_after(begin, span, self.calendar), urgency) if span else None

    def suggested_deadline(self, now: datetime, urgency: Urgency) -> datetime:
        """T3 that the form suggests."""
        return due_after(now, self.file.clocks[urgency].respond_by, self.calendar)

    def day_deadline(self, now: datetime, days: int) -> datetime:
        """The end of the `days`-th working day from now."""
        return due_after(now, f"{days}wd", self.calendar)

    def soon_at(self, due: datetime, sent: datetime, urgency: Urgency) -> datetime:
        """From when on a duty counts as due soon."""
        return due - notice_before(due, sent, self.file.clocks[urgency].soon, self.calendar)


def load_policy(config: Path, zone: ZoneInfo, attachment_limit: int, channels: Collection[Channel] = ()) -> Policy:
    """Read the files below `config`. Raises msgspec.ValidationError or OSError that name what is wrong."""
    file = msgspec.convert(tomllib.loads((config / "directives.toml").read_text("utf-8")), File)
    calendar = msgspec.convert(tomllib.loads((config / "calendar" / file.calendar).read_text("utf-8")), Calendar)
    return Policy(file, calendar, zone, attachment_limit, channels)
