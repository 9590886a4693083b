"""What the nodes say, in the database and at the pages."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest

from server.accounts.principal import Principal
from server.media import protocol
from server.media.protocol import (
    LayersWanted,
    Level,
    LinkChanged,
    ProgrammeChanged,
    RecordingFailed,
    SessionChanged,
    Speaking,
    TrackChanged,
    VoiceWanted,
)
from server.meetings.hearing import Hearing
from server.meetings.names import name_of, recording_name, room_of
from server.meetings.rules import Recording
from server.meetings.service import attend, plan, recording, view
from server.meetings.service.attend import Switches
from server.meetings.service.plan import Plan
from server.store import Store
from tests.conftest import DistrictIds
from tests.meetings.nodes import until


class Around:
    """Stands in for the channel, the pool and the alignment: notes what they are asked."""

    def __init__(self) -> None:
        self.sent: list[tuple[str, str, Any]] = []
        self.told: list[protocol.Command] = []
        self.synced: list[int] = []
        self.ended: list[int] = []
        self.on_event: Any = None

    async def send(self, room: str, name: str, body: Any) -> None:
        self.sent.append((room, name, body))

    async def tell(self, _room: str, command: protocol.Command) -> None:
        self.told.append(command)

    async def sync(self, meeting_id: int) -> None:
        self.synced.append(meeting_id)

    def recording_ended(self, meeting_id: int) -> None:
        self.ended.append(meeting_id)


class Meeting:
    """Cam Thủy sits in a running meeting, its connection not there yet."""

    def __init__(self, store: Store, chair: Principal, commune: Principal) -> None:
        self.store, self.chair, self.around = store, chair, Around()
        self.id = int(store.write_now(plan.create, chair, Plan(title="Giao ban", units=[commune.unit_id])))
        self.seat = store.write_now(attend.enter, commune, self.id, Switches(), hall=False).participant
        store.write_now(attend.seated, self.seat, "one")
        self.room, self.name = room_of(self.id), name_of(self.seat)
        self.hearing = Hearing(store, self.around, self.around, self.around)  # type: ignore[arg-type]

    def say(self, event: protocol.Event) -> None:
        self.around.on_event(event)

    def session(self, state: protocol.SessionState, session: str = "one") -> None:
        self.say(SessionChanged(room=self.room, participant=self.name, session=session, state=state))

    def link(self) -> str:
        return next(p.link for p in self.store.read_now(view.snapshot, self.id).participants if p.id == self.seat)


@pytest.fixture
async def meeting(store: Store, district: DistrictIds) -> AsyncIterator[Meeting]:
    made = Meeting(store, district.who("chutich"), district.who("camthuy"))
    work = asyncio.create_task(made.hearing.run())
    yield made
    work.cancel()
    await asyncio.wait([work])


async def test_a_connection_that_is_there_hears_its_wishes_again(meeting: Meeting) -> None:
    wishes = protocol.ShowSlots(room=meeting.room, participant=meeting.name, wants=[])
    await meeting.hearing.show(meeting.seat, wishes)
    meeting.session("connected")
    await until(lambda: meeting.around.synced == [meeting.id])
    assert meeting.around.told == [wishes, wishes]
    assert meeting.link() == "connected"
    meeting.session("lost", session="another")
    meeting.session("closed")
    await until(lambda: meeting.link() == "closed")
    meeting.session("connected", session="two")
    meeting.say(Speaking(room=meeting.room, loudest=[]))
    await until(lambda: meeting.around.sent)
    assert meeting.around.told == [wishes, wishes], "a page that has gone wishes nothing"


async def test_the_end_of_an_earlier_session_is_no_end_of_newer_wishes(meeting: Meeting) -> None:
    """What is heard late of a node must not undo what the page has said since."""
    wishes = protocol.ShowSlots(room=meeting.room, participant=meeting.name, wants=[])
    event = SessionChanged(
        room=meeting.room, participant=meeting.name, session="one", state="closed", reason="replaced"
    )
    meeting.say(event)
    meeting.hearing.begin_anew(meeting.seat)
    await meeting.hearing.show(meeting.seat, wishes)
    meeting.session("connected", session="two")
    await until(lambda: meeting.around.synced == [meeting.id])
    assert meeting.around.told == [wishes, wishes]
    meeting.hearing.begin_anew(meeting.seat)
    meeting.session("connected", session="three")
    await until(lambda: len(meeting.around.synced) == 2)
    assert meeting.around.told == [wishes, wishes], "nor do wishes of an earlier page hold for the next"


async def test_who_speaks_is_told_to_the_pages_and_what_they_see_is_not(meeting: Meeting) -> None:
    meeting.say(TrackChanged(room=meeting.room, participant=meeting.name, kind="camera", live=True))
    meeting.say(ProgrammeChanged(room=meeting.room, source=meeting.name))
    meeting.say(Speaking(room=meeting.room, loudest=[Level(participant=meeting.name, level=90)]))
    await until(lambda: meeting.around.sent)
    body = {"meeting": meeting.id, "loudest": [{"participant": meeting.seat}]}
    assert meeting.around.sent == [(f"meeting:{meeting.id}", "meeting.speaking", body)]
    meeting.say(Speaking(room=meeting.room, loudest=[Level(participant=meeting.name, level=60)]))
    meeting.session("connected")
    await until(lambda: len(meeting.around.sent) > 1)
    assert meeting.around.sent[1:] == [(f"seat:{meeting.seat}", "meeting.speaking", body)], "who comes is told, too"
    meeting.say(Speaking(room=meeting.room, loudest=[]))
    await until(lambda: len(meeting.around.sent) > 2)
    assert meeting.around.sent[2:] == [(f"meeting:{meeting.id}", "meeting.speaking", {**body, "loudest": []})]


async def test_a_recording_that_ends_by_itself_is_told_and_not_stopped_again(meeting: Meeting) -> None:
    number, _folder = meeting.store.write_now(recording.begin, meeting.chair, meeting.id, free_mb=9, needed_mb=1)
    meeting.say(RecordingFailed(room=meeting.room, recording=recording_name(number), code="disk_full"))
    await until(lambda: meeting.around.ended == [meeting.id])
    row = meeting.store.read_now(view.last_recording, meeting.id)
    assert row is not None
    assert (row.state, row.failure) == (Recording.FAILED, "disk_full")


async def test_nonsense_from_a_node_does_not_end_the_hearing(
    meeting: Meeting, caplog: pytest.LogCaptureFixture
) -> None:
    meeting.say(Speaking(room="trial1", loudest=[Level(participant="sender", level=90)]))  # of no meeting
    meeting.say(SessionChanged(room=meeting.room, participant="nonsense", session="x", state="connected"))
    await until(lambda: "events of the media nodes" in caplog.text)
    meeting.session("connected")
    await until(lambda: meeting.link() == "connected")
    assert meeting.around.sent == []


async def test_what_concerns_one_page_goes_to_it_alone_and_again_when_it_comes_back(meeting: Meeting) -> None:
    here = {"room": meeting.room, "participant": meeting.name}
    meeting.say(LayersWanted(**here, kind="camera", rids=["q", "h"]))
    meeting.say(LayersWanted(**here, kind="screen", rids=[], codec="vp9"))
    meeting.say(LayersWanted(**here, kind="camera", rids=["q"]))
    meeting.say(VoiceWanted(**here, kbps=16, frame_ms=40))
    meeting.say(LinkChanged(**here, quality="poor", rung="sound", paused=[0, 3], still=[]))
    await until(lambda: len(meeting.around.sent) == 5)
    about = {"meeting": meeting.id, "participant": meeting.seat}
    newest = [
        ("meeting.layers", about | {"kind": "camera", "rids": ["q"], "codec": "vp8"}),
        ("meeting.layers", about | {"kind": "screen", "rids": [], "codec": "vp9"}),
        ("meeting.voice", about | {"kbps": 16, "frame_ms": 40}),
        ("meeting.link", about | {"quality": "poor", "rung": "sound", "paused": [0, 3], "still": []}),
    ]
    assert {room for room, _, _ in meeting.around.sent} == {f"seat:{meeting.seat}"}
    assert all((name, body) in [sent[1:] for sent in meeting.around.sent] for name, body in newest)
    meeting.around.sent.clear()
    await meeting.hearing.repeat(meeting.seat)
    assert [sent[1:] for sent in meeting.around.sent] == newest
    meeting.session("closed")
    await until(lambda: meeting.link() == "closed")
    meeting.around.sent.clear()
    await meeting.hearing.repeat(meeting.seat)
    assert meeting.around.sent == [], "the next connection begins anew"
