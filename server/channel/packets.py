"""Bytes of the live channel: an event as Socket.IO's packet, a packet as WebSocket's frame, an acknowledgement read.

Pure. An event to a thousand units is one text but for its number, so the rest is put together once.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Iterable
from functools import lru_cache
from typing import Any

import msgspec

from server.store import StoredEvent

PING, PONG = b"2", b"3"
MOST_DIGITS = 15
_ACK = re.compile(rb'42\["channel\.ack",\{"seq":([0-9]{1,%d})\}\]' % MOST_DIGITS).fullmatch
_SHORT, _MEDIUM = 126, 1 << 16


def event_body(event: StoredEvent) -> dict[str, Any]:
    """What a client gets of an event: its number, its time and its fields."""
    return {"seq": event.seq, "at": event.at.isoformat(), **msgspec.json.decode(event.body)}


def packet(name: str, body: Any) -> bytes:
    """A message for the root namespace, as Engine.IO sends it: 4 message, 2 event."""
    return b'42["%b",%b]' % (name.encode(), msgspec.json.encode(body))


def packets(events: Iterable[StoredEvent]) -> list[bytes]:
    """The same of events with their `event_body`."""
    made: list[bytes] = []
    last: StoredEvent | None = None
    head = tail = b""
    for event in events:
        if last is None or event.body is not last.body or event.kind != last.kind or event.at is not last.at:
            head, tail = _around_number(event)
            last = event
        made.append(b"%b%d%b" % (head, event.seq, tail))
    return made


def _around_number(event: StoredEvent) -> tuple[bytes, bytes]:
    """What stands before and after the number of an event; its stored text is not read."""
    fields = bytes(event.body)[1:]
    head = b'42["%b",{"seq":' % event.kind.encode()
    tail = b',"at":"%b"%b%b]' % (event.at.isoformat().encode(), b"" if fields == b"}" else b",", fields)
    return head, tail


def frame_of(packet: bytes) -> bytes:
    """A text as one WebSocket frame of a server: final, unmasked (RFC 6455, 5.2)."""
    return _head_of(len(packet)) + packet


@lru_cache(maxsize=64)
def _head_of(size: int) -> bytes:
    if size < _SHORT:
        return struct.pack("!BB", 0x81, size)
    if size < _MEDIUM:
        return struct.pack("!BBH", 0x81, 126, size)
    return struct.pack("!BBQ", 0x81, 127, size)


def acknowledged(packet: bytes | bytearray) -> int | None:
    """The number in `42["channel.ack",{"seq":7}]`; None for all else, which goes the usual way and is refused there."""
    found = _ACK(packet)
    return None if found is None else int(found[1])
