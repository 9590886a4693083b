"""The composition root: every part is made here, once, and handed to those that need it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable

from aiohttp import web

from server.accounts import feature as accounts
from server.accounts.identify import SIGN_INS, SignIns
from server.calls import feature as calls
from server.channel import Channel
from server.channel import document as channel_document
from server.config import Settings
from server.directives import feature as directives
from server.home import feature as home
from server.http import health, openapi
from server.http.keys import SETTINGS, STORE
from server.http.limits import LIMITER, POLLS, POLLS_TO_REQUESTS, Limiter
from server.http.middleware import MIDDLEWARES
from server.http.pages import RENDERER, Renderer
from server.http.routes import ROUTES, add_routes
from server.http.static import StaticFiles
from server.meetings import feature as meetings
from server.metrics import feature as metrics
from server.reach import feature as reach
from server.records import feature as records
from server.refusals import feature as refusals
from server.store import Store
from server.units import feature as units

Feature = Callable[[web.Application, Channel], None]
FEATURES: tuple[Feature, ...] = (
    metrics.set_up,
    home.set_up,
    accounts.set_up,
    units.set_up,
    reach.set_up,
    directives.set_up,
    meetings.set_up,
    calls.set_up,
    records.set_up,
    refusals.set_up,
)


async def _close_store(app: web.Application) -> AsyncIterator[None]:
    yield
    app[STORE].close()


def make_app(settings: Settings, store: Store) -> web.Application:
    """The whole control process. Each feature adds its routes, messages, navigation and its own `cleanup_ctx`."""
    app = web.Application(middlewares=MIDDLEWARES, client_max_size=(settings.http.upload_limit_mb + 1) << 20)
    static = StaticFiles()
    app[SETTINGS] = settings
    app[STORE] = store
    app[LIMITER] = Limiter(settings.access.requests_per_minute)
    app[POLLS] = Limiter(POLLS_TO_REQUESTS * settings.access.requests_per_minute)
    app[RENDERER] = Renderer(settings, static)
    app[ROUTES] = {}
    app.cleanup_ctx.append(_close_store)
    app[SIGN_INS] = sign_ins = SignIns(settings, store)
    channel = Channel(store, sign_ins.identify, settings.redis_url)
    add_routes(app, [*static.routes(), *openapi.ROUTES_HERE, *health.ROUTES_HERE])
    for set_up in FEATURES:
        set_up(app, channel)
    add_routes(app, channel_document.routes(channel))
    channel.attach(app)
    return app
