"""Settings of the channels beyond the live page; secrets come from the environment or a file, never into a log."""

from __future__ import annotations

import json
import string
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal
from urllib.parse import urlsplit

import msgspec

from server.reach.rules import Alphabet, clean_mail

FIELDS = frozenset({"to", "text", "key", "title", "number", "subject", "due", "link", "code", "sender"})
"""What a gateway's body may hold in braces."""


class _Section(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    pass


class Reach(_Section, frozen=True):
    """How messages beyond the live page are tried."""

    tries: int = 10
    first_retry_seconds: int = 10
    most_retry_minutes: int = 30

    def __post_init__(self) -> None:
        """Refuse what would never send, or never stop."""
        if not 1 <= self.tries <= 100:
            raise ValueError("reach.tries must be 1 to 100")
        if self.first_retry_seconds < 1 or self.most_retry_minutes < 1:
            raise ValueError("reach.first_retry_seconds and reach.most_retry_minutes must be 1 or more")


class Mail(_Section, frozen=True):
    """An SMTP server; without `host` there is no e-mail."""

    host: str = ""
    port: int = 587
    security: Literal["starttls", "tls", "none"] = "starttls"
    username: str = ""
    password: str = ""
    password_file: str = ""
    sender: str = ""
    sender_name: str = "Giao Ban"
    timeout_seconds: int = 30

    def __post_init__(self) -> None:
        """Refuse what could not send."""
        if self.host and clean_mail(self.sender) is None:
            raise ValueError("mail.sender must be an e-mail address")
        _check_timeout("mail", self.timeout_seconds)


class Gateway(_Section, frozen=True):
    """A provider of SMS or Zalo messages with an HTTP interface; without `url` there is none.

    `body` is a JSON text whose strings may hold {to}, {text}, {key} and so on (FIELDS). A message was taken when the
    status is 2xx and the value at `answer_field` (such as `result.code`) is one of `answer_sent`; those of
    `answer_later` are tried again, all others are refused for good.
    """

    url: str = ""
    body: str = '{"to": "{to}", "text": "{text}", "id": "{key}"}'
    sender: str = ""
    auth_header: str = "Authorization"
    secret: str = ""
    secret_file: str = ""
    key_header: str = "Idempotency-Key"
    answer_field: str = ""
    answer_sent: list[str] = []
    answer_later: list[str] = []
    timeout_seconds: int = 20
    numbers: Literal["+84", "84", "0"] = "84"
    alphabet: Literal["gsm7", "ucs2"] = "gsm7"

    def __post_init__(self) -> None:
        """Refuse an address that is none, and a body that is no JSON or has fields that we do not know."""
        if self.url and (urlsplit(self.url).scheme not in ("http", "https") or not urlsplit(self.url).hostname):
            raise ValueError(f"not an address: {self.url}")
        fill(json.loads(self.body), dict.fromkeys(FIELDS, ""))
        if self.answer_field and not self.answer_sent:
            raise ValueError("answer_field without answer_sent")
        _check_timeout("gateway", self.timeout_seconds)

    @property
    def coding(self) -> Alphabet:
        """How its short messages are coded."""
        return Alphabet(self.alphabet)

    def number(self, phone: str) -> str:
        """+84912345678 as the provider wants it."""
        return self.numbers + phone.removeprefix("+84")


class Push(_Section, frozen=True):
    """Web Push to closed browsers; it needs HTTPS pages and a way from this server to the browsers' push services.

    `services` are the hosts (and those below them) that a browser may name; `http://…` names one exactly, for tests.
    """

    enabled: bool = True
    contact: str = ""
    services: list[str] = msgspec.field(
        default_factory=lambda: [
            "fcm.googleapis.com",
            "push.services.mozilla.com",
            "web.push.apple.com",
            "notify.windows.com",
        ]
    )
    timeout_seconds: int = 20

    def __post_init__(self) -> None:
        """Refuse timeouts longer than a lease."""
        _check_timeout("push", self.timeout_seconds)

    def allows(self, endpoint: str) -> bool:
        """Whether a subscription may name this address: we post to it, so it must not be anything that we can reach."""
        parts = urlsplit(endpoint)
        if f"{parts.scheme}://{parts.netloc}" in self.services:
            return True
        host = parts.hostname or ""
        whole = parts.scheme == "https" and parts.username is None and parts.port in (None, 443)
        return whole and any(host == name or host.endswith(f".{name}") for name in self.services)


def _check_timeout(section: str, seconds: int) -> None:
    if not 1 <= seconds <= 90:
        raise ValueError(f"{section}: timeout_seconds must be 1 to 90")


def fill(template: Any, fields: Mapping[str, str]) -> Any:
    """The template (decoded JSON) with the fields in its strings. Raises ValueError for a field that is not there."""
    if isinstance(template, str):
        try:
            return "".join(
                text + ("" if name is None else fields[name])
                for text, name, _spec, _conv in string.Formatter().parse(template)
            )
        except KeyError as error:
            raise ValueError(f"no such field: {{{error.args[0]}}}") from error
    if isinstance(template, dict):
        return {name: fill(value, fields) for name, value in template.items()}
    if isinstance(template, list):
        return [fill(value, fields) for value in template]
    return template


def secret_of(value: str, file: Path | None) -> str:
    """A secret of the settings, else the first line of a file. Raises OSError."""
    if value or file is None:
        return value
    return file.read_text("utf-8").partition("\n")[0].strip()
