"""The cookie of a sign-in: no script reads it, no other site's form sends it; with HTTPS it goes by HTTPS alone."""

from __future__ import annotations

from aiohttp import web

from server.accounts.identify import COOKIE
from server.accounts.sessions import Opened
from server.http.keys import SETTINGS, STORE


def is_https(request: web.Request) -> bool:
    """Whether the browser came by HTTPS, to us or to a front server that we trust."""
    if request.secure:
        return True
    trusted = (request.remote or "") in request.app[SETTINGS].http.trusted_proxies
    return trusted and request.headers.get("X-Forwarded-Proto", "").lower() == "https"


def set_session_cookie(request: web.Request, reply: web.StreamResponse, opened: Opened) -> None:
    """Give the browser the session's secret."""
    reply.set_cookie(
        COOKIE,
        opened.secret,
        max_age=int((opened.expires_at - request.app[STORE].clock()).total_seconds()),
        path="/",
        httponly=True,
        samesite="Lax",
        secure=is_https(request),
    )


def clear_session_cookie(reply: web.StreamResponse) -> None:
    """Take the cookie away."""
    reply.del_cookie(COOKIE, path="/")
