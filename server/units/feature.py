"""Wires units into the application."""

from __future__ import annotations

from aiohttp import web

from server.channel import Channel
from server.http.routes import add_routes
from server.units import api


def set_up(app: web.Application, channel: Channel) -> None:
    """Routes of units."""
    add_routes(app, api.ROUTES)
