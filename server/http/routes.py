"""A route says who may call it: each feature registers its own, and a route without a permission cannot exist."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable
from typing import Any

import msgspec
from aiohttp import web

from server.accounts.permissions import Permission
from server.accounts.principal import Principal
from server.errors import NotSignedInError
from server.http.keys import PRINCIPAL

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class Route(msgspec.Struct, frozen=True):
    """One method and path; `body` and `answer` are struct types for the API description.

    CSRF is checked for every unsafe method that was authenticated by cookie, without exception. `free` routes hold no
    data and cost next to nothing (static files, health): nobody is identified or counted there.
    """

    method: str
    path: str
    handler: Handler
    may: Permission
    summary: str = ""
    body: Any = None
    query: Any = None
    answer: Any = None
    free: bool = False


ROUTES: web.AppKey[dict[tuple[str, str], Route]] = web.AppKey("routes", dict)


def add_routes(app: web.Application, routes: Iterable[Route]) -> None:
    """Register a feature's routes with aiohttp and in the application's permission table.

    Keys are aiohttp's canonical paths, `/x/{id}` for `/x/{id:\\d+}`: a request knows its route by these alone.
    """
    table = app.setdefault(ROUTES, {})
    for route in routes:
        resource = app.router.add_route(route.method, route.path, route.handler).resource
        key = (route.method, resource.canonical if resource else route.path)
        if key in table:
            raise ValueError(f"route registered twice: {key}")
        table[key] = route


def route_of(request: web.Request) -> Route | None:
    """The registered route of a matched request; None for 404, 405 and what aiohttp adds by itself."""
    resource = request.match_info.route.resource
    if resource is None:
        return None
    method = "GET" if request.method == "HEAD" else request.method
    table = request.app[ROUTES]
    return table.get((method, resource.canonical)) or table.get(("*", resource.canonical))


def principal(request: web.Request) -> Principal:
    """Who is asking. Raises NotSignedInError where nobody is signed in."""
    who: Principal | None = request.get(PRINCIPAL)
    if who is None:
        raise NotSignedInError("not_signed_in", "Đồng chí cần đăng nhập để tiếp tục.")
    return who
