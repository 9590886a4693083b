"""Two control processes on one PostgreSQL with Redis: one has the village line, the other one harms no call of it."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from server.accounts import demo
from server.accounts import service as accounts
from server.calls import numbers
from server.config import ROOT
from server.store import Store
from server.telephony.sip.call import Call, CallState
from server.units.import_ import import_tree, read_district
from server.units.service import by_code
from tests.e2e.harness import App, free_port, until
from tests.e2e.issuing import delivery_of
from tests.e2e.telephone import Telephone
from tests.postgres import new_database, postgres_cluster
from tests.redis_server import RedisServer
from tests.sounds import loud

pytestmark = [pytest.mark.sqlite_only, pytest.mark.timeout(240)]  # it has a PostgreSQL of its own
VILLAGE, HEAD, NUMBER, TONE = "19606.01", "thon1.camthuy", "0901234567", 620.0


class Two:
    """`line` has media nodes and the line, `other` the same settings without them; one telephone behind the trunk."""

    def __init__(self, folder: Path, database: str, redis: RedisServer, telephone: Telephone) -> None:
        self.store, self.telephone, self.answers = Store(database), telephone, folder / "data" / "answers"
        trunk = f"127.0.0.1:{telephone.endpoint.port('udp')}"
        port = free_port()
        self.line, self.other = (App(folder / name, telephone=port, trunk=trunk) for name in ("line", "other"))
        for app in (self.line, self.other):
            app.folder.mkdir()
            app.environment |= {
                "GIAOBAN_DATABASE_URL": database,
                "GIAOBAN_REDIS_URL": redis.url,
                "GIAOBAN_STORAGE_DATA": str(folder / "data"),
                "GIAOBAN_STORAGE_RECORDINGS": str(folder / "recordings"),
            }
        self.other.environment["GIAOBAN_MEDIA_SOCKET"] = ""

    def people(self) -> None:
        district = read_district(ROOT / "config" / "districts" / "camlo.toml")
        self.store.write_now(import_tree, district)
        self.store.write_now(demo.seed, district, demo.DEFAULT_PASSWORD)
        self.store.write_now(numbers.give, self.store.read_now(accounts.principal_of, HEAD).account_id, NUMBER)

    def called(self) -> tuple[int, Call]:
        """A directive to the village, issued and called about at the other one; the delivery, and the call."""
        rang, unit = len(self.telephone.incoming), self.store.read_now(by_code, VILLAGE)
        assert unit is not None
        deadline = (datetime.now(UTC) + timedelta(days=3)).isoformat()
        body: dict[str, Any] = {"kind": "Công điện", "subject": "Trực bão", "urgency": "URGENT", "deadline": deadline}
        leader = self.other.token("chutich.camthuy")
        path = "/api/v1/directives"
        made = self.other.call(leader, "POST", f"{path}?issue=true", body | {"recipients": [{"unit": unit.id}]})
        (delivery,) = self.other.call(leader, "GET", f"{path}/{made['id']}")["board"]
        self.other.call(leader, "POST", f"/api/v1/deliveries/{delivery['id']}/call")
        self.telephone.wait(lambda: len(self.telephone.incoming) > rang)
        return int(delivery["id"]), self.telephone.incoming[-1]

    def speak(self) -> Path:
        """Hear the directive and begin to answer: the file that it is written to."""
        before = set(self.answers.glob("*.webm"))
        for key in "13":
            until(lambda: loud(self.telephone.listen(1)), 20, "something is said")
            self.telephone.press(key)
        self.telephone.say = TONE
        (file,) = until(lambda: set(self.answers.glob("*.webm")) - before, 30, "it is recorded")
        self.telephone.listen(2)
        return file


@pytest.fixture
def two(tmp_path: Path) -> Iterator[Two]:
    """The one without the line begins first: it would have the ports."""
    redis, telephone = RedisServer(), Telephone()
    redis.start()
    with postgres_cluster() as cluster:
        made = Two(tmp_path, new_database(cluster, "two"), redis, telephone)
        try:
            made.other.start()
            made.people()
            made.line.start()
            yield made
        finally:
            for app in (made.other, made.line):
                app.stop()
            made.store.close()
            telephone.close()
            redis.clean_up()


def test_the_other_one_harms_no_call_and_the_line_takes_up_what_it_left(two: Two) -> None:
    clerk = two.other.token("vanthu.camthuy")
    delivery, call = two.called()
    file = two.speak()
    two.other.kill_control()
    two.other.start()
    size = file.stat().st_size
    until(lambda: file.stat().st_size > size, 10, "it is recorded on")
    assert call.state is CallState.UP
    two.telephone.press("#")
    two.telephone.say = 0.0
    until(lambda: delivery_of(two.other, clerk, delivery)["spoken"], 20, "the answer is kept before it is sent")
    until(lambda: loud(two.telephone.listen(1)), 20, "something is said")
    two.telephone.press("1")
    until(lambda: delivery_of(two.other, clerk, delivery)["state"] == "REPORTED", 20, "it is sent")
    two.telephone.hang_up(call)
    until(lambda: delivery_of(two.other, clerk, delivery)["called"][-1]["outcome"] == "confirmed", 20, "it is over")

    delivery, call = two.called()
    file = two.speak()
    two.line.kill_control()
    size = file.stat().st_size
    until(lambda: file.stat().st_size > size, 10, "the media node writes on")
    found = delivery_of(two.other, clerk, delivery)
    assert (found["spoken"], found["called"][-1]["outcome"], call.state) == ([], "running", CallState.UP)
    two.line.start()
    until(lambda: call.state is CallState.ENDED, 20, "the telephone is told")
    (kept,) = until(lambda: delivery_of(two.other, clerk, delivery)["spoken"], 30, "what was said is kept")
    assert (kept["why"], file.exists()) == ("cut", False)
    found = delivery_of(two.other, clerk, delivery)
    assert (found["state"], found["called"][-1]["outcome"]) == ("SENT", "stopped")
