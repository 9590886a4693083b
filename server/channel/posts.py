"""What pages post that have no WebSocket, whole: Engine.IO asks aiohttp for a body once and takes what is there.

On a thin line, or of anything longer than a segment, that is its beginning: an offer lost its end, and its sender could
not join.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Container, Coroutine
from typing import Any

from aiohttp import ClientError, web
from engineio.packet import CLOSE, MESSAGE, PONG, UPGRADE
from engineio.payload import Payload

log = logging.getLogger("giaoban.channel")
LATEST = 30.0  # s for a body; a page asks again long before
MOST_PACKETS = 100  # of a body: whose network was away says at once what has waited; Engine.IO would take 16
_OF_CLIENTS = (CLOSE, PONG, MESSAGE, UPGRADE)
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

    The new one raises HTTPRequestEntityTooLarge, HTTPRequestTimeout, and HTTPBadRequest where the page has gone in the
    midst of it or has sent what is no payload. Engine.IO itself would answer to a refusal only when the page's
    connection has ended, and write down where it failed.
    """
    Payload.max_decode_packets = MOST_PACKETS

    async def translated(request: web.Request) -> Environ:
        environ = translate(request)
        size = request.content_length  # None of a body in chunks, of which Engine.IO takes nothing
        if request.method == "POST" and request.query.get("sid", "") in known and size is not None:
            if size > most:
                raise web.HTTPRequestEntityTooLarge(most, size)
            environ["wsgi.input"] = Body(await _body(request))
        return environ

    return translated


async def _body(request: web.Request) -> bytes:
    try:
        async with asyncio.timeout(LATEST):
            data = await request.content.read(-1)
        _check(data)
    except TimeoutError as error:
        raise web.HTTPRequestTimeout from error
    except (ClientError, ConnectionError) as error:
        raise web.HTTPBadRequest from error
    except ValueError as error:
        log.info("%s has posted what is no payload: %s", request.query["sid"], str(error)[:100])
        raise web.HTTPBadRequest from error
    return data


def _check(data: bytes) -> None:
    """Raises ValueError unless these are packets that clients send."""
    try:
        packets = Payload(encoded_payload=data.decode()).packets
    except (KeyError, RecursionError) as error:
        raise ValueError(f"cannot be read: {error!r}") from error
    if not all(one.packet_type in _OF_CLIENTS for one in packets):
        raise ValueError("packets that only servers send")
