"""Coming and going: who sits in the room, through which connection, and what of theirs is switched on."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any

import msgspec
import sqlalchemy as sa

from server.accounts.principal import Principal
from server.errors import ConflictError, NotAllowedError
from server.http.i18n import _
from server.meetings.model import meeting, meeting_message, participant
from server.meetings.rules import State
from server.meetings.service import plan, rows, view
from server.store import Transaction
from server.units import service as units


class Switches(msgspec.Struct, frozen=True, kw_only=True):
    """What a person has switched on."""

    microphone: bool = False
    camera: bool = False
    screen: bool = False


class SessionNews(msgspec.Struct, frozen=True, kw_only=True):
    """What the media node said about a connection."""

    meeting: int
    participant: int
    session: str
    state: str


class Seated(msgspec.Struct, frozen=True, kw_only=True):
    """Who came in: the stable participant id, and what of the asked switches may be on."""

    participant: int
    microphone: bool


def enter(tx: Transaction, who: Principal, meeting_id: int, switches: Switches, *, hall: bool) -> Seated:
    """Take the person's seat, the same one at every return. A host's coming starts a planned meeting.

    Raises NotFoundError (not invited), ConflictError (not running), NotAllowedError (taken out by the chair).
    """
    row = rows.find(tx, who, meeting_id)
    if row.state == State.PLANNED and rows.is_host(row, who):
        plan.start(tx, who, meeting_id)
    row = rows.find_live(tx, who, meeting_id)
    own = (participant.c.meeting_id == meeting_id) & (participant.c.account_id == who.account_id)
    old = tx.one(sa.select(participant).where(own))
    if old is None:  # two pages of one person may come at once: the later one waits, and finds the seat of the first
        tx.one(sa.select(meeting.c.id).where(meeting.c.id == meeting_id).with_for_update(key_share=True))
        old = tx.one(sa.select(participant).where(own))
    if old is None:
        seat_id = _new_seat(tx, who, row, hall=hall)
        rows.write_log(tx, meeting_id, "joined", who, seat_id)
    else:
        if old.removed_at is not None:
            raise NotAllowedError("removed", _("Chủ trì đã mời đồng chí ra khỏi cuộc họp này."))
        seat_id = old.id
        if old.left_at is not None:
            rows.write_log(tx, meeting_id, "returned", who, seat_id)
        role = rows.role_of(row, who, hall=hall)
        rows.change_seat(
            tx, seat_id, joined_at=tx.now, left_at=None, session="", link="connecting", role=role, by_phone=False
        )
    seat = rows.seat(tx, meeting_id, seat_id)
    microphone = switches.microphone and not seat.muted and rows.may_speak(row, seat)
    rows.change_seat(tx, seat_id, microphone=microphone, camera=switches.camera, screen=False)
    rows.tell(tx, meeting_id, participants=[seat_id])
    return Seated(participant=seat_id, microphone=microphone)


def _new_seat(tx: Transaction, who: Principal, row: Any, *, hall: bool) -> int:
    return tx.insert(
        participant,
        meeting_id=row.id,
        account_id=who.account_id,
        unit_id=who.unit_id,
        name=who.name,
        unit_name=units.unit(tx, who.unit_id).short_name,
        role=rows.role_of(row, who, hall=hall),
        first_joined_at=tx.now,
        joined_at=tx.now,
        session="",
        link="connecting",
        has_floor=False,
        muted=False,
        microphone=False,
        camera=False,
        screen=False,
    )


def seated(tx: Transaction, participant_id: int, session: str) -> None:
    """The media node has accepted the offer under this name of the connection."""
    rows.change_seat(tx, participant_id, session=session)


def leave(tx: Transaction, who: Principal, meeting_id: int) -> int | None:
    """The person goes; gives the seat, or None if there was nobody to go."""
    row = tx.one(
        sa.select(participant).where(
            participant.c.meeting_id == meeting_id,
            participant.c.account_id == who.account_id,
            participant.c.left_at.is_(None),
        )
    )
    if row is None:
        return None
    rows.vacate(tx, row, who)
    return int(row.id)


def sessions_changed(tx: Transaction, news: Sequence[SessionNews]) -> None:
    """What the node said about connections, oldest first; news of connections that were replaced are dropped."""
    touched: dict[int, set[int]] = {}
    for item in news:
        row = tx.one(sa.select(participant).where(participant.c.id == item.participant))
        if row is None or row.meeting_id != item.meeting or row.left_at is not None:
            continue
        fresh = row.session == "" and item.state in ("connecting", "connected")
        if not fresh and row.session != item.session:
            continue
        if item.state == "closed":
            rows.vacate(tx, row, None, detail="connection")
        elif item.state != row.link or fresh:
            rows.change_seat(tx, row.id, link=item.state, session=item.session)
            touched.setdefault(row.meeting_id, set()).add(row.id)
    for meeting_id, seats in touched.items():
        rows.tell(tx, meeting_id, participants=seats)


def switch(tx: Transaction, who: Principal, meeting_id: int, switches: Switches) -> Switches:
    """The person's microphone, camera and shared screen as they are now; refused where the floor rule forbids."""
    row = rows.find_live(tx, who, meeting_id)
    seat = rows.own_seat(tx, who, meeting_id)
    if switches.microphone and not seat.microphone and not rows.may_speak(row, seat):
        raise NotAllowedError("no_floor", _("Chủ trì đang điều hành phát biểu. Bấm Giơ tay để xin phát biểu."))
    if switches.screen and not seat.screen:
        _check_screen(tx, meeting_id, seat)
    muted = seat.muted and not switches.microphone
    values = msgspec.structs.asdict(switches) | {"muted": muted}
    rows.change_seat(tx, seat.id, **values)
    rows.tell(tx, meeting_id, participants=[seat.id])
    return switches


