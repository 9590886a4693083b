"""Wires people and sign-in into the application."""

from __future__ import annotations

from collections.abc import AsyncIterator

from aiohttp import web

from server.accounts import api, pages, people_pages
from server.accounts.identify import SIGN_INS
from server.accounts.permissions import Permission
from server.channel import Channel
from server.http.i18n import _
from server.http.keys import IDENTIFY, RENDERER
from server.http.pages import NavItem
from server.http.routes import add_routes


async def _end_hashing(app: web.Application) -> AsyncIterator[None]:
    yield
    app[SIGN_INS].passwords.close()


def set_up(app: web.Application, channel: Channel) -> None:
    """Routes of sign-in and people; `app[SIGN_INS]` is made by the composition root, which the channel shares."""
    app[IDENTIFY] = app[SIGN_INS].identify_request
    app.cleanup_ctx.append(_end_hashing)
    app[RENDERER].nav.append(NavItem("/people", _("Danh bạ"), "users-round", Permission.READ_PEOPLE, 80))
    add_routes(app, [*api.ROUTES, *pages.ROUTES, *people_pages.ROUTES])
