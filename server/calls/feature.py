"""Wires the village line into the application."""

from __future__ import annotations

from collections.abc import AsyncIterator

from aiohttp import web

from server.accounts.permissions import Permission
from server.accounts.tokens import load_key
from server.calls import api, pages
from server.calls.dial_out import Dialler
from server.calls.events import CallMessages
from server.calls.exchange import EXCHANGE, Exchange
from server.channel import Channel
from server.http.health import CHECKS
from server.http.i18n import _
from server.http.keys import SETTINGS, STORE
from server.http.pages import RENDERER, NavItem
from server.http.routes import add_routes
from server.meetings.conductor import CONDUCTOR


async def _run(app: web.Application) -> AsyncIterator[None]:
    await app[EXCHANGE].start()
    yield
    await app[EXCHANGE].close()


def set_up(app: web.Application, channel: Channel) -> None:
    """Must run after meetings: calls end before the media nodes do."""
    settings, dialler = app[SETTINGS], None
    if settings.telephone.address:
        key = load_key(settings.path(settings.storage.data) / "secret.key")
        app[EXCHANGE] = exchange = Exchange(settings, app[STORE], app[CONDUCTOR], key)
        app[pages.DIALLER] = dialler = Dialler(exchange)

        async def ports_are_open() -> bool:
            return exchange.open

        app.setdefault(CHECKS, {})["telephone"] = ports_are_open
        app.cleanup_ctx.append(_run)
    add_routes(app, [*api.ROUTES, *pages.ROUTES])
    app[RENDERER].nav.append(NavItem("/telephone", _("Điện thoại"), "phone", Permission.MANAGE_TELEPHONE, 85))
    channel.register(*CallMessages(app[STORE], dialler).messages())
