"""Sending an attachment, in a sandbox that runs nothing; and the pages of a PDF as pictures."""

from __future__ import annotations

from urllib.parse import quote

import msgspec
from aiohttp import web

from server.accounts.permissions import Permission
from server.directives import service
from server.directives.attachments import PDF
from server.directives.keys import FILES, PREVIEWS
from server.directives.previews import Size
from server.directives.shapes import Attachment
from server.errors import NotFoundError, UnavailableError
from server.http import STORE, Route, principal, read_query, render
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


class PictureQuery(msgspec.Struct, frozen=True, kw_only=True):
    """`small` for a list of files."""

    small: bool = False


async def show_pages(request: web.Request) -> web.Response:
    """All pages of an attached PDF, one below the other, for those who may see its document."""
    found = await _pdf(request)
    pages = await request.app[PREVIEWS].pages(found.sha256)
    place = await request.app[STORE].read(service.place_of_file, principal(request), found.id)
    return await render(request, "directives/pages.html", {"file": found, "pages": pages, "place": place})


async def get_picture(request: web.Request) -> web.StreamResponse:
    """One page of an attached PDF as a picture. No device keeps it: the document may be recalled."""
    found, size = await _pdf(request), Size.SMALL if read_query(request, PictureQuery).small else Size.LARGE
    path = await request.app[PREVIEWS].picture(found.sha256, path_id(request, "page"), size)
    if path is None:
        raise NotFoundError("no_picture", _("Không xem trước được trang này. Xin tải tệp về máy để đọc."))
    return web.FileResponse(path, headers={"Content-Type": "image/webp", "Cache-Control": "private, no-store"})


async def _pdf(request: web.Request) -> Attachment:
    found = await request.app[STORE].read(service.download, principal(request), path_id(request))
    if found.content_type != PDF:
        raise NotFoundError("no_picture", _("Chỉ xem trước được tệp PDF. Xin tải tệp về máy để đọc."))
    return found


_ONE, _READ = "/directives/attachments/{id:\\d+}", Permission.READ_DIRECTIVES
ROUTES = [
    Route("GET", f"{_ONE}/pages", show_pages, _READ),
    Route("GET", f"{_ONE}/pages/{{page:\\d+}}", get_picture, _READ),
    Route("GET", f"/api/v1{_ONE}/pages/{{page:\\d+}}", get_picture, _READ, query=PictureQuery),
]
