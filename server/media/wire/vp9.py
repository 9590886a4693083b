"""The VP9 payload descriptor (RFC 9628 §4.2) and what a forwarder needs of the frame header (VP9 bitstream §6.2).

Shared screens come in VP9, in one spatial layer. `bare` leaves of the descriptor only what says where frames begin and
whether they are key frames: receivers then go by the numbers of RTP alone, which a slot keeps without a break, and a
forwarder has nothing to rewrite. Layers need no numbers either: those that are let through never refer to the others.
"""

from __future__ import annotations

from server.errors import ProtocolError

_PICTURE_ID, _INTER, _LAYERS, _FLEXIBLE, _BEGINS, _ENDS, _STRUCTURE = 0x80, 0x40, 0x20, 0x10, 0x08, 0x04, 0x02
_KEPT = _INTER | _BEGINS | _ENDS
_MOST_REFERENCES = 3  # P_DIFF of a picture
_SYNC = 0x498342  # before the size of a key frame
_SRGB = 7  # colour space of profiles 1 and 3
_SIZE_BITS = 16


class Vp9:
    """What one packet says of its frame.

    `start`: where the VP9 data begins in the payload; `starts_frame`: first packet of a frame; `picture_id` with
    `picture_id_bits` 15, 7 or 0 (then it is None); `tid`: temporal layer or None; `key_frame`: first packet of a key
    frame, which then has `width` and `height` in pixels (else 0).
    """

    __slots__ = ("height", "key_frame", "picture_id", "picture_id_bits", "start", "starts_frame", "tid", "width")

    start: int
    starts_frame: bool
    picture_id: int | None
    picture_id_bits: int
    tid: int | None
    key_frame: bool
    width: int
    height: int

    @classmethod
    def parse(cls, payload: bytes) -> Vp9:
        """Read the head of an RTP payload. Raises ProtocolError when it is truncated, or has spatial layers."""
        try:
            return cls._parse(payload)
        except IndexError as error:
            raise ProtocolError("VP9 descriptor is truncated") from error

    @classmethod
    def _parse(cls, payload: bytes) -> Vp9:
        frame = cls.__new__(cls)
        frame.picture_id = frame.tid = None
        frame.picture_id_bits = frame.width = frame.height = 0
        flags, at = payload[0], 1
        if flags & _PICTURE_ID:
            at = frame._read_picture_id(payload)
        if flags & _LAYERS:
            at = frame._read_layers(payload, at, bool(flags & _FLEXIBLE))
        if flags & _FLEXIBLE and flags & _INTER:
            at = _after_references(payload, at)
        if flags & _STRUCTURE:
            at = _after_structure(payload, at)
        _ = payload[at]  # there is data
        frame.start = at
        frame.starts_frame = starts = bool(flags & _BEGINS)
        frame.key_frame = key = starts and not flags & _INTER
        if key:
            frame.width, frame.height = _size(payload[at : at + 16])
        return frame

    def _read_picture_id(self, payload: bytes) -> int:
        number = payload[1]
        if number & 0x80:
            self.picture_id, self.picture_id_bits = (number & 0x7F) << 8 | payload[2], 15
            return 3
        self.picture_id, self.picture_id_bits = number, 7
        return 2

    def _read_layers(self, payload: bytes, at: int, flexible: bool) -> int:
        layers = payload[at]
        if layers & 0x0E:
            raise ProtocolError("VP9 has spatial layers")
        self.tid = layers >> 5
        return at + 1 if flexible else at + 2  # TL0PICIDX


def _after_references(payload: bytes, at: int) -> int:
    for count in range(1, _MOST_REFERENCES + 1):
        more = payload[at] & 0x01
        at += 1
        if not more:
            return at
        if count == _MOST_REFERENCES:
            raise ProtocolError("VP9 picture has too many references")
    return at


def _after_structure(payload: bytes, at: int) -> int:
    """Where the scalability structure (§4.2.1) ends, which key frames carry."""
    head = payload[at]
    at += 1
    if head >> 5:
        raise ProtocolError("VP9 has spatial layers")
    if head & 0x10:
        at += 4  # width and height
    if head & 0x08:
        pictures = payload[at]
        at += 1
        for _ in range(pictures):
            at += 1 + (payload[at] >> 2 & 0x03)
    return at


def _size(head: bytes) -> tuple[int, int]:
    """Width and height of a key frame, from its uncompressed header (`frame_size` of the bitstream)."""
    bits, left = int.from_bytes(head, "big"), 8 * len(head)

    def take(count: int) -> int:
        nonlocal left
        left -= count
        if left < 0:
            raise ProtocolError("VP9 key frame has no size")
        return bits >> left & (1 << count) - 1

    if take(2) != 2:
        raise ProtocolError("no VP9 frame")
    profile = take(1) | take(1) << 1
    if profile or take(1) or take(1):  # only 8 bits of 4:2:0; a frame shown again, or no key frame
        raise ProtocolError("no VP9 key frame of profile 0")
    take(2)  # show_frame, error_resilient_mode
    if take(24) != _SYNC:
        raise ProtocolError("VP9 key frame has no sync code")
    if take(3) == _SRGB:
        raise ProtocolError("VP9 of profile 0 is not RGB")
    take(1)  # color_range
    return take(_SIZE_BITS) + 1, take(_SIZE_BITS) + 1


def bare(payload: bytes, frame: Vp9) -> bytes:
    """The payload with a descriptor of one octet: no numbers of pictures and layers, no structure."""
    return bytes((payload[0] & _KEPT,)) + payload[frame.start :]
