"""Wires the keeping of refusals into the application."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import timedelta

from aiohttp import web

from server.accounts.permissions import Permission
from server.channel import Channel
from server.errors import GiaoBanError, UserError
from server.http.i18n import _
from server.http.keys import ON_REFUSAL, PRINCIPAL, SETTINGS, STORE
from server.http.middleware import SAFE_METHODS
from server.http.pages import RENDERER, NavItem
from server.http.routes import add_routes, route_of
from server.refusals import pages
from server.refusals.keeper import Keeper
from server.refusals.service import Refused

_MOST = 2**53
"""Larger numbers are somebody's mistake, and not every JSON holds them."""


def set_up(app: web.Application, _channel: Channel) -> None:
    """The page, and whoever hears of refusals."""
    keeper = Keeper(app[STORE], timedelta(days=app[SETTINGS].refusals.keep_days))

    async def tell(request: web.Request, error: GiaoBanError) -> None:
        refused = _refused(request, error)
        if refused is not None:
            await keeper.keep(refused)

    async def run_keeper(_app: web.Application) -> AsyncIterator[None]:
        keeper.start()
        yield
        await keeper.close()

    app.cleanup_ctx.append(run_keeper)
    app.setdefault(ON_REFUSAL, []).append(tell)
    add_routes(app, pages.ROUTES)
    app[RENDERER].nav.append(
        NavItem("/refusals", _("Thao tác bị từ chối"), "shield-x", Permission.READ_REFUSALS, 90, _("Bị từ chối"))
    )


def _refused(request: web.Request, error: GiaoBanError) -> Refused | None:
    """What is kept of it: only commands, and only of people who were signed in."""
    who, route = request.get(PRINCIPAL), route_of(request)
    if who is None or route is None or request.method in SAFE_METHODS:
        return None
    numbers = {name: value for name, value in error.params.items() if type(value) is int and abs(value) < _MOST}
    resource = request.match_info.route.resource
    return Refused(
        account=who.account_id,
        unit=who.unit_id,
        method=request.method,
        route=resource.canonical if resource is not None else route.path,
        target=request.match_info.get("id", ""),
        status=error.status,
        code=error.code,
        field=(error.field or "") if isinstance(error, UserError) else "",
        message=error.message,
        numbers=numbers,
    )
