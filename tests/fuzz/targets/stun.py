"""Connectivity checks: whose is it, is it right, what is answered. aioice, another's parser, must agree."""

from __future__ import annotations

import hmac
import struct
import zlib

from aioice import stun

from server.errors import ProtocolError
from server.media.transport import ice

PASSWORD = "p" * 24
SOURCE = ("198.51.100.7", 50_000)
COOKIE = 0x2112A442
MOST_ATTRIBUTES = 24


def one(data: bytes) -> None:
    """The first octet tells what is done to the rest: nothing, a right length, a right seal, a fingerprint too."""
    if not data:
        return
    message = _finished(data[0], data[1:])
    try:
        ice.addressed_to(message)
    finally:
        _answer(message)


def _answer(message: bytes) -> None:
    """aioice also looks into attributes that we do not read, and refuses more; what it takes, we take, in bounds."""
    theirs = _by_aioice(message) if _attributes(message) <= MOST_ATTRIBUTES else None
    try:
        binding = ice.answer(message, SOURCE, PASSWORD)
    except ProtocolError:
        assert theirs is None
        return
    assert theirs is None or binding.nominated == ("USE-CANDIDATE" in theirs.attributes)
    response = stun.parse_message(binding.response)
    assert response.check_message_integrity(PASSWORD.encode())
    assert response.transaction_id == binding.transaction == message[8:20]
    assert response.attributes["XOR-MAPPED-ADDRESS"] == SOURCE


def _attributes(message: bytes) -> int:
    count, at = 0, 20
    while at + 4 <= len(message):
        size = int.from_bytes(message[at + 2 : at + 4], "big")
        count, at = count + 1, at + 4 + size + (-size & 3)
    return count


def _by_aioice(message: bytes) -> stun.Message | None:
    """The message, if it is a binding request with the right seal."""
    try:
        theirs = stun.parse_message(message)
    except (ValueError, TypeError, struct.error):
        return None
    right = message.startswith(b"\0\1") and message[4:8] == COOKIE.to_bytes(4, "big")
    return theirs if right and theirs.check_message_integrity(PASSWORD.encode()) else None


def _finished(how: int, body: bytes) -> bytes:
    if how & 3 == 0:
        return body
    attributes = body[12:]
    if how & 2:
        head = _head(body, len(attributes) + 24)
        seal = hmac.new(PASSWORD.encode(), head + attributes, "sha1").digest()
        attributes += struct.pack("!HH", 0x0008, 20) + seal
    if how & 4:
        head = _head(body, len(attributes) + 8)
        attributes += struct.pack("!HHI", 0x8028, 4, zlib.crc32(head + attributes) ^ 0x5354554E)
    if how & 8:
        attributes += body[:4]
    return _head(body, len(attributes)) + attributes


def _head(body: bytes, length: int) -> bytes:
    return struct.pack("!HHI", 1, length & 0xFFFF, COOKIE) + body[:12].ljust(12, b"\0")


def seeds() -> list[bytes]:
    """Checks as Chromium and Firefox send them, sealed and not."""
    found = []
    for elements in (
        {"USERNAME": "abcd:efgh", "ICE-CONTROLLING": 1, "USE-CANDIDATE": None, "PRIORITY": 1},
        {"USERNAME": "abcd", "SOFTWARE": "x", "PRIORITY": 2**31, "ICE-CONTROLLED": 2**63},
        {"XOR-MAPPED-ADDRESS": SOURCE, "XOR-PEER-ADDRESS": ("2001:db8::1", 9), "ERROR-CODE": (487, "Role")},
        {},
    ):
        message = stun.Message(stun.Method.BINDING, stun.Class.REQUEST, bytes(12), dict(elements))
        plain = bytes(message)
        found += [b"\x00" + plain, b"\x01" + plain[8:], b"\x02" + plain[8:], b"\x06" + plain[8:], b"\x0f" + plain[8:]]
        message.add_message_integrity(PASSWORD.encode())
        found.append(b"\x00" + bytes(message))
    return found
