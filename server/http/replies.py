"""Replies: JSON by msgspec, and the redirect after a form."""

from __future__ import annotations

from typing import Any

import msgspec
from aiohttp import web


def json_reply(value: Any, status: int = 200) -> web.Response:
    """Any struct, dataclass or plain value as JSON; datetimes as RFC 3339 in UTC."""
    return web.Response(body=msgspec.json.encode(value), status=status, content_type="application/json")


def see_other(location: str) -> web.Response:
    """After a form was accepted: the browser gets the page anew, and reloading does not send the form twice."""
    return web.Response(status=303, headers={"Location": location})
