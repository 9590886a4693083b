"""`/metrics`: its route, who may read it, and the figures of this process.

An administrator may, by cookie or bearer token. A Prometheus server cannot sign in, so its address may be named in
`metrics.addresses`; by default none is. Behind a front server the address is what `http.trusted_proxies` lets us
believe.
"""

from __future__ import annotations

import asyncio
import contextlib
import ipaddress
from collections.abc import AsyncIterator, Callable

from aiohttp import web
from prometheus_client import CollectorRegistry, generate_latest

from server.accounts.permissions import Permission
from server.channel import Channel
from server.errors import NotAllowedError, NotSignedInError
from server.http.i18n import _
from server.http.keys import ON_REQUEST, PRINCIPAL, SETTINGS, STORE
from server.http.limits import client_address
from server.http.routes import Route, add_routes
from server.metrics.figures import ControlFigures

REGISTRY = web.AppKey("registry", CollectorRegistry)
"""Where each feature registers its figures."""

LOOK_SECONDS = 0.5
_TYPE = "text/plain; version=0.0.4; charset=utf-8"


async def get_metrics(request: web.Request) -> web.Response:
    """All figures in Prometheus' text format, for administrators and the addresses of the settings."""
    _check(request)
    text = generate_latest(request.app[REGISTRY])
    return web.Response(body=text, headers={"Content-Type": _TYPE})


def _check(request: web.Request) -> None:
    who = request.get(PRINCIPAL)
    if who is not None and who.may(Permission.READ_METRICS):
        return
    if _trusted(client_address(request), request.app[SETTINGS].metrics.addresses):
        return
    if who is None:
        raise NotSignedInError("not_signed_in", _("Đồng chí cần đăng nhập để tiếp tục."))
    raise NotAllowedError("not_allowed", _("Vai trò của đồng chí không làm được việc này."))


def _trusted(address: str, networks: list[str]) -> bool:
    try:
        found = ipaddress.ip_address(address)
    except ValueError:
        return False
    return any(found in ipaddress.ip_network(network) for network in networks)


def _watch_loop(figures: ControlFigures) -> Callable[[web.Application], AsyncIterator[None]]:
    async def look() -> None:
        loop = asyncio.get_running_loop()
        while True:
            due = loop.time() + LOOK_SECONDS
            await asyncio.sleep(LOOK_SECONDS)
            figures.woke(loop.time() - due)

    async def context(_app: web.Application) -> AsyncIterator[None]:
        task = asyncio.create_task(look(), name="loop lag")
        yield
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task

    return context


def set_up(app: web.Application, channel: Channel) -> None:
    """The registry, the route, and what tells the figures."""
    app[REGISTRY] = registry = CollectorRegistry()
    figures = ControlFigures(registry, lambda: len(list(channel.callers())))
    app.setdefault(ON_REQUEST, []).append(figures.request)
    app[STORE].on_done = figures.transaction
    app[STORE].listeners.append(figures.committed)
    app.cleanup_ctx.append(_watch_loop(figures))
    add_routes(app, [Route("GET", "/metrics", get_metrics, Permission.PUBLIC)])
