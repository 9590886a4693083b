"""Typed keys of what the application carries and what a request knows."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from aiohttp import web

from server.accounts.principal import Principal
from server.config import Settings
from server.errors import GiaoBanError
from server.store import Store

SETTINGS = web.AppKey("settings", Settings)
STORE = web.AppKey("store", Store)
IDENTIFY: web.AppKey[Callable[[web.Request], Awaitable[Principal | None]]] = web.AppKey("identify")
"""Finds who is asking by cookie or bearer token; set by the accounts feature."""

PRINCIPAL: web.RequestKey[Principal | None] = web.RequestKey("principal")
BY_COOKIE: web.RequestKey[bool] = web.RequestKey("by_cookie", bool)
REQUEST_ID: web.RequestKey[str] = web.RequestKey("request_id", str)
LANGUAGE: web.RequestKey[str] = web.RequestKey("language", str)
HEAD_SEQ: web.RequestKey[int] = web.RequestKey("head_seq", int)
"""The unit's event number before the page was read: its live channel goes on from there."""
REFUSALS: web.RequestKey[list[GiaoBanError]] = web.RequestKey("refusals", list)
"""What of this request was refused; several if a page says it by itself."""
ON_REFUSAL: web.AppKey[list[Callable[[web.Request, GiaoBanError], Awaitable[None]]]] = web.AppKey("on_refusal")
"""Told of each refusal before it is answered."""
ON_REQUEST: web.AppKey[list[Callable[[str, int, float], None]]] = web.AppKey("on_request")
"""Told of each finished request: method, status, seconds."""
