"""The database may not grow any more, as on a full disk: people are told so; nothing is lost, doubled or half done."""

from __future__ import annotations

from typing import Any

import pytest
import sqlalchemy as sa
from aiohttp import ClientResponse, web

from server.directives.keys import FILES
from server.directives.model import delivery_table, directive_table
from server.store import Store
from tests.conftest import ApiClient, As, Clock, DistrictIds
from tests.directives.files import pdf
from tests.directives.test_api import ROOT, body, form
from tests.directives.test_refusals import rows
from tests.privileges import small_disk

pytestmark = pytest.mark.sqlite_only  # PostgreSQL's own restart and its states have tests of their own
FULL, ROOM = 1, 4_294_967_294
AWAY = (503, "database_away")


class Disk:
    """SQLite may use no more pages than it has, or any number: its error is the one of a full disk (SQLITE_FULL)."""

    def __init__(self, engine: sa.Engine) -> None:
        self.pages = ROOM
        sa.event.listen(engine, "checkout", self._limit)

    def _limit(self, connection: Any, _record: Any, _proxy: Any) -> None:
        connection.execute(f"PRAGMA max_page_count = {self.pages}").close()


async def code_of(answer: ClientResponse) -> tuple[int, str]:
    return answer.status, (await answer.json(content_type=None)).get("code", "")


async def fill(leader: ApiClient, clock: Clock, units: list[int]) -> int:
    """Issue until there is no room; gives the number of the one that was refused."""
    for number in range(1, 60):
        answer = await leader.post(f"{ROOT}?issue=true", body(clock, units, command_id=f"issue {number}"))
        if answer.status != 201:
            assert await code_of(answer) == AWAY
            return number
    raise AssertionError("the disk is never full")


async def test_nothing_is_lost_or_doubled(as_: As, store: Store, district: DistrictIds, clock: Clock) -> None:
    leader, commune = await as_("chutich"), await as_("camthuy")
    units = [unit.unit_id for unit in map(district.who, ("camthuy", "camhieu", "camnghia", "camchinh"))]
    disk = Disk(store.engine)
    disk.pages = FULL
    refused = await fill(leader, clock, units)
    before = rows(store)
    assert len(before["directive"]) == refused - 1
    again = await leader.post(f"{ROOT}?issue=true", body(clock, units, command_id=f"issue {refused}"))
    assert await code_of(again) == AWAY
    assert rows(store) == before
    assert (await commune.get(f"{ROOT}")).status == 200, "what is there can be read"

    disk.pages = ROOM
    for _twice in range(2):
        answer = await leader.post(f"{ROOT}?issue=true", body(clock, units, command_id=f"issue {refused}"))
        assert (await answer.json())["number_text"] == f"{refused:02}/KH-UBND"
    numbers = store.read_now(lambda tx: [row.number for row in tx.all(sa.select(directive_table.c.number))])
    assert sorted(numbers) == list(range(1, refused + 1)), "no number is left out"
    count = sa.select(sa.func.count()).select_from(delivery_table)
    assert store.read_now(lambda tx: tx.execute(count).scalar_one()) == refused * len(units)


async def test_a_report_that_found_no_room_is_sent_again(
    as_: As, store: Store, district: DistrictIds, clock: Clock
) -> None:
    leader, commune = await as_("chutich"), await as_("camthuy")
    made = await leader.post(f"{ROOT}?issue=true", body(clock, [district.unit("19606")]))
    path = f"{ROOT}/{(await made.json())['id']}"
    assert (await commune.post(f"{path}/register")).status == 200
    disk = Disk(store.engine)
    disk.pages = FULL
    long = {"text": "Nước lên. " * 8_000, "command_id": "a"}
    before = rows(store)
    assert await code_of(await commune.post(f"{path}/responses", long)) == AWAY
    assert rows(store) == before
    disk.pages = ROOM
    assert [(await commune.post(f"{path}/responses", long)).status for _twice in range(2)] == [201, 201]
    assert len(rows(store)["response"]) == 1


async def test_a_file_that_finds_no_room_is_sent_again(
    as_: As, app: web.Application, store: Store, district: DistrictIds, clock: Clock
) -> None:
    leader, commune = await as_("chutich"), await as_("camthuy")
    made = await leader.post(f"{ROOT}?issue=true", body(clock, [district.unit("19606")]))
    path = f"{ROOT}/{(await made.json())['id']}"
    assert (await commune.post(f"{path}/register")).status == 200
    large = pdf("x" * 600_000)

    async def report() -> ClientResponse:
        return await commune.post(f"{path}/responses", data=form(("a.pdf", large, "application/pdf"), command_id="a"))

    before, folder = rows(store), app[FILES].folder
    folder.mkdir(parents=True, exist_ok=True)
    with small_disk(folder, "384k"):
        assert await code_of(await report()) == (503, "disk")
        assert rows(store) == before
        assert list(folder.iterdir()) == [], "what was begun is cleared away"
    assert [(await report()).status for _twice in range(2)] == [201, 201]
    assert len(rows(store)["response"]) == 1
    assert [file.read_bytes() for file in folder.glob("??/*")] == [large]
