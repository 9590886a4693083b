"""The archiver: woken by the commit, takes up what was interrupted, and survives what fails."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

from server.records import finding, service
from server.records.archive import Archiver
from server.records.facts import EndedMeeting
from server.records.model import State
from server.records.service import Archived
from server.store import Store
from tests.records.making import archived, ended


class Joins:
    """Joins at once, and remembers what; refuses what has no title."""

    def __init__(self) -> None:
        self.done: list[int] = []

    def __call__(self, root: Path, folder: str, meeting: EndedMeeting) -> Archived:
        self.done.append(meeting.id)
        assert folder == f"record-{meeting.id}"
        if not meeting.title:
            raise FileNotFoundError("no journal")
        return archived(root, meeting.id)


async def states(store: Store, who: Any, wanted: list[State]) -> list[State]:
    """The states of all records, the newest first, as soon as they are as wanted."""
    for _try in range(200):
        found = [line.state for line in (await store.read(finding.find, who, finding.Wanted())).records]
        if found == wanted:
            break
        await asyncio.sleep(0.02)
    return found


async def test_it_is_woken_and_takes_up_what_was_left(store: Store, district: Any, root: Path) -> None:
    who, joins = district.who("vanthu"), Joins()
    await store.write(service.create_record, ended(district, 1))  # an earlier process ended here
    archiver = Archiver(store, root, joins)
    store.listeners.append(archiver.committed)
    task = asyncio.create_task(archiver.run())
    assert await states(store, who, [State.READY]) == [State.READY]
    await store.write(service.create_record, ended(district, 2, ""))
    await store.write(service.create_record, ended(district, 3))
    wanted = [State.READY, State.DAMAGED, State.READY]
    assert await states(store, who, wanted) == wanted
    assert joins.done == [1, 2, 3]
    task.cancel()
    again = asyncio.create_task(Archiver(store, root, joins).run())
    await asyncio.sleep(0.2)
    assert joins.done == [1, 2, 3, 2]  # what failed is tried at each start, what is sealed is left alone
    again.cancel()
    await asyncio.wait([task, again])


async def test_what_failed_says_why(store: Store, district: Any, root: Path) -> None:
    record_id = await store.write(service.create_record, ended(district, 1, ""))
    assert record_id
    task = asyncio.create_task(Archiver(store, root, Joins()).run())
    await states(store, district.who("vanthu"), [State.DAMAGED])
    info = await store.read(finding.get, district.who("vanthu"), record_id)
    assert info.problem == "FileNotFoundError: no journal"
    task.cancel()
    await asyncio.wait([task])
