"""`kill -9` in each place of an issue, of a receipt and of a registration: nothing is lost, nothing is there twice."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from server import faults
from server.accounts.service import principal_of
from server.config import ROOT
from server.store import Store
from tests.directives import helpers
from tests.directives.dying import People, make_district
from tests.e2e.harness import App
from tests.postgres import new_database, postgres_cluster
from tests.redis_server import RedisServer

ISSUE = (
    "asked create_and_issue",  # the request is read, nothing has begun
    "begun create_and_issue",
    "numbered directive.issued",  # half of the rows are written
    "written create_and_issue",
    "committed create_and_issue",  # nobody knows of it
    "sending directive.issued",  # one commune knows
    "sent directive.issued",  # all pages know, other processes do not
    "answering /api/v1/directives",
)
RECEIPT = ("noted receipts", "begun arrived", "written arrived", "committed arrived", "sending delivery.changed")
REGISTRATION = ("written register", "committed register")
TWO_PROCESSES = (
    "written create_and_issue",
    "committed create_and_issue",
    "sent directive.issued",  # the other process has not heard of it
    "committed register",
)
pytestmark = pytest.mark.sqlite_only


class Dying(App):
    """The application with places to die at."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.fault = folder / "fault"
        self.environment |= {"GIAOBAN_DEMO": "1", faults.VARIABLE: str(self.fault), "GIAOBAN_MEDIA_SOCKET": ""}


def seed(store: Store) -> None:
    """The district, and a directive: a demonstration with one adds none of its own."""
    make_district(store)
    leader, commune = (store.read_now(principal_of, name) for name in ("chutich", "camthuy"))
    helpers.issue(store, leader, [commune.unit_id])


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Dying]:
    made = Dying(tmp_path_factory.mktemp("dying"))
    store = Store(f"sqlite:///{made.folder}/giaoban.db")
    seed(store)
    store.close()
    try:
        made.start()
        yield made
    finally:
        made.stop()


@pytest.fixture
async def people(app: Dying) -> AsyncIterator[People]:
    store = Store(f"sqlite:///{app.folder}/giaoban.db")
    made = People(app, store)
    await made.come()
    yield made
    await made.go()
    store.close()


@pytest.mark.parametrize("place", [*ISSUE, *RECEIPT, *REGISTRATION])
async def test_killed_at(place: str, app: Dying, people: People) -> None:
    await live_through(place, app, people)


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Dying, App]]:
    """One that dies and one that does not, on one PostgreSQL with Redis between them."""
    redis = RedisServer()
    redis.start()
    with postgres_cluster() as cluster:
        shared = {"GIAOBAN_DATABASE_URL": new_database(cluster, "kills"), "GIAOBAN_REDIS_URL": redis.url}
        store = Store(shared["GIAOBAN_DATABASE_URL"])
        seed(store)
        store.close()
        folder = tmp_path_factory.mktemp("kills")
        (folder / "other").mkdir()
        dying, other = Dying(folder), App(folder / "other")
        for one in (dying, other):
            one.environment |= {**shared, "GIAOBAN_STORAGE_DATA": str(folder / "data"), "GIAOBAN_MEDIA_SOCKET": ""}
        try:
            dying.start()
            other.start()
            yield dying, other
        finally:
            dying.stop()
            other.stop()
            redis.clean_up()


@pytest.mark.parametrize("place", TWO_PROCESSES)
async def test_one_of_two_processes_is_killed_at(place: str, pair: tuple[Dying, App]) -> None:
    dying, other = pair
    store = Store(dying.environment["GIAOBAN_DATABASE_URL"])
    people = People(dying, store, other)
    try:
        await people.come()
        await live_through(place, dying, people)
    finally:
        await people.go()
        store.close()


async def live_through(place: str, app: Dying, people: People) -> None:
    """A directive is issued, arrives and is registered, though the server dies once at a place."""
    app.fault.write_text(place, "utf-8")
    done = await people.insist("chutich", "/api/v1/directives?issue=true", people.directive(place, f"issue {place}"))
    await people.until(lambda: set(people.states(done["id"]).values()) == {"ARRIVED"})
    path = f"/api/v1/directives/{done['id']}/register"
    registered = await people.insist("camthuy", path, {"command_id": f"register {place}"})
    await people.until(lambda: all(people.devices[name].seen == len(people.stored(name)) for name in people.names))
    assert (people.deaths, app.fault.exists()) == (1, False)
    people.assert_whole(place, done, registered)
    people.assert_told(done["id"])
    board = app.call(people.tokens["chutich"], "GET", f"/api/v1/directives/{done['id']}")
    shown = sorted((line["unit"], line["state"]) for line in board["board"])
    assert shown == sorted([(people.units["camthuy"], "REGISTERED"), (people.units["camtuyen"], "ARRIVED")])


def test_only_a_demonstration_has_such_places(tmp_path: Path) -> None:
    app = Dying(tmp_path)
    app.environment["GIAOBAN_DEMO"] = "0"
    command = [sys.executable, *app.command]
    refused = subprocess.run(command, cwd=ROOT, env=app.environment, capture_output=True, text=True, timeout=60)
    assert (refused.returncode, faults.VARIABLE in refused.stderr) == (2, True)
