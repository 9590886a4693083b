"""Wires the channels beyond the live page into the application."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from datetime import timedelta

from aiohttp import web

from server.accounts.pages import ACCOUNT_PARTS
from server.accounts.permissions import Permission
from server.channel import Channel as LiveChannel
from server.http.i18n import _
from server.http.keys import SETTINGS, STORE
from server.http.pages import RENDERER, NavItem
from server.http.routes import add_routes, principal
from server.reach import account_pages, api, device_pages, operator_pages, service
from server.reach.channels import make_senders, served
from server.reach.keys import AWAKE, SERVED, VAPID
from server.reach.rules import Backoff, always_awake
from server.reach.vapid import FILE, load_vapid
from server.reach.worker import Worker

PAGE = "/reach"


async def _badge(request: web.Request) -> Mapping[str, int]:
    if not principal(request).may(Permission.TEND_MESSAGES):
        return {}
    return {PAGE: await request.app[STORE].read(service.how_many_dead)}


def set_up(app: web.Application, _channel: LiveChannel) -> None:
    """Routes, the worker, a part of one's own account, and the operator's page."""
    settings, store = app[SETTINGS], app[STORE]
    app[SERVED] = has = served(settings)
    app[VAPID] = load_vapid(settings.path(settings.storage.data) / FILE)
    backoff = Backoff(
        settings.reach.tries,
        timedelta(seconds=settings.reach.first_retry_seconds),
        timedelta(minutes=settings.reach.most_retry_minutes),
    )
    senders = make_senders(settings, app[VAPID], store.clock)

    async def run_worker(_app: web.Application) -> AsyncIterator[None]:
        worker = Worker(store, senders, backoff, served=has, awake=app.get(AWAKE, always_awake))
        worker.start()
        yield
        await worker.close()

    app.cleanup_ctx.append(run_worker)
    for part in (api, account_pages, device_pages, operator_pages):
        add_routes(app, part.ROUTES)
    app[ACCOUNT_PARTS].append(account_pages.part)
    app[RENDERER].nav.append(
        NavItem(PAGE, _("Tin báo ra ngoài"), "message-square-warning", Permission.TEND_MESSAGES, 90, _("Tin báo"))
    )
    app[RENDERER].badges.append(_badge)
