"""Recordings: begun and stopped by the chair, taken up again after the node was lost, handed over at the end."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa

from server.accounts.principal import Principal
from server.errors import ConflictError, UnavailableError
from server.http.i18n import _
from server.meetings.model import meeting, meeting_log, recording
from server.meetings.rules import Recording, State
from server.meetings.service import rows, view
from server.records.facts import AgendaFacts, EndedMeeting, PersonFacts, RecordingFacts, SpeechFacts, UnitFacts
from server.store import Transaction
from server.units import service as units


def begin(tx: Transaction, who: Principal, meeting_id: int, *, free_mb: int, needed_mb: int) -> tuple[int, str]:
    """Start a recording; gives its id and its folder's name. Refused when the disk has too little space left."""
    row = rows.find_live(tx, who, meeting_id)
    rows.require_host(row, who)
    last = view.last_recording(tx, meeting_id)
    if last is not None and last.state in (Recording.RUNNING, Recording.PAUSED):
        raise ConflictError("already_recording", _("Cuộc họp đang được ghi hình."))
    if free_mb < needed_mb:
        raise UnavailableError(
            "disk_full",
            _("Máy chủ chỉ còn {free} MB trống nên chưa ghi hình được. Cuộc họp vẫn tiếp tục bình thường."),
            free=free_mb,
        )
    directory = f"{tx.now:%Y%m%d-%H%M%S}-meeting-{meeting_id}"
    recording_id = tx.insert(
        recording,
        meeting_id=meeting_id,
        directory=directory,
        state=Recording.RUNNING,
        started_by=who.account_id,
        started_at=tx.now,
        segments=1,
    )
    rows.write_log(tx, meeting_id, "recording_notice", who, detail="shown to everybody in the room")
    rows.tell(tx, meeting_id, head=True)
    return recording_id, directory


def stop(tx: Transaction, who: Principal, meeting_id: int) -> int:
    """Stop the running recording; gives its id."""
    row = rows.find_live(tx, who, meeting_id)
    rows.require_host(row, who)
    last = view.last_recording(tx, meeting_id)
    if last is None or last.state not in (Recording.RUNNING, Recording.PAUSED):
        raise ConflictError("not_recording", _("Cuộc họp không được ghi hình lúc này."))
    _set(tx, last.id, state=Recording.STOPPED, stopped_at=tx.now)
    rows.write_log(tx, meeting_id, "recording_stopped", who)
    rows.tell(tx, meeting_id, head=True)
    return int(last.id)


def failed(tx: Transaction, recording_id: int, code: str) -> None:
    """The node could not begin or go on; what was written stays, the meeting goes on, the chair's page says so."""
    row = tx.one(sa.select(recording).where(recording.c.id == recording_id))
    if row is None or row.state not in (Recording.RUNNING, Recording.PAUSED):
        return
    _set(tx, recording_id, state=Recording.FAILED, stopped_at=tx.now, failure=code)
    rows.write_log(tx, row.meeting_id, "recording_failed", None, detail=code)
    rows.tell(tx, row.meeting_id, head=True)


def paused(tx: Transaction, meeting_id: int) -> None:
    """The node was lost: what it recorded waits for a new segment."""
    last = view.last_recording(tx, meeting_id)
    if last is not None and last.state == Recording.RUNNING:
        _set(tx, last.id, state=Recording.PAUSED)
        rows.write_log(tx, meeting_id, "recording_interrupted", None)
        rows.tell(tx, meeting_id, head=True)


def resumed(tx: Transaction, recording_id: int) -> None:
    """The node records again, in a new segment."""
    row = tx.one(sa.select(recording).where(recording.c.id == recording_id))
    if row is not None and row.state == Recording.PAUSED:
        _set(tx, recording_id, state=Recording.RUNNING, segments=row.segments + 1)
        rows.write_log(tx, row.meeting_id, "recording_resumed", None)
        rows.tell(tx, row.meeting_id, head=True)


def _set(tx: Transaction, recording_id: int, **values: Any) -> None:
    tx.execute(sa.update(recording).where(recording.c.id == recording_id).values(**values))


# ---- to the archive


def waiting(tx: Transaction) -> list[int]:
    """Ended meetings with a recording that the archive does not have yet."""
    query = (
        sa.select(recording.c.meeting_id)
        .join(meeting, meeting.c.id == recording.c.meeting_id)
        .where(recording.c.handed_over_at.is_(None), meeting.c.state == State.ENDED)
        .distinct()
    )
    return [row.meeting_id for row in tx.all(query)]


def handed_over(tx: Transaction, meeting_id: int) -> None:
    """The archive has taken the recordings."""
    tx.execute(
        sa.update(recording)
        .where(recording.c.meeting_id == meeting_id, recording.c.handed_over_at.is_(None))
        .values(handed_over_at=tx.now)
    )


def facts(tx: Transaction, meeting_id: int) -> EndedMeeting:
    """What the archive is told of an ended meeting."""
    row = tx.one(sa.select(meeting).where(meeting.c.id == meeting_id, meeting.c.state == State.ENDED))
    if row is None:
        raise ConflictError("not_ended", _("Cuộc họp chưa kết thúc."))
    people = rows.seats(tx, meeting_id)
    chair = next((seat for seat in people if seat.account_id == row.chair_id), None)
    secretary = next((seat for seat in people if seat.account_id == row.secretary_id), None)
    recordings = tx.all(sa.select(recording).where(recording.c.meeting_id == meeting_id).order_by(recording.c.id))
    chair_unit = units.unit(tx, row.chair_unit_id)
    return EndedMeeting(
        id=meeting_id,
        title=row.title,
        started_at=row.started_at,
        ended_at=row.ended_at,
        unit_id=row.chair_unit_id,
        unit_name=chair_unit.name,
        chair=chair.name if chair else "",
        secretary=secretary.name if secretary else "",
        recordings=[
            RecordingFacts(id=f"r{r.id}", directory=r.directory, started_at=r.started_at, stopped_at=r.stopped_at)
            for r in recordings
        ],
        units=[
            UnitFacts(id=u.id, name=u.name, present=u.attendance.value in ("present", "late"))
            for u in view.roll_call(tx, row)
        ],
        people=[
            PersonFacts(
                name=p.name,
                unit_id=p.unit_id,
                how="telephone" if p.by_phone else "hall" if p.role == "hall" else "browser",
                participant=f"p{p.id}",
            )
            for p in people
        ],
        agenda=[
            AgendaFacts(title=item.title, started_at=item.started_at, ended_at=item.ended_at)
            for item in view.agenda(tx, meeting_id)
        ],
        speeches=_speeches(tx, meeting_id, {seat.id: seat for seat in people}),
    )


def _speeches(tx: Transaction, meeting_id: int, people: dict[int, Any]) -> list[SpeechFacts]:
    """Who was given the floor, from when to when, by the log."""
    rows_ = tx.all(
        sa.select(meeting_log)
        .where(meeting_log.c.meeting_id == meeting_id, meeting_log.c.kind.in_(["floor_given", "floor_ended"]))
        .order_by(meeting_log.c.id)
    )
    found = []
    for index, row in enumerate(rows_):
        if row.kind != "floor_given":
            continue
        until = next((r.at for r in rows_[index + 1 :] if r.participant_id == row.participant_id), None)
        seat = people[row.participant_id]
        found.append(SpeechFacts(name=seat.name, unit_name=seat.unit_name, started_at=row.at, ended_at=until))
    return found
