"""What every channel is to the worker: something that sends one letter and says what became of it."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import AbstractAsyncContextManager
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Protocol

import aiohttp
from aiohttp import ClientResponse

from server.reach.rules import MOST_ASKED, Channel, Outcome
from server.reach.service import Letter


class Sender(Protocol):
    """One channel. `send` raises nothing that it can name by an outcome."""

    channel: Channel

    async def send(self, letter: Letter) -> Outcome:
        """Hand the letter over, once."""
        ...

    async def close(self) -> None:
        """Give back what is held open."""
        ...


class HttpClient:
    """Connections to one side, kept open between messages, without cookies."""

    def __init__(self, seconds: float) -> None:
        self._timeout = aiohttp.ClientTimeout(total=seconds)
        self._session: aiohttp.ClientSession | None = None

    def post(self, url: str, data: bytes, headers: Mapping[str, str]) -> AbstractAsyncContextManager[ClientResponse]:
        """A POST that follows no redirect, to be used with `async with`."""
        if self._session is None:
            self._session = aiohttp.ClientSession(timeout=self._timeout, cookie_jar=aiohttp.DummyCookieJar())
        return self._session.post(url, data=data, headers=headers, allow_redirects=False)

    async def close(self) -> None:
        """Close them."""
        if self._session is not None:
            await self._session.close()


def retry_after(text: str | None, now: datetime) -> timedelta | None:
    """`Retry-After` (RFC 9110, 10.2.3): seconds or a date; None for none or nonsense; at most MOST_ASKED."""
    if not text:
        return None
    text = text.strip()
    if text.isascii() and text.isdigit():
        return min(timedelta(seconds=min(int(text[:9]), 10**6)), MOST_ASKED)
    try:
        at = parsedate_to_datetime(text)
    except (TypeError, ValueError):
        return None
    at = at if at.tzinfo else at.replace(tzinfo=UTC)
    return min(max(at - now, timedelta(0)), MOST_ASKED)
