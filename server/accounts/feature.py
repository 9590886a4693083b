"""Wires people and sign-in into the application."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable

from aiohttp import web

from server.accounts import api, pages, people_pages, sessions
from server.accounts.identify import SIGN_INS
from server.accounts.permissions import Permission
from server.channel import Channel
from server.http.i18n import _
from server.http.keys import IDENTIFY, STORE
from server.http.pages import RENDERER, NavItem
from server.http.routes import add_routes

LOOK_EVERY = 60  # seconds


async def _end_sign_ins(app: web.Application) -> AsyncIterator[None]:
    yield
    await app[SIGN_INS].close()


def _watch_over(channel: Channel) -> Callable[[web.Application], AsyncIterator[None]]:
    """A page that stays open longer than its sign-in lasts is disconnected, too."""

    async def look(app: web.Application) -> None:
        while True:
            await asyncio.sleep(LOOK_EVERY)
            await end_stale(app, channel)

    async def context(app: web.Application) -> AsyncIterator[None]:
        task = asyncio.create_task(look(app))
        yield
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task

    return context


async def end_stale(app: web.Application, channel: Channel) -> None:
    """Disconnect live connections whose sign-in is over, whoever ended it."""
    connected = {caller.who.session_id for caller in channel.callers()}
    valid = await app[STORE].read(sessions.still_valid, connected)
    await channel.end_here(list(connected - valid), None)


def set_up(app: web.Application, channel: Channel) -> None:
    """Routes of sign-in and people; `app[SIGN_INS]` is made by the composition root, which the channel shares."""
    app[IDENTIFY] = app[SIGN_INS].identify_request
    app[pages.ACCOUNT_PARTS] = []
    channel.on_end.append(app[SIGN_INS].ended)
    app.cleanup_ctx.append(_end_sign_ins)
    app.cleanup_ctx.append(_watch_over(channel))
    app[RENDERER].nav.append(NavItem("/people", _("Danh bạ"), "users-round", Permission.READ_PEOPLE, 80))
    add_routes(app, [*api.ROUTES, *pages.ROUTES, *people_pages.ROUTES])
