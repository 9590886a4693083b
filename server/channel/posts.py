"""What pages post that have no WebSocket, whole: Engine.IO asks aiohttp for a body once and takes what is there.

On a thin line, or of anything longer than a segment, that is its beginning: an offer lost its end, and its sender could
not join.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Container, Coroutine
from typing import Any

from aiohttp import ClientError, web

LATEST = 30.0  # s for a body; a page asks again long before
Environ = dict[str, Any]
Translate = Callable[[web.Request], Environ]


class Body:
    """One that is all there, as Engine.IO reads it."""

    def __init__(self, data: bytes) -> None:
        self._data = data

    async def read(self, length: int) -> bytes:
        """The first so many bytes."""
        return self._data[:length]


def whole(
    translate: Translate, most: int, known: Container[str]
) -> Callable[[web.Request], Coroutine[Any, Any, Environ]]:
    """Engine.IO's `translate_request` for bodies of at most `most` bytes of `known` connections; others are not read.

    The new one raises HTTPRequestTimeout, and HTTPBadRequest where the page has gone in the midst of it.
    """

    async def translated(request: web.Request) -> Environ:
        environ = translate(request)
        size = request.content_length  # None of a body in chunks, of which Engine.IO takes nothing
        if request.method == "POST" and request.query.get("sid", "") in known and size is not None and size <= most:
            try:
                async with asyncio.timeout(LATEST):
                    environ["wsgi.input"] = Body(await request.content.read(-1))
            except TimeoutError as error:
                raise web.HTTPRequestTimeout from error
            except (ClientError, ConnectionError) as error:
                raise web.HTTPBadRequest from error
        return environ

    return translated
