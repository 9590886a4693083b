"""A message that clients may send: its name, who may send it, what it carries; each feature registers its own."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import msgspec

from server.accounts.permissions import Permission
from server.accounts.principal import Principal


class Caller(msgspec.Struct, frozen=True):
    """Who sent a message, and through which connection."""

    who: Principal
    sid: str


class Empty(msgspec.Struct, frozen=True):
    """A message without data."""


class Message(msgspec.Struct, frozen=True):
    """`handler(caller, data)` gives the acknowledgement's fields or None; errors are mapped by the channel."""

    name: str
    handler: Callable[[Caller, Any], Awaitable[dict[str, Any] | None]]
    may: Permission
    data: Any = Empty
    summary: str = ""


class Announcement(msgspec.Struct, frozen=True):
    """A message that the server sends, for the generated document."""

    name: str
    summary: str
    durable: bool = False
