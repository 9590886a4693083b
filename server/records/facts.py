"""What a meeting tells the archive when it has ended; kept with the record as it was said, whatever changes later."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

import msgspec


class _Facts(msgspec.Struct, frozen=True, kw_only=True):
    pass


class UnitFacts(_Facts, frozen=True):
    """A unit that was invited or came, under the name that it had then."""

    id: int
    name: str
    present: bool = True


class PersonFacts(_Facts, frozen=True):
    """One participant; `how` says by browser, from a hall or by telephone, `participant` is its name in recordings."""

    name: str
    unit_id: int
    position: str = ""
    how: Literal["browser", "hall", "telephone"] = "browser"
    participant: str = ""


class AgendaFacts(_Facts, frozen=True):
    """One agenda item; without a start it was not reached."""

    title: str
    started_at: datetime | None = None
    ended_at: datetime | None = None


class SpeechFacts(_Facts, frozen=True):
    """Somebody held the floor."""

    name: str
    unit_name: str
    started_at: datetime
    ended_at: datetime | None = None


class RecordingFacts(_Facts, frozen=True):
    """One recording: its id, its folder below the recordings folder, and when the chair started and stopped it."""

    id: str
    directory: str
    started_at: datetime
    stopped_at: datetime | None = None


class EndedMeeting(_Facts, frozen=True):
    """All that the archive needs; `unit_id` is the chair's unit, which keeps the record. Times are aware."""

    id: int
    title: str
    started_at: datetime
    ended_at: datetime
    unit_id: int
    unit_name: str
    chair: str
    recordings: list[RecordingFacts]
    kind: str = "meeting"
    chair_position: str = ""
    secretary: str = ""
    units: list[UnitFacts] = []
    people: list[PersonFacts] = []
    agenda: list[AgendaFacts] = []
    speeches: list[SpeechFacts] = []


_decoder = msgspec.json.Decoder(EndedMeeting)


def to_text(facts: EndedMeeting) -> str:
    """The facts as JSON text, as they are stored and exported."""
    return msgspec.json.encode(facts).decode()


def from_text(text: str) -> EndedMeeting:
    """The facts of a stored text. Raises msgspec.DecodeError."""
    return _decoder.decode(text)
