"""Those who end at once are let go of by one task, in their order; one that is busy or fails delays no other."""

from __future__ import annotations

import asyncio

from aiohttp import web

from server.channel import departures as module
from server.channel.departures import Departures


class Connection:
    """One that notes in `gone` that it was let go of."""

    def __init__(self, departures: Departures, name: str, gone: list[str]) -> None:
        self.departures, self.name, self.gone = departures, name, gone
        self.finished: asyncio.Event | None = None
        self.fails = self.deaf = False
        departures.enter(self)

    @property
    def busy(self) -> bool:
        return self.finished is not None

    async def depart(self) -> None:
        if self.finished is not None:
            await self.finished.wait()
        if self.fails:
            raise RuntimeError("as asked")
        self.gone.append(self.name)

    def abort(self) -> None:
        if not self.deaf:
            asyncio.get_running_loop().call_soon(self.departures.leave, self)


def made(names: str) -> tuple[Departures, list[Connection], list[str]]:
    departures, gone = Departures(), list[str]()
    return departures, [Connection(departures, name, gone) for name in names], gone


async def test_all_that_end_in_one_moment_are_one_task() -> None:
    departures, connections, gone = made("abcde")
    for connection in connections[:4]:
        departures.leave(connection)
    assert len(departures._tasks) == 1
    await asyncio.sleep(0)
    assert gone == ["a", "b", "c", "d"]
    departures.leave(connections[4])
    await asyncio.sleep(0)
    assert gone == ["a", "b", "c", "d", "e"]
    await asyncio.sleep(0)
    assert not departures._tasks


async def test_others_have_their_turn_while_very_many_leave() -> None:
    departures, connections, gone = made("a" * (module.AT_ONCE + 1))
    for connection in connections:
        departures.leave(connection)
    await asyncio.sleep(0)
    assert len(gone) == module.AT_ONCE
    await asyncio.sleep(0)
    assert len(gone) == module.AT_ONCE + 1


async def test_one_that_is_busy_or_fails_delays_no_other() -> None:
    departures, connections, gone = made("abcd")
    connections[0].finished = asyncio.Event()
    connections[1].fails = True
    for connection in connections:
        departures.leave(connection)
    await asyncio.sleep(0)
    assert gone == ["c", "d"]
    connections[0].finished.set()
    await asyncio.sleep(0)
    assert gone == ["c", "d", "a"]


async def test_at_the_end_all_are_ended_and_let_go_of() -> None:
    departures, connections, gone = made("ab")
    running = departures.run(web.Application())
    await anext(running)
    departures.leave(connections[1])
    assert await anext(running, None) is None
    assert sorted(gone) == ["a", "b"]
    assert not departures._open


async def test_one_that_does_not_end_does_not_hold_up_the_stop() -> None:
    departures, connections, gone = made("ab")
    connections[0].deaf = True
    running = departures.run(web.Application())
    await anext(running)
    begin = asyncio.get_running_loop().time()
    assert await anext(running, None) is None
    assert asyncio.get_running_loop().time() - begin < module.END_SECONDS + 1
    assert gone == ["b"]
