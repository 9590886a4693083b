"""edXML over HTTP: a directive and what became of it as files for other systems, and files from them taken in."""

from __future__ import annotations

import asyncio
from hashlib import sha256
from io import BytesIO
from zoneinfo import ZoneInfo

import msgspec
from aiohttp import web

from server.accounts.permissions import Permission
from server.directives import service
from server.directives.downloads import send_file
from server.directives.edxml.message import Document, EdxmlError, File, Message
from server.directives.edxml.reading import read_message
from server.directives.edxml.writing import write_message
from server.directives.keys import FILES, POLICY
from server.directives.policy import Policy
from server.directives.service.problems import problem_texts
from server.directives.shapes import Attachment, Command, EdxmlDone, EdxmlRegistered, Upload
from server.directives.uploads import keep_files
from server.errors import TooLargeError, UnavailableError, UserError
from server.http import STORE, Route, json_reply, principal, read_body, read_query, render, see_other
from server.http.i18n import _
from server.http.reading import path_id, read_form
from server.store.files import FileStore

REFUSALS = {
    "not_xml": _("Tệp không phải XML hợp lệ."),
    "not_edxml": _("Tệp không phải văn bản hay trạng thái edXML (QCVN 102:2016/BTTTT)."),
    "doctype": _("Tệp có khai báo DOCTYPE nên không nhận: edXML không cần khai báo này."),
    "too_many_elements": _("Tệp edXML có quá nhiều phần tử nên không nhận."),
    "tag_too_long": _("Tệp edXML có thẻ hay chú thích quá dài nên không nhận."),
    "too_long": _("Mục {where} của tệp edXML quá dài."),
    "missing": _("Tệp edXML thiếu mục {where}."),
    "bad_value": _("Mục {where} của tệp edXML có giá trị không hợp lệ."),
    "broken_file": _("Tệp kèm theo “{where}” trong edXML bị hỏng, không đọc được."),
    "files_too_large": _("Các tệp kèm theo trong edXML quá lớn (từ tệp “{where}”)."),
}


class ExportQuery(msgspec.Struct, frozen=True, kw_only=True):
    """With `recall` the message that asks recipients to give the document up."""

    recall: bool = False


# ---- files for other systems


async def get_document(request: web.Request) -> web.Response:
    """A directive as an edXML file: for its issuer to all recipients, for a recipient to itself."""
    policy, recall = request.app[POLICY], read_query(request, ExportQuery).recall
    document, attachments = await request.app[STORE].read(
        service.edxml_of, principal(request), policy, path_id(request), recall=recall
    )
    return await _file(request, document, attachments, f"van-ban-{path_id(request)}")


async def get_delivery_status(request: web.Request) -> web.Response:
    """What became of a delivery of ours, as an edXML status."""
    policy = request.app[POLICY]
    status = await request.app[STORE].read(service.status_of_delivery, principal(request), policy, path_id(request))
    return await _file(request, status, [], f"trang-thai-{path_id(request)}")


async def get_own_status(request: web.Request) -> web.Response:
    """What our unit has done with a directive that came, as an edXML status."""
    policy = request.app[POLICY]
    status = await request.app[STORE].read(service.status_of_ours, principal(request), policy, path_id(request))
    return await _file(request, status, [], f"trang-thai-van-ban-{path_id(request)}")


async def get_document_status(request: web.Request) -> web.Response:
    """What our unit has done with a document that came as edXML, for its sender."""
    policy = request.app[POLICY]
    status = await request.app[STORE].read(service.status_of_edxml, principal(request), policy, path_id(request))
    return await _file(request, status, [], f"trang-thai-edxml-{path_id(request)}")


async def get_original(request: web.Request) -> web.StreamResponse:
    """The file of a document as it came."""
    digest = await request.app[STORE].read(service.original_of, principal(request), path_id(request))
    name = f"van-ban-den-{path_id(request)}.edxml"
    return send_file(request, Attachment(id=0, name=name, content_type="application/xml", size=0, sha256=digest))


async def _file(request: web.Request, message: Message, attachments: list[Attachment], name: str) -> web.Response:
    content = await asyncio.to_thread(_write, request.app[FILES], message, attachments, request.app[POLICY].zone)
    headers = {"Content-Disposition": f'attachment; filename="{name}.edxml"', "Cache-Control": "private, no-store"}
    return web.Response(body=content, content_type="application/xml", charset="utf-8", headers=headers)


def _write(store: FileStore, message: Message, attachments: list[Attachment], zone: ZoneInfo) -> bytes:
    if isinstance(message, Document):
        try:
            files = [File(a.name, a.content_type, store.path(a.sha256).read_bytes()) for a in attachments]
        except FileNotFoundError as error:
            raise UnavailableError("file_missing", _("Tệp không còn trên máy chủ. Xin báo quản trị.")) from error
        message = msgspec.structs.replace(message, files=tuple(files))
    return write_message(message, zone)


