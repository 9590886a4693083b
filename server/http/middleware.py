"""What happens to every request, in this order: id and log, headers, refusals, errors, who asks, may they, CSRF."""

from __future__ import annotations

import contextvars
import logging
import secrets
import time
from http import HTTPStatus
from urllib.parse import quote

from aiohttp import web

from server import faults
from server.accounts.permissions import Permission
from server.errors import GiaoBanError, NotAllowedError, NotSignedInError
from server.http.csrf import check_csrf, check_origin
from server.http.i18n import _, choose_language
from server.http.keys import (
    BY_COOKIE,
    HEAD_SEQ,
    IDENTIFY,
    LANGUAGE,
    ON_REFUSAL,
    ON_REQUEST,
    PRINCIPAL,
    REFUSALS,
    REQUEST_ID,
    STORE,
)
from server.http.limits import client_address, is_poll, limiter_of
from server.http.pages import RENDERER
from server.http.problem import describe, note_refusal, problem_reply, wants_json
from server.http.replies import see_other
from server.http.routes import Handler, principal, route_of

log = logging.getLogger("giaoban.http")
request_id_var: contextvars.ContextVar[str] = contextvars.ContextVar("request_id", default="-")
SAFE_METHODS = {"GET", "HEAD", "OPTIONS"}
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
    """Give the request an id, log it once with its outcome, and put the safety headers on the reply.

    Polls of live connections are not told, unless they fail: each is a few a second, as messages of a WebSocket are.
    """
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
        faults.place("answering", request.path)
        return reply
    finally:
        who, seconds = request.get(PRINCIPAL), time.perf_counter() - begin
        polled = status == HTTPStatus.OK and is_poll(request)
        if status != HTTPStatus.SWITCHING_PROTOCOLS and not polled:  # how long a page was open is no time of a request
            for tell in request.app.get(ON_REQUEST, ()):
                tell(request.method, status, seconds)
        log.log(
            logging.DEBUG if polled else logging.INFO,
            "%s %s %d %.0f ms %s",
            request.method,
            request.path,
            status,
            1000 * seconds,
            who.username if who else "-",
        )
        request_id_var.reset(token)


@web.middleware
async def keep_refusals(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Have what was refused kept before it is answered."""
    reply = await handler(request)
    for error in request.get(REFUSALS, ()):
        for keep in request.app.get(ON_REFUSAL, ()):
            await keep(request, error)
    return reply


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
        note_refusal(request, error)
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

    A route that exists without a permission is refused; Socket.IO asks by itself who connects. Requests are counted by
    person, so that a whole office may share one address, and by address where nobody is signed in.
    """
    route = route_of(request)
    if route is not None and route.free:
        request[LANGUAGE] = choose_language(request)
        return await handler(request)
    who = await request.app[IDENTIFY](request)
    if who and who.screen and route is not None and route.may is Permission.PUBLIC:
        who, request[BY_COOKIE] = None, False  # for pages that need no sign-in a screen is nobody
    request[PRINCIPAL] = who
    request[LANGUAGE] = choose_language(request)
    caller = f"account {who.account_id}" if who else client_address(request)
    limiter_of(request).check(caller, time.monotonic())
    if who and not request.path.startswith(("/api/", "/socket.io/")):
        # Before the handler reads: what happens from here on, the page's live channel asks for.
        request[HEAD_SEQ] = await request.app[STORE].head(who.unit_id)
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


MIDDLEWARES = (identify_request, keep_refusals, tell_errors, check_access)
