"""`/healthz`: the process answers. `/readyz`: its parts do, each by name."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import sqlalchemy as sa
from aiohttp import web

from server.accounts.permissions import Permission
from server.http.keys import STORE
from server.http.replies import json_reply
from server.http.routes import Route

Check = Callable[[], Awaitable[bool]]
CHECKS: web.AppKey[dict[str, Check]] = web.AppKey("checks", dict)


async def get_healthz(_request: web.Request) -> web.Response:
    """The process is alive."""
    return json_reply({"status": "ok"})


async def get_readyz(request: web.Request) -> web.Response:
    """Whether the database and what the features registered work now; 503 if one does not."""
    await request.app[STORE].read(lambda tx: tx.execute(sa.select(1)))
    parts = {"database": True}
    for name, check in request.app.get(CHECKS, {}).items():
        parts[name] = await check()
    return json_reply({"ready": all(parts.values()), "parts": parts}, status=200 if all(parts.values()) else 503)


ROUTES_HERE = [
    Route("GET", "/healthz", get_healthz, Permission.PUBLIC, free=True),
    Route("GET", "/readyz", get_readyz, Permission.PUBLIC, free=True),
]
