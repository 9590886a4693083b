"""What the media node is told of people's switches: what they switch off is not passed on any more, at once."""

from __future__ import annotations

from typing import Any

from aiohttp import web

from server.accounts.principal import Principal
from server.media import protocol
from server.media.protocol import Done, SetPublish
from server.meetings.conductor import CONDUCTOR, Conductor
from server.meetings.names import name_of, room_of
from server.meetings.service import attend, floor, plan
from server.meetings.service.attend import Switches
from server.meetings.service.plan import Plan
from server.store import Store
from tests.conftest import DistrictIds


class Node:
    """Stands in for the pool, its one node carrying every room: notes what is asked, and does it."""

    def __init__(self) -> None:
        self.asked: list[protocol.Command] = []

    def carrier(self, _room: str) -> int:
        return 1

    async def ask(self, room: str, command: protocol.Command, kind: type[Any], seconds: float | None = None) -> Any:
        assert (kind, room) == (Done, getattr(command, "room", None))
        self.asked.append(command)
        return Done()

    def publish(self) -> list[SetPublish]:
        """What was asked since the last time."""
        found = [command for command in self.asked if isinstance(command, SetPublish)]
        self.asked.clear()
        return found


class Sharing:
    """Cam Thủy sits in a running meeting of the district."""

    def __init__(self, conductor: Conductor, store: Store, chair: Principal, commune: Principal) -> None:
        self.conductor, self.store, self.chair, self.commune = conductor, store, chair, commune
        conductor.alignment.pool = self.node = Node()  # type: ignore[assignment]
        self.meeting = store.write_now(plan.create, chair, Plan(title="Giao ban", units=[commune.unit_id]))
        self.seat = 0

    async def join(self, session: str) -> list[SetPublish]:
        """The commune comes, or comes again."""
        on = Switches(microphone=True, camera=True)
        seated = await self.store.write(attend.enter, self.commune, self.meeting, on, hall=False)
        self.seat = seated.participant
        await self.store.write(attend.seated, self.seat, session)
        return await self.told()

    async def switch(self, **switches: bool) -> list[SetPublish]:
        """Its page says what is on."""
        await self.store.write(attend.switch, self.commune, self.meeting, Switches(**switches))
        return await self.told()

    async def told(self) -> list[SetPublish]:
        """What the node is told now."""
        await self.conductor.sync(self.meeting)
        return self.node.publish()

    def passed(self, *, microphone: bool = True, camera: bool = True, screen: bool = False) -> list[SetPublish]:
        """One command that says so."""
        room, who = room_of(self.meeting), name_of(self.seat)
        return [SetPublish(room=room, participant=who, microphone=microphone, camera=camera, screen=screen)]


def sharing(app: web.Application, store: Store, district: DistrictIds) -> Sharing:
    return Sharing(app[CONDUCTOR], store, district.who("chutich"), district.who("camthuy"))


async def test_a_screen_is_passed_on_from_its_beginning_to_its_end(
    app: web.Application, store: Store, district: DistrictIds
) -> None:
    commune = sharing(app, store, district)
    assert await commune.join("one") == commune.passed()
    assert await commune.switch(microphone=True, camera=True, screen=True) == commune.passed(screen=True)
    assert await commune.told() == [], "nothing new, nothing said"
    assert await commune.switch(microphone=True, camera=True) == commune.passed()
    assert await commune.switch(microphone=True) == commune.passed(camera=False)


async def test_each_connection_is_told_of_and_a_mute_stays(
    app: web.Application, store: Store, district: DistrictIds
) -> None:
    commune = sharing(app, store, district)
    await commune.join("one")
    store.write_now(floor.mute, commune.chair, commune.meeting, commune.seat)
    assert await commune.told() == commune.passed(microphone=False)
    assert await commune.join("two") == commune.passed(microphone=False)
    assert await commune.switch(microphone=True, camera=True) == commune.passed()
