"""Pages of units: the tree, and one unit with its people."""

from __future__ import annotations

from aiohttp import web

from server.accounts import service as accounts
from server.accounts.permissions import ROLE_NAMES, Permission
from server.http import STORE, Route, render
from server.http.i18n import translate
from server.http.reading import path_id
from server.units import service
from server.units.rules import BLOC_NAMES, LEVEL_NAMES, Bloc, Level


async def get_units(request: web.Request) -> web.Response:
    """All units by bloc; villages are shown with their commune."""
    tree = await request.app[STORE].read(service.tree)
    shown = [unit for unit in tree.ordered() if unit.level is not Level.VILLAGE]
    parts = [(translate(request, BLOC_NAMES[bloc]), [unit for unit in shown if unit.bloc is bloc]) for bloc in Bloc]
    return await render(request, "units/units.html", {"tree": tree, "parts": parts})


async def get_unit(request: web.Request) -> web.Response:
    """One unit: where it stands, what is under it, who works there."""
    store, unit_id = request.app[STORE], path_id(request)
    unit = await store.read(service.unit, unit_id)
    tree = await store.read(service.tree)
    context = {
        "unit": unit,
        "ended": unit_id not in tree.units,
        "path": tree.path(unit_id)[:-1],
        "children": tree.children(unit_id),
        "members": await store.read(accounts.members, [unit_id]),
        "role_names": {role.value: translate(request, name) for role, name in ROLE_NAMES.items()},
        "level_name": translate(request, LEVEL_NAMES[unit.level]),
        "bloc_name": translate(request, BLOC_NAMES[unit.bloc]),
    }
    return await render(request, "units/unit.html", context)


ROUTES = [
    Route("GET", "/units", get_units, Permission.READ_PEOPLE),
    Route("GET", "/units/{id:\\d+}", get_unit, Permission.READ_PEOPLE),
]
