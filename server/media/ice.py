"""ICE-lite (RFC 8445 §2.5): we answer connectivity checks and send none; the browser decides which path is used.

Sans-IO: bytes in, bytes to send out. Consent (RFC 7675) is read the other way round: the browser checks us every few
seconds, so silence on its side means that the path is gone.
"""

from __future__ import annotations

import secrets
import struct
from dataclasses import dataclass
from enum import Enum

from aioice import stun

from server.errors import ProtocolError

Address = tuple[str, int]

LOST_AFTER = 8.0  # s without a valid check; Chromium asks every 2.5 s, Firefox every 4 to 6 s
CLOSED_AFTER = 60.0  # s lost
NEVER_CAME_AFTER = 30.0  # s from the answer to the first check

_COOKIE = 0x2112A442
_USERNAME = 0x0006
_BINDING_REQUEST = 0x0001
_HEADER = struct.Struct("!HHI")
_ATTRIBUTE = struct.Struct("!HH")


@dataclass(frozen=True)
class Credentials:
    """What our answer tells the browser (RFC 8839 §5.4): `ufrag` finds the participant, `password` proves it."""

    ufrag: str
    password: str

    @classmethod
    def new(cls) -> Credentials:
        """Fresh random ones: 48 bits to tell participants apart, 144 bits to prove."""
        return cls(secrets.token_hex(6), secrets.token_urlsafe(18).replace("-", "+").replace("_", "/"))


def addressed_to(data: bytes) -> str:
    """The ufrag that a binding request is meant for, read without checking anything else: strangers stay cheap.

    Raises ProtocolError when it is not a binding request with a USERNAME.
    """
    if len(data) < 20:
        raise ProtocolError("short STUN")
    kind, length, cookie = _HEADER.unpack_from(data)
    if kind != _BINDING_REQUEST or cookie != _COOKIE or length != len(data) - 20:
        raise ProtocolError("not a binding request")
    position = 20
    while position + 4 <= len(data):
        attribute, size = _ATTRIBUTE.unpack_from(data, position)
        if attribute == _USERNAME:
            return data[position + 4 : position + 4 + size].partition(b":")[0].decode("latin-1")
        position += 4 + size + (-size & 3)
    raise ProtocolError("no USERNAME")


@dataclass(frozen=True)
class Binding:
    """A valid check: what to answer, and whether the browser chose this path (USE-CANDIDATE)."""

    response: bytes
    nominated: bool


def answer(data: bytes, source: Address, password: str) -> Binding:
    """The response to a binding request from `source`. Raises ProtocolError unless the password was known."""
    try:
        request = stun.parse_message(data)
        key = password.encode()
        if not request.check_message_integrity(key):
            raise ProtocolError("wrong STUN integrity")
        response = stun.Message(stun.Method.BINDING, stun.Class.RESPONSE, transaction_id=request.transaction_id)
        response.attributes["XOR-MAPPED-ADDRESS"] = source
        response.add_message_integrity(key)
        return Binding(bytes(response), "USE-CANDIDATE" in request.attributes)
    except (ValueError, struct.error, TypeError) as error:
        raise ProtocolError(f"bad STUN: {error}") from error


class Presence(Enum):
    """What the browser's checks say of the path."""

    AWAITED = "awaited"
    HERE = "here"
    LOST = "lost"
    GONE = "gone"


class Consent:
    """When the last valid check came, and what follows from it; times in seconds of any one clock."""

    def __init__(self, now: float) -> None:
        self._since = now
        self._last: float | None = None

    def heard(self, now: float) -> None:
        """A valid check came."""
        self._last = now

    def silent_for(self, now: float) -> float:
        """Seconds since the last valid check, or since the answer."""
        return now - (self._since if self._last is None else self._last)

    def presence(self, now: float) -> Presence:
        """Where the path stands at `now`."""
        silence = self.silent_for(now)
        if self._last is None:
            return Presence.AWAITED if silence < NEVER_CAME_AFTER else Presence.GONE
        if silence < LOST_AFTER:
            return Presence.HERE
        return Presence.LOST if silence < LOST_AFTER + CLOSED_AFTER else Presence.GONE
