"""Two media nodes and the database: a node that dies takes only its meetings, and those go on in the other."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from server.accounts.principal import Principal
from server.config import Settings
from server.errors import UnavailableError
from server.media.protocol import (
    Done,
    Hello,
    Join,
    Joined,
    Level,
    LinkChanged,
    OpenRoom,
    SetFloor,
    Speaking,
    Welcome,
)
from server.media.recording import journal
from server.meetings.conductor import JOINS_AT_ONCE, Conductor
from server.meetings.line import MediaRefusedError
from server.meetings.names import name_of, room_of, trial_room
from server.meetings.pool import MediaPool
from server.meetings.rules import Recording
from server.meetings.service import attend, floor, plan, view
from server.meetings.service.attend import Switches
from server.meetings.service.plan import Plan
from server.store import Store
from tests.conftest import DistrictIds
from tests.media.endpoint import Endpoint, meeting
from tests.meetings.nodes import end_all, kill, media, until

MOVED_SECONDS = 5.0
ON = Switches(microphone=True, camera=True)


class Pages:
    """Stands in for the channel: what pages were told, as (room, message, participants)."""

    def __init__(self) -> None:
        self.told: list[tuple[str, str, list[int]]] = []
        self.sent: list[tuple[str, dict[str, Any]]] = []

    async def send(self, room: str, name: str, body: dict[str, Any]) -> None:
        self.sent.append((name, body))
        if name == "meeting.media_restarted":
            self.told.append((room, name, body["participants"]))


class Server:
    """One control process after the other, over the same nodes and database; and people with connections."""

    def __init__(self, settings: Settings, store: Store, district: DistrictIds) -> None:
        self.settings, self.store, self.district = settings, store, district
        self.pages = Pages()
        self.endpoints: list[Endpoint] = []
        self.conductor: Conductor

    @property
    def pool(self) -> MediaPool:
        return self.conductor.pool

    async def start(self, nodes: int = 2) -> None:
        settings = msgspec.structs.replace(
            self.settings, media=msgspec.structs.replace(self.settings.media, nodes=nodes)
        )
        self.conductor = Conductor(settings, self.store, self.pages, MediaPool(settings))  # type: ignore[arg-type]
        await self.conductor.start()
        await until(lambda: self.pool.settled.is_set() and all(node.ready for node in self.pool.nodes()), 30)

    async def leave(self) -> None:
        """The control process ends; its nodes go on."""
        await self.conductor.close(keep_media=True)

    async def close(self) -> None:
        for endpoint in self.endpoints:
            await endpoint.close()
        await self.leave()
        end_all(self.settings)

    # ---- meetings

    def begin(self, *people: str) -> int:
        """A running meeting with the leader in the chair."""
        units = [self.who(name).unit_id for name in people]
        return int(self.store.write_now(plan.create, self.who("chutich"), Plan(title="Giao ban", units=units)))

    def who(self, name: str) -> Principal:
        return self.district.who(name)

    async def join(self, meeting_id: int, name: str) -> int:
        """A person comes with a connection that works; gives the seat."""
        endpoint = Endpoint(meeting(2))
        self.endpoints.append(endpoint)
        answer = await self.conductor.join(self.who(name), meeting_id, endpoint.description(), ON, hall=False)
        await endpoint.connect(answer.answer, 20)
        await until(lambda: self.link(meeting_id, answer.participant) == "connected")
        return answer.participant

    def link(self, meeting_id: int, seat: int) -> str:
        snapshot = self.store.read_now(view.snapshot, meeting_id)
        return next(p.link for p in snapshot.participants if p.id == seat)

    def sessions(self, meeting_id: int) -> dict[int, str]:
        return dict(self.store.read_now(floor.wanted, meeting_id).sessions)

    def carrier(self, meeting_id: int) -> int | None:
        return self.pool.carrier(room_of(meeting_id))

    def recording(self, meeting_id: int) -> tuple[str, int]:
        """Its state, and how many segments were begun."""
        row = self.store.read_now(view.last_recording, meeting_id)
        assert row is not None
        return row.state, row.segments

    def segments(self) -> list[list[journal.Line]]:
        files = sorted(Path(self.settings.storage.recordings).glob("*/*.journal"))
        return [journal.read(file) for file in files]

    def kill(self, number: int) -> None:
        kill(self.settings, number)


@pytest.fixture
async def server(settings: Settings, store: Store, district: DistrictIds, tmp_path: Path) -> AsyncIterator[Server]:
    Path(settings.storage.recordings).mkdir(exist_ok=True)
    made = Server(msgspec.structs.replace(settings, media=media(tmp_path, 2)), store, district)
    await made.start()
    yield made
    await made.close()


async def two_meetings(server: Server) -> tuple[int, int, int, int]:
    """One a node, with a person each: (meeting, seat, meeting, seat)."""
    first, second = server.begin("camthuy"), server.begin("camtuyen")
    seats = await server.join(first, "camthuy"), await server.join(second, "camtuyen")
    assert (server.carrier(first), server.carrier(second)) == (1, 2)
    return first, seats[0], second, seats[1]


async def test_a_killed_node_loses_only_its_meeting_and_the_other_node_has_it_at_once(server: Server) -> None:
    first, seat, second, other = await two_meetings(server)
    await server.conductor.record(server.who("chutich"), first)
    assert server.recording(first) == (Recording.RUNNING, 1)
    untouched = server.sessions(second)
    begin = time.monotonic()
    server.kill(1)
    await until(lambda: server.pages.told)
    assert server.pages.told == [(f"meeting:{first}", "meeting.media_restarted", [seat])]
    assert server.carrier(first) == 2
    assert await server.join(first, "camthuy") == seat, "the same seat"
    took = time.monotonic() - begin
    print(f"\nconnected again {took:.2f} s after the kill")
    assert took < MOVED_SECONDS
    assert server.recording(first) == (Recording.RUNNING, 2)
    assert server.sessions(second) == untouched
    assert server.link(second, other) == "connected"
    await until(lambda: server.pool.nodes()[0].ready)
    assert (server.carrier(first), server.carrier(second)) == (2, 2), "nothing is moved back"
    await server.conductor.stop_recording(server.who("chutich"), first)
    crashed, whole = server.segments()
    assert [isinstance(lines[-1], journal.Ended) for lines in (crashed, whole)] == [False, True]
    assert server.begin("thanhan")
    assert len(server.pages.told) == 1


async def test_a_restart_of_the_control_process_moves_nothing(server: Server) -> None:
    first, _seat, second, _other = await two_meetings(server)
    await server.conductor.record(server.who("chutich"), second)
    before = server.sessions(first), server.sessions(second)
    await server.leave()
    await server.start()
    assert (server.carrier(first), server.carrier(second)) == (1, 2)
    assert (server.sessions(first), server.sessions(second)) == before
    assert server.recording(second) == (Recording.RUNNING, 1)
    assert server.pages.told == []


async def test_what_happened_while_control_was_away_is_made_good(server: Server) -> None:
    """One node died, and the other's meeting was ended by an earlier process that did not come to tell the node."""
    first, seat, second, _other = await two_meetings(server)
    third = server.begin("thanhan")
    assert await server.join(third, "thanhan")
    assert server.carrier(third) == 1
    await server.leave()
    server.kill(1)
    server.store.write_now(plan.end, server.who("chutich"), second)
    await server.start()
    await until(lambda: len(server.pages.told) == 2)
    assert sorted(room for room, _name, _seats in server.pages.told) == [f"meeting:{first}", f"meeting:{third}"]
    assert [seats for room, _name, seats in server.pages.told if room == f"meeting:{first}"] == [[seat]]
    assert server.link(first, seat) == "lost"
    assert server.carrier(second) is None
    assert await server.join(first, "camthuy") == seat
    assert sorted(server.store.read_now(attend.live_meetings)) == [first, third]
    assert None not in (server.carrier(first), server.carrier(third))


