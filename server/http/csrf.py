"""Forms and calls that change something must come from our own pages."""

from __future__ import annotations

import hmac
from hashlib import sha256

from aiohttp import web

from server.errors import NotAllowedError
from server.http.i18n import _
from server.http.reading import read_form
from server.http.routes import principal


def csrf_token(session_id: str) -> str:
    """The form token of a session: it changes with each sign-in and cannot be guessed without the session's id."""
    return sha256(b"csrf:" + session_id.encode()).hexdigest()[:40]


def check_origin(request: web.Request) -> None:
    """Refuse what another site's page sends; this also covers sign-in, where there is no session yet."""
    origin = request.headers.get("Origin")
    if origin and origin.split("://", 1)[-1] != request.host:
        raise NotAllowedError("csrf", _("Yêu cầu đến từ một trang khác nên bị từ chối."))


async def check_csrf(request: web.Request) -> None:
    """Refuse a form or call that did not come from our own pages (header for scripts, field for forms)."""
    sent = request.headers.get("X-CSRF-Token")
    if sent is None and request.content_type in ("application/x-www-form-urlencoded", "multipart/form-data"):
        field = (await read_form(request)).get("csrf")
        sent = field if isinstance(field, str) else None
    expected = csrf_token(principal(request).session_id).encode()
    if not sent or not hmac.compare_digest(sent.encode(errors="surrogateescape"), expected):
        raise NotAllowedError("csrf", _("Trang này đã cũ. Xin tải lại trang rồi làm lại."))
