"""The leader's wall: on the hall's screen, which units below are connected and what is late, now."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec
from aiohttp import web

from server.accounts.permissions import Permission
from server.accounts.principal import Principal
from server.channel import CHANNEL
from server.directives import service
from server.directives.keys import POLICY
from server.directives.policy import Policy
from server.directives.shapes import ReceivedLine
from server.http import STORE, Route, principal, render
from server.store import Transaction
from server.units import service as units

MOST_LINES = 7


class WallUnit(msgspec.Struct, frozen=True, kw_only=True):
    """A unit directly below, or one that is late; `late` counts its overdue deliveries of ours."""

    id: int
    name: str
    connected: bool
    late: int


class Wall(msgspec.Struct, frozen=True, kw_only=True):
    """The units in the order of the tree, and what is overdue, longest first; `more` lines do not fit."""

    units: list[WallUnit]
    connected: int
    late: list[ReceivedLine]
    more: int


def read_wall(tx: Transaction, who: Principal, policy: Policy, connected: Sequence[int]) -> Wall:
    """The wall of the person's unit; `connected` are the units with a device on the line."""
    who.require(Permission.FOLLOW_DIRECTIVE)
    late = service.late(tx, who, policy, MOST_LINES)
    here = set(connected)
    below = [
        WallUnit(id=unit.id, name=unit.short_name, connected=unit.id in here, late=late.by_unit.get(unit.id, 0))
        for unit in units.children(tx, who.unit_id)
    ]
    return Wall(
        units=below,
        connected=sum(unit.connected for unit in below),
        late=late.lines,
        more=late.more,
    )


async def get_wall(request: web.Request) -> web.Response:
    """The page, which renews itself."""
    who, connected = principal(request), request.app[CHANNEL].presence.connected()
    wall = await request.app[STORE].read(read_wall, who, request.app[POLICY], connected)
    context: dict[str, Any] = {"wall": wall}
    return await render(request, "directives/wall.html", context)


async def may_watch_presence(who: Principal, _room: str) -> bool:
    """Who comes and goes is news for officials."""
    return who.may(Permission.FOLLOW_DIRECTIVE)


ROUTES = [Route("GET", "/wall", get_wall, Permission.FOLLOW_DIRECTIVE)]
