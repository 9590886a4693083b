"""One bound for all calls of ours on the trunk; who waits for a place goes by what the call is for."""

from __future__ import annotations

import asyncio

import pytest

from server.calls.errands import precedence_of
from server.calls.places import Places, Precedence
from server.reach.notice import Notice, NoticeKind
from tests.waiting import until


class Queue:
    """Who has got a place, in order."""

    def __init__(self, most: int) -> None:
        self.places = Places(most)
        self.had: list[str] = []

    def want(self, name: str, precedence: Precedence) -> asyncio.Task[None]:
        async def take() -> None:
            await self.places.take(precedence)
            self.had.append(name)

        return asyncio.get_running_loop().create_task(take())

    async def settled(self) -> list[str]:
        for _ in range(5):
            await asyncio.sleep(0)
        return self.had


async def test_the_urgent_go_first_and_none_exceeds_the_bound() -> None:
    queue = Queue(2)
    wanted = [
        ("usual", Precedence.USUAL),
        ("meeting", Precedence.MEETING),
        ("meeting 2", Precedence.MEETING),
        ("usual 2", Precedence.USUAL),
        ("alarm", Precedence.ALARM),
        ("clerk", Precedence.CLERK),
    ]
    for name, precedence in wanted:
        queue.want(name, precedence)
    assert await queue.settled() == ["usual", "meeting"]
    for _ in range(4):
        queue.places.give_back()
        await queue.settled()
    assert queue.had[2:] == ["clerk", "alarm", "meeting 2", "usual 2"]


async def test_who_gives_up_waiting_costs_no_place() -> None:
    queue = Queue(1)
    queue.want("first", Precedence.MEETING)
    gone, both = queue.want("gone", Precedence.CLERK), queue.want("both", Precedence.ALARM)
    queue.want("last", Precedence.USUAL)
    await queue.settled()
    gone.cancel()
    await queue.settled()
    queue.places.give_back()
    both.cancel()  # at the moment at which it would have had its turn
    assert await queue.settled() == ["first", "last"]
    queue.places.give_back()
    async with queue.places.taken(Precedence.USUAL):
        queue.want("after", Precedence.USUAL)
        assert await queue.settled() == ["first", "last"]
    await until(lambda: queue.had == ["first", "last", "after"])


@pytest.mark.parametrize(
    ("notice", "precedence"),
    [
        (Notice(kind=NoticeKind.ISSUED), Precedence.USUAL),
        (Notice(kind=NoticeKind.REMINDER), Precedence.USUAL),
        (Notice(kind=NoticeKind.ISSUED, urgency="URGENT"), Precedence.ALARM),
        (Notice(kind=NoticeKind.ISSUED, urgency="FLASH"), Precedence.ALARM),
        (Notice(kind=NoticeKind.ESCALATION), Precedence.ALARM),
    ],
)
def test_what_is_an_alarm(notice: Notice, precedence: Precedence) -> None:
    assert precedence_of(notice) is precedence
