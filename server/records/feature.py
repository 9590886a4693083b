"""Wires records into the application."""

from __future__ import annotations

from aiohttp import web

from server.accounts.permissions import Permission
from server.channel import Channel
from server.channel.messages import Announcement
from server.home.cards import HOME_CARDS
from server.http.i18n import _
from server.http.pages import RENDERER, NavItem
from server.http.routes import add_routes
from server.records import api, archive, cards, joining, pages


def set_up(app: web.Application, channel: Channel) -> None:
    """Routes, messages and navigation of records, and the archiver beside them."""
    add_routes(app, [*api.ROUTES, *pages.ROUTES])
    channel.announce(
        Announcement("record.ready", "A meeting's record is sealed and can be played", durable=True),
        Announcement("record.damaged", "A record's files are missing or no longer match their sums", durable=True),
    )
    app[RENDERER].nav.append(NavItem("/records", _("Lưu trữ"), "archive", Permission.READ_RECORDS, 40))
    if HOME_CARDS in app:
        app[HOME_CARDS].append(cards.new_records)
    app.cleanup_ctx.append(archive.archiver_context(joining.join))
