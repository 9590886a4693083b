"""The chapters of a record: agenda items that were reached, and who spoke."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime

from server.records.facts import EndedMeeting, PersonFacts
from server.records.rules import Stretch, chapter_ms, turns
from server.records.views import ChapterLine

Heard = Sequence[tuple[int, Sequence[str]]]


def of(ended: EndedMeeting, segments: Sequence[tuple[Stretch, Heard]]) -> list[ChapterLine]:
    """All chapters by their places in the joined media, an item before who speaks to it.

    Speakers are those whom the chair gave the floor; where nobody was given it, those who were heard.
    """
    stretches = [stretch for stretch, _heard in segments]
    found = [*_agenda(ended, stretches), *(_speeches(ended, stretches) or _voices(ended, segments))]
    return sorted(found, key=lambda chapter: (chapter.start_ms, chapter.kind))


def _agenda(ended: EndedMeeting, stretches: Sequence[Stretch]) -> list[ChapterLine]:
    items = ((item.title, item.started_at, item.ended_at or ended.ended_at) for item in ended.agenda)
    return _recorded("agenda", ((title, start, end) for title, start, end in items if start is not None), stretches)


def _speeches(ended: EndedMeeting, stretches: Sequence[Stretch]) -> list[ChapterLine]:
    speeches = ((f"{s.unit_name} · {s.name}", s.started_at, s.ended_at or ended.ended_at) for s in ended.speeches)
    return _recorded("speaker", speeches, stretches)


def _recorded(
    kind: str, topics: Iterable[tuple[str, datetime, datetime]], stretches: Sequence[Stretch]
) -> list[ChapterLine]:
    placed = ((chapter_ms(stretches, start, end), title) for title, start, end in topics)
    return [ChapterLine(start_ms=at, title=title, kind=kind) for at, title in placed if at is not None]


def _voices(ended: EndedMeeting, segments: Sequence[tuple[Stretch, Heard]]) -> list[ChapterLine]:
    people = {person.participant: person for person in ended.people if person.participant}
    heard: list[tuple[int, Sequence[str]]] = []
    begin = 0
    for stretch, of_it in segments:
        heard += [(begin + at, voices) for at, voices in of_it if at <= stretch.media_ms]
        begin += stretch.media_ms
    return [
        ChapterLine(start_ms=turn.start_ms, title=_title(ended, people[turn.who]), kind="speaker")
        for turn in turns(heard)
        if turn.who in people
    ]


def _title(ended: EndedMeeting, person: PersonFacts) -> str:
    names = {ended.unit_id: ended.unit_name} | {unit.id: unit.name for unit in ended.units}
    return " · ".join(part for part in (names.get(person.unit_id, ""), person.name) if part)
