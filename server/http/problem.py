"""Errors as people and programs read them: a page in their language, or `application/problem+json` (RFC 9457)."""

from __future__ import annotations

import logging
from typing import Any

from aiohttp import web

from server.errors import GiaoBanError, TooManyError, UserError
from server.http.i18n import _, translate
from server.http.keys import PRINCIPAL, REFUSALS, REQUEST_ID
from server.http.replies import json_reply

audit = logging.getLogger("giaoban.audit")
_HTTP_TEXTS = {
    400: ("bad_request", _("Yêu cầu không đúng định dạng.")),
    403: ("not_allowed", _("Đồng chí không có quyền làm việc này.")),
    404: ("not_found", _("Không có trang này.")),
    405: ("method_not_allowed", _("Địa chỉ này không nhận thao tác đó.")),
    413: ("too_large", _("Nội dung gửi lên quá lớn.")),
}
_INTERNAL = ("internal_error", _("Máy chủ gặp lỗi. Việc đang làm có thể chưa được lưu. Xin thử lại sau ít phút."))


def note_refusal(request: web.Request, error: GiaoBanError) -> None:
    """A line that says who was refused what, by which code, and a place among what is kept of this request.

    Forms that show a refusal by themselves call this.
    """
    request.setdefault(REFUSALS, []).append(error)
    who = request.get(PRINCIPAL)
    audit.info("refused %s %s to %s: %s", request.method, request.path, who.username if who else "-", error)


def wants_json(request: web.Request) -> bool:
    """API calls and programs get JSON; a browser that navigates gets a page."""
    return request.path.startswith("/api/") or "text/html" not in request.headers.get("Accept", "")


def describe(request: web.Request, error: BaseException) -> tuple[int, dict[str, Any]]:
    """Status and problem object of an error; what is not ours to show becomes an internal error."""
    if isinstance(error, GiaoBanError):
        status, code = error.status, error.code
        text = translate(request, error.message, **error.params)
    elif isinstance(error, web.HTTPException):
        status = error.status
        code, message = _HTTP_TEXTS.get(status, ("http_error", error.reason))
        text = translate(request, message)
    else:
        status, (code, message) = 500, _INTERNAL
        text = translate(request, message)
    problem: dict[str, Any] = {"type": "about:blank", "status": status, "code": code, "title": text}
    problem["request_id"] = request.get(REQUEST_ID, "")
    if isinstance(error, UserError) and error.field:
        problem["field"] = error.field
    if isinstance(error, UserError) and error.detail:
        problem["detail"] = error.detail
    return status, problem


def problem_reply(request: web.Request, error: BaseException) -> web.Response:
    """The JSON form of an error."""
    status, problem = describe(request, error)
    reply = json_reply(problem, status=status)
    reply.content_type = "application/problem+json"
    if isinstance(error, TooManyError):
        reply.headers["Retry-After"] = str(error.params.get("retry_after", 60))
    if isinstance(error, web.HTTPMethodNotAllowed):
        reply.headers["Allow"] = ", ".join(sorted(error.allowed_methods))
    return reply
