"""Naming people for the posts that escalations go to: over the API and from a page."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from aiohttp import web

from server.accounts.permissions import Permission
from server.directives import service
from server.directives.capacity import head_of
from server.directives.keys import POLICY
from server.directives.posts import Post
from server.directives.service.problems import problem_texts
from server.directives.shapes import PostsInput, TurnInput, UnitPosts
from server.errors import UserError
from server.http import STORE, Route, json_reply, principal, read_body, render, see_other
from server.http.i18n import _, translate
from server.http.pages import now_of
from server.http.reading import path_id, read_form
from server.units.service import units_by_ids

POST_NAMES = {
    Post.CLERK: _("Văn thư"),
    Post.CHIEF_OF_OFFICE: _("Chánh văn phòng"),
    Post.DUTY_OFFICER: _("Trực ban"),
}
HEAD_NAMES = {
    "Chủ tịch": {Post.CHAIR: _("Chủ tịch"), Post.DEPUTY: _("Phó chủ tịch phụ trách")},
    "Bí thư": {Post.CHAIR: _("Bí thư"), Post.DEPUTY: _("Phó bí thư phụ trách")},
    "Thủ trưởng": {Post.CHAIR: _("Thủ trưởng"), Post.DEPUTY: _("Phó thủ trưởng phụ trách")},
}
"""What the head of an organ is called (`head_of`), and the deputy."""


async def get_posts(request: web.Request) -> web.Response:
    """Who is told when a time has passed."""
    return json_reply(await request.app[STORE].read(service.posts_of, principal(request), request.app[POLICY]))


async def put_posts(request: web.Request) -> web.Response:
    """Name people for one post."""
    return json_reply(await _write(request, service.name_holders, await read_body(request, PostsInput)))


async def add_turn(request: web.Request) -> web.Response:
    """Put somebody on duty for some days."""
    return json_reply(await _write(request, service.add_turn, await read_body(request, TurnInput)), 201)


async def drop_turn(request: web.Request) -> web.Response:
    """Take somebody off duty."""
    return json_reply(await _write(request, service.drop_turn, path_id(request)))


async def _write(request: web.Request, work: Callable[..., UnitPosts], data: Any) -> UnitPosts:
    return await request.app[STORE].write(work, principal(request), request.app[POLICY], data)


async def show_posts(request: web.Request, error: UserError | None = None) -> web.Response:
    """The page: each post with those named, on duty today and in days to come, and who stands in."""
    found = await request.app[STORE].read(service.posts_of, principal(request), request.app[POLICY])
    unit = (await request.app[STORE].read(units_by_ids, [found.unit]))[found.unit]
    names = POST_NAMES | HEAD_NAMES[head_of(unit.bloc, unit.name)]
    context = {
        "unit": found,
        "names": {post.value: translate(request, name) for post, name in names.items()},
        "today": now_of(request).astimezone(request.app[POLICY].zone).date().isoformat(),
        "problem": problem_texts(request, error)[0] if error else None,
        "typed": dict(await read_form(request)) if error else {},
    }
    return await render(request, "directives/posts.html", context, status=error.status if error else 200)


async def post_posts(request: web.Request) -> web.Response:
    """The form of one post."""
    await _write(request, service.name_holders, await read_body(request, PostsInput))
    return see_other(_PAGE)


async def post_turn(request: web.Request) -> web.Response:
    """The form that puts somebody on duty."""
    try:
        await _write(request, service.add_turn, await read_body(request, TurnInput))
    except UserError as error:
        return await show_posts(request, error)
    return see_other(_PAGE)


async def post_drop(request: web.Request) -> web.Response:
    """The button beside a turn."""
    await _write(request, service.drop_turn, path_id(request))
    return see_other(_PAGE)


_NAME = Permission.NAME_POSTS
_PAGE, _API, _ID = "/directives/posts", "/api/v1/posts", "{id:\\d+}"
ROUTES = [
    Route("GET", _API, get_posts, _NAME, answer=UnitPosts),
    Route("PUT", _API, put_posts, _NAME, body=PostsInput, answer=UnitPosts),
    Route("POST", f"{_API}/turns", add_turn, _NAME, body=TurnInput, answer=UnitPosts),
    Route("DELETE", f"{_API}/turns/{_ID}", drop_turn, _NAME, answer=UnitPosts),
    Route("GET", _PAGE, show_posts, _NAME),
    Route("POST", _PAGE, post_posts, _NAME),
    Route("POST", f"{_PAGE}/turns", post_turn, _NAME),
    Route("POST", f"{_PAGE}/turns/{_ID}/drop", post_drop, _NAME),
]
