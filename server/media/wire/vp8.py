"""The VP8 payload descriptor (RFC 7741 §4.2) and what a forwarder needs of the frame header (RFC 6386 §9.1).

`normalise` gives each payload a descriptor with a 15-bit picture id, so that the numbers which a forwarder rewrites
always stand in its octets 2 and 3 (0x80 and the high bits, the low bits) and 4 (TL0PICIDX, where there is one).
"""

from __future__ import annotations

from typing import Protocol

from server.errors import ProtocolError
from server.media.wire.rtp import unwrap

_KEY_FRAME_HEAD = 10  # octets: frame tag, start code, width, height
_START_CODE = b"\x9d\x01\x2a"


class Vp8:
    """What one packet says of its frame.

    `start`: where the VP8 data begins in the payload; `starts_frame`: first packet of a frame; `picture_id` with
    `picture_id_bits` 15, 7 or 0 (then it is None); `tl0`: TL0PICIDX or None; `tid`, `layer_sync`: temporal layer
    and Y bit, or None, False; `key_frame`: first packet of a key frame, which then has `width` and `height` in pixels
    (else 0).
    """

    __slots__ = (
        "height",
        "key_frame",
        "layer_sync",
        "picture_id",
        "picture_id_bits",
        "start",
        "starts_frame",
        "tid",
        "tl0",
        "width",
    )

    start: int
    starts_frame: bool
    picture_id: int | None
    picture_id_bits: int
    tl0: int | None
    tid: int | None
    layer_sync: bool
    key_frame: bool
    width: int
    height: int

    @classmethod
    def parse(cls, payload: bytes) -> Vp8:
        """Read the head of an RTP payload. Raises ProtocolError when it is truncated or no VP8."""
        try:
            return cls._parse(payload)
        except IndexError as error:
            raise ProtocolError("VP8 descriptor is truncated") from error

    @classmethod
    def _parse(cls, payload: bytes) -> Vp8:
        frame = cls.__new__(cls)
        frame.picture_id = frame.tl0 = frame.tid = None
        frame.picture_id_bits = frame.width = frame.height = 0
        frame.layer_sync = False
        first = payload[0]
        start = 1
        if first & 0x80:
            start = frame._read_numbers(payload)
        frame.start = start
        frame.starts_frame = starts = first & 0x17 == 0x10  # S set and partition 0
        frame.key_frame = key = not payload[start] & 0x01 and starts
        if key:
            frame._read_size(payload, start)
        return frame

    def _read_numbers(self, payload: bytes) -> int:
        """The optional octets after the first two; where they end."""
        present = payload[1]
        at = 2
        if present & 0x80:
            number = payload[2]
            if number & 0x80:
                self.picture_id = (number & 0x7F) << 8 | payload[3]
                self.picture_id_bits = 15
                at = 4
            else:
                self.picture_id = number
                self.picture_id_bits = 7
                at = 3
        if present & 0x40:
            self.tl0 = payload[at]
            at += 1
        if present & 0x30:
            layers = payload[at]
            if present & 0x20:
                self.tid = layers >> 6
                self.layer_sync = layers & 0x20 != 0
            at += 1
        return at

    def _read_size(self, payload: bytes, start: int) -> None:
        head = payload[start : start + _KEY_FRAME_HEAD]
        if len(head) < _KEY_FRAME_HEAD or head[3:6] != _START_CODE:
            raise ProtocolError("VP8 key frame has no start code")
        self.width = (head[7] << 8 | head[6]) & 0x3FFF
        self.height = (head[9] << 8 | head[8]) & 0x3FFF
        if not (self.width and self.height):
            raise ProtocolError("VP8 key frame has no size")


def normalise(payload: bytes, frame: Vp8) -> bytes:
    """The payload with a 15-bit picture id in its descriptor (0 where it had none); the same object if it had one."""
    bits = frame.picture_id_bits
    if bits == 15:
        return payload
    picture_id = frame.picture_id or 0
    extended = payload[0] & 0x80
    present = payload[1] if extended else 0
    rest = (3 if bits else 2) if extended else 1
    head = bytes((payload[0] | 0x80, present | 0x80, 0x80 | picture_id >> 8, picture_id & 0xFF))
    return head + payload[rest:]


class Numbered(Protocol):
    """A packet's head as `PictureCount` reads it."""

    picture_id: int | None
    picture_id_bits: int


class PictureCount:
    """Numbers the pictures of one stream without wrapping, whether its descriptors carry 15, 7 or no picture ids."""

    __slots__ = ("_newest", "_timestamp")

    def __init__(self) -> None:
        self._newest: int | None = None
        self._timestamp = 0

    def number(self, frame: Numbered, timestamp: int) -> int:
        """The number of the picture that a packet with this RTP timestamp belongs to."""
        newest, picture_id = self._newest, frame.picture_id
        if picture_id is not None:
            bits = frame.picture_id_bits
            number = picture_id + (1 << bits) if newest is None else unwrap(picture_id, newest, bits)
        elif newest is None:
            number = 1
        else:
            number = newest + (0 < (timestamp - self._timestamp) & 0xFFFFFFFF < 0x80000000)
        if newest is None or number > newest:
            self._newest, self._timestamp = number, timestamp
        return number
