"""`/metrics`: who may read it, and that its figures are those of what happened."""

from __future__ import annotations

import asyncio
import json
import logging
import re
from typing import Any

import msgspec
import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer

from server.app import make_app
from server.channel import CHANNEL
from server.config import Http, Metrics, Settings
from server.store import Store
from tests.conftest import As, Clock, DistrictIds, PageAs
from tests.directives.test_api import body


def value(text: str, series: str) -> float:
    """The value of one series, written as Prometheus writes it."""
    found = re.search(rf"^{re.escape(series)} (\S+)$", text, re.MULTILINE)
    assert found is not None, f"no {series} in\n{text}"
    return float(found[1])


async def test_administrators_read_it_and_nobody_else(as_: As, page_as: PageAs) -> None:
    admin = await (await as_("quantri")).get("/metrics")
    assert admin.status == 200
    assert admin.headers["Content-Type"].startswith("text/plain; version=0.0.4")
    assert (await (await page_as("quantri")).get("/metrics")).status == 200
    for username in ("chutich", "vanthu", "camthuy", "thon1.camthuy"):
        assert (await (await as_(username)).get("/metrics")).status == 403
    assert (await (await as_(None)).get("/metrics")).status == 401


@pytest.mark.parametrize(
    ("addresses", "proxies", "forwarded", "status"),
    [
        (["127.0.0.1"], [], "", 200),
        (["127.0.0.0/8"], [], "", 200),
        (["10.0.0.0/8"], [], "", 401),
        (["10.0.0.0/8"], [], "10.1.2.3", 401),  # anybody can write such a header
        (["10.0.0.0/8"], ["127.0.0.1"], "10.1.2.3", 200),
        (["127.0.0.1"], ["127.0.0.1"], "203.0.113.9", 401),  # who comes through the front server is not it
        (["10.0.0.0/8"], ["127.0.0.1"], "nonsense", 401),
    ],
)
async def test_trusted_addresses(
    settings: Settings,
    store: Store,
    district: DistrictIds,
    addresses: list[str],
    proxies: list[str],
    forwarded: str,
    status: int,
) -> None:
    settings = msgspec.structs.replace(
        settings, metrics=Metrics(addresses=addresses), http=Http(trusted_proxies=proxies)
    )
    client: TestClient[Any, Any]
    async with TestClient(TestServer(make_app(settings, store))) as client:
        headers = {"X-Forwarded-For": forwarded} if forwarded else {}
        assert (await client.get("/metrics", headers=headers)).status == status


def test_what_is_no_address_is_refused() -> None:
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert({"addresses": ["localhost"]}, Metrics)


async def test_requests_events_and_the_database_are_counted(
    app: web.Application, as_: As, district: DistrictIds, clock: Clock
) -> None:
    admin, leader = await as_("quantri"), await as_("chutich")
    before = await (await admin.get("/metrics")).text()
    assert "giaoban_events_total{" not in before
    made = await leader.post("/api/v1/directives?issue=true", body(clock, [district.unit("19606")]))
    assert made.status == 201
    assert (await leader.get("/api/v1/no-such")).status == 404
    assert (await leader.request("PROPFIND", "/api/v1/directives")).status == 405
    await asyncio.sleep(0)
    text = await (await admin.get("/metrics")).text()
    assert value(text, 'giaoban_http_requests_total{method="POST",status="201"}') == 1
    assert value(text, 'giaoban_http_requests_total{method="GET",status="404"}') == 1
    assert value(text, 'giaoban_http_requests_total{method="other",status="405"}') == 1
    assert value(text, 'giaoban_events_total{kind="directive.issued"}') >= 1
    assert value(text, 'giaoban_database_seconds_count{kind="write"}') >= 1
    assert value(text, 'giaoban_database_seconds_count{kind="read"}') > value(
        before, 'giaoban_database_seconds_count{kind="read"}'
    )
    assert value(text, "giaoban_http_request_seconds_count") >= 4
    assert value(text, "giaoban_connections") == 0
    assert value(text, "process_cpu_seconds_total") > 0


async def test_how_long_a_page_was_open_is_no_time_of_a_request(as_: As, app: web.Application) -> None:
    admin = await as_("quantri")
    async with admin.client.ws_connect("/socket.io/?EIO=4&transport=websocket") as page:
        await page.receive()
        assert app[CHANNEL].sio.eio.sockets
    for _ in range(500):  # the server sees the end a little later
        if not app[CHANNEL].sio.eio.sockets:
            break
        await asyncio.sleep(0.01)
    await asyncio.sleep(0.05)
    text = await (await admin.get("/metrics")).text()
    assert 'status="101"' not in text


async def test_how_long_one_waited_for_something_new_is_none_either(as_: As, caplog: pytest.LogCaptureFixture) -> None:
    admin = await as_("quantri")
    url = "/socket.io/?EIO=4&transport=polling"
    opened = await (await admin.client.get(url)).text()
    url += f"&sid={json.loads(opened[1:])['sid']}"
    caplog.set_level(logging.INFO, "giaoban.http")
    assert (await admin.client.post(url, data="40")).status == 200
    assert (await admin.client.get(url)).status == 200
    assert (await admin.client.post(url, data="no payload")).status == 400
    text = await (await admin.get("/metrics")).text()
    assert 'method="POST",status="200"' not in text
    assert value(text, 'giaoban_http_requests_total{method="POST",status="400"}') == 1
    told = [record.getMessage() for record in caplog.records if record.name == "giaoban.http"]
    assert [line.split(" ")[:3] for line in told if "/socket.io/" in line] == [["POST", "/socket.io/", "400"]]


async def test_no_figure_names_anybody(as_: As, app: web.Application, district: DistrictIds, clock: Clock) -> None:
    leader = await as_("chutich")
    await leader.post("/api/v1/directives?issue=true", body(clock, [district.unit("19606")]))
    text = await (await (await as_("quantri")).get("/metrics")).text()
    assert not re.search(r"chutich|camthuy|19606|Cam ", text)


async def test_the_loop_looks_at_itself(as_: As) -> None:
    admin = await as_("quantri")
    for _ in range(100):
        text = await (await admin.get("/metrics")).text()
        if value(text, "giaoban_loop_lag_seconds_count") >= 1:
            return
        await asyncio.sleep(0.1)
    raise AssertionError("never looked")
