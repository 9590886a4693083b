"""ICE-lite (RFC 8445 §2.5): we answer connectivity checks and send none; the browser decides which path is used.

Sans-IO: bytes in, bytes to send out. Consent (RFC 7675) is read the other way round: the browser checks us every few
seconds, so silence on its side means that the path is gone.
"""

from __future__ import annotations

import hmac
import secrets
import socket
import struct
import zlib
from dataclasses import dataclass
from enum import Enum

from server.errors import ProtocolError

Address = tuple[str, int]

LOST_AFTER = 8.0  # s without a valid check; Chromium asks every 2.5 s, Firefox every 4 to 6 s
CLOSED_AFTER = 60.0  # s lost
NEVER_CAME_AFTER = 30.0  # s from the answer to the first check

_COOKIE = 0x2112A442
_USERNAME = 0x0006
_BINDING_REQUEST = 0x0001
_BINDING_RESPONSE = 0x0101
_XOR_MAPPED_ADDRESS = 0x0020
_INTEGRITY, _INTEGRITY_BYTES = 0x0008, 24
_USE_CANDIDATE = 0x0025
_FINGERPRINT = 0x8028
_HEADER = struct.Struct("!HHI")
_ATTRIBUTE = struct.Struct("!HH")
_MAPPED = struct.Struct("!HHBBHI")
_CHECKSUM = struct.Struct("!HHI")

_MOST_ATTRIBUTES = 24  # that are looked at; browsers send about ten, a datagram has room for 370
_ID_BYTES = 8  # of the twelve random ones
_ROWS, _ROW_IDS = 256, 32  # 64 KB; five hours of a browser's checks


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
    _check_header(data)
    position = 20
    for _ in range(_MOST_ATTRIBUTES):
        if position + 4 > len(data):
            break
        attribute, size = _ATTRIBUTE.unpack_from(data, position)
        if attribute == _USERNAME:
            return data[position + 4 : position + 4 + size].partition(b":")[0].decode("latin-1")
        position += 4 + size + (-size & 3)
    raise ProtocolError("no USERNAME")


def _check_header(data: bytes) -> None:
    if len(data) < 20:
        raise ProtocolError("short STUN")
    if _HEADER.unpack_from(data) != (_BINDING_REQUEST, len(data) - 20, _COOKIE):
        raise ProtocolError("not a binding request")


@dataclass(frozen=True)
class Binding:
    """A valid check: what to answer, whether the browser chose this path (USE-CANDIDATE), the transaction's id."""

    response: bytes
    nominated: bool
    transaction: bytes


def answer(data: bytes, source: Address, password: str) -> Binding:
    """The response to a binding request from `source`, an IPv4 address (RFC 8489 §6, RFC 8445 §7.3).

    Raises ProtocolError unless the password was known. It costs 10 µs where aioice's messages cost 40, because a
    participant may send thousands.
    """
    _check_header(data)
    key = password.encode()
    sealed, nominated = _sealed(data)
    head = data[:2] + (sealed + _INTEGRITY_BYTES - 20).to_bytes(2, "big")
    seal = hmac.digest(key, head + data[4:sealed], "sha1")
    if not hmac.compare_digest(seal, data[sealed + 4 : sealed + _INTEGRITY_BYTES]):
        raise ProtocolError("wrong STUN integrity")
    return Binding(_response(data[8:20], source, key), nominated, data[8:20])


def _sealed(data: bytes) -> tuple[int, bool]:
    """Where MESSAGE-INTEGRITY stands, and whether USE-CANDIDATE does before it; what follows it proves nothing."""
    position, nominated = 20, False
    for _ in range(_MOST_ATTRIBUTES):
        if position + 4 > len(data):
            break
        attribute, size = _ATTRIBUTE.unpack_from(data, position)
        if attribute == _INTEGRITY:
            if size != 20 or position + _INTEGRITY_BYTES > len(data):
                break
            return position, nominated
        nominated |= attribute == _USE_CANDIDATE
        position += 4 + size + (-size & 3)
    raise ProtocolError("no STUN integrity")


def _response(transaction: bytes, source: Address, key: bytes) -> bytes:
    """XOR-MAPPED-ADDRESS, MESSAGE-INTEGRITY, FINGERPRINT (RFC 8489 §14.2, §14.5, §14.7)."""
    address = int.from_bytes(socket.inet_aton(source[0]), "big") ^ _COOKIE
    body = transaction + _MAPPED.pack(_XOR_MAPPED_ADDRESS, 8, 0, 1, source[1] ^ _COOKIE >> 16, address)
    seal = hmac.digest(key, _HEADER.pack(_BINDING_RESPONSE, 36, _COOKIE) + body, "sha1")
    whole = b"".join((_HEADER.pack(_BINDING_RESPONSE, 44, _COOKIE), body, _ATTRIBUTE.pack(_INTEGRITY, 20), seal))
    return whole + _CHECKSUM.pack(_FINGERPRINT, 4, zlib.crc32(whole) ^ 0x5354554E)


class SeenChecks:
    """Ids of the valid checks of some hours: one overheard and sent again from elsewhere moves nobody's path.

    They are in rows by their hash, so that nobody makes a search long, however many he sends and whatever their ids.
    """

    def __init__(self) -> None:
        self._rows: dict[int, bytes] = {}

    def has(self, transaction: bytes) -> bool:
        """Whether a check with this id has come."""
        number = transaction[:_ID_BYTES]
        return number in self._rows.get(hash(number) % _ROWS, b"")

    def add(self, transaction: bytes) -> None:
        """It has now; of too many in its row the oldest is forgotten."""
        number = transaction[:_ID_BYTES]
        row = hash(number) % _ROWS
        self._rows[row] = (self._rows.get(row, b"") + number)[-_ROW_IDS * _ID_BYTES :]


class Presence(Enum):
    """What the browser's checks say of the path."""

    AWAITED = "awaited"
    HERE = "here"
    LOST = "lost"
    GONE = "gone"


class Consent:
    """When the last valid check came, and what follows from it; times in seconds of any one clock."""

    def __init__(self, now: float, lost_after: float = LOST_AFTER, closed_after: float = CLOSED_AFTER) -> None:
        self._since = now
        self._lost_after, self._gone_after = lost_after, lost_after + closed_after
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
        if silence < self._lost_after:
            return Presence.HERE
        return Presence.LOST if silence < self._gone_after else Presence.GONE