async def test_a_room_that_two_nodes_have_is_closed_where_nobody_is(server: Server) -> None:
    first, _seat, second, _other = await two_meetings(server)
    for meeting_id, wrong in ((first, 2), (second, 1)):
        await server.pool.ask_node(wrong, OpenRoom(room=room_of(meeting_id)), Done)
    before = server.sessions(first), server.sessions(second)
    await server.leave()
    await server.start()
    for meeting_id, right, wrong in ((first, 1, 2), (second, 2, 1)):
        assert server.carrier(meeting_id) == right
        with pytest.raises(MediaRefusedError, match="no_room"):
            await server.pool.ask_node(wrong, SetFloor(room=room_of(meeting_id), holders=None), Done)
    assert (server.sessions(first), server.sessions(second)) == before
    assert server.pages.told == []


async def test_fewer_nodes_after_a_restart_end_with_their_meetings(server: Server) -> None:
    first, _seat, second, other = await two_meetings(server)
    await server.leave()
    await server.start(nodes=1)
    assert (server.carrier(first), server.carrier(second)) == (1, 2)
    assert server.link(second, other) == "connected"
    third = server.begin("thanhan")
    await server.join(third, "thanhan")
    assert server.carrier(third) == 1
    await server.conductor.end(server.who("chutich"), second)
    await until(lambda: [node.number for node in server.pool.nodes()] == [1])
    assert server.pages.told == []


