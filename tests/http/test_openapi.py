"""The API description says what the routes say."""

from typing import Any

import msgspec
from aiohttp import web

from server.accounts.permissions import Permission
from server.http.openapi import describe_api
from server.http.routes import Route


class Asked(msgspec.Struct, frozen=True):
    title: str


class Wanted(msgspec.Struct, frozen=True):
    page: int = 1


async def post_thing(_request: web.Request) -> web.Response:
    """Make a thing."""
    return web.Response()


def describe() -> dict[str, Any]:
    return describe_api(
        [
            Route("POST", r"/api/v1/things/{id:\d+}", post_thing, Permission.ISSUE_DIRECTIVE, body=Asked, query=Wanted),
            Route("GET", "/page", post_thing, Permission.PUBLIC),
        ]
    )


def test_only_the_api_is_described_and_by_its_plain_paths() -> None:
    assert list(describe()["paths"]) == ["/api/v1/things/{id}"]


def test_an_operation_has_its_summary_permission_body_and_parameters() -> None:
    document = describe()
    operation = document["paths"]["/api/v1/things/{id}"]["post"]
    assert operation["summary"] == "Make a thing."
    assert operation["x-permission"] == "issue_directive"
    assert [(p["name"], p["in"]) for p in operation["parameters"]] == [("id", "path"), ("page", "query")]
    reference = operation["requestBody"]["content"]["application/json"]["schema"]["$ref"]
    assert document["components"]["schemas"][reference.rsplit("/", 1)[1]]["required"] == ["title"]
