"""Pages of signing in and of one's own account."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Any

import msgspec
from aiohttp import web

from server.accounts import people, sessions
from server.accounts.api import change_acting, end_own, end_sessions
from server.accounts.cookies import clear_session_cookie, is_https, set_session_cookie
from server.accounts.identify import SIGN_INS
from server.accounts.permissions import Permission
from server.accounts.rules import local_path
from server.errors import GiaoBanError, UserError
from server.http import PRINCIPAL, STORE, Route, principal, read_body, render, see_other
from server.http.i18n import COOKIE as LANGUAGE_COOKIE
from server.http.i18n import LANGUAGES, _, translate
from server.http.limits import client_address


class AccountPart(msgspec.Struct, frozen=True):
    """What another feature shows on one's own account: `template` with `context` as the variable `part`."""

    template: str
    context: dict[str, Any] = {}


ACCOUNT_PARTS: web.AppKey[list[Callable[[web.Request], Awaitable[AccountPart]]]] = web.AppKey("account_parts", list)
YEAR = 365 * 24 * 3600


class SignInForm(msgspec.Struct, frozen=True, kw_only=True):
    """The sign-in form; lengths are checked by hand so that the page comes back with what was typed."""

    username: str = ""
    password: str = ""
    next: str = "/"


class PasswordForm(msgspec.Struct, frozen=True, kw_only=True):
    """The form of a new password; lengths are checked by hand so that the error stands beside its field."""

    current: str = ""
    new: str = ""


class LanguageForm(msgspec.Struct, frozen=True, kw_only=True):
    """The language switch."""

    language: str
    next: str = "/"


class MembershipForm(msgspec.Struct, frozen=True, kw_only=True):
    """The switch of the role in use."""

    membership: int
    next: str = "/"


async def get_sign_in(request: web.Request) -> web.Response:
    """The sign-in page; who is signed in already goes on."""
    target = local_path(request.query.get("next"))
    if request.get(PRINCIPAL) is not None:
        return see_other(target)
    return await render(request, "sign_in.html", {"next": target, "username": "", "error": None})


async def post_sign_in(request: web.Request) -> web.Response:
    """Sign in by form; a mistake brings the form back with the name that was typed."""
    form = await read_body(request, SignInForm)
    sign_ins = request.app[SIGN_INS]
    try:
        if len(form.username) > 100 or len(form.password) > 200:
            raise UserError("invalid_input", _("Tên đăng nhập hoặc mật khẩu không đúng."))
        opened = await sign_ins.sign_in(
            form.username, form.password, client_address(request), request.headers.get("User-Agent", "")
        )
    except GiaoBanError as error:
        text = translate(request, error.message, **error.params)
        context = {"next": local_path(form.next), "username": form.username[:100], "error": text}
        reply = await render(request, "sign_in.html", context, status=error.status)
        if "retry_after" in error.params:
            reply.headers["Retry-After"] = str(error.params["retry_after"])
        return reply
    reply = see_other("/account?change=1" if opened.must_change_password else local_path(form.next))
    set_session_cookie(request, reply, opened)
    return reply


async def post_sign_out(request: web.Request) -> web.Response:
    """Sign out of this browser."""
    await end_own(request)
    reply = see_other("/sign-in")
    clear_session_cookie(reply)
    return reply


async def get_account(request: web.Request) -> web.Response:
    """My account: devices that are signed in, password, language."""
    return await show_account(request, {})


async def show_account(request: web.Request, errors: Mapping[str, str], status: int = 200) -> web.Response:
    """The person's account, with what other features put on it; `errors` are sentences by form field."""
    mine = await request.app[STORE].read(sessions.list_sessions, principal(request))
    context: dict[str, Any] = {
        "sessions": mine,
        "parts": [await make(request) for make in request.app[ACCOUNT_PARTS]],
        "errors": errors,
        "must_change": "change" in request.query,
        "done": request.query.get("done", ""),
    }
    return await render(request, "accounts/account.html", context, status=status)


async def post_password(request: web.Request) -> web.Response:
    """Change one's own password; other devices are signed out."""
    form = await read_body(request, PasswordForm)
    who, sign_ins = principal(request), request.app[SIGN_INS]
    try:
        people.check_new_password(who, form.new)
        if len(form.current) > 200:
            raise UserError("wrong_password", _("Mật khẩu hiện tại không đúng."), field="current")
        await sign_ins.check_own_password(who, form.current, client_address(request))
    except GiaoBanError as error:
        field = getattr(error, "field", None) or "current"
        text = translate(request, error.message, **error.params)
        return await show_account(request, {field: text}, status=error.status)
    ended = await request.app[STORE].write(people.set_password, who, await sign_ins.passwords.hash(form.new))
    await end_sessions(request, ended)
    return see_other("/account?done=password")


async def post_end_session(request: web.Request) -> web.Response:
    """Sign another device out (or this one)."""
    who = principal(request)
    ended = await request.app[STORE].write(sessions.revoke, who, request.match_info["id"])
    await end_sessions(request, [ended])
    return see_other("/sign-in" if ended == who.session_id else "/account?done=session")


async def post_end_others(request: web.Request) -> web.Response:
    """Sign all other devices out."""
    who = principal(request)
    ended = await request.app[STORE].write(sessions.revoke_all, who.account_id, who.session_id)
    await end_sessions(request, ended)
    return see_other("/account?done=session")


async def post_screen(request: web.Request) -> web.Response:
    """Make this browser a screen that shows the wall for a year and can do nothing else."""
    who, agent = principal(request), request.headers.get("User-Agent", "")
    opened = await request.app[STORE].write(sessions.open_screen, who, client_address(request), agent)
    await end_sessions(request, [who.session_id])
    reply = see_other("/wall")
    set_session_cookie(request, reply, opened)
    return reply


async def post_membership(request: web.Request) -> web.Response:
    """Work in another of one's roles."""
    form = await read_body(request, MembershipForm)
    await change_acting(request, form.membership)
    return see_other(local_path(form.next))


async def post_language(request: web.Request) -> web.Response:
    """Switch the language; remembered in this browser and, for who is signed in, in the account."""
    form = await read_body(request, LanguageForm)
    reply = see_other(local_path(form.next))
    if form.language in LANGUAGES:
        secure = is_https(request)
        reply.set_cookie(
            LANGUAGE_COOKIE, form.language, max_age=YEAR, path="/", samesite="Lax", httponly=True, secure=secure
        )
        who = request.get(PRINCIPAL)
        if who is not None:
            await request.app[STORE].write(people.set_language, who.account_id, form.language)
            request.app[SIGN_INS].forget_account(who.account_id)
    return reply


ROUTES = [
    Route("GET", "/sign-in", get_sign_in, Permission.PUBLIC),
    Route("POST", "/sign-in", post_sign_in, Permission.PUBLIC),
    Route("POST", "/language", post_language, Permission.PUBLIC),
    Route("POST", "/sign-out", post_sign_out, Permission.SIGNED_IN),
    Route("GET", "/account", get_account, Permission.SIGNED_IN),
    Route("POST", "/account/password", post_password, Permission.SIGNED_IN),
    Route("POST", "/account/sessions/others/end", post_end_others, Permission.SIGNED_IN),
    Route("POST", "/account/sessions/{id:[\\w-]+}/end", post_end_session, Permission.SIGNED_IN),
    Route("POST", "/wall/screen", post_screen, Permission.FOLLOW_DIRECTIVE),
    Route("POST", "/membership", post_membership, Permission.SIGNED_IN),
]
