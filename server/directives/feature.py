"""Wires directives into the application."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping
from zoneinfo import ZoneInfo

from aiohttp import web
from prometheus_client import Gauge

from server.accounts.permissions import Permission
from server.accounts.tokens import load_key
from server.channel import Channel
from server.config import ROOT
from server.directives import (
    accepting,
    api,
    downloads,
    exchange,
    exchange_answers,
    exporting,
    home,
    outgoing,
    pages,
    posting,
    pressing,
    registering,
    scheduling,
    service,
    signing,
    timing,
    voicing,
    wall,
    withdrawing,
    working,
)
from server.directives.documents import Urgency
from server.directives.events import ANNOUNCEMENTS, Receipts, board_watch
from server.directives.keys import FILES, HELD_KEY, POLICY, PREVIEWS, WORKSHOP
from server.directives.policy import load_policy
from server.directives.previews import Previews
from server.directives.sweeper import Sweeper
from server.directives.workshop import Workshop
from server.home.cards import HOME_CARDS
from server.http.i18n import _
from server.http.keys import SETTINGS, STORE
from server.http.pages import RENDERER, NavItem
from server.http.routes import add_routes, principal
from server.metrics.feature import REGISTRY
from server.reach.channels import served
from server.reach.keys import AWAKE
from server.store.files import FileStore

INBOX, OUTBOX = "/directives/in", "/directives/out"

_PARTS = (
    api,
    downloads,
    outgoing,
    pages,
    accepting,
    withdrawing,
    timing,
    posting,
    working,
    pressing,
    registering,
    exporting,
    exchange,
    exchange_answers,
    scheduling,
    signing,
    voicing,
    wall,
)


async def _badges(request: web.Request) -> Mapping[str, int]:
    who, store = principal(request), request.app[STORE]
    counts: dict[str, int] = {}
    if who.may(Permission.READ_DIRECTIVES):
        counts[INBOX] = await store.read(service.unread, who.unit_id)
    if who.may(Permission.ISSUE_DIRECTIVE):
        counts[OUTBOX] = await store.read(service.waiting, who.unit_id)
    return counts


def _show_what_failed(app: web.Application, sweeper: Sweeper) -> None:
    """Figures of what the sweeper has set aside, for `/metrics`."""

    def gauge(name: str, what: str, count: Callable[[], int]) -> None:
        Gauge(name, what, registry=app[REGISTRY]).set_function(count)

    gauge("giaoban_sweep_set_aside", "Deliveries whose alarms failed at the last try", lambda: sweeper.set_aside)
    unmoved = "Directives of ended units that could not be handed over at the last try"
    gauge("giaoban_handover_set_aside", unmoved, lambda: sweeper.handovers_set_aside)


def set_up(app: web.Application, channel: Channel) -> None:
    """Routes, messages and navigation of directives."""
    settings, store = app[SETTINGS], app[STORE]
    zone, limit = ZoneInfo(settings.timezone), settings.http.upload_limit_mb << 20
    app[POLICY] = policy = load_policy(ROOT / "config", zone, limit, served(settings))
    app[AWAKE] = lambda at, urgency: policy.after_quiet_hours(at, Urgency(urgency))
    data = settings.path(settings.storage.data)
    app[FILES] = FileStore(data / "files")
    app[HELD_KEY] = load_key(data / "secret.key")
    app[PREVIEWS] = Previews(data / "previews", app[FILES])
    app[WORKSHOP] = Workshop()
    receipts = Receipts(store)

    async def end_receipts(_app: web.Application) -> AsyncIterator[None]:
        yield
        await receipts.close()

    sweeper = Sweeper(store, app[POLICY])
    _show_what_failed(app, sweeper)

    async def run_sweeper(_app: web.Application) -> AsyncIterator[None]:
        sweeper.start()
        yield
        await sweeper.close()

    app.cleanup_ctx.extend([end_receipts, run_sweeper])
    channel.on_ack.append(receipts.note)
    channel.may_watch["board"] = board_watch(store)
    channel.may_watch["presence"] = wall.may_watch_presence
    channel.announce(*ANNOUNCEMENTS)
    for part in _PARTS:
        add_routes(app, part.ROUTES)
    app[RENDERER].nav.extend(
        [
            NavItem(INBOX, _("Chỉ đạo đến"), "inbox", Permission.READ_DIRECTIVES, 20, _("Chỉ đạo")),
            NavItem(OUTBOX, _("Chỉ đạo đi"), "send", Permission.FOLLOW_DIRECTIVE, 21, _("Gửi đi")),
            NavItem("/registers", _("Sổ văn bản"), "book-open", Permission.FOLLOW_DIRECTIVE, 70),
            NavItem("/directives/posts", _("Phân công trực"), "users", Permission.NAME_POSTS, 75),
        ]
    )
    app[RENDERER].badges.append(_badges)
    app[HOME_CARDS].extend(home.CARDS)
