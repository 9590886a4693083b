"""A telephone in a meeting: its keys, what the chair does with it, and how it ends."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
import sqlalchemy as sa

from server.calls import in_meeting
from server.calls.rules import Outcome
from server.config import Settings
from server.media import protocol as p
from server.media import protocol_calls as c
from server.meetings.model import meeting_log
from server.meetings.rules import FloorMode
from server.meetings.service import attend, floor, plan, telephone, view
from server.meetings.service.attend import Switches
from server.meetings.service.plan import AgendaLine
from server.meetings.service.telephone import Standing
from server.store import Store
from server.telephony.sip.outgoing import OutgoingCall
from tests.calls.making import Village, village
from tests.calls.making import telephone as with_telephone
from tests.calls.test_dial_in import live, logged, pin_of, seats
from tests.conftest import DistrictIds
from tests.waiting import until


class Seated:
    """The village head of Cam Thủy's first village on the telephone, in a running meeting."""

    def __init__(self, line: Village, district: DistrictIds, meeting: int, call: OutgoingCall, name: str) -> None:
        self.line, self.district, self.meeting, self.call, self.name = line, district, meeting, call, name
        self.chair = district.who("chutich")
        self.id = seats(line, meeting)[-1].id

    @property
    def row(self) -> Any:
        return next(seat for seat in seats(self.line, self.meeting) if seat.id == self.id)

    async def do(self, work: Any, *args: Any) -> None:
        """What the chair's page asks for."""
        await self.line.store.write(work, self.chair, self.meeting, *args)
        await self.line.conductor.sync(self.meeting)

    async def press(self, keys: str, prompt: str) -> None:
        """Keys, and the prompt that follows them."""
        before = self.line.pool.heard(self.name).count(prompt)
        await self.line.press(self.name, keys)
        await until(lambda: self.line.pool.heard(self.name).count(prompt) > before)

    @property
    def passed(self) -> bool:
        """Whether the node passes its voice on."""
        told = [one for one in self.line.pool.of(p.SetPublish) if one.participant == f"p{self.id}"]
        return bool(told) and told[-1].microphone


@pytest.fixture
def settings(settings: Settings) -> Settings:
    return msgspec.structs.replace(settings, telephone=with_telephone())


@pytest.fixture
async def seated(settings: Settings, store: Store, district: DistrictIds) -> AsyncIterator[Seated]:
    async with village(settings, store) as line:
        agenda = [AgendaLine(title="Phòng chống bão"), AgendaLine(title="Thu hoạch")]
        number, pin = live(line, district, agenda=agenda), pin_of(line, district, "thon1.camthuy")
        call, name = await line.dial()
        await line.press(name, pin)
        await line.hears(name, "joined")
        yield Seated(line, district, number, call, name)


async def test_the_hand_goes_up_and_down(seated: Seated) -> None:
    await seated.press("*9", "hand_up")
    queue = seated.line.store.read_now(view.snapshot, seated.meeting).queue
    assert queue == [seated.id]
    await seated.press("*9", "hand_down")
    assert seated.row.hand_raised_at is None


async def test_the_microphone_is_off_until_it_is_switched_on(seated: Seated) -> None:
    assert not seated.row.microphone and not seated.passed
    await seated.press("*6", "microphone_on")
    assert seated.row.microphone and seated.passed
    await seated.press("*6", "microphone_off")
    assert not seated.row.microphone and not seated.passed


async def test_the_floor_holds_for_telephones(seated: Seated) -> None:
    await seated.press("*6", "microphone_on")
    await seated.do(floor.set_mode, FloorMode.INVITATION)
    assert not seated.passed
    assert f"p{seated.id}" not in seated.line.pool.of(p.SetFloor)[-1].holders
    await seated.press("*6", "no_floor")
    await seated.do(floor.give, seated.id)
    await seated.line.hears(seated.name, "floor_given")
    assert f"p{seated.id}" in seated.line.pool.of(p.SetFloor)[-1].holders
    await seated.press("*6", "microphone_on")
    assert seated.passed
    await seated.do(floor.give, None)
    await seated.line.hears(seated.name, "floor_ended")
    assert not seated.passed


