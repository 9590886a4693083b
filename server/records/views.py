"""What the archive shows of a record: structs of the API's answers and of the pages."""

from __future__ import annotations

import datetime as dt

import msgspec

from server.records.facts import EndedMeeting
from server.records.model import State


class _View(msgspec.Struct, frozen=True, kw_only=True):
    pass


class RecordLine(_View, frozen=True):
    """One line of the archive."""

    id: int
    meeting_id: int
    title: str
    chair: str
    unit_id: int
    units: int
    started_at: dt.datetime
    ended_at: dt.datetime
    duration_ms: int
    state: State
    bytes: int
    due_on: dt.date | None
    on_hold: bool


class RecordsPage(_View, frozen=True):
    """One page of what was found; `total` counts all of it."""

    records: list[RecordLine]
    total: int
    page: int
    pages: int


class UnitLine(_View, frozen=True):
    """A unit under its name of that day, whether it was there, and who came for it."""

    id: int
    name: str
    present: bool
    people: list[str]


class FileLine(_View, frozen=True):
    """A file of the record: a master is what was captured, a derivative what was made of it."""

    name: str
    role: str
    bytes: int
    sha256: str
    segment: int | None
    media_ms: int
    recovered: bool


class ChapterLine(_View, frozen=True):
    """A place to jump to; `kind` is agenda or speaker."""

    start_ms: int
    title: str
    kind: str


class GapLine(_View, frozen=True):
    """Media that is missing between two moments, and where in the playable file that is."""

    at_ms: int
    started_at: dt.datetime
    ended_at: dt.datetime
    reason: str

    @property
    def seconds(self) -> float:
        """How much is missing."""
        return (self.ended_at - self.started_at).total_seconds()


class CustodyLine(_View, frozen=True):
    """One link of the chain."""

    n: int
    what: str
    who: str
    at: dt.datetime
    purpose: str
    hash: str


class RecordInfo(_View, frozen=True):
    """A record in full, as one person may see it."""

    id: int
    meeting_id: int
    unit_id: int
    title: str
    kind: str
    chair: str
    started_at: dt.datetime
    ended_at: dt.datetime
    state: State
    problem: str
    media_type: str
    playable: bool
    duration_ms: int
    bytes: int
    merkle_root: str
    retention: str
    retention_name: str
    due_on: dt.date | None
    hold: str
    sealed_at: dt.datetime | None
    verified_at: dt.datetime | None
    units: list[UnitLine]
    files: list[FileLine]
    chapters: list[ChapterLine]
    gaps: list[GapLine]
    custody: list[CustodyLine]
    facts: EndedMeeting
    may_keep: bool


class Problem(_View, frozen=True):
    """What is wrong with one file (or with the chain or the root): `missing`, `changed`, `size`, `chain`, `root`."""

    name: str
    what: str


class Verdict(_View, frozen=True):
    """The outcome of recomputing every sum."""

    record: int
    intact: bool
    files: int
    bytes: int
    problems: list[Problem]
