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
from tests.directives.dying import People
from tests.e2e.harness import App

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
pytestmark = pytest.mark.sqlite_only


class Dying(App):
    """The application with places to die at."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.fault = folder / "fault"
        self.environment |= {"GIAOBAN_DEMO": "1", faults.VARIABLE: str(self.fault), "GIAOBAN_MEDIA_SOCKET": ""}


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Dying]:
    made = Dying(tmp_path_factory.mktemp("dying"))
    made.seed()
    store = Store(f"sqlite:///{made.folder}/giaoban.db")
    leader, commune = (store.read_now(principal_of, name) for name in ("chutich", "camthuy"))
    helpers.issue(store, leader, [commune.unit_id])
    store.close()  # with a directive in it, the demonstration adds none of its own
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