async def test_the_chair_mutes_a_telephone_which_may_speak_again_by_key(seated: Seated) -> None:
    await seated.press("*6", "microphone_on")
    await seated.do(floor.mute, None)
    await seated.line.hears(seated.name, "muted")
    assert not seated.passed
    await seated.press("*6", "microphone_on")
    assert seated.passed and not seated.row.muted


async def test_who_speaks_and_on_which_item(seated: Seated, monkeypatch: pytest.MonkeyPatch) -> None:
    async def speak(text: str) -> str:
        return f"/speech/{text}.wav"

    await seated.press("*3", "nobody_speaks")
    assert "no_agenda_item" in seated.line.pool.heard(seated.name)
    await seated.do(floor.agenda_next)
    await seated.do(floor.agenda_next)
    await seated.do(floor.give, seats(seated.line, seated.meeting)[0].id)
    monkeypatch.setattr(seated.line.exchange.voice, "speak", speak)
    await seated.press("*3", "speaking")
    said = seated.line.pool.playing[seated.name] or seated.line.pool.heard(seated.name)[-5:]
    assert said == ["speaking", "UBND huyện, Trần Hoài Linh", "agenda_item", "n2", "Thu hoạch"]


async def test_without_a_voice_the_prompts_that_there_are(seated: Seated) -> None:
    seated.line.exchange.voice.able = False
    said = await in_meeting.spoken(seated.line.exchange, Standing(speaker="Cam Thủy, An", item=71, title="Bão"))
    assert [Path(file).stem for file in said] == ["somebody_speaks", "agenda_item", "n7", "n1"]


async def test_the_secretary_is_called(seated: Seated) -> None:
    notes: list[dict[str, Any]] = []
    seated.line.store.listeners.append(lambda events, after: notes.extend(body for _room, body in after))
    await seated.press("*0", "secretary_called")
    wanted = {"kind": "meeting.secretary_wanted", "meeting": seated.meeting, "participant": seated.id}
    assert wanted in notes
    kinds = seated.line.store.read_now(lambda tx: [row.kind for row in tx.all(sa.select(meeting_log.c.kind))])
    assert "secretary_wanted" in kinds


async def test_other_keys_do_nothing(seated: Seated) -> None:
    before = seated.row
    await seated.line.press(seated.name, "1234567890#")
    await seated.press("*5", "unknown_key")
    assert seated.row == before


async def test_the_chair_renames_and_removes(seated: Seated) -> None:
    await seated.do(floor.rename, seated.id, "  Bà Hồ Thị   Năm ")
    assert seated.row.name == "Bà Hồ Thị Năm"
    await seated.do(floor.remove, seated.id)
    await seated.line.hears(seated.name, "removed")
    await seated.line.ended(seated.call)
    assert logged(seated.line).outcome is Outcome.TAKEN_OUT
    _call, name = await seated.line.dial()
    await seated.line.press(name, pin_of(seated.line, seated.district, "thon1.camthuy"))
    await seated.line.hears(name, "taken_out")


async def test_the_end_of_the_meeting_is_the_end_of_the_call(seated: Seated) -> None:
    await seated.line.store.write(plan.end, seated.chair, seated.meeting)
    await seated.line.hears(seated.name, "ended")
    await seated.line.ended(seated.call)
    assert logged(seated.line).outcome is Outcome.MET


async def test_the_same_person_by_browser_takes_the_seat_over(seated: Seated) -> None:
    who = seated.district.who("thon1.camthuy")
    entered = await seated.line.store.write(attend.enter, who, seated.meeting, Switches(), hall=False)
    assert entered.participant == seated.id
    await seated.line.hears(seated.name, "elsewhere")
    await seated.line.ended(seated.call)
    assert seated.row.left_at is None and not seated.row.by_phone


