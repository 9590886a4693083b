"""What a browser keeps of us: the service worker, and the page that it shows without a network."""

from __future__ import annotations

from aiohttp import web

from server.accounts.permissions import Permission
from server.http import RENDERER, Route, render

SCRIPT = "/static/js/sw.js"


async def get_worker(request: web.Request) -> web.Response:
    """The service worker, at the root so that it serves all pages; browsers ask for it anew each time."""
    body = request.app[RENDERER].static.files[SCRIPT].body
    return web.Response(body=body, content_type="text/javascript", headers={"Cache-Control": "no-cache"})


async def get_offline(request: web.Request) -> web.Response:
    """What is shown for a page that was not kept."""
    return await render(request, "offline.html")


ROUTES = [
    Route("GET", "/sw.js", get_worker, Permission.PUBLIC),
    Route("GET", "/offline", get_offline, Permission.PUBLIC),
]
