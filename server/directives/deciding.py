"""One decision after the other: from one recipient's page to the next that waits, when the board's filter led there."""

from __future__ import annotations

import msgspec
from aiohttp import web

from server.directives import service
from server.http import STORE, read_query, see_other


class DecidingQuery(msgspec.Struct, frozen=True, kw_only=True):
    """`show=review`: one of those that are to be decided, one after the other."""

    show: service.Show = service.Show.ALL


def one_by_one(request: web.Request) -> bool:
    """Whether the next one is to be shown after a decision."""
    return read_query(request, DecidingQuery).show is service.Show.REVIEW


async def further(request: web.Request, directive: int, delivery: int) -> service.Further | None:
    """What else waits, if one is decided after the other."""
    if not one_by_one(request):
        return None
    return await request.app[STORE].read(service.further_to_decide, directive, delivery)


async def go_on(request: web.Request, directive: int, delivery: int, otherwise: str) -> web.Response:
    """After a decision: to the next delivery, at the end to the board; `otherwise` if nobody asked for that."""
    found = await further(request, directive, delivery)
    if found is None:
        return see_other(otherwise)
    place = f"/deliveries/{found.next}" if found.next else f"/directives/{directive}"
    return see_other(f"{place}?show=review")
