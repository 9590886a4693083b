"""PostgreSQL ends, or stands still, under the running server: people are told so, and when it is back all goes on."""

from __future__ import annotations

import asyncio
import json
import urllib.error
import urllib.request
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractContextManager
from pathlib import Path

import pytest
import sqlalchemy as sa

from server.directives.model import directive_table
from server.store import Store
from tests.directives.dying import COMMUNES, SECONDS, People, make_district
from tests.e2e.harness import App, until
from tests.postgres import ended, folder_of, frozen, new_database, postgres_cluster

pytestmark = pytest.mark.sqlite_only  # it has a PostgreSQL of its own
AWAY = (503, "database_away")


@pytest.fixture
async def people(tmp_path: Path) -> AsyncIterator[People]:
    with postgres_cluster() as cluster:
        database = new_database(cluster, "restart")
        store = Store(database)
        make_district(store)
        with store.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            # Committed is committed: the operating system outlives what happens here.
            connection.exec_driver_sql("ALTER DATABASE restart SET synchronous_commit = on")
        app = App(tmp_path)
        app.environment |= {"GIAOBAN_DATABASE_URL": database, "GIAOBAN_MEDIA_SOCKET": ""}
        made = People(app, store)
        try:
            await asyncio.to_thread(app.start)
            await made.come()
            yield made
        finally:
            await made.go()
            app.stop()
            store.close()


def get(app: App, path: str, **headers: str) -> tuple[int, str]:
    try:
        with urllib.request.urlopen(urllib.request.Request(f"{app.url}{path}", headers=headers), timeout=30) as reply:
            return reply.status, reply.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()


async def issue_on(people: People, stop: asyncio.Event, answers: list[tuple[int, str]], done: dict[str, int]) -> None:
    """Issue one after the other; what fails is sent again under its `command_id`."""
    number = 0
    while not stop.is_set():
        number += 1
        draft = people.directive(f"Số {number}", f"issue {number}")
        while draft["subject"] not in done:
            status, answer = await people.post("chutich", "/api/v1/directives?issue=true", draft)
            answers.append((status, answer.get("code", "")))
            if status == 201:
                done[draft["subject"]] = answer["id"]
            await asyncio.sleep(0.01)


@pytest.mark.parametrize("away", [ended, frozen])
async def test_people_are_told_and_all_goes_on(
    people: People, away: Callable[[Path], AbstractContextManager[None]]
) -> None:
    app, folder = people.app, folder_of(people.store.engine.url)
    stop, answers, done = asyncio.Event(), list[tuple[int, str]](), dict[str, int]()
    issuing = asyncio.create_task(issue_on(people, stop, answers, done))
    await people.until(lambda: len(done) >= 5 or issuing.done())
    gone = away(folder)
    await asyncio.to_thread(gone.__enter__)
    try:
        before = len(done)
        await people.until(lambda: AWAY in answers or issuing.done())
        status, text = await asyncio.to_thread(get, app, "/readyz")
        assert (status, json.loads(text)["parts"]["database"]) == (503, False)
        token = people.tokens["camthuy"]
        page = await asyncio.to_thread(get, app, "/directives/in", Accept="text/html", Authorization=f"Bearer {token}")
        assert page[0] == 503 and "Cơ sở dữ liệu tạm thời không dùng được" in page[1]
        assert (await people.devices["camthuy"].ask())["error"]["code"] == "database_away"
    finally:
        await asyncio.to_thread(gone.__exit__, None, None, None)
    await people.until(lambda: len(done) >= before + 5 or issuing.done())
    stop.set()
    await asyncio.wait_for(issuing, SECONDS)
    assert set(answers) == {(201, ""), AWAY}
    await asyncio.to_thread(until, app.ready, SECONDS)

    d = directive_table.c
    rows = people.rows(sa.select(d.id, d.subject, d.number).order_by(d.number))
    assert {row.subject: row.id for row in rows} == done
    assert [row.number for row in rows] == list(range(1, len(done) + 1))
    states = {people.units[name]: "ARRIVED" for name in COMMUNES}
    for number in done.values():
        await people.until(lambda number=number: people.states(number) == states)  # type: ignore[misc]
    for name in people.names:
        await people.devices[name].connect()
        assert people.devices[name].seen == len(people.stored(name))
        issued = [body["directive"] for body in people.devices[name].taken if body["kind"] == "directive.issued"]
        assert sorted(issued) == (sorted(done.values()) if name in COMMUNES else [])
    assert people.deaths == 0
