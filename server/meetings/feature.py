"""Wires meetings into the application."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator
from typing import Any

from aiohttp import web

from server.accounts.permissions import Permission
from server.channel import Channel
from server.home.cards import HOME_CARDS
from server.http.health import CHECKS, DETAILS
from server.http.i18n import _
from server.http.keys import SETTINGS, STORE
from server.http.pages import RENDERER, NavItem
from server.http.routes import add_routes
from server.meetings import api, events, pages
from server.meetings.board import BOARD, Board
from server.meetings.conductor import CONDUCTOR, Conductor
from server.meetings.link import KEEP_MEDIA
from server.meetings.metrics import MediaFigures
from server.meetings.placing import NodeFigures
from server.meetings.pool import MediaPool
from server.meetings.trials import Trials
from server.metrics.feature import REGISTRY


async def _run(app: web.Application) -> AsyncIterator[None]:
    await app[CONDUCTOR].start()
    yield
    keep = app.get(KEEP_MEDIA)
    await app[CONDUCTOR].close(keep_media=keep is not None and keep.is_set())


def _in_words(node: NodeFigures) -> dict[str, Any]:
    """What `/readyz` says to everybody: how a node is, not who meets there."""
    state = "away"
    if node.ready:
        state = "overloaded" if node.overloaded else "draining" if node.draining else "ready"
    return {"node": node.number, "state": state, "cpu": round(node.cpu_share, 2), "lag_ms": round(1000 * node.lag)}


def set_up(app: web.Application, channel: Channel) -> None:
    """Routes, messages, navigation, and the media nodes."""
    settings = app[SETTINGS]
    pool = MediaPool(settings)
    app[CONDUCTOR] = conductor = Conductor(settings, app[STORE], channel, pool)

    async def media_is_there() -> bool:
        return pool.ready

    if settings.media.socket:
        app.setdefault(CHECKS, {})["media"] = media_is_there
        app.setdefault(DETAILS, {})["media"] = lambda: [_in_words(node) for node in pool.nodes()]
    figures = MediaFigures(app[REGISTRY], pool.nodes)
    pool.on_stats = lambda number, stats: figures.take(number, stats, time.monotonic())
    app[BOARD] = board = Board(app[STORE], pool)
    board.on_report = figures.hear
    channel.register(*events.RoomMessages(channel, conductor, board).messages())
    channel.register(*Trials(channel, pool).messages())
    channel.announce(*events.ANNOUNCEMENTS)
    add_routes(app, [*api.ROUTES, *pages.ROUTES])
    app[RENDERER].nav.append(NavItem("/meetings", _("Họp"), "video", Permission.JOIN_MEETING, 30))
    app[RENDERER].badges.append(pages.badges)
    app[HOME_CARDS] += [pages.live_card, pages.next_card]
    app.cleanup_ctx.append(_run)
