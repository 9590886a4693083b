"""The demo district's one finished meeting with its recording: held yesterday at 14:00 by real steps, then archived."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

from server.accounts import service as accounts
from server.demo_recording import make_demo_recording
from server.meetings.service import attend, floor, plan, recording
from server.meetings.service.attend import Switches
from server.meetings.service.plan import AgendaLine, Plan
from server.records import service
from server.store import Transaction
from server.units.rules import ZONE

RECORDED_S = 40
LASTED = dt.timedelta(minutes=35)
COMMUNES = ("camtuyen", "thanhan", "camthuy", "camthanh", "camhieu", "camchinh")
SPEAKS = "camthuy"


def seed(tx: Transaction, recordings: Path) -> None:
    """Plan, hold, record and archive it, each step at its time; the archiver joins the files when the server starts."""
    now = tx.now
    yesterday = now.astimezone(ZONE) - dt.timedelta(days=1)
    begin = yesterday.replace(hour=14, minute=0, second=0, microsecond=0).astimezone(dt.UTC)
    chair = accounts.principal_of(tx, "chutich")
    guests = [accounts.principal_of(tx, username) for username in COMMUNES]
    absent = accounts.principal_of(tx, "camnghia")
    tx.now = begin - dt.timedelta(hours=20)
    meeting = plan.create(
        tx,
        chair,
        Plan(
            title="Giao ban tuần: phòng, chống thiên tai và thu hoạch vụ Mùa",
            units=[person.unit_id for person in (*guests, absent)],
            starts_at=begin,
            agenda=[
                AgendaLine(title="Tình hình phòng, chống bão lũ tại các xã ven sông", minutes=20),
                AgendaLine(title="Tiến độ thu hoạch và sản xuất vụ Đông Xuân", minutes=15),
            ],
        ),
    )
    tx.now = begin
    seats = {
        person.username: attend.enter(
            tx, person, meeting, Switches(microphone=True, camera=True), hall=False
        ).participant
        for person in (chair, *guests)
    }
    _recording, directory = recording.begin(tx, chair, meeting, free_mb=1, needed_mb=0)
    floor.agenda_next(tx, chair, meeting)
    tx.now = begin + dt.timedelta(seconds=10)
    floor.give(tx, chair, meeting, seats[SPEAKS])
    tx.now = begin + dt.timedelta(seconds=20)
    floor.give(tx, chair, meeting, None)
    floor.agenda_next(tx, chair, meeting)
    tx.now = begin + dt.timedelta(seconds=RECORDED_S)
    recording.stop(tx, chair, meeting)
    tx.now = begin + LASTED
    plan.end(tx, chair, meeting)
    speakers = (f"p{seats[chair.username]}", f"p{seats[SPEAKS]}")
    make_demo_recording(recordings / directory, begin, RECORDED_S, speakers)
    service.create_record(tx, recording.facts(tx, meeting))
    recording.handed_over(tx, meeting)
    tx.now = now
