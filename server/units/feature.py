"""Wires units into the application."""

from __future__ import annotations

from aiohttp import web

from server.accounts.permissions import Permission
from server.channel import Channel
from server.http.i18n import _
from server.http.pages import RENDERER, NavItem
from server.http.routes import add_routes
from server.units import api, pages


def set_up(app: web.Application, channel: Channel) -> None:
    """Routes of units."""
    app[RENDERER].nav.append(NavItem("/units", _("Các đơn vị"), "network", Permission.READ_PEOPLE, 90, _("Đơn vị")))
    add_routes(app, [*api.ROUTES, *pages.ROUTES])
