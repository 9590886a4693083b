"""Web Push (RFC 8030): a small notification, encrypted for one browser alone (RFC 8291), through its push service."""

from __future__ import annotations

import logging
from collections.abc import Callable
from datetime import datetime, timedelta
from hashlib import sha256
from urllib.parse import urlsplit

import aiohttp
import msgspec

from server.reach.rules import Channel, Gone, Later, Never, Outcome, Reason, Sent
from server.reach.sender import HttpClient, retry_after
from server.reach.service import Letter, PushKeys
from server.reach.settings import Push
from server.reach.vapid import VapidKey
from server.reach.words import Words

log = logging.getLogger("giaoban.reach")
KEPT = timedelta(days=2)
"""How long a push service keeps a message for a browser that is off."""

_SIGNED = timedelta(hours=12)
_LEFT_ALONE = timedelta(seconds=30)
"""How long nothing is posted to a push service that was silent: browsers of others do not wait for it again."""


class PushSender:
    """Posts to the push services of browsers."""

    channel = Channel.PUSH

    def __init__(
        self,
        settings: Push,
        key: VapidKey,
        contact: str,
        words: Callable[[str], Words],
        clock: Callable[[], datetime],
    ) -> None:
        self._settings = settings
        self._signer = key.signer()
        self._contact = contact
        self._words = words
        self._clock = clock
        self._client = HttpClient(settings.timeout_seconds)
        self._away: dict[str, datetime] = {}

    async def send(self, letter: Letter) -> Outcome:
        """One POST; 404 and 410 mean that the browser has left."""
        if letter.push is None or not self._settings.allows(letter.address):
            return Gone()
        service, now = urlsplit(letter.address).netloc, self._clock()
        if (until := self._away.get(service, now)) > now:
            return Later(Reason.TIMEOUT, f"{service} has just been silent", until - now)
        outcome = await self._post(letter, letter.push)
        if isinstance(outcome, Later) and outcome.reason is Reason.TIMEOUT:
            self._away[service] = self._clock() + _LEFT_ALONE
        return outcome

    async def _post(self, letter: Letter, keys: PushKeys) -> Outcome:
        try:
            headers, body = self._sealed(letter, keys)
        except ValueError as error:  # no point of the curve: nobody could read it
            log.info("message %d: the browser's keys are none: %s", letter.id, error)
            return Gone()
        try:
            async with self._client.post(letter.address, body, headers) as reply:
                text = (await reply.content.read(500)).decode("utf-8", "replace")
                return self._judge(reply, f"HTTP {reply.status} {text}".strip())
        except TimeoutError:
            return Later(Reason.TIMEOUT)
        except (aiohttp.ClientError, OSError) as error:
            return Later(Reason.NO_CONNECTION, f"{type(error).__name__}: {error}")

    def _sealed(self, letter: Letter, keys: PushKeys) -> tuple[dict[str, str], bytes]:
        from pywebpush import WebPusher  # takes its time to import

        shown = self._words(letter.language).push(letter.notice)
        info = {"endpoint": letter.address, "keys": {"p256dh": keys.p256dh, "auth": keys.auth}}
        parts = urlsplit(letter.address)
        claims = {
            "aud": f"{parts.scheme}://{parts.netloc}",
            "exp": int((self._clock() + _SIGNED).timestamp()),
            "sub": self._contact,
        }
        headers = {
            **self._signer.sign(claims),
            "Content-Encoding": "aes128gcm",
            "Content-Type": "application/octet-stream",
            "TTL": str(int(KEPT.total_seconds())),
            "Urgency": "high" if shown.urgent else "normal",
            "Topic": sha256(shown.tag.encode()).hexdigest()[:32],  # of the same directive only the last is kept
        }
        return headers, bytes(WebPusher(info).encode(msgspec.json.encode(shown))["body"])

    def _judge(self, reply: aiohttp.ClientResponse, detail: str) -> Outcome:
        status = reply.status
        if 200 <= status < 300:
            return Sent(reply.headers.get("Location", ""))
        if status in (404, 410):
            return Gone()
        if status in (401, 403):
            return Later(Reason.NOT_SIGNED_IN, detail)
        if status in (408, 429) or status >= 500:
            busy = status in (429, 503)
            after = retry_after(reply.headers.get("Retry-After"), self._clock())
            return Later(Reason.BUSY if busy else Reason.FAILING, detail, after)
        return Never(Reason.REFUSED, detail)

    async def close(self) -> None:
        """Close the connections that are kept open."""
        await self._client.close()
