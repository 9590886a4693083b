"""What happens to every request, in this order: id and log, safety headers, errors, who asks, may they, CSRF."""

from __future__ import annotations

import contextvars
import hmac
import logging
import secrets
import time
from hashlib import sha256
from urllib.parse import quote

from aiohttp import web

from server.accounts.permissions import Permission
from server.errors import GiaoBanError, NotAllowedError, NotSignedInError
from server.http.i18n import _, choose_language
from server.http.keys import BY_COOKIE, IDENTIFY, LANGUAGE, PRINCIPAL, RENDERER, REQUEST_ID
from server.http.limits import LIMITER, client_address
from server.http.problem import describe, problem_reply, wants_json
from server.http.replies import see_other
from server.http.routes import Handler, principal, route_of

log = logging.getLogger("giaoban.http")
request_id_var: contextvars.ContextVar[str] = contextvars.ContextVar("request_id", default="-")
SAFE_METHODS = {"GET", "HEAD", "OPTIONS"}
CSRF_COOKIE = "csrf"
HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; font-src 'self'; "
        "connect-src 'self'; media-src 'self' blob:; form-action 'self'; frame-ancestors 'none'; base-uri 'none'; "
        "manifest-src 'self'; worker-src 'self'"
    ),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Permissions-Policy": "camera=(self), microphone=(self), display-capture=(self), geolocation=()",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
}


@web.middleware
async def identify_request(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Give the request an id, log it once with its outcome, and put the safety headers on the reply."""
    request[REQUEST_ID] = secrets.token_hex(4)
    token = request_id_var.set(request[REQUEST_ID])
    begin = time.perf_counter()
    status = 500
    try:
        reply = await handler(request)
        status = reply.status
        if not reply.prepared:
            for name, value in HEADERS.items():
                reply.headers.setdefault(name, value)
            reply.headers["X-Request-Id"] = request[REQUEST_ID]
            if "Cache-Control" not in reply.headers:
                reply.headers["Cache-Control"] = "no-store"
            if request.secure:
                reply.headers["Strict-Transport-Security"] = "max-age=31536000"
        return reply
    finally:
        who = request.get(PRINCIPAL)
        log.info(
            "%s %s %d %.0f ms %s",
            request.method,
            request.path,
            status,
            1000 * (time.perf_counter() - begin),
            who.username if who else "-",
        )
        request_id_var.reset(token)


@web.middleware
async def tell_errors(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Turn an error into a page or a problem object; only what we did not expect is logged with its trace."""
    try:
        return await handler(request)
    except web.HTTPException as error:
        if error.status < 400:
            raise
        return await _error_reply(request, error)
    except NotSignedInError as error:
        if wants_json(request) or request.method not in SAFE_METHODS:
            return await _error_reply(request, error)
        return see_other(
            f"/sign-in?next={quote(request.rel_url.raw_path_qs, safe='/')}" if request.path != "/" else "/sign-in"
        )
    except GiaoBanError as error:
        log.info("refused %s %s: %s", request.method, request.path, error)
        return await _error_reply(request, error)
    except (ConnectionResetError, TimeoutError) as error:
        log.info("client went away in %s %s: %r", request.method, request.path, error)
        return await _error_reply(request, error)
    except Exception as error:
        log.exception("failed %s %s", request.method, request.path)
        return await _error_reply(request, error)


async def _error_reply(request: web.Request, error: BaseException) -> web.StreamResponse:
    request.setdefault(LANGUAGE, choose_language(request))
    if wants_json(request):
        return problem_reply(request, error)
    status, problem = describe(request, error)
    return await request.app[RENDERER].page(request, "error.html", {"problem": problem}, status=status)


@web.middleware
async def check_access(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Find who asks; let pass only what the route's permission allows, unsafe methods by cookie only with the token.

    A route that exists without a permission is refused; Socket.IO asks by itself who connects.
    """
    request.app[LIMITER].check(client_address(request), time.monotonic())
    request[PRINCIPAL] = who = await request.app[IDENTIFY](request)
    request[LANGUAGE] = choose_language(request)
    route = route_of(request)
    if route is None:
        if request.match_info.http_exception is None and not request.path.startswith("/socket.io/"):
            raise NotAllowedError("not_in_table", _("Đồng chí không có quyền làm việc này."))
        return await handler(request)
    if route.may is not Permission.PUBLIC:
        who = principal(request)
        who.require(route.may)
    if request.method not in SAFE_METHODS:
        check_origin(request)
        if request.get(BY_COOKIE):
            await check_csrf(request)
    return await handler(request)


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
        field = (await request.post()).get("csrf")
        sent = field if isinstance(field, str) else None
    if not sent or not hmac.compare_digest(sent.encode(), csrf_token(principal(request).session_id).encode()):
        raise NotAllowedError("csrf", _("Trang này đã cũ. Xin tải lại trang rồi làm lại."))


MIDDLEWARES = (identify_request, tell_errors, check_access)
