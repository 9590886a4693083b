"""A packet of a stream that came in, as it lies ready for everybody who gets it."""

from __future__ import annotations

from server.media.wire.rtp import unwrap

PAYLOAD = 20  # offset of the payload in a template; `forward` says what stands before it
EXTENSION = 0xBEDE0001  # RFC 8285 §4.2: elements of one octet's header, in one word
_BLANK = bytes(11) + EXTENSION.to_bytes(4, "big") + bytes(4)
BLANK_HEADER = b"\x90" + _BLANK
BLANK_PADDING = b"\xb0" + _BLANK + bytes(7) + bytes([8])  # longer than what a video run writes

TOP_LAYER = 2  # highest temporal layer that is told apart, and the cap that lets everything through
Skipped = tuple[tuple[int, int], ...]  # packets and pictures left out so far, for each cap
NOTHING_SKIPPED: Skipped = ((0, 0),) * (TOP_LAYER + 1)


class Packet:
    """One packet of a source, made ready to be sent: `template` is RTP as `forward` sends it, numbers to be filled in.

    `index` counts without wrapping; `picture` and `tl0` are those of a descriptor (0 for voices), `tid` its
    temporal layer (at most `TOP_LAYER`). `starts` and `layer_sync` are true for the first packet of a picture, and of
    one that depends on the base layer alone. `late` came after its place was counted as a gap.
    """

    __slots__ = (
        "arrival",
        "has_tl0",
        "index",
        "key_frame",
        "late",
        "layer_sync",
        "marker",
        "padding",
        "picture",
        "skipped",
        "starts",
        "template",
        "tid",
        "timestamp",
        "tl0",
    )

    def __init__(self, index: int, timestamp: int, marker: int, template: bytes, arrival: float) -> None:
        self.index = index
        self.timestamp = timestamp
        self.marker = marker  # 0x80 or 0, as it stands in the header
        self.template = template
        self.arrival = arrival
        self.picture = self.tl0 = self.tid = 0
        self.has_tl0 = self.key_frame = self.padding = self.starts = self.layer_sync = self.late = False
        self.skipped = NOTHING_SKIPPED

    def passes(self, cap: int) -> bool:
        """Whether it has a number of its own under this cap."""
        return self.late or self.tid <= cap

    def number(self, cap: int) -> int:
        """Its index among the packets of layers up to `cap`."""
        return self.index - self.skipped[cap][0]

    def picture_number(self, cap: int) -> int:
        """Its picture's number among the pictures of layers up to `cap`."""
        return self.picture - self.skipped[cap][1]

    def held_up(self, clock: tuple[float, int], rate: int) -> float:
        """Seconds by which it came later than it should, by the time and the timestamp of one instant."""
        at, timestamp = clock
        return self.arrival - at - unwrap(self.timestamp - timestamp & 0xFFFF_FFFF, 0, 32) / rate

    def blank(self) -> Packet:
        """Padding in its place: a late packet above the cap, whose number the receiver waits for."""
        packet = Packet(self.index, self.timestamp, self.marker, BLANK_PADDING, self.arrival)
        packet.padding, packet.skipped = True, self.skipped
        return packet
