"""Trying a place: a room of its own that ends with its page, or with time, or when a node knows of it no more."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import Any

import pytest

from server.channel.messages import Caller
from server.errors import ConflictError, UnavailableError, UserError
from server.media.protocol import CloseRoom, Command, Done, Join, Joined, OpenRoom, ShowSlots
from server.meetings import trials
from server.meetings.line import MediaRefusedError, away
from server.meetings.trials import MOST_TRIALS, SHOWN, TrialJoin, Trials


class Pool:
    """Keeps what it is asked; refuses joins with `refuses`, or is away."""

    def __init__(self) -> None:
        self.asked: list[Command] = []
        self.placed: set[str] = set()
        self.refuses = ""
        self.away = False

    async def wait_for(self, room: str, seconds: float) -> None:
        if self.away:
            raise away()

    def place(self, room: str) -> int:
        self.placed.add(room)
        return 1

    def release(self, room: str) -> None:
        self.placed.discard(room)

    async def ask(self, room: str, command: Command, kind: type[Any]) -> Any:
        if room not in self.placed:
            raise away()
        self.asked.append(command)
        if isinstance(command, Join):
            if self.refuses:
                raise MediaRefusedError(self.refuses, "")
            return Joined(answer=f"answer to {command.offer}", session="s", slots=[])
        return Done()

    def closed(self) -> list[str]:
        return [command.room for command in self.asked if isinstance(command, CloseRoom)]


class Desk:
    """The messages, and the channel's pages that leave."""

    def __init__(self) -> None:
        self.pool = Pool()
        self.channel: Any = SimpleNamespace(on_leave=[])
        self.trials = Trials(self.channel, self.pool)  # type: ignore[arg-type]

    async def join(self, sid: str, side: Any) -> dict[str, Any]:
        caller: Any = SimpleNamespace(sid=sid)
        return await self.trials.join(caller, TrialJoin(side=side, offer=f"{side} of {sid}"))

    async def leaves(self, sid: str) -> None:
        caller: Caller = SimpleNamespace(sid=sid)  # type: ignore[assignment]
        for tell in self.channel.on_leave:
            tell(caller)
        await asyncio.sleep(0.01)


async def test_one_page_sends_and_gets_its_own_back() -> None:
    desk = Desk()
    assert (await desk.join("a", "sender"))["answer"] == "answer to sender of a"
    assert (await desk.join("a", "receiver"))["answer"] == "answer to receiver of a"
    opened, _first, _second, shown = desk.pool.asked
    assert isinstance(opened, OpenRoom) and isinstance(shown, ShowSlots)
    assert shown.participant == "receiver"
    assert [(want.slot, want.source, want.kind) for want in shown.wants] == [
        (number, "sender", kind) for number, kind in enumerate(SHOWN)
    ]
    await desk.leaves("a")
    assert desk.pool.closed() == [opened.room] and not desk.pool.placed


async def test_the_receiver_comes_second() -> None:
    desk = Desk()
    with pytest.raises(ConflictError, match="no_trial"):
        await desk.join("a", "receiver")


async def test_a_new_trial_ends_the_one_before() -> None:
    desk = Desk()
    await desk.join("a", "sender")
    await desk.join("a", "sender")
    assert len(desk.pool.closed()) == 1 and len(desk.pool.placed) == 1
    await desk.trials.leave(SimpleNamespace(sid="a"), None)  # type: ignore[arg-type]
    assert not desk.pool.placed


async def test_no_more_than_a_node_carries_beside_its_meetings() -> None:
    desk = Desk()
    for number in range(MOST_TRIALS):
        await desk.join(str(number), "sender")
    with pytest.raises(ConflictError, match="trials_busy"):
        await desk.join("one more", "sender")
    await desk.leaves("0")
    await desk.join("one more", "sender")


async def test_a_trial_ends_by_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(trials, "LIFE_SECONDS", 0.05)
    desk = Desk()
    await desk.join("a", "sender")
    for _ in range(100):
        if not desk.pool.placed:
            break
        await asyncio.sleep(0.02)
    assert len(desk.pool.closed()) == 1
    with pytest.raises(ConflictError):
        await desk.join("a", "receiver")


async def test_what_goes_wrong_leaves_nothing_behind() -> None:
    desk = Desk()
    desk.pool.away = True
    with pytest.raises(UnavailableError):
        await desk.join("a", "sender")
    desk.pool.away = False
    desk.pool.refuses = "bad_offer"
    with pytest.raises(UserError, match="bad_offer"):
        await desk.join("a", "sender")
    assert not desk.pool.placed
    desk.pool.refuses = ""
    for number in range(MOST_TRIALS):
        await desk.join(str(number), "sender")
