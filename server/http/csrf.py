"""Forms and calls that change something must come from our own pages."""

from __future__ import annotations

import hmac
from hashlib import sha256

from aiohttp import web

from server.errors import NotAllowedError
from server.http.i18n import _
from server.http.reading import read_form
from server.http.routes import principal

_OF_THE_PERSON = frozenset({"/sign-out", "/membership", "/language"})
"""Forms that mean the same whichever unit the person acts in: they serve on a page of any of theirs."""


def csrf_token(session_id: str, unit_id: int) -> str:
    """The form token of a session in one unit.

    It changes with each sign-in and cannot be guessed without the session's id. Whoever has switched to another unit
    beside a page does nothing there by that page: what it shows and asks is of the first.
    """
    return sha256(f"csrf:{unit_id}:{session_id}".encode()).hexdigest()[:40]


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
    who, given = principal(request), (sent or "").encode(errors="surrogateescape")
    units = {one.unit_id for one in who.memberships} if request.path in _OF_THE_PERSON else {who.unit_id}
    if not any(hmac.compare_digest(given, csrf_token(who.session_id, unit).encode()) for unit in units):
        raise NotAllowedError("csrf", _("Trang này đã cũ. Xin tải lại trang rồi làm lại."))
