"""A control process without media nodes: another one has the line, and this one's pages say so."""

from __future__ import annotations

import msgspec
import pytest
from aiohttp import web

from server.calls import log
from server.calls.exchange import EXCHANGE
from server.calls.rules import Direction, Outcome, Purpose
from server.config import Settings
from server.directives.keys import POLICY
from server.http.health import CHECKS
from server.reach.rules import Channel
from server.store import Store
from tests.calls.making import telephone as with_telephone
from tests.conftest import As, DistrictIds, PageAs


@pytest.fixture
def settings(settings: Settings) -> Settings:
    """As the process with the line has them, but for its media nodes."""
    given = with_telephone(trunk="127.0.0.1:9", numbers=["0233 3873 100"])
    return msgspec.structs.replace(settings, telephone=given)


async def test_calls_of_the_other_process_are_let_alone(store: Store, app: web.Application, as_: As) -> None:
    row = store.write_now(log.begin, "c", Direction.IN, Purpose.MEETING, "0912000111")
    await as_("quantri")
    assert EXCHANGE not in app and "telephone" not in app.get(CHECKS, {})
    (call,) = store.read_now(log.latest, 5)
    assert (call.id, call.outcome, call.ended_at) == (row, Outcome.RUNNING, None)


async def test_its_pages_show_the_log_and_say_where_the_line_is(
    store: Store, page_as: PageAs, app: web.Application, district: DistrictIds
) -> None:
    store.write_now(log.begin, "c", Direction.IN, Purpose.MEETING, "0912000111")
    page = await page_as("quantri")
    text = await (await page.get("/telephone")).text()
    assert "Điện thoại ở tiến trình khác của máy chủ" in text and "0912000111" in text
    assert "Máy chủ này chưa nối điện thoại" not in text
    assert (await page.post("/telephone/test", {"number": "0912000111"})).status == 503
    assert "0233 3873 100" in await (await page.get("/account")).text()
    assert Channel.PHONE in app[POLICY].channels, "directives are put into the outbox for the other one"
