"""How often one address may ask: a token bucket each, refilled steadily; bounded in number."""

from __future__ import annotations

from collections import OrderedDict

from aiohttp import web

from server.errors import TooManyError
from server.http.i18n import _
from server.http.keys import SETTINGS

_MOST_ADDRESSES = 20_000


class Limiter:
    """`per_minute` requests on average and as many at once for each key; the caller passes the time."""

    def __init__(self, per_minute: int) -> None:
        self.per_minute = per_minute
        self._buckets: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def check(self, key: str, now: float) -> None:
        """Count one request. Raises TooManyError with the seconds until the next is allowed."""
        tokens, last = self._buckets.pop(key, (float(self.per_minute), now))
        tokens = min(float(self.per_minute), tokens + (now - last) * self.per_minute / 60)
        allowed = tokens >= 1
        self._buckets[key] = (tokens - 1 if allowed else tokens, now)
        if len(self._buckets) > _MOST_ADDRESSES:
            self._buckets.popitem(last=False)
        if not allowed:
            wait = max(1, round((1 - tokens) * 60 / self.per_minute))
            raise TooManyError(
                "too_many_requests", _("Gửi quá nhiều yêu cầu. Xin thử lại sau {retry_after} giây."), retry_after=wait
            )


LIMITER = web.AppKey("limiter", Limiter)
POLLS = web.AppKey("polls", Limiter)
POLLS_TO_REQUESTS = 4
"""A page whose network lets no WebSocket through asks anew for each event: six times a second in a meeting of three."""


def is_poll(request: web.Request) -> bool:
    """Whether a page says something, or asks for what is new, on a live connection that is no WebSocket."""
    return request.path == "/socket.io/" and "sid" in request.query


def limiter_of(request: web.Request) -> Limiter:
    """Polls have a measure of their own, so that who sits in a meeting can open pages, too."""
    return request.app[POLLS if is_poll(request) else LIMITER]


def client_address(request: web.Request) -> str:
    """The address of who asks; a front server's X-Forwarded-For is believed only if it is configured."""
    address = request.remote or "-"
    if address in request.app[SETTINGS].http.trusted_proxies:
        forwarded = request.headers.get("X-Forwarded-For", "").rsplit(",", 1)[-1].strip()
        return forwarded or address
    return address