async def test_a_second_call_takes_the_seat_over(seated: Seated) -> None:
    _call, name = await seated.line.dial("0909000111")
    await seated.line.press(name, pin_of(seated.line, seated.district, "thon1.camthuy"))
    await seated.line.hears(name, "joined")
    await seated.line.hears(seated.name, "elsewhere")
    assert seated.row.session == name and seated.row.left_at is None


async def test_a_node_that_dies_is_replaced_and_the_call_goes_on(seated: Seated) -> None:
    pool = seated.line.pool
    pool.commands.clear()
    pool.on_lost(1)  # type: ignore[misc]
    await until(lambda: pool.of(c.SeatCall))
    (opened,), (terms,), (seat,) = pool.of(c.OpenCall), pool.of(c.SetTerms), pool.of(c.SeatCall)
    assert opened.call == terms.call == seat.call == seated.name
    assert terms.terms.port == 40_002, "what the telephone answered to our new description"
    assert seated.row.left_at is None
    await seated.press("*6", "microphone_on")


async def test_a_call_whose_sound_broke_off_in_its_node_gets_a_new_port_and_goes_on(seated: Seated) -> None:
    pool = seated.line.pool
    pool.commands.clear()
    pool.on_call_event(c.CallBroken(call=seated.name, room="m1"))
    pool.on_call_event(c.CallBroken(call="no such call"))
    await until(lambda: pool.of(c.SeatCall))
    assert [one.call for one in (*pool.of(c.OpenCall), *pool.of(c.SeatCall))] == [seated.name] * 2
    assert seated.row.left_at is None
    await seated.press("*6", "microphone_on")


async def test_a_call_that_falls_silent_is_asked_once_whether_it_is_there(seated: Seated) -> None:
    """A telephone without power says nothing; who listens may say nothing either, and stays."""
    asked: list[float] = []
    call = seated.line.exchange.lines[seated.name].call
    assert call is not None
    call.watch.doubt = asked.append  # type: ignore[method-assign]

    def told(silent_for: float | None, name: str = seated.name) -> int:
        counts = dict.fromkeys(("packets_in", "packets_out", "late", "concealed", "malformed", "strangers"), 0)
        one = c.CallStats(call=name, silent_for=silent_for, delay_ms=0, **counts)
        seated.line.exchange.phones._counted(0, [one])
        return len(asked)

    assert [told(None), told(1.0), told(29.0)] == [0, 0, 0]
    assert [told(31.0), told(34.0), told(0.5), told(40.0)] == [1, 1, 1, 2]
    assert told(40.0, "no such call") == 2
    assert seated.row.left_at is None


async def test_hold_and_resume(seated: Seated) -> None:
    held = (
        b"v=0\r\no=- 1 2 IN IP4 192.0.2.1\r\ns=-\r\nc=IN IP4 192.0.2.1\r\nt=0 0\r\n"
        b"m=audio 40002 RTP/AVP 8\r\na=sendonly\r\n"
    )
    for offer, sends in ((held, False), (held.replace(b"sendonly", b"sendrecv"), True)):
        seated.call.reinvite(offer, seated.line.handsets.endpoint.now)
        await until(lambda sends=sends: seated.line.pool.of(c.SetTerms)[-1].terms.sends is sends)


async def test_who_was_on_the_telephone_when_the_server_began_anew_is_not_shown_as_present(seated: Seated) -> None:
    seated.line.store.write_now(telephone.all_gone)
    assert seated.row.left_at is not None


async def test_what_another_control_process_does_is_seen_a_little_later(
    seated: Seated, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(in_meeting, "LOOK_EVERY", 0.05)
    seated.line.store.listeners.remove(seated.line.exchange._committed)
    await seated.press("*9", "hand_up")  # from now on it looks every so often
    await seated.line.store.write(floor.remove, seated.chair, seated.meeting, seated.id)
    await seated.line.hears(seated.name, "removed")
    await seated.line.ended(seated.call)
