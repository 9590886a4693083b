"""Signing in and out for programs, and one's own sign-ins."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

import msgspec
from aiohttp import web

from server.accounts import sessions
from server.accounts.cookies import clear_session_cookie, set_session_cookie
from server.accounts.identify import SIGN_INS
from server.accounts.permissions import Permission
from server.accounts.principal import Membership, Principal
from server.accounts.sessions import SessionInfo
from server.channel import CHANNEL
from server.http import STORE, Route, json_reply, principal, read_body
from server.http.limits import client_address


class SignIn(msgspec.Struct, frozen=True, kw_only=True):
    """What a person types."""

    username: Annotated[str, msgspec.Meta(min_length=1, max_length=100)]
    password: Annotated[str, msgspec.Meta(min_length=1, max_length=200)]


class AccountBody(msgspec.Struct, frozen=True, kw_only=True):
    """Who is signed in, and in which membership they act."""

    id: int
    username: str
    name: str
    language: str
    acting: Membership
    memberships: tuple[Membership, ...]
    permissions: list[str]


class SessionBody(msgspec.Struct, frozen=True, kw_only=True):
    """A new sign-in: `token` is the bearer token of programs, valid until `expires_at` or until it is revoked."""

    token: str
    expires_at: datetime
    account: AccountBody


class Sessions(msgspec.Struct, frozen=True, kw_only=True):
    """One's own sign-ins."""

    sessions: list[SessionInfo]


class Acting(msgspec.Struct, frozen=True, kw_only=True):
    """The membership to act in."""

    membership_id: int


def account_body(who: Principal) -> AccountBody:
    """A principal as the API shows it."""
    return AccountBody(
        id=who.account_id,
        username=who.username,
        name=who.name,
        language=who.language,
        acting=who.acting,
        memberships=who.memberships,
        permissions=sorted(p.value for p in Permission if who.may(p)),
    )


async def post_session(request: web.Request) -> web.Response:
    """Sign in."""
    body = await read_body(request, SignIn)
    sign_ins = request.app[SIGN_INS]
    opened = await sign_ins.sign_in(
        body.username, body.password, client_address(request), request.headers.get("User-Agent", "")
    )
    reply = json_reply(
        SessionBody(token=sign_ins.token_for(opened), expires_at=opened.expires_at, account=account_body(opened.who)),
        status=201,
    )
    set_session_cookie(request, reply, opened)
    return reply


async def get_session(request: web.Request) -> web.Response:
    """Who is signed in."""
    return json_reply(account_body(principal(request)))


async def delete_session(request: web.Request) -> web.Response:
    """Sign out."""
    await end_own(request)
    reply = web.Response(status=204)
    clear_session_cookie(reply)
    return reply


async def end_own(request: web.Request) -> None:
    """End the session of this request everywhere: row, memory, live connections."""
    who = principal(request)
    await request.app[STORE].write(sessions.sign_out, who)
    await end_sessions(request, [who.session_id])


async def end_sessions(request: web.Request, session_ids: list[str]) -> None:
    """After the rows ended: forget them and close their live connections."""
    await request.app[CHANNEL].end_sessions(session_ids)


async def get_sessions(request: web.Request) -> web.Response:
    """One's own sign-ins, the last used first."""
    return json_reply(Sessions(sessions=await request.app[STORE].read(sessions.list_sessions, principal(request))))


async def delete_one_session(request: web.Request) -> web.Response:
    """End one of one's own sign-ins."""
    ended = await request.app[STORE].write(sessions.revoke, principal(request), request.match_info["id"])
    await end_sessions(request, [ended])
    return web.Response(status=204)


async def post_acting(request: web.Request) -> web.Response:
    """Act in another of one's memberships."""
    body = await read_body(request, Acting)
    await change_acting(request, body.membership_id)
    return json_reply({"membership_id": body.membership_id})


async def change_acting(request: web.Request, membership_id: int) -> None:
    """Switch the membership of this session; its live connections close and come back in the new unit."""
    who = principal(request)
    await request.app[STORE].write(sessions.act_in, who, membership_id)
    await end_sessions(request, [who.session_id])


ROUTES = [
    Route("POST", "/api/v1/session", post_session, Permission.PUBLIC, body=SignIn, answer=SessionBody),
    Route("GET", "/api/v1/session", get_session, Permission.SIGNED_IN, answer=AccountBody),
    Route("DELETE", "/api/v1/session", delete_session, Permission.SIGNED_IN),
    Route("POST", "/api/v1/session/acting", post_acting, Permission.SIGNED_IN, body=Acting),
    Route("GET", "/api/v1/sessions", get_sessions, Permission.SIGNED_IN, answer=Sessions),
    Route("DELETE", "/api/v1/sessions/{id:[\\w-]+}", delete_one_session, Permission.SIGNED_IN),
]
