"""The pool with real media nodes: rooms are spread, found again, taken over, and surplus nodes end."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import AsyncIterator
from functools import partial
from pathlib import Path

import msgspec
import pytest

from server.config import Settings
from server.errors import UnavailableError
from server.media.protocol import CloseRoom, Done, GetStats, Join, Joined, OpenRoom, RoomInfo, Stats, Welcome
from server.meetings.pool import MediaPool
from tests.meetings.nodes import end_all, media, running, until

OFFER = (Path(__file__).parent.parent / "media" / "data" / "chromium-meeting.sdp").read_text()


class Pools:
    """Makes pools of some nodes, one control process after the other, and takes up whatever their nodes carry."""

    def __init__(self, settings: Settings, folder: Path) -> None:
        self.settings, self.folder = settings, folder
        self.made: list[MediaPool] = []
        self.found: list[tuple[int, RoomInfo]] = []

    def settings_of(self, nodes: int) -> Settings:
        return msgspec.structs.replace(self.settings, media=media(self.folder, nodes))

    async def open(self, nodes: int) -> MediaPool:
        pool = MediaPool(self.settings_of(nodes))
        pool.on_up = partial(self._up, pool)
        self.made.append(pool)
        await pool.start()
        await until(lambda: sum(node.ready for node in pool.nodes()) >= nodes, 30)
        await asyncio.wait_for(pool.settled.wait(), 10)
        return pool

    async def _up(self, pool: MediaPool, number: int, welcome: Welcome) -> None:
        for info in welcome.rooms:
            self.found.append((number, info))
            await pool.claim(info.room, number, len(info.sessions))

    async def leave(self) -> None:
        """The last control process ends; its nodes go on."""
        await self.made[-1].close(keep=True)


@pytest.fixture
async def pools(settings: Settings, tmp_path: Path) -> AsyncIterator[Pools]:
    made = Pools(settings, tmp_path)
    yield made
    for pool in made.made:
        await pool.close(keep=True)
    end_all(made.settings_of(1))


async def begin(pool: MediaPool, room: str) -> int:
    """Give the room to a node and open it there."""
    number = pool.place(room)
    await pool.ask(room, OpenRoom(room=room), Done)
    return number


async def sit_down(pool: MediaPool, number: int, room: str, *names: str) -> None:
    for name in names:
        await pool.ask_node(number, Join(room=room, participant=name, offer=OFFER), Joined)


async def rooms_in(pool: MediaPool, number: int, *rooms: str) -> list[str]:
    """Which of the rooms have people in that node."""
    return [r for r in rooms if (await pool.ask_node(number, GetStats(room=r), Stats)).participants]


async def test_rooms_are_spread_over_the_nodes_and_found_there(pools: Pools) -> None:
    pool = await pools.open(2)
    assert [await begin(pool, room) for room in ("m1", "m2", "m3")] == [1, 2, 1]
    assert pool.place("m2") == 2, "a room stays where it is"
    await sit_down(pool, 2, "m2", "p1")
    assert (await pool.ask("m2", GetStats(room="m2"), Stats)).participants[0].participant == "p1"
    assert [node.rooms for node in pool.nodes()] == [2, 1]
    assert len({node.pid for node in pool.nodes()}) == 2
    with pytest.raises(UnavailableError):
        await pool.ask("m9", OpenRoom(room="m9"), Done)
    pool.release("m1")
    pool.release("m3")
    assert pool.place("m4") == 1


async def test_a_node_that_dies_takes_only_its_rooms(pools: Pools) -> None:
    pool = await pools.open(2)
    changes: list[list[bool]] = []
    pool.on_change = lambda: changes.append([node.ready for node in pool.nodes()])
    for room in ("m1", "m2"):
        await begin(pool, room)
    await sit_down(pool, 2, "m2", "p2")
    killed = pool.nodes()[0].pid
    assert killed is not None
    os.kill(killed, signal.SIGKILL)
    await until(lambda: pool.carrier("m1") is None)
    assert changes == [[False, True]]
    assert pool.carrier("m2") == 2
    assert await begin(pool, "m1") == 2, "at once, to the one that lives"
    assert await rooms_in(pool, 2, "m2") == ["m2"]
    assert pool._links[1].pid == killed, "who comes to the other has the cores before a start has them"
    await until(lambda: pool.nodes()[0].ready)
    assert pool.carrier("m1") == 2, "nothing is moved back"
    assert pool.place("m3") == 1


async def test_when_all_nodes_die_the_first_that_is_back_does_not_get_everything(
    pools: Pools, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("server.meetings.pool.TOGETHER_SECONDS", 20.0)
    pool = await pools.open(2)
    await begin(pool, "m1")
    end_all(pools.settings_of(2))
    await until(lambda: pool.carrier("m1") is None and not pool.settled.is_set())
    with pytest.raises(UnavailableError):
        pool.place("m1")
    await pool.wait_for("m1", 30)
    assert [node.ready for node in pool.nodes()] == [True, True]
    assert [pool.place(room) for room in ("m1", "m2")] == [1, 2]


async def test_the_next_control_process_finds_each_room_in_its_node(pools: Pools) -> None:
    pool = await pools.open(2)
    for room in ("m1", "m2"):
        await begin(pool, room)
    pids = [node.pid for node in pool.nodes()]
    await pools.leave()
    pool = await pools.open(2)
    assert [node.pid for node in pool.nodes()] == pids
    assert (pool.carrier("m1"), pool.carrier("m2")) == (1, 2)
    assert sorted((number, info.room) for number, info in pools.found) == [(1, "m1"), (2, "m2")]


async def test_of_two_nodes_with_one_room_the_one_with_the_people_has_it(pools: Pools) -> None:
    pool = await pools.open(2)
    for number in (1, 2):
        for room in ("m1", "m2"):
            await pool.ask_node(number, OpenRoom(room=room), Done)
    await sit_down(pool, 2, "m1", "p1")
    await sit_down(pool, 1, "m2", "p2", "p3")
    assert await pool.claim("m1", 1, 0)
    assert await pool.claim("m1", 2, 1), "it has people in it, the other does not"
    assert pool.carrier("m1") == 2
    assert await pool.claim("m2", 1, 2)
    assert not await pool.claim("m2", 2, 0)
    assert not await pool.claim("m2", 2, 2), "as many: it stays"
    assert pool.carrier("m2") == 1


async def test_a_node_too_many_keeps_its_meetings_takes_no_new_ones_and_ends_with_the_last(pools: Pools) -> None:
    pool = await pools.open(3)
    for room in ("m1", "m2"):
        await begin(pool, room)
    second, third = (node.pid for node in pool.nodes()[1:])
    assert second is not None
    await pools.leave()
    pool = await pools.open(1)
    await until(lambda: third not in running(pools.settings_of(1)).values())
    await until(lambda: [node.number for node in pool.nodes()] == [1, 2])
    assert [(node.draining, node.rooms) for node in pool.nodes()] == [(False, 1), (True, 1)]
    assert [await begin(pool, room) for room in ("m3", "m4", "m5")] == [1, 1, 1]
    assert second in running(pools.settings_of(1)).values()
    await pool.ask("m2", CloseRoom(room="m2"), Done)
    pool.release("m2")
    await until(lambda: [node.number for node in pool.nodes()] == [1])
    await until(lambda: list(running(pools.settings_of(1)).values()) == [pool.nodes()[0].pid])
    assert sorted(path.name for path in pools.folder.glob("m*.sock")) == ["m.sock"]


async def test_closing_for_good_ends_every_node(pools: Pools) -> None:
    pool = await pools.open(2)
    assert len(running(pools.settings_of(2))) == 2
    await pool.close(keep=False)
    await until(lambda: not running(pools.settings_of(2)))
    with pytest.raises(UnavailableError):
        await pool.ask_node(1, OpenRoom(room="m1"), Done)


async def test_without_media_nobody_waits(settings: Settings) -> None:
    pool = MediaPool(settings)
    await pool.start()
    assert (pool.ready, pool.nodes()) == (False, [])
    async with asyncio.timeout(10):
        with pytest.raises(UnavailableError):
            await pool.wait_for("m1", 60)
    await pool.close(keep=False)
