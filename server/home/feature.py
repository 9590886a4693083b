"""The home page and the registry by which features put their cards on it."""

from __future__ import annotations

from aiohttp import web

from server.accounts.permissions import Permission
from server.channel import Channel
from server.home import pages
from server.home.cards import HOME_CARDS
from server.http.i18n import _
from server.http.pages import RENDERER, NavItem
from server.http.routes import add_routes


def set_up(app: web.Application, channel: Channel) -> None:
    """Must run before the features that add cards."""
    app[HOME_CARDS] = []
    app[RENDERER].nav.append(NavItem("/", _("Hôm nay"), "house", Permission.SIGNED_IN, 0))
    add_routes(app, pages.ROUTES)