async def test_a_node_too_many_that_dies_gives_its_meeting_to_one_that_stays(server: Server) -> None:
    _first, _seat, second, other = await two_meetings(server)
    await server.leave()
    await server.start(nodes=1)
    server.kill(2)
    await until(lambda: server.carrier(second) == 1)
    await until(lambda: server.pages.told)
    assert server.pages.told == [(f"meeting:{second}", "meeting.media_restarted", [other])]
    assert [node.number for node in server.pool.nodes()] == [1]


async def test_when_the_only_node_dies_its_meeting_waits_for_the_new_one(server: Server) -> None:
    await server.leave()
    end_all(server.settings)
    await server.start(nodes=1)
    only = server.begin("camthuy")
    seat = await server.join(only, "camthuy")
    await server.conductor.record(server.who("chutich"), only)
    server.kill(1)
    await until(lambda: server.pages.told)
    assert server.pages.told == [(f"meeting:{only}", "meeting.media_restarted", [seat])]
    assert await server.join(only, "camthuy") == seat
    assert server.recording(only) == (Recording.RUNNING, 2)


async def test_who_tries_a_place_is_in_no_meeting(server: Server, caplog: pytest.LogCaptureFixture) -> None:
    """The room of a trial has a number, too; a control process that finds one closes it."""
    meeting_id = server.begin("camthuy")
    seat = await server.join(meeting_id, "camthuy")
    room = trial_room(meeting_id)
    server.pool.place(room)
    number = server.pool.carrier(room)
    assert number is not None
    await server.pool.ask(room, OpenRoom(room=room), Done)
    endpoint = Endpoint(meeting(2))
    server.endpoints.append(endpoint)
    joined = await server.pool.ask(room, Join(room=room, participant="sender", offer=endpoint.description()), Joined)
    await endpoint.connect(joined.answer, 20)
    await endpoint.close()
    server.endpoints.remove(endpoint)
    assert server.link(meeting_id, seat) == "connected"
    await server.leave()
    await server.start()
    welcome = await server.pool.ask_node(number, Hello(), Welcome)
    assert room not in [info.room for info in welcome.rooms]
    assert server.link(meeting_id, seat) == "connected"
    assert server.carrier(meeting_id) is not None
    assert not [record for record in caplog.records if record.levelname == "ERROR"]


