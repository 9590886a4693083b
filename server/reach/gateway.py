"""SMS and Zalo through a provider's HTTP interface, described by settings: one POST a message, its answer by rules."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

import aiohttp

from server.reach.rules import Channel, Later, Never, Outcome, Reason, Sent
from server.reach.sender import HttpClient, retry_after
from server.reach.service import Letter
from server.reach.settings import Gateway, fill
from server.reach.words import Words

_ANSWER_BYTES = 64 << 10
_LATER = {408: Reason.TIMEOUT, 425: Reason.BUSY, 429: Reason.BUSY, 503: Reason.BUSY, 504: Reason.TIMEOUT}


class GatewaySender:
    """One provider. A message goes with its key at each try, so that the provider can tell a repeat."""

    def __init__(
        self,
        channel: Channel,
        settings: Gateway,
        secret: str,
        words: Callable[[str], Words],
        clock: Callable[[], datetime],
    ) -> None:
        self.channel = channel
        self._settings = settings
        self._secret = secret
        self._words = words
        self._clock = clock
        self._client = HttpClient(settings.timeout_seconds)

    def body(self, letter: Letter) -> Any:
        """The JSON body: the template with its fields filled."""
        words, notice = self._words(letter.language), letter.notice
        text = words.sms(notice, self._settings.coding) if self.channel is Channel.SMS else words.message(notice)
        fields = {
            "to": self._settings.number(letter.address),
            "text": text,
            "key": letter.key,
            "title": words.title(notice),
            "number": notice.number,
            "subject": notice.subject,
            "due": words.due(notice),
            "link": words.link(notice),
            "code": notice.code,
            "sender": self._settings.sender,
        }
        return fill(json.loads(self._settings.body), fields)

    async def send(self, letter: Letter) -> Outcome:
        """One POST."""
        headers = {"Content-Type": "application/json"}
        if self._settings.auth_header and self._secret:
            headers[self._settings.auth_header] = self._secret
        if self._settings.key_header:
            headers[self._settings.key_header] = letter.key
        try:
            body = json.dumps(self.body(letter), ensure_ascii=False).encode()
            async with self._client.post(self._settings.url, body, headers) as reply:
                content = await reply.content.read(_ANSWER_BYTES)
                while not reply.content.at_eof() and len(content) < _ANSWER_BYTES:
                    content += await reply.content.read(_ANSWER_BYTES - len(content))
                return self._judge(reply.status, reply.headers, content)
        except TimeoutError:
            return Later(Reason.TIMEOUT)
        except (aiohttp.ClientError, OSError) as error:
            return Later(Reason.NO_CONNECTION, f"{type(error).__name__}: {error}")

    def _judge(self, status: int, headers: Mapping[str, str], content: bytes) -> Outcome:
        detail = f"HTTP {status} {content[:200].decode('utf-8', 'replace')}".strip()
        if status in (401, 403):
            return Later(Reason.NOT_SIGNED_IN, detail)  # the operator mends the secret, and nothing was lost
        if status in _LATER or status >= 500:
            after = retry_after(headers.get("Retry-After"), self._clock())
            return Later(_LATER.get(status, Reason.FAILING), detail, after, everybody=True)
        if not 200 <= status < 300:
            return Never(Reason.REFUSED, detail)
        return self._judge_body(content, detail)

    def _judge_body(self, content: bytes, detail: str) -> Outcome:
        """Providers say in a body of 200 that they refuse."""
        rules = self._settings
        if not rules.answer_field:
            return Sent()
        try:
            value = _at(json.loads(content), rules.answer_field)
        except (ValueError, KeyError, IndexError, TypeError, RecursionError):
            return Later(Reason.BAD_ANSWER, detail)
        word = json.dumps(value) if isinstance(value, bool) else str(value)
        if word in rules.answer_sent:
            return Sent(word)
        if word in rules.answer_later:
            return Later(Reason.BUSY, detail)
        return Never(Reason.REFUSED, detail)

    async def close(self) -> None:
        """Close the connections that are kept open."""
        await self._client.close()


def _at(value: Any, path: str) -> Any:
    """`data.0.status` of decoded JSON. Raises KeyError, IndexError, TypeError, ValueError."""
    for step in path.split("."):
        value = value[int(step)] if isinstance(value, list) else value[step]
    return value
