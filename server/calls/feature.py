"""Wires the village line into the application: calls run in the process that has the media nodes, and only there."""

from __future__ import annotations

from collections.abc import AsyncIterator

from aiohttp import web

from server.accounts.pages import ACCOUNT_PARTS
from server.accounts.permissions import Permission
from server.accounts.tokens import load_key
from server.calls import api, pages
from server.calls.dial_out import Dialler
from server.calls.errands import Errands
from server.calls.events import CallMessages
from server.calls.exchange import EXCHANGE, Exchange
from server.calls.figures import CallFigures
from server.calls.means import Means
from server.channel import Channel
from server.directives.keys import FILES, POLICY
from server.http.health import CHECKS
from server.http.i18n import _
from server.http.keys import SETTINGS, STORE
from server.http.pages import RENDERER, NavItem
from server.http.routes import add_routes
from server.meetings.conductor import CONDUCTOR
from server.metrics.feature import REGISTRY


async def _run(app: web.Application) -> AsyncIterator[None]:
    await app[EXCHANGE].start()
    yield
    await app[EXCHANGE].close()


def set_up(app: web.Application, channel: Channel) -> None:
    """Must run after meetings, so that calls end before the media nodes do, and after directives."""
    settings, dialler = app[SETTINGS], None
    data = settings.path(settings.storage.data)
    if settings.telephone.address and settings.media.socket:
        key = load_key(data / "secret.key")
        app[EXCHANGE] = exchange = Exchange(settings, app[STORE], app[CONDUCTOR], key)
        app[pages.DIALLER] = dialler = Dialler(exchange)

        async def ports_are_open() -> bool:
            return exchange.open

        app.setdefault(CHECKS, {})["telephone"] = ports_are_open
        CallFigures(app[REGISTRY], exchange)
        app.cleanup_ctx.append(_run)
        errands = Errands(Means(exchange, dialler, app[POLICY], app[FILES], data / "answers"))

        async def run_errands(_app: web.Application) -> AsyncIterator[None]:
            await errands.start()
            yield
            await errands.close()

        app.cleanup_ctx.append(run_errands)
    if settings.telephone.address and settings.telephone.numbers:
        app[ACCOUNT_PARTS].append(pages.account_part)
    add_routes(app, [*api.ROUTES, *pages.ROUTES])
    app[RENDERER].nav.append(NavItem("/telephone", _("Điện thoại"), "phone", Permission.MANAGE_TELEPHONE, 85))
    channel.register(*CallMessages(app[STORE], dialler).messages())
