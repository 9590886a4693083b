"""Lists of what a unit issued: all of it or by a filter, what is late, what is to be decided; as pages and as API."""

from __future__ import annotations

from typing import Annotated, Any

import msgspec
from aiohttp import web

from server.accounts.permissions import Permission
from server.directives import service
from server.directives.compose import kind_options
from server.directives.keys import POLICY
from server.directives.shapes import Decisions, LatePage, Outbox, OutboxQuery
from server.http import STORE, Route, json_reply, principal, read_query, render


class LateQuery(msgspec.Struct, frozen=True, kw_only=True):
    """All that is overdue, or what one unit owes; `after` is `next` of the page before."""

    unit: Annotated[int, msgspec.Meta(ge=1, lt=2**31)] | None = None
    after: Annotated[str, msgspec.Meta(pattern=r"^([01]\.\d{1,18}\.\d{1,9})?$")] = ""


async def list_sent(request: web.Request) -> web.Response:
    """Drafts and issued directives of the unit, with counts."""
    return json_reply(await _outbox(request, read_query(request, OutboxQuery)))


async def list_late(request: web.Request) -> web.Response:
    """Overdue deliveries of what the unit issued."""
    return json_reply(await _late(request, read_query(request, LateQuery)))


async def get_outbox(request: web.Request) -> web.Response:
    """Drafts, and what was issued with its counts."""
    query = read_query(request, OutboxQuery)
    context: dict[str, Any] = {
        "outbox": await _outbox(request, query),
        "query": query,
        "kinds": kind_options(request),
        "decisions": await _decisions(request),
    }
    return await render(request, "directives/outbox.html", context)


async def get_decisions(request: web.Request) -> web.Response:
    """Directives of ours about whose recipients something is to be decided."""
    return await render(request, "directives/decide.html", {"decisions": await _decisions(request)})


async def get_late(request: web.Request) -> web.Response:
    """Who is late with what, since when, and with whom it lies."""
    query = read_query(request, LateQuery)
    context: dict[str, Any] = {
        "found": await _late(request, query),
        "query": query,
        "decisions": await _decisions(request),
    }
    return await render(request, "directives/late.html", context)


async def _outbox(request: web.Request, query: OutboxQuery) -> Outbox:
    return await request.app[STORE].read(service.outbox, principal(request), request.app[POLICY], query)


async def _late(request: web.Request, query: LateQuery) -> LatePage:
    who, asked = principal(request), msgspec.structs.asdict(query)
    return await request.app[STORE].read(service.late_page, who, request.app[POLICY], **asked)


async def _decisions(request: web.Request) -> Decisions | None:
    """What the tabs count, for those who decide."""
    who = principal(request)
    return await request.app[STORE].read(service.decisions, who) if who.may(Permission.REVIEW_RESPONSE) else None


_FOLLOW = Permission.FOLLOW_DIRECTIVE
ROUTES = [
    Route("GET", "/api/v1/directives", list_sent, _FOLLOW, query=OutboxQuery, answer=Outbox),
    Route("GET", "/api/v1/directives/late", list_late, _FOLLOW, query=LateQuery, answer=LatePage),
    Route("GET", "/directives/out", get_outbox, _FOLLOW),
    Route("GET", "/directives/late", get_late, _FOLLOW),
    Route("GET", "/directives/decide", get_decisions, Permission.REVIEW_RESPONSE),
]
