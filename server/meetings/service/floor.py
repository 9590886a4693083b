"""The floor: hands, invitations to speak, mutes, taking somebody out, the agenda's clock."""

from __future__ import annotations

import msgspec
import sqlalchemy as sa

from server.accounts.principal import Principal
from server.errors import ConflictError, UserError
from server.http.i18n import _
from server.meetings import rules
from server.meetings.model import agenda_item, meeting, participant
from server.meetings.rules import FloorMode, Recording, Role, State
from server.meetings.service import rows, view
from server.store import Transaction


def raise_hand(tx: Transaction, who: Principal, meeting_id: int) -> None:
    """Ask for the floor; asking again keeps the place in the queue."""
    rows.find_live(tx, who, meeting_id)
    seat = rows.own_seat(tx, who, meeting_id)
    if seat.hand_raised_at is None:
        rows.change_seat(tx, seat.id, hand_raised_at=tx.now)
        rows.tell(tx, meeting_id, participants=[seat.id])


def lower_hand(tx: Transaction, who: Principal, meeting_id: int, participant_id: int | None) -> None:
    """Take one's own hand down, or as a host somebody else's."""
    row = rows.find_live(tx, who, meeting_id)
    seat = rows.own_seat(tx, who, meeting_id)
    if participant_id is not None and participant_id != seat.id:
        rows.require_host(row, who)
        seat = rows.seat(tx, meeting_id, participant_id)
    if seat.hand_raised_at is not None:
        rows.change_seat(tx, seat.id, hand_raised_at=None)
        rows.tell(tx, meeting_id, participants=[seat.id])


def give(tx: Transaction, who: Principal, meeting_id: int, participant_id: int | None) -> None:
    """Invite one person to speak (mời phát biểu), and nobody else any more; with None the floor goes back."""
    row = rows.find_live(tx, who, meeting_id)
    rows.require_host(row, who)
    people = rows.present(rows.seats(tx, meeting_id))
    changed: list[int] = []
    for seat in people:
        if seat.has_floor and seat.id != participant_id:
            silent = FloorMode(row.floor_mode) is FloorMode.INVITATION and seat.role != Role.CHAIR
            microphone = seat.microphone and not silent
            rows.change_seat(tx, seat.id, has_floor=False, floor_since=None, microphone=microphone)
            rows.write_log(tx, meeting_id, "floor_ended", who, seat.id)
            changed.append(seat.id)
    if participant_id is not None:
        chosen = rows.seat(tx, meeting_id, participant_id)
        if chosen.id not in {seat.id for seat in people}:
            raise ConflictError("not_present", _("Người này không còn trong phòng họp."))
        rows.change_seat(tx, chosen.id, has_floor=True, floor_since=tx.now, hand_raised_at=None, muted=False)
        rows.write_log(tx, meeting_id, "floor_given", who, chosen.id)
        changed.append(chosen.id)
    if changed:
        rows.tell(tx, meeting_id, participants=changed)


def set_mode(tx: Transaction, who: Principal, meeting_id: int, mode: FloorMode) -> None:
    """Let everybody speak, or only whom the chair invites; the others' microphones go off."""
    row = rows.find_live(tx, who, meeting_id)
    rows.require_host(row, who)
    if row.floor_mode == mode:
        return
    tx.execute(sa.update(meeting).where(meeting.c.id == meeting_id).values(floor_mode=mode))
    changed = [
        seat.id
        for seat in rows.present(rows.seats(tx, meeting_id))
        if seat.microphone and not rules.may_speak(mode, rows.speaker(seat))
    ]
    tx.execute(sa.update(participant).where(participant.c.id.in_(changed)).values(microphone=False))
    rows.write_log(tx, meeting_id, "floor_mode", who, detail=mode)
    rows.tell(tx, meeting_id, participants=changed, head=True)


def mute(tx: Transaction, who: Principal, meeting_id: int, participant_id: int | None) -> None:
    """Switch one microphone off, or with None all but the chair's; the media node passes nothing on."""
    row = rows.find_live(tx, who, meeting_id)
    rows.require_host(row, who)
    if participant_id is not None:
        chosen = [rows.seat(tx, meeting_id, participant_id).id]
    else:
        chosen = rules.to_mute(rows.speaker(seat) for seat in rows.present(rows.seats(tx, meeting_id)))
    if not chosen:
        return
    tx.execute(sa.update(participant).where(participant.c.id.in_(chosen)).values(muted=True, microphone=False))
    rows.write_log(tx, meeting_id, "muted", who, participant_id)
    rows.tell(tx, meeting_id, participants=chosen)


