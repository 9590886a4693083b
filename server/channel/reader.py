"""Acknowledgements and heartbeats' answers read without a task or a future each.

A thousand units answer a directive at once, so what they say is taken where its bytes arrive. All else goes on to
aiohttp's reader of frames.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from aiohttp._websocket.helpers import websocket_mask

_WHOLE_TEXT, _MASKED = 0x81, 0x80  # first byte of a text in one frame; bit of the second that every client's frame has
_LONGEST_SHORT = 125
_HEAD = 6  # bytes of a short frame's head: two, and four of the mask
_LONGEST_HEAD = 10  # bytes that say how long a frame is: two, and eight of its length


class AckReader:
    """Stands before aiohttp's reader of frames and takes acknowledgements out, without a task or a future for each.

    It takes a frame that came alone and whole, where a message may begin; all other bytes go on as they are. What it
    leaves is found by `DirectSocket.wait`. `take(packet)` says whether that was an acknowledgement.
    """

    __slots__ = ("_ahead", "_fragmented", "_inside", "_left", "_reader", "_take")

    def __init__(self, reader: Any, take: Callable[[bytes | bytearray], bool]) -> None:
        self._reader: Any = reader
        self._take: Any = take
        self._ahead = b""  # of the head of a frame
        self._left = 0  # bytes that the frame at hand still has
        self._fragmented = False
        self._inside = False  # of a message, in whichever of these ways

    def take(self, data: bytes) -> bool:
        """Whether what has come was a frame that it takes out; if not, it must be fed."""
        size = len(data) - _HEAD
        if data[0] == _WHOLE_TEXT and 0 < size <= _LONGEST_SHORT and data[1] == _MASKED | size and not self._inside:
            packet = bytearray(data[_HEAD:])
            websocket_mask(data[2:_HEAD], packet)
            return bool(self._take(packet))
        return False

    def feed_data(self, data: bytes) -> tuple[bool, bytes]:
        """What aiohttp's protocol calls with what has come; the answer is its reader's."""
        if self.take(data):
            return False, b""
        self._follow(data)
        found: tuple[bool, bytes] = self._reader.feed_data(data)
        return found

    def feed_eof(self) -> None:
        """The connection has ended."""
        self._reader.feed_eof()

    def release(self) -> None:
        """After the end: hold nothing of the connection."""
        self._reader = self._take = None

    def _follow(self, data: bytes) -> None:
        """Keep in mind where the next frame begins (RFC 6455, 5.2)."""
        data = self._ahead + data
        self._ahead = b""
        at = self._left
        while at < len(data):
            size = _size_of_frame(data[at : at + _LONGEST_HEAD])
            if size is None:
                self._ahead = data[at:]
                break
            if not data[at] & 0x08:  # no control frame, which may stand between the fragments of a message
                self._fragmented = not data[at] & 0x80
            at += size
        self._left = max(0, at - len(data))
        self._inside = bool(self._left or self._ahead or self._fragmented)


def _size_of_frame(frame: bytes) -> int | None:
    """Bytes of a client's frame that begins so, head and all; None if too little of it is there to know."""
    if len(frame) < 2:
        return None
    short = frame[1] & 0x7F
    extra = {126: 2, 127: 8}.get(short, 0)
    if len(frame) < 2 + extra:
        return None
    length = int.from_bytes(frame[2 : 2 + extra]) if extra else short
    return 2 + extra + (4 if frame[1] & _MASKED else 0) + length