def _check_screen(tx: Transaction, meeting_id: int, seat: Any) -> None:
    sharing = [r for r in rows.present(rows.seats(tx, meeting_id)) if r.screen and r.id != seat.id]
    if sharing:
        raise ConflictError(
            "screen_taken",
            _("{unit} · {name} đang chia sẻ màn hình. Xin chờ đến khi họ dừng."),
            unit=sharing[0].unit_name,
            name=sharing[0].name,
        )


class Words(msgspec.Struct, frozen=True, kw_only=True):
    """A line of chat."""

    meeting: int
    text: Annotated[str, msgspec.Meta(min_length=1, max_length=1000)]


def say(tx: Transaction, who: Principal, words: Words) -> None:
    """Write a line into the chat; everybody in the room sees it."""
    rows.find_live(tx, who, words.meeting)
    seat = rows.own_seat(tx, who, words.meeting)
    text = words.text.strip()
    if not text:
        return
    rows.require_plain(text, "text")
    said = tx.insert(meeting_message, meeting_id=words.meeting, participant_id=seat.id, at=tx.now, text=text)
    body = msgspec.structs.asdict(view.SaidView(id=said, participant=seat.id, at=tx.now, text=text))
    tx.notify(rows.room_name(words.meeting), {"kind": "meeting.said", "meeting": words.meeting, **body})


class Entrance(msgspec.Struct, frozen=True, kw_only=True):
    """What a page needs to go on: the room as it is, and the own seat if there is one."""

    snapshot: view.Snapshot
    me: int | None
    session: str
    host: bool


def look(tx: Transaction, who: Principal, meeting_id: int) -> Entrance:
    """The room for somebody who is invited and was not taken out."""
    row = rows.find(tx, who, meeting_id)
    seat = tx.one(
        sa.select(participant).where(participant.c.meeting_id == meeting_id, participant.c.account_id == who.account_id)
    )
    if seat is not None and seat.removed_at is not None:
        raise NotAllowedError("removed", _("Chủ trì đã mời đồng chí ra khỏi cuộc họp này."))
    here = seat is not None and seat.left_at is None
    return Entrance(
        snapshot=view.snapshot(tx, meeting_id),
        me=seat.id if seat is not None and here else None,
        session=seat.session if seat is not None and here else "",
        host=rows.is_host(row, who),
    )


def live_meetings(tx: Transaction) -> list[int]:
    """Ids of all running meetings."""
    return [row.id for row in tx.all(sa.select(meeting.c.id).where(meeting.c.state == State.LIVE))]
