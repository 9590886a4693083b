"""The generated document of all messages, both ways: `/api/channel.json`."""

from __future__ import annotations

from typing import Any

import msgspec
from aiohttp import web

from server.accounts.permissions import Permission
from server.channel.channel import Channel
from server.http.replies import json_reply
from server.http.routes import Route


def describe(channel: Channel) -> dict[str, Any]:
    """What clients may send and what the server sends."""
    sent = {
        m.name: {"summary": m.summary, "permission": m.may.value, "data": msgspec.json.schema(m.data)}
        for m in channel.messages.values()
    }
    received = {a.name: {"summary": a.summary, "durable": a.durable} for a in channel.announcements.values()}
    return {"client_to_server": sent, "server_to_client": received}


def routes(channel: Channel) -> list[Route]:
    """The document's own route."""

    async def get_channel_document(_request: web.Request) -> web.Response:
        """All messages of the live channel."""
        return json_reply(describe(channel))

    return [Route("GET", "/api/channel.json", get_channel_document, Permission.PUBLIC)]
