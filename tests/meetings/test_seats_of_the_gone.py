"""Who has closed the page before the answer came is not put into a seat that nobody would ever clear."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from server.channel.messages import Caller
from server.meetings.events import RoomMessages
from tests.channel.test_channel import Harness, harness, person, until

assert harness


async def test_a_page_that_is_gone_gets_no_seat(harness: Harness) -> None:
    channel = harness.channel
    conductor: Any = SimpleNamespace(store=harness.store)
    messages = RoomMessages(channel, conductor, conductor)
    page = await harness.connect("leader.1")
    await until(lambda: bool(channel.callers()))
    (caller,) = channel.callers()
    messages._sit(caller, 1, 2)
    assert messages.seats == {caller.sid: (1, 2)}
    await page.disconnect()
    await until(lambda: not channel.callers())
    assert not messages.seats
    who = person("leader.1")
    assert who is not None
    messages._sit(Caller(who, caller.sid), 1, 2)
    assert not messages.seats
