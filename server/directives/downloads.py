"""Sending an attachment: as a download, or shown in the browser in a sandbox that runs nothing."""

from __future__ import annotations

from urllib.parse import quote

from aiohttp import web

from server.directives import service
from server.directives.keys import FILES
from server.directives.shapes import Attachment
from server.errors import UnavailableError
from server.http import STORE, principal
from server.http.i18n import _
from server.http.reading import path_id

SANDBOX = "sandbox; default-src 'none'; img-src 'self'; style-src 'unsafe-inline'; frame-ancestors 'none'"


def disposition(attachment: Attachment) -> str:
    """RFC 6266: a plain name for old programs and the true one in UTF-8."""
    plain = "".join(c if c.isascii() and (c.isalnum() or c in "._- ") else "_" for c in attachment.name)
    return f"attachment; filename=\"{plain}\"; filename*=UTF-8''{quote(attachment.name, safe='')}"


async def get_attachment(request: web.Request) -> web.StreamResponse:
    """The bytes of an attachment, for those who may see its document."""
    return send_file(request, await request.app[STORE].read(service.download, principal(request), path_id(request)))


def send_file(request: web.Request, found: Attachment) -> web.StreamResponse:
    """A file of the file store. Raises UnavailableError if it is gone."""
    path = request.app[FILES].path(found.sha256)
    if not path.is_file():
        raise UnavailableError("file_missing", _("Tệp không còn trên máy chủ. Xin báo quản trị."))
    return web.FileResponse(
        path,
        headers={
            "Content-Type": found.content_type,
            "Content-Disposition": disposition(found),
            "Content-Security-Policy": SANDBOX,
            "X-Content-Type-Options": "nosniff",
            "Cache-Control": "private, no-store",
        },
    )
