"""The leader's wall on the hall's screen: which units are connected and what is late, or a tile a unit by its worst."""

from __future__ import annotations

import math
from collections import Counter
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
MOST_COLUMNS = 12
"""As many as the style sheet knows."""


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
    who.require(Permission.WATCH_WALL)
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


async def get_tiles(request: web.Request) -> web.Response:
    """Another page for the same screen: a tile for each unit below. It renews itself, too."""
    tiles = await request.app[STORE].read(service.overview, principal(request), request.app[POLICY])
    here = set(request.app[CHANNEL].presence.connected())
    context: dict[str, Any] = {
        "tiles": tiles,
        "connected": {tile.unit for tile in tiles if tile.unit in here},
        "columns": columns_for(len(tiles)),
        "sums": Counter(tile.worst.value for tile in tiles),
    }
    return await render(request, "directives/wall_tiles.html", context)


def columns_for(tiles: int) -> int:
    """In how many columns so many tiles fill a wide screen, each a little wider than high."""
    return min(MOST_COLUMNS, max(1, math.ceil(math.sqrt(tiles * 1.25))))


async def may_watch_presence(who: Principal, _room: str) -> bool:
    """Who comes and goes is news for officials."""
    return who.may(Permission.WATCH_WALL)


ROUTES = [
    Route("GET", "/wall", get_wall, Permission.WATCH_WALL),
    Route("GET", "/wall/tiles", get_tiles, Permission.WATCH_WALL),
]
