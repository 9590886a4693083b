"""The tree for programs and for scripts of the recipient picker."""

from __future__ import annotations

import datetime as dt

import msgspec
from aiohttp import web

from server.accounts.permissions import Permission
from server.http import STORE, Route, json_reply, read_query
from server.http.reading import path_id
from server.units import service
from server.units.picker import label
from server.units.service import Group, UnitInfo


class TreeQuery(msgspec.Struct, frozen=True, kw_only=True):
    """The day of the tree; today if left out."""

    on: dt.date | None = None


class Units(msgspec.Struct, frozen=True, kw_only=True):
    """All units, a parent before its children, and the groups to pick them by."""

    units: list[UnitInfo]
    groups: list[Group]


async def get_units(request: web.Request) -> web.Response:
    """All units of a day, and groups of them."""
    query = read_query(request, TreeQuery)
    tree = await request.app[STORE].read(service.tree, query.on)
    groups = await request.app[STORE].read(service.groups, query.on)
    return json_reply(
        Units(
            units=tree.ordered(),
            groups=[msgspec.structs.replace(group, label=label(request, group)) for group in groups],
        )
    )


async def get_unit(request: web.Request) -> web.Response:
    """One unit."""
    return json_reply(await request.app[STORE].read(service.unit, path_id(request)))


ROUTES = [
    Route("GET", "/api/v1/units", get_units, Permission.SIGNED_IN, query=TreeQuery, answer=Units),
    Route("GET", "/api/v1/units/{id:\\d+}", get_unit, Permission.SIGNED_IN, answer=UnitInfo),
]
