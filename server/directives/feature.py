"""Wires directives into the application."""

from __future__ import annotations

from aiohttp import web

from server.channel import Channel


def set_up(app: web.Application, channel: Channel) -> None:
    """Routes, messages and navigation of directives."""