def remove(tx: Transaction, who: Principal, meeting_id: int, participant_id: int) -> None:
    """Take somebody out; they come back only when they are let in again."""
    row = rows.find_live(tx, who, meeting_id)
    rows.require_host(row, who)
    seat = rows.seat(tx, meeting_id, participant_id)
    if seat.role == Role.CHAIR or seat.account_id == who.account_id:
        raise UserError("not_the_chair", _("Không thể mời chủ trì hoặc chính mình ra khỏi cuộc họp."))
    rows.change_seat(tx, seat.id, removed_at=tx.now, **rows.gone(tx))
    rows.write_log(tx, meeting_id, "removed", who, seat.id)
    tx.notify(f"account:{seat.account_id or 0}", {"kind": "meeting.removed", "meeting": meeting_id})
    rows.tell(tx, meeting_id, participants=[seat.id])


def rename(tx: Transaction, who: Principal, meeting_id: int, participant_id: int, name: str) -> None:
    """Say who sits there, where that is not known by a sign-in: at a unit's telephone, in a hall."""
    row = rows.find_live(tx, who, meeting_id)
    rows.require_host(row, who)
    seat = rows.seat(tx, meeting_id, participant_id)
    name = " ".join(name.split())
    if not name:
        raise UserError("no_name", _("Xin ghi họ và tên."), field="name")
    rows.require_plain(name, "name")
    rows.change_seat(tx, seat.id, name=name)
    rows.write_log(tx, meeting_id, "renamed", who, seat.id, f"{seat.name} → {name}")
    rows.tell(tx, meeting_id, participants=[seat.id])


def readmit(tx: Transaction, who: Principal, meeting_id: int, participant_id: int) -> None:
    """Let somebody who was taken out come in again."""
    row = rows.find_live(tx, who, meeting_id)
    rows.require_host(row, who)
    seat = rows.seat(tx, meeting_id, participant_id)
    rows.change_seat(tx, seat.id, removed_at=None)
    rows.write_log(tx, meeting_id, "readmitted", who, seat.id)
    rows.tell(tx, meeting_id, participants=[seat.id])


def answer_help(tx: Transaction, who: Principal, meeting_id: int, participant_id: int) -> None:
    """A host sees to whoever has asked for help by telephone: the mark in the roster goes."""
    row = rows.find_live(tx, who, meeting_id)
    rows.require_host(row, who)
    seat = rows.seat(tx, meeting_id, participant_id)
    if seat.help_wanted_at is not None:
        rows.change_seat(tx, seat.id, help_wanted_at=None)
        rows.write_log(tx, meeting_id, "help_answered", who, seat.id)
        rows.tell(tx, meeting_id, participants=[seat.id])


def agenda_next(tx: Transaction, who: Principal, meeting_id: int) -> None:
    """End the running agenda item and begin the next one."""
    row = rows.find_live(tx, who, meeting_id)
    rows.require_host(row, who)
    items = view.agenda(tx, meeting_id)
    ends, begins = rules.next_item((i.id, i.started_at is not None, i.ended_at is not None) for i in items)
    for item, values in ((ends, {"ended_at": tx.now}), (begins, {"started_at": tx.now})):
        if item is not None:
            tx.execute(sa.update(agenda_item).where(agenda_item.c.id == item).values(**values))
    if ends is not None or begins is not None:
        rows.tell(tx, meeting_id, agenda=True)


class Passed(msgspec.Struct, frozen=True, kw_only=True):
    """What of somebody's connection is passed on: what is switched off or muted is not, whatever the browser sends."""

    session: str
    microphone: bool
    camera: bool
    screen: bool


class Wanted(msgspec.Struct, frozen=True, kw_only=True):
    """How the media node shall treat a meeting: who is heard, what of each is passed on, what is recorded."""

    live: bool
    floor: list[int] | None
    passed: dict[int, Passed]
    sessions: dict[int, str]
    recording: tuple[int, str] | None


def wanted(tx: Transaction, meeting_id: int) -> Wanted:
    """What the database says about the meeting's media."""
    row = tx.one(sa.select(meeting).where(meeting.c.id == meeting_id))
    if row is None or row.state != State.LIVE:
        return Wanted(live=False, floor=None, passed={}, sessions={}, recording=None)
    people = rows.present(rows.seats(tx, meeting_id))
    last = view.last_recording(tx, meeting_id)
    running = last is not None and last.state in (Recording.RUNNING, Recording.PAUSED)
    return Wanted(
        live=True,
        floor=rules.floor_holders(FloorMode(row.floor_mode), (rows.speaker(seat) for seat in people)),
        passed={
            seat.id: Passed(
                session=seat.session,
                microphone=not seat.muted and (seat.microphone or not seat.by_phone),  # a telephone has no switch
                camera=seat.camera,
                screen=seat.screen,
            )
            for seat in people
            if seat.session
        },
        sessions={seat.id: seat.session for seat in people if not seat.by_phone},
        recording=(last.id, last.directory) if last is not None and running else None,
    )
