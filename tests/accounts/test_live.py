"""What happens to open pages when a sign-in ends or a role changes."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
import socketio
from aiohttp import web

from server.accounts.feature import end_stale
from server.channel import CHANNEL
from tests.conftest import ApiClient, As, Clock, DistrictIds


async def connect(client: ApiClient) -> socketio.AsyncClient:
    made = socketio.AsyncClient(reconnection=False)
    url = str(client.client.make_url("/"))
    await made.connect(url, auth={"token": client.token}, transports=["websocket"])
    return made


async def gone(socket: socketio.AsyncClient) -> None:
    async with asyncio.timeout(5):
        while socket.connected:
            await asyncio.sleep(0.01)


async def test_signing_out_elsewhere_closes_the_page(as_: As) -> None:
    here, there = await as_("chutich"), await as_("chutich")
    socket, other = await connect(here), await connect(there)
    listed = (await (await there.get("/api/v1/sessions")).json())["sessions"]
    target = next(s["id"] for s in listed if not s["current"])
    await there.delete(f"/api/v1/sessions/{target}")
    await gone(socket)
    assert other.connected
    with pytest.raises(socketio.exceptions.ConnectionError):
        await connect(here)
    await other.disconnect()


async def test_a_page_open_longer_than_its_sign_in_is_closed(app: web.Application, as_: As, clock: Clock) -> None:
    client = await as_("chutich")
    socket = await connect(client)
    await end_stale(app, app[CHANNEL])
    assert socket.connected
    clock.advance(hours=12)
    await end_stale(app, app[CHANNEL])
    await gone(socket)


async def test_a_new_role_makes_pages_connect_anew(app: web.Application, as_: As, district: DistrictIds) -> None:
    client, admin = await as_("camthuy"), await as_("quantri")
    socket = await connect(client)
    form: dict[str, Any] = {"unit_id": district.unit("468"), "role": "clerk"}
    who = district.who("camthuy")
    assert (await admin.post(f"/people/{who.account_id}/memberships", form)).status == 303
    await gone(socket)
    again = await connect(client)
    (caller,) = app[CHANNEL].callers()
    assert len(caller.who.memberships) == 2
    await again.disconnect()
