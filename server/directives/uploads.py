"""Files of a form: checked by their content, stored under their SHA-256, before any transaction begins."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path
from typing import BinaryIO
from urllib.parse import unquote

from aiohttp import web

from server.directives.archives import UnpacksTooLargeError
from server.directives.attachments import content_type, safe_name
from server.directives.documents import name_bears_secrecy_mark
from server.directives.held import held_before, hold
from server.directives.keys import FILES, POLICY
from server.directives.office import MacrosError
from server.directives.shapes import Upload
from server.errors import TooLargeError, UnavailableError, UserError
from server.http.i18n import _
from server.http.reading import read_form
from server.store.files import FileStore, FileTooLargeError


def keep_file(store: FileStore, file: BinaryIO, given_name: str, limit: int) -> Upload:
    """Check and store one file. Raises UserError, TooLargeError, UnavailableError (disk)."""
    name = Path(given_name).name[:80]
    kind = _kind(file, name)
    safe = safe_name(given_name, kind)
    if name_bears_secrecy_mark(safe):
        text = _(
            "Tên tệp “{name}” có dấu độ mật nên không nhận. Bí mật nhà nước không được soạn, lưu hay gửi trên máy "
            "có nối mạng (Luật Bảo vệ bí mật nhà nước). Hệ thống chỉ nhận văn bản thường."
        )
        raise UserError("secret", text, field="files", name=name)
    try:
        stored = store.put(file, limit)
    except FileTooLargeError as error:
        raise TooLargeError(
            "file_too_large", _("Tệp “{name}” lớn hơn {mb} MB."), field="files", name=name, mb=limit >> 20
        ) from error
    except OSError as error:
        raise UnavailableError("disk", _("Máy chủ chưa lưu được tệp. Xin báo quản trị.")) from error
    return Upload(name=safe, content_type=kind, size=stored.size, sha256=stored.sha256)


def _kind(file: BinaryIO, name: str) -> str:
    """The type by content. Raises UserError, which says what to do."""
    try:
        kind = content_type(file)
    except MacrosError as error:
        text = _("Tệp “{name}” có mã lệnh (macro) nên không nhận. Xin lưu lại không có macro, hoặc lưu thành PDF.")
        raise UserError("macros", text, field="files", name=name) from error
    except UnpacksTooLargeError as error:
        text = _("Tệp “{name}” giải nén ra quá lớn nên không nhận.")
        raise UserError("unpacks_too_large", text, field="files", name=name) from error
    if kind is None:
        text = _(
            "Tệp “{name}” không phải PDF, Word (.docx), Excel (.xlsx), PNG hay JPEG hợp lệ nên không nhận. "
            "Tệp .doc, .xls xin lưu lại thành .docx, .xlsx hoặc PDF."
        )
        raise UserError("bad_file", text, field="files", name=name)
    return kind


async def read_uploads(request: web.Request) -> list[Upload]:
    """All files of a form."""
    return (await read_upload_fields(request, ["files"]))["files"]


async def read_upload_fields(request: web.Request, names: Sequence[str]) -> dict[str, list[Upload]]:
    """All files of fields of a form: those that it had when it came again (`held`), then the new ones in their order.

    An empty file input gives none. What is wrong with one file is raised when all others are held.
    """
    if not request.content_type.startswith("multipart/"):
        return {name: [] for name in names}
    values, found, wrong = await read_form(request), dict[str, list[Upload]](), list[UserError]()
    for name in names:
        found[name] = held_before(request, values.getall(f"{name}_held", []))
        given = [one for one in values.getall(name, []) if isinstance(one, web.FileField) and one.filename]
        try:
            _require_few(request, len(found[name]) + len(given))
        except UserError as error:
            wrong.append(error if name == "files" else error.at(files=name))
            given = []
        for field in given:
            try:  # a spooled file has all of BinaryIO
                found[name].append(await _keep(request, _sent_name(field.filename), field.file))  # type: ignore[arg-type]
            except UserError as error:
                wrong.append(error if name == "files" else error.at(files=name))
        hold(request, name, found[name])
    if wrong:
        raise wrong[0]
    return found


def _sent_name(filename: str) -> str:
    """The name that a form field means: browsers send it as it is, other programs percent-encoded (RFC 7578, 2)."""
    try:
        return unquote(filename, errors="strict")
    except UnicodeDecodeError:
        return filename


async def keep_files(request: web.Request, files: Sequence[tuple[str, BinaryIO]]) -> list[Upload]:
    """Check and store files, each with the name that it was given."""
    _require_few(request, len(files))
    return [await _keep(request, name, file) for name, file in files]


def _require_few(request: web.Request, count: int) -> None:
    most = request.app[POLICY].file.most_attachments
    if count > most:
        raise UserError("too_many_files", _("Nhiều nhất {most} tệp kèm theo."), field="files", most=most)


async def _keep(request: web.Request, name: str, file: BinaryIO) -> Upload:
    store, limit = request.app[FILES], request.app[POLICY].attachment_limit
    return await asyncio.to_thread(keep_file, store, file, name, limit)
