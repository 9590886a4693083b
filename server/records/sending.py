"""Sending large things: a media file by ranges, and a stream that a thread makes while the client reads it."""

from __future__ import annotations

import asyncio
import re
import unicodedata
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from urllib.parse import quote

from aiohttp import web

from server.errors import UnavailableError
from server.http.i18n import _
from server.http.keys import SETTINGS

_NOT_IN_NAMES = re.compile(r'[\\/:*?"<>|]+')
_LONGEST_NAME = 80


def recordings_folder(app: web.Application) -> Path:
    """Where all recordings are."""
    settings = app[SETTINGS]
    return settings.path(settings.storage.recordings)


def inside(root: Path, name: str) -> Path:
    """A file below `root`. Raises UnavailableError for a name that leads out of it, or out through a link."""
    path = (root / name).resolve()
    if not path.is_relative_to(root.resolve()):
        raise UnavailableError("file_outside", _("Tên tệp của hồ sơ không hợp lệ."))
    return path


def file_name(title: str, suffix: str) -> str:
    """A title as the name of a downloaded file: no separators, no controls and no direction marks, not too long."""
    kept = "".join(c for c in unicodedata.normalize("NFC", title) if unicodedata.category(c)[0] != "C")
    words = " ".join(_NOT_IN_NAMES.sub(" ", kept).split())[:_LONGEST_NAME].strip(" .")
    return (words or "record") + suffix


def attachment(name: str) -> str:
    """Content-Disposition for a name in any script (RFC 6266, RFC 8187)."""
    plain = unicodedata.normalize("NFD", name.replace("đ", "d").replace("Đ", "D")).encode("ascii", "ignore").decode()
    return f"attachment; filename=\"{plain}\"; filename*=UTF-8''{quote(name, safe='')}"


async def media_file(app: web.Application, name: str, media_type: str, *, as_name: str = "") -> web.FileResponse:
    """A file of the recordings; aiohttp answers Range, If-Range, ETag, HEAD. Raises UnavailableError if it is gone."""
    path = inside(recordings_folder(app), name)
    if not await asyncio.to_thread(path.is_file):
        raise UnavailableError(
            "file_missing", _("Không thấy tệp bản ghi trên máy chủ. Xin kiểm tra toàn vẹn và báo quản trị.")
        )
    headers = {"Content-Type": media_type, "Cache-Control": "private, no-cache", "Accept-Ranges": "bytes"}
    if as_name:
        headers["Content-Disposition"] = attachment(as_name)
    return web.FileResponse(path, headers=headers, chunk_size=256 * 1024)


def stream(content_type: str, *, as_name: str = "") -> web.StreamResponse:
    """A reply that is begun before it is whole, so it carries its own safety headers."""
    headers = {"Content-Type": content_type, "Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"}
    headers["X-Accel-Buffering"] = "no"  # a front server must pass it on as it comes
    if as_name:
        headers["Content-Disposition"] = attachment(as_name)
    return web.StreamResponse(headers=headers)


async def from_thread(parts: Iterator[bytes]) -> AsyncIterator[bytes]:
    """What a blocking iterator makes, made in a thread one part at a time, as fast as the client reads."""
    while (part := await asyncio.to_thread(next, parts, None)) is not None:
        yield part
