"""The power is cut: whatever anybody was told is on the disk, though all that was not synced is gone (SQLite)."""

from __future__ import annotations

import random
import re
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from server.store import Store
from tests.directives.dying import People
from tests.e2e.harness import App, until
from tests.store.power import Disk, recorded, replay

DIRECTIVES = 6
FORGETFUL = """
from server.store import store
careful = store._sqlite_pragmas
def pragmas(connection, record):
    careful(connection, record)
    connection.execute("PRAGMA synchronous=NORMAL")
store._sqlite_pragmas = pragmas
from server.cli import main
main(["serve"])
"""
_ISSUED = re.compile(rb'"id":(\d+),"state":"ISSUED"')
_REGISTERED = re.compile(rb'"directive":(\d+),"state":"REGISTERED","registry_number":(\d+)')
_EVENT = re.compile(rb'42\["(directive\.issued|delivery\.changed)",\{"seq":(\d+),"at":"[^"]*",[^}]*"directive":(\d+)')


def promises(sent: bytes) -> Iterator[str]:
    """What was told to somebody, each as a query that finds it."""
    for found in _ISSUED.finditer(sent):
        yield f"SELECT 1 FROM directive WHERE id = {int(found[1])} AND state = 'ISSUED'"
    for found in _REGISTERED.finditer(sent):
        yield f"SELECT 1 FROM delivery WHERE directive_id = {int(found[1])} AND registry_number = {int(found[2])}"
    for found in _EVENT.finditer(sent):
        event = "SELECT 1 FROM event JOIN event_content ON id = content_id"
        about = f"json_extract(body, '$.directive') = {int(found[3])}"
        yield f"{event} WHERE kind = '{found[1].decode()}' AND seq = {int(found[2])} AND {about}"


def broken(file: Path, told: list[str]) -> list[str]:
    """Those promises that the database does not keep; it must be whole in any case."""
    with closing(sqlite3.connect(file)) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        return [query for query in told if connection.execute(query).fetchone() is None]


@pytest.mark.sqlite_only
@pytest.mark.parametrize("synchronous", ["FULL", "NORMAL"])
async def test_what_was_told_outlives_a_power_loss(synchronous: str, tmp_path: Path) -> None:
    """SQLite's NORMAL, which forgets what was committed last, shows that this test finds a loss."""
    folder, recording = tmp_path / "district", tmp_path / "calls"
    folder.mkdir()
    app = App(folder)
    app.environment["GIAOBAN_MEDIA_SOCKET"] = ""
    app.seed()
    disk = Disk.of(folder)
    app.prefix = recorded(recording)
    if synchronous == "NORMAL":
        app.command = ("-c", FORGETFUL)
    people = People(app, Store(f"sqlite:///{folder}/giaoban.db"))
    try:
        app.start()
        await people.come()
        for number in range(DIRECTIVES):
            draft = people.directive(f"Số {number}", f"issue {number}")
            done = await people.insist("chutich", "/api/v1/directives?issue=true", draft)
            await people.until(lambda done=done: set(people.states(done["id"]).values()) == {"ARRIVED"})  # type: ignore[misc]
            path = f"/api/v1/directives/{done['id']}/register"
            await people.insist("camthuy", path, {"command_id": f"register {number}"})
    finally:
        await people.go()
        app.kill_control()
        people.store.close()
    until(lambda: "+++ killed by SIGKILL +++" in recording.read_text("utf-8", "replace")[-2000:], 30)

    told: list[str] = []
    lost: set[str] = set()
    chance = random.Random(4)
    for number, sent in enumerate(replay(disk, recording)):
        found = list(promises(sent))
        told += found
        if found:
            lost.update(broken(disk.after_power_loss(tmp_path / f"{number} bare"), told))
            lost.update(broken(disk.after_power_loss(tmp_path / f"{number} torn", chance), told))
    for table, least in {"directive": 1, "delivery": 1, "event": 4}.items():
        assert len([query for query in told if f"FROM {table} " in query]) >= least * DIRECTIVES
    assert bool(lost) is (synchronous == "NORMAL"), lost