# ---- files from other systems


async def take(request: web.Request) -> web.Response:
    """Take in an edXML file, the body or `file` of a form: a document becomes a draft, a status moves a delivery."""
    done = await _take(request)
    return json_reply(done, 200 if done.repeated else 201)


async def register(request: web.Request) -> web.Response:
    """Give a document that came as edXML its số đến."""
    return json_reply(await _register(request))


async def post_register(request: web.Request) -> web.Response:
    """The button; then the document's draft comes, or the register when that was deleted."""
    done = await _register(request)
    return see_other(f"/directives/{done.directive}" if done.directive else "/registers?register=in")


async def _register(request: web.Request) -> EdxmlRegistered:
    who, policy, command = principal(request), request.app[POLICY], await read_body(request, Command)
    return await request.app[STORE].write(service.register_edxml, who, policy, path_id(request), command.command_id)


async def show_import(request: web.Request) -> web.Response:
    """The page that takes a file."""
    return await _show(request)


async def post_import(request: web.Request) -> web.Response:
    """The form. What is refused is said on it; else the draft or the delivery that it is about comes."""
    try:
        done = await _take(request)
    except TooLargeError:
        raise
    except UserError as error:
        return await _show(request, error)
    if done.delivery:
        return see_other(f"/deliveries/{done.delivery}")
    return see_other(f"/directives/{done.directive}" if done.directive else "/registers?register=in")


async def _show(request: web.Request, error: UserError | None = None) -> web.Response:
    context = {
        "problems": [("file", text) for _field, text in problem_texts(request, error)] if error else [],
        "limit": request.app[POLICY].attachment_limit,
    }
    return await render(request, "directives/import.html", context, status=error.status if error else 200)


async def _take(request: web.Request) -> EdxmlDone:
    data, policy = await _content(request), request.app[POLICY]
    message = await asyncio.to_thread(_read, data, policy)
    service.check_open(message)
    uploads: list[Upload] = []
    if isinstance(message, Document):
        uploads = await keep_files(request, [(file.name, BytesIO(file.content)) for file in message.files])
        await asyncio.to_thread(_keep, request.app[FILES], data)
    digest = sha256(data).hexdigest()
    return await request.app[STORE].write(service.take_edxml, principal(request), policy, message, digest, uploads)


def _keep(store: FileStore, data: bytes) -> None:
    """What came is kept as it came, under its SHA-256, whatever becomes of the draft."""
    try:
        store.put(BytesIO(data), len(data))
    except OSError as error:
        raise UnavailableError("disk", _("Máy chủ chưa lưu được tệp. Xin báo quản trị.")) from error


async def _content(request: web.Request) -> bytes:
    if not request.content_type.startswith("multipart/"):
        return await request.read()
    field = (await read_form(request)).get("file")
    if not isinstance(field, web.FileField):
        raise UserError("no_file", _("Xin chọn tệp edXML."), field="file")
    return await asyncio.to_thread(field.file.read)


def _read(data: bytes, policy: Policy) -> Message:
    try:
        return read_message(data, policy.zone, policy.attachment_limit)
    except EdxmlError as error:
        raise UserError(f"edxml_{error.code}", REFUSALS[error.code], field="file", where=error.where) from error


_READ, _FOLLOW, _DRAFT = Permission.READ_DIRECTIVES, Permission.FOLLOW_DIRECTIVE, Permission.DRAFT_DIRECTIVE
_ONE, _DELIVERY = "/directives/{id:\\d+}/edxml", "/deliveries/{id:\\d+}/edxml-status"
_CAME, _REGISTER = "/edxml/{id:\\d+}", Permission.REGISTER_DELIVERY
ROUTES = [
    Route("GET", f"/api/v1{_ONE}", get_document, _READ, query=ExportQuery),
    Route("GET", f"/api/v1{_ONE}-status", get_own_status, _READ),
    Route("GET", f"/api/v1{_DELIVERY}", get_delivery_status, _FOLLOW),
    Route("POST", "/api/v1/edxml", take, _DRAFT, answer=EdxmlDone),
    Route("POST", f"/api/v1{_CAME}/register", register, _REGISTER, body=Command, answer=EdxmlRegistered),
    Route("GET", f"/api/v1{_CAME}/status", get_document_status, _FOLLOW),
    Route("GET", f"/api/v1{_CAME}/original", get_original, _FOLLOW),
    Route("GET", _ONE, get_document, _READ),
    Route("GET", f"{_ONE}-status", get_own_status, _READ),
    Route("GET", _DELIVERY, get_delivery_status, _FOLLOW),
    Route("POST", f"{_CAME}/register", post_register, _REGISTER),
    Route("GET", f"{_CAME}/status", get_document_status, _FOLLOW),
    Route("GET", f"{_CAME}/original", get_original, _FOLLOW),
    Route("GET", "/directives/import", show_import, _DRAFT),
    Route("POST", "/directives/import", post_import, _DRAFT),
]
