"""`/api/openapi.json`, made from the routes: what the code does is what the description says."""

from __future__ import annotations

import re
from typing import Any

import msgspec
from aiohttp import web

import server
from server.accounts.permissions import Permission
from server.http.replies import json_reply
from server.http.routes import ROUTES, Route

_PARAMETER = re.compile(r"{(\w+)(?::[^}]*)?}")


class Problem(msgspec.Struct, frozen=True, kw_only=True):
    """RFC 9457 problem object; `code` is stable, `title` is in the reader's language, `detail` for its programmer."""

    type: str
    status: int
    code: str
    title: str
    request_id: str
    field: str | None = None
    detail: str | None = None


def _operation(route: Route, refs: dict[Any, Any]) -> dict[str, Any]:
    parameters: list[dict[str, Any]] = [
        {"name": name, "in": "path", "required": True, "schema": {"type": "string"}}
        for name in _PARAMETER.findall(route.path)
    ]
    if route.query is not None:
        for field in msgspec.structs.fields(route.query):
            parameters.append({"name": field.encode_name, "in": "query", "required": field.required, "schema": {}})
    operation: dict[str, Any] = {
        "summary": route.summary or (route.handler.__doc__ or "").split("\n")[0],
        "x-permission": route.may.value,
        "parameters": parameters,
        "responses": {
            "200": {"description": "OK"},
            "default": {
                "description": "Problem",
                "content": {"application/problem+json": {"schema": refs[Problem]}},
            },
        },
        "security": [] if route.may is Permission.PUBLIC else [{"bearer": []}, {"cookie": []}],
    }
    if route.answer is not None:
        operation["responses"]["200"]["content"] = {"application/json": {"schema": refs[route.answer]}}
    if route.body is not None:
        operation["requestBody"] = {"required": True, "content": {"application/json": {"schema": refs[route.body]}}}
    return operation


def describe_api(routes: list[Route]) -> dict[str, Any]:
    """The OpenAPI 3.1 description of the routes under /api/."""
    shown = [route for route in routes if route.path.startswith("/api/")]
    types: list[Any] = [Problem]
    types += [kind for route in shown for kind in (route.body, route.answer) if kind is not None]
    schemas, components = msgspec.json.schema_components(types, ref_template="#/components/schemas/{name}")
    refs = {kind: schema for kind, schema in zip(types, schemas, strict=True)}  # noqa: C416 - pairs by identity
    paths: dict[str, dict[str, Any]] = {}
    for route in shown:
        path = _PARAMETER.sub(r"{\1}", route.path)
        paths.setdefault(path, {})[route.method.lower()] = _operation(route, refs)
    return {
        "openapi": "3.1.0",
        "info": {"title": "Giao Ban", "version": server.VERSION},
        "paths": paths,
        "components": {
            "schemas": components,
            "securitySchemes": {
                "bearer": {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"},
                "cookie": {"type": "apiKey", "in": "cookie", "name": "session"},
            },
        },
    }


async def get_openapi(request: web.Request) -> web.Response:
    """The description of this API."""
    return json_reply(describe_api(list(request.app[ROUTES].values())))


ROUTES_HERE = [Route("GET", "/api/openapi.json", get_openapi, Permission.PUBLIC)]