async def test_a_node_is_asked_for_few_joins_at_once_however_many_come(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What waits longer than a node is given to answer would be done for nobody, and asked for again."""
    meeting_id = server.begin("camthuy")
    ask, waiting, most = MediaPool.ask, 0, 0

    async def slowly(pool: MediaPool, room: str, command: Any, kind: type[Any], seconds: float | None = None) -> Any:
        nonlocal waiting, most
        if not isinstance(command, Join):
            return await ask(pool, room, command, kind, seconds)
        waiting += 1
        most = max(most, waiting)
        await asyncio.sleep(0.3)
        try:
            return await ask(pool, room, command, kind, seconds)
        finally:
            waiting -= 1

    monkeypatch.setattr(MediaPool, "ask", slowly)
    endpoint = Endpoint(meeting(2))
    server.endpoints.append(endpoint)
    offer, who = endpoint.description(), server.who("camthuy")
    joins = [server.conductor.join(who, meeting_id, offer, ON, hall=False) for _ in range(3 * JOINS_AT_ONCE)]
    assert len({answer.session for answer in await asyncio.gather(*joins)}) == len(joins)
    assert most == JOINS_AT_ONCE


async def test_a_database_that_is_away_for_a_moment_leaves_no_meeting_bereft(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As PostgreSQL that is restarted with the server: who has lost a node is found all the same."""
    first, seat, _second, _other = await two_meetings(server)
    await server.leave()
    server.kill(1)
    read, failed = Store.read, 0

    async def away_once(store: Store, work: Any, *args: Any, **kwargs: Any) -> Any:
        nonlocal failed
        if work is attend.live_meetings and server.pool.settled.is_set() and not failed:
            failed += 1
            raise UnavailableError("database_away", "")
        return await read(store, work, *args, **kwargs)

    monkeypatch.setattr(Store, "read", away_once)
    await server.start()
    await until(lambda: server.pages.told)
    assert failed
    assert server.pages.told == [(f"meeting:{first}", "meeting.media_restarted", [seat])]


async def test_who_was_let_in_by_a_node_that_died_at_that_moment_is_asked_to_come_again(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The page would believe in a connection that nobody has, for as long as its browser does."""
    meeting_id = server.begin("camthuy")
    await server.join(meeting_id, "camthuy")
    assert server.carrier(meeting_id) == 1
    ask = MediaPool.ask

    async def dies_after(
        pool: MediaPool, room: str, command: Any, kind: type[Any], seconds: float | None = None
    ) -> Any:
        answer = await ask(pool, room, command, kind, seconds)
        if isinstance(command, Join):
            monkeypatch.setattr(MediaPool, "ask", ask)
            server.kill(1)
            await until(lambda: server.carrier(meeting_id) == 2)
            await until(lambda: server.pages.told)
        return answer

    monkeypatch.setattr(MediaPool, "ask", dies_after)
    with pytest.raises(UnavailableError):
        await server.join(meeting_id, "camthuy")
    await server.join(meeting_id, "camthuy")


async def test_what_a_node_said_of_a_connection_dies_with_it(server: Server) -> None:
    """Else a page that asks for the room again would hear of the old link, and a node says only what changes."""
    meeting_id = server.begin("camthuy")
    seat = await server.join(meeting_id, "camthuy")
    room, name = room_of(meeting_id), name_of(seat)
    assert server.pool.on_event is not None
    server.pool.on_event(LinkChanged(room=room, participant=name, quality="poor", rung="sound", paused=[0], still=[]))
    server.pool.on_event(Speaking(room=room, loudest=[Level(participant=name, level=90)]))
    await until(lambda: {"meeting.link", "meeting.speaking"} <= {told for told, _body in server.pages.sent})
    server.kill(1)
    await until(lambda: server.carrier(meeting_id) == 2)
    await server.join(meeting_id, "camthuy")
    await server.conductor.hearing.repeat(seat)
    links = [body["quality"] for told, body in server.pages.sent if told == "meeting.link"]
    assert links == ["poor"], "once, of the old one"
    speaking = [body["loudest"] for told, body in server.pages.sent if told == "meeting.speaking"]
    assert speaking == [[{"participant": seat}], []]
