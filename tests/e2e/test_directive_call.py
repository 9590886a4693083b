"""A directive by telephone, end to end: it rings, is heard, is confirmed by a key, and answered by a voice."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from server.accounts import service as accounts
from server.calls import numbers
from server.media.phone.sounds import read
from server.store import Store
from tests.e2e.harness import App, chromium, free_port, running, until
from tests.e2e.issuing import PLAYS, delivery_of, issue_to
from tests.e2e.telephone import Telephone
from tests.sounds import loud, pitch

pytestmark = pytest.mark.timeout(180)
VILLAGE, HEAD, NUMBER, TONE = "19606.01", "thon1.camthuy", "0901234567", 620.0


@pytest.fixture
def telephone() -> Iterator[Telephone]:
    made = Telephone()
    yield made
    made.close()


@pytest.fixture
def app(tmp_path: Path, telephone: Telephone) -> Iterator[App]:
    """Its trunk leads to the telephone of a village head."""
    with running(tmp_path, telephone=free_port(), trunk=f"127.0.0.1:{telephone.endpoint.port('udp')}") as made:
        store = Store(f"sqlite:///{tmp_path}/giaoban.db")
        store.write_now(numbers.give, store.read_now(accounts.principal_of, HEAD).account_id, NUMBER)
        store.close()
        yield made


def called(app: App, telephone: Telephone, clerk: str) -> tuple[int, Any]:
    """A directive to the village, and the call about it, answered."""
    before = len(telephone.incoming)
    _directive, delivery = issue_to(app, VILLAGE, urgency="URGENT")
    assert app.call(clerk, "POST", f"/api/v1/deliveries/{delivery}/call")["number"] == NUMBER
    telephone.wait(lambda: len(telephone.incoming) > before)
    return delivery, telephone.incoming[-1]


def hears_something(telephone: Telephone) -> None:
    until(lambda: loud(telephone.listen(1)), 20, "something is said")


def test_a_village_head_is_called_and_confirms_by_a_key(app: App, telephone: Telephone) -> None:
    clerk = app.token("vanthu.camthuy")
    delivery, call = called(app, telephone, clerk)
    assert call.dialled == NUMBER
    hears_something(telephone)
    assert delivery_of(app, clerk, delivery)["state"] == "SENT"
    telephone.press("1")
    hears_something(telephone)
    telephone.press("2")
    until(lambda: delivery_of(app, clerk, delivery)["state"] == "REGISTERED", 20, "it is confirmed")
    found = delivery_of(app, clerk, delivery)
    assert found["registered_through"] == "TELEPHONE"
    telephone.hang_up(call)
    until(lambda: delivery_of(app, clerk, delivery)["called"][-1]["outcome"] == "confirmed", 20, "the call is over")


def speaks_an_answer(app: App, telephone: Telephone, seconds: float) -> None:
    """Hears the directive, asks to answer, and says a tone."""
    hears_something(telephone)
    telephone.press("1")
    hears_something(telephone)
    telephone.say = TONE
    telephone.press("3")
    until(lambda: any((app.folder / "data" / "answers").glob("*.webm")), 30, "it is recorded")
    telephone.listen(seconds)


def test_a_village_head_answers_by_voice_and_the_clerk_hears_it(app: App, telephone: Telephone) -> None:
    clerk = app.token("vanthu.camthuy")
    delivery, _call = called(app, telephone, clerk)
    speaks_an_answer(app, telephone, 3)
    telephone.press("#")
    until(lambda: delivery_of(app, clerk, delivery)["spoken"], 20, "the answer is kept before it is sent")
    telephone.say = 0.0
    hears_something(telephone)
    telephone.press("1")
    until(lambda: delivery_of(app, clerk, delivery)["state"] == "REPORTED", 20, "it is sent")
    (sound,) = delivery_of(app, clerk, delivery)["responses"][0]["attachments"]
    assert (sound["content_type"], delivery_of(app, clerk, delivery)["spoken"]) == ("audio/webm", [])
    stored = app.folder / "data" / "files" / sound["sha256"][:2] / sound["sha256"]
    samples = read(str(stored)).at(8_000)[8_000:24_000]
    assert abs(pitch(samples) - TONE) < 5, "what was said, at its pitch"
    with chromium() as browser:
        page = app.page(browser, "vanthu.camthuy", f"/deliveries/{delivery}")
        assert page.evaluate(PLAYS) is None


def test_an_answer_that_is_cut_off_can_be_heard(app: App, telephone: Telephone) -> None:
    clerk = app.token("vanthu.camthuy")
    delivery, call = called(app, telephone, clerk)
    speaks_an_answer(app, telephone, 2)
    telephone.hang_up(call)
    (kept,) = until(lambda: delivery_of(app, clerk, delivery)["spoken"], 20, "what was said is kept")
    assert kept["why"] == "cut" and kept["ms"] > 1_500
    assert delivery_of(app, clerk, delivery)["state"] == "SENT"
