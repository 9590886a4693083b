"""Pictures put together from RTP payloads (VP8: RFC 7741, VP9: RFC 9628): whole ones only, and after a loss none before
a key frame.

A packet that is missing may still come (it was asked for again): what follows waits for it for `PATIENCE`. That costs
nothing but time: a picture is placed by its timestamp, and a key frame would cost everybody who watches its sender.
"""

from __future__ import annotations

from dataclasses import dataclass

from server.errors import ProtocolError
from server.media.terms import Codec
from server.media.wire.rtp import distance
from server.media.wire.vp8 import Vp8
from server.media.wire.vp9 import Vp9

PATIENCE = 1.5  # s that a gap may last before it counts as a loss: two tries on a way of 600 ms
MOST_WAITING = 1000  # packets behind a gap
LARGEST_FRAME = 4 << 20  # octets


@dataclass(frozen=True, slots=True)
class Frame:
    """A coded picture; what is told beside `data` is of its first packet, `width` × `height` 0 unless `key_frame`."""

    data: bytes
    timestamp: int
    key_frame: bool
    width: int
    height: int
    codec: Codec = "vp8"


@dataclass(frozen=True, slots=True)
class _Piece:
    codec: Codec
    payload: bytes
    timestamp: int
    marker: bool
    arrival: float


class FrameAssembler:
    """Sans-IO. `lost` counts packets that never came, `dropped` pictures that could not be used."""

    def __init__(self) -> None:
        self.lost = 0
        self.dropped = 0
        self.needs_key_frame = True
        self._next: int | None = None  # number (unwrapped) of the packet that continues the stream
        self._waiting: dict[int, _Piece] = {}
        self._gap_since: float | None = None
        self._first: Vp8 | Vp9 | None = None
        self._codec: Codec = "vp8"
        self._timestamp = 0
        self._data = bytearray()

    def push(
        self, payload: bytes, timestamp: int, marker: bool, sequence: int, arrival: float, codec: Codec = "vp8"
    ) -> list[Frame]:
        """Take one packet; returns the pictures that it completes, in order. Another codec begins with a key frame."""
        if self._next is None:
            self._next = sequence
        number = self._next + distance(sequence, self._next & 0xFFFF)
        if number < self._next:
            return []  # a copy, or too late
        self._waiting[number] = _Piece(codec, payload, timestamp, marker, arrival)
        frames = self._take_ready()
        while self._given_up(arrival):
            self._skip_gap()
            frames += self._take_ready()
        return frames

    def _take_ready(self) -> list[Frame]:
        frames = []
        while (piece := self._waiting.pop(self._next or 0, None)) is not None:
            self._next = (self._next or 0) + 1
            self._gap_since = None
            if (frame := self._feed(piece)) is not None:
                frames.append(frame)
        return frames

    def _given_up(self, now: float) -> bool:
        if not self._waiting:
            return False
        if self._gap_since is None:
            self._gap_since = self._waiting[min(self._waiting)].arrival
        return now - self._gap_since > PATIENCE or len(self._waiting) > MOST_WAITING

    def _skip_gap(self) -> None:
        following = min(self._waiting)
        self.lost += following - (self._next or 0)
        self._next = following
        self._gap_since = None
        self._abandon()
        self.needs_key_frame = True

    def _feed(self, piece: _Piece) -> Frame | None:
        try:
            head = (Vp9 if piece.codec == "vp9" else Vp8).parse(piece.payload)
        except ProtocolError:
            self._abandon()
            self.needs_key_frame = True
            return None
        if head.starts_frame:
            self._abandon()
            self._first, self._codec, self._timestamp = head, piece.codec, piece.timestamp
        if self._first is None:
            return None  # the rest of a picture whose beginning is missing
        self._data += piece.payload[head.start :]
        if piece.timestamp != self._timestamp or len(self._data) > LARGEST_FRAME:
            self._abandon()
            self.needs_key_frame = True
            return None
        return self._finish(self._first) if piece.marker else None

    def _finish(self, first: Vp8 | Vp9) -> Frame | None:
        data, self._data, self._first = bytes(self._data), bytearray(), None
        if self.needs_key_frame and not first.key_frame:
            self.dropped += 1
            return None
        self.needs_key_frame = False
        return Frame(data, self._timestamp, first.key_frame, first.width, first.height, self._codec)

    def _abandon(self) -> None:
        """Forget a picture that was begun: those after it refer to it."""
        if self._first is not None:
            self.dropped += 1
            self.needs_key_frame = True
        self._first = None
        self._data.clear()
