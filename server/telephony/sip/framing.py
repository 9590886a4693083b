"""Messages out of a stream (RFC 3261 §18.3): Content-Length says where each ends."""

from __future__ import annotations

import re

from server.errors import ProtocolError
from server.telephony.sip.parsing import LARGEST_HEAD

LARGEST_BODY = 65_536

_KEEP_ALIVE = b"\r\n\r\n"
_LENGTH = re.compile(rb"\r\n(?:content-length|l)[ \t]*:[ \t]*([0-9]{1,10})[ \t]*(?=\r\n)", re.IGNORECASE)


class Framing:
    """The octets of one connection that have come and make no whole message yet."""

    def __init__(self) -> None:
        self._waiting = bytearray()
        self._looked = 0

    @property
    def waiting(self) -> int:
        """How many octets wait for the rest of their message; line ends before one are none (RFC 3261 §7.5)."""
        return 0 if _KEEP_ALIVE.startswith(self._waiting) else len(self._waiting)

    def feed(self, data: bytes) -> tuple[list[bytes], int]:
        """Take what came: whole messages, and how many keep-alives want an answer (RFC 5626 §4.4.1: CRLF CRLF).

        Raises ProtocolError when no message can be found any more: nothing of the stream can be read then.
        """
        self._waiting += data
        found: list[bytes] = []
        pings = 0
        while True:
            while self._waiting.startswith(_KEEP_ALIVE):
                del self._waiting[: len(_KEEP_ALIVE)]
                pings += 1
            if self._waiting.startswith(b"\r\n") and len(self._waiting) > 2 and self._waiting[2:3] != b"\r":
                del self._waiting[:2]
            end = self._end()
            if end is None:
                return found, pings
            found.append(bytes(self._waiting[:end]))
            del self._waiting[:end]
            self._looked = 0

    def _end(self) -> int | None:
        head = self._waiting.find(b"\r\n\r\n", self._looked)
        if head < 0:
            if len(self._waiting) > LARGEST_HEAD + 4:
                raise ProtocolError("the headers do not end")
            self._looked = max(0, len(self._waiting) - 3)
            return None
        self._looked = head
        if head > LARGEST_HEAD:
            raise ProtocolError("the headers are too large")
        lengths = {int(length) for length in _LENGTH.findall(self._waiting[: head + 2])}
        if len(lengths) > 1 or max(lengths, default=0) > LARGEST_BODY:
            raise ProtocolError("Content-Length does not tell where the message ends")
        end = head + 4 + (lengths.pop() if lengths else 0)
        return end if len(self._waiting) >= end else None
