"""The API of telephones: how the trunk stands, and the log of calls."""

from __future__ import annotations

from datetime import datetime

import msgspec
from aiohttp import web

from server.accounts.permissions import Permission
from server.calls import log
from server.calls.exchange import EXCHANGE
from server.calls.log import Logged
from server.calls.pages import PAGE, LogQuery
from server.http import SETTINGS, STORE, Route, json_reply, read_query


class TelephoneBody(msgspec.Struct, frozen=True, kw_only=True):
    """`open`: SIP's ports are; `trunk_up` is None without a trunk, or before its first answer, which `trunk_said`.

    `trunk_since`: how long it has been up or down. `speaks`: there is a synthesiser that reads texts. `wrong_codes`
    were dialled within an hour; from `wrong_codes_an_hour` of the settings on everybody is slowed.
    """

    configured: bool
    open: bool
    trunk: str
    trunk_up: bool | None
    trunk_said: str
    trunk_since: datetime | None
    speaks: bool
    running: int
    strangers: int
    wrong_codes: int


class Calls(msgspec.Struct, frozen=True, kw_only=True):
    """The newest calls, or those before a row; `older` is the row to go on from, None at the end."""

    calls: list[Logged]
    older: int | None


async def get_telephone(request: web.Request) -> web.Response:
    """How the telephone stands."""
    exchange = request.app.get(EXCHANGE)
    standing = exchange.standing if exchange is not None else None
    return json_reply(
        TelephoneBody(
            configured=exchange is not None,
            open=exchange is not None and exchange.open,
            trunk=request.app[SETTINGS].telephone.trunk,
            trunk_up=standing.up if standing is not None else None,
            trunk_said=f"{standing.status} {standing.reason}" if standing is not None else "",
            trunk_since=exchange.trunk.since if exchange is not None else None,
            speaks=exchange is not None and exchange.voice.able,
            running=len(exchange.lines) if exchange is not None else 0,
            strangers=exchange.endpoint.admission.turned_away if exchange is not None else 0,
            wrong_codes=await request.app[STORE].read(log.wrong_codes),
        )
    )


async def get_calls(request: web.Request) -> web.Response:
    """The log of calls."""
    query = read_query(request, LogQuery)
    found = await request.app[STORE].read(log.latest, PAGE + 1, query.before, query.q, query.wanted)
    return json_reply(Calls(calls=found[:PAGE], older=found[PAGE - 1].id if len(found) > PAGE else None))


_MAY = Permission.MANAGE_TELEPHONE
ROUTES = [
    Route("GET", "/api/v1/telephone", get_telephone, _MAY, "How the telephone stands", answer=TelephoneBody),
    Route("GET", "/api/v1/telephone/calls", get_calls, _MAY, "The log of calls", query=LogQuery, answer=Calls),
]
