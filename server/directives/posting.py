"""Naming people for the posts that escalations go to: over the API and from a page."""

from __future__ import annotations

from aiohttp import web

from server.accounts.permissions import Permission
from server.directives import service
from server.directives.posts import Post
from server.directives.shapes import PostsInput, UnitPosts
from server.http import STORE, Route, json_reply, principal, read_body, render, see_other
from server.http.i18n import _, translate

POST_NAMES = {
    Post.CLERK: _("Văn thư"),
    Post.CHIEF_OF_OFFICE: _("Chánh văn phòng"),
    Post.CHAIR: _("Chủ tịch"),
    Post.DEPUTY: _("Phó chủ tịch phụ trách"),
    Post.DUTY_OFFICER: _("Trực ban"),
}


async def get_posts(request: web.Request) -> web.Response:
    """Who is told when a time has passed."""
    return json_reply(await request.app[STORE].read(service.posts_of, principal(request)))


async def put_posts(request: web.Request) -> web.Response:
    """Name people for one post."""
    data = await read_body(request, PostsInput)
    return json_reply(await request.app[STORE].write(service.name_holders, principal(request), data))


async def show_posts(request: web.Request) -> web.Response:
    """The page: each post with those named, and who stands in."""
    found = await request.app[STORE].read(service.posts_of, principal(request))
    names = {post.value: translate(request, name) for post, name in POST_NAMES.items()}
    return await render(request, "directives/posts.html", {"unit": found, "names": names})


async def post_posts(request: web.Request) -> web.Response:
    """The form of one post."""
    data = await read_body(request, PostsInput)
    await request.app[STORE].write(service.name_holders, principal(request), data)
    return see_other("/directives/posts")


_NAME = Permission.NAME_POSTS
ROUTES = [
    Route("GET", "/api/v1/posts", get_posts, _NAME, answer=UnitPosts),
    Route("PUT", "/api/v1/posts", put_posts, _NAME, body=PostsInput, answer=UnitPosts),
    Route("GET", "/directives/posts", show_posts, _NAME),
    Route("POST", "/directives/posts", post_posts, _NAME),
]
