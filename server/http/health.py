"""`/healthz`: the process answers. `/readyz`: its parts do, each by name."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import sqlalchemy as sa
from aiohttp import web

from server.accounts.permissions import Permission
from server.errors import UnavailableError
from server.http.keys import STORE
from server.http.replies import json_reply
from server.http.routes import Route
from server.store import Store

Check = Callable[[], Awaitable[bool]]
Detail = Callable[[], Any]
CHECKS: web.AppKey[dict[str, Check]] = web.AppKey("checks", dict)
SOFT_CHECKS: web.AppKey[dict[str, Check]] = web.AppKey("soft_checks", dict)
"""Parts without which the server works less well, but works: it stays ready, and says what is `degraded`."""
DETAILS: web.AppKey[dict[str, Detail]] = web.AppKey("details", dict)
"""More of a part than whether it works, for who looks after the server; anybody can read it."""


async def get_healthz(_request: web.Request) -> web.Response:
    """The process is alive."""
    return json_reply({"status": "ok"})


async def _database_works(store: Store) -> bool:
    try:
        await store.read(lambda tx: tx.execute(sa.select(1)))
    except UnavailableError:
        return False
    return True


async def get_readyz(request: web.Request) -> web.Response:
    """Whether the database and what the features registered work now; 503 if one does not."""
    parts = {"database": await _database_works(request.app[STORE])}
    for name, check in request.app.get(CHECKS, {}).items():
        parts[name] = await check()
    ready = all(parts.values())
    soft = {name: await check() for name, check in request.app.get(SOFT_CHECKS, {}).items()}
    degraded = [name for name, works in soft.items() if not works]
    details = {name: detail() for name, detail in request.app.get(DETAILS, {}).items()}
    body = {"ready": ready, "degraded": degraded, "parts": parts | soft, "details": details}
    return json_reply(body, status=200 if ready else 503)


ROUTES_HERE = [
    Route("GET", "/healthz", get_healthz, Permission.PUBLIC, free=True),
    Route("GET", "/readyz", get_readyz, Permission.PUBLIC, free=True),
]
