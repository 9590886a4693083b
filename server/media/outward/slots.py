"""A slot: one outgoing stream of one subscriber, with a fixed SSRC, whose content the node exchanges at key frames.

The receiver must never notice: sequence numbers, timestamps, VP8 picture ids and TL0 indices go on without a break
(RFC 3550 §5.1, RFC 7741 §4.2). So a stretch of one source is a `Segment`: constant offsets from the source's numbers
to the slot's. That makes a packet's rewriting four additions, and a retransmission (RFC 4588) a look into the
*source's* ring of recent packets through the same offsets: nothing is kept per subscriber.

A segment may be capped: it then carries the temporal layers up to `cap` only (RFC 7741 §4.2, TID). The source numbers
its packets for each cap, so the offsets stay constant. Another cap is another segment of the same source, begun at a
picture that allows it: any picture for a lower cap; for a higher one a picture of the layer above that depends on the
base layer alone (Y bit), one layer at a time, or a key frame. So nothing goes out whose references did not.
"""

from __future__ import annotations

import secrets
import struct
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from server.media.inward.packet import PAYLOAD, TOP_LAYER, Packet
from server.media.inward.source import Source
from server.media.outward.downlink import Downlink
from server.media.terms import Codec
from server.media.wire.opus import duration

_PICTURE = struct.Struct("!HB")  # from byte 2 of the payload
_REMEMBERED = 16  # segments whose packets may still be asked for
_STEPS = 50  # in a second: the least between what was sent last and what comes of another source


@dataclass(frozen=True, slots=True)
class Segment:
    """From the packet `first` of `source` on, add these offsets; `start` is the slot's own number of that packet.

    `continues` when the segment before it is of the same source and ends where this one begins.
    """

    source: Source
    first: int
    start: int
    sequence: int
    timestamp: int
    picture: int
    tl0: int
    cap: int = TOP_LAYER
    continues: bool = False

    def payload(self, packet: Packet) -> bytes:
        """The payload of a packet with the picture id and TL0PICIDX that it has here."""
        payload = bytearray(packet.template[PAYLOAD:])
        if self.source.has_numbers:
            picture = packet.picture_number(self.cap) + self.picture & 0x7FFF | 0x8000
            _PICTURE.pack_into(payload, 2, picture, packet.tl0 + self.tl0 & 0xFF)
        return bytes(payload)


class Tally:
    """Packets that each of some slots got, and their bytes, since these were put together."""

    __slots__ = ("octets", "packets")

    def __init__(self) -> None:
        self.packets = self.octets = 0

    def count(self, packets: int, octets: int) -> None:
        """So many left to each."""
        self.packets += packets
        self.octets += octets


@dataclass(eq=False, slots=True)
class Slot:
    """Numbers of one outgoing stream. `number` is its place among the subscriber's slots of its kind.

    `payload_type` is what packets carry now: of a picture that of the source's codec, of which `codecs` has those that
    can be shown, with their RTX; of a voice with `redundancy` (copies in each packet) that is RED's.
    `cap` is the highest temporal layer wished for; the segment's own follows it. `still` when it shows a single picture
    now and then.
    """

    number: int
    payload_type: int
    clock_rate: int
    ssrc: int
    downlink: Downlink
    rtx_ssrc: int | None = None
    rtx_payload_type: int | None = None
    red_payload_type: int | None = None
    codecs: Mapping[Codec, tuple[int, int | None]] = field(default_factory=dict)
    redundancy: int = 0
    segment: Segment | None = None
    awaiting: Source | None = None
    cap: int = TOP_LAYER
    still: bool = False
    began: float = 0.0  # when the present source was taken
    rtx_sequence: int = field(default_factory=lambda: secrets.randbits(15))
    codec_payload_type: int = field(init=False)
    _own: Tally = field(default_factory=Tally)  # what it got by itself, or when it was with others
    _shared: Tally = field(default_factory=Tally)  # of those that it is with now
    _next: int = field(default_factory=lambda: secrets.randbits(14))
    _last_timestamp: int = field(default_factory=lambda: secrets.randbits(31))
    _last_at: float = 0.0
    _last_long: int = 0  # ticks that the last packet sounds, of a voice
    _last_picture: int = field(default_factory=lambda: secrets.randbits(14))
    _last_tl0: int = 0
    _past: deque[Segment] = field(default_factory=lambda: deque(maxlen=_REMEMBERED))

    def __post_init__(self) -> None:
        self.codec_payload_type = self.payload_type
        self.codecs = self.codecs or {"vp8": (self.payload_type, self.rtx_payload_type)}

    @property
    def packets(self) -> int:
        """Packets that left through it."""
        return self._own.packets + self._shared.packets

    @property
    def octets(self) -> int:
        """Their bytes."""
        return self._own.octets + self._shared.octets

    def count(self, packets: int, octets: int) -> None:
        """So many left through it alone; fewer than none where it did not get what the others got."""
        self._own.count(packets, octets)

    def join(self, tally: Tally) -> None:
        """From now on it gets what is counted there, and nothing more of what it shared before."""
        self._own.count(self._shared.packets, self._shared.octets)
        self._shared = tally

    @property
    def showing(self) -> Source | None:
        """The source whose packets go out now."""
        return self.segment.source if self.segment else None

    def show(self, source: Source | None, cap: int = TOP_LAYER) -> None:
        """Wish for `source`: it is taken at its next key frame (voices at once); None ends the slot's stream now.

        Of its temporal layers those up to `cap` are sent. A lower cap holds from the next picture on, a higher one as
        soon as the source's pictures allow; neither needs a key frame.
        """
        self.cap = cap
        if source is not None and not self.can_show(source):
            source = None
        if self.awaiting is not None and self.awaiting is not source:
            self.awaiting.stop_waiting(self)
            self.awaiting = None
        if source is None:
            self.leave()
        elif source is not self.showing and self.awaiting is None:
            self.awaiting = source
            source.wait(self)
        if self.segment is not None:
            self.segment.source.wish_cap(self, self.awaiting is None and cap != self.segment.cap)

    def can_show(self, source: Source) -> bool:
        """Whether its receiver knows the codec."""
        return not source.is_video or source.codec in self.codecs

    def protect(self, copies: int) -> None:
        """From now on send so many earlier packets in each (RFC 2198); nothing where RED was not negotiated."""
        if self.red_payload_type is not None:
            self.redundancy = copies
            self.payload_type = self.red_payload_type if copies else self.codec_payload_type
            self.renew()

    def renew(self) -> None:
        """Something is to be sent in another way from now on, or to another address."""
        if self.segment is not None:
            self.segment.source.audiences = None

    def take(self, source: Source, packet: Packet) -> None:
        """Go over to `source`, whose `packet` is the first to be sent: a key frame's first, or a voice's."""
        self.leave()
        if source.is_video:
            self.payload_type, self.rtx_payload_type = self.codecs[source.codec]
        elapsed = max(self.clock_rate // _STEPS, self._last_long)
        if self._last_at:
            elapsed = max(elapsed, int((source.placed(packet) - self._last_at) * self.clock_rate))
        self.segment = Segment(
            source=source,
            first=packet.index,
            start=self._next,
            sequence=self._next - packet.number(self.cap),
            timestamp=self._last_timestamp + elapsed - packet.timestamp,
            picture=self._last_picture + 1 - packet.picture_number(self.cap),
            tl0=self._last_tl0 + 1 - packet.tl0 if packet.has_tl0 else 0,
            cap=self.cap,
        )
        self.awaiting, self.began = None, packet.arrival
        source.take(self)

    def leave(self) -> None:
        """Stop the present source; the numbers go on after the last that was sent of it."""
        segment = self.segment
        if segment is None:
            return
        source, newest = segment.source, segment.source.passed_on
        source.stop_taking(self)
        self._past.append(segment)
        self.segment = None
        if newest is not None and newest.index >= segment.first:
            sent = newest.passes(segment.cap)
            self._next = newest.number(segment.cap) + segment.sequence + sent
            self._last_timestamp = newest.timestamp + segment.timestamp
            self._last_at = source.placed(newest)
            self._last_long = 0 if source.is_video else duration(newest.template[PAYLOAD:])
            self._last_picture = newest.picture_number(segment.cap) + segment.picture - (not sent)
            if newest.has_tl0:
                self._last_tl0 = newest.tl0 + segment.tl0

    # ---- temporal layers -------------------------------------------------------------------------------------------

    def cap_at(self, packet: Packet) -> int | None:
        """The cap with which to go on from this packet, if it allows one nearer to the wish."""
        segment = self.segment
        if segment is None or not packet.starts or packet.late or packet.index <= segment.first:
            return None
        cap, top = segment.cap, segment.source.top_layer_at(packet)
        if self.cap <= cap or packet.key_frame or top <= cap:
            return self.cap
        if packet.layer_sync and packet.tid == cap + 1:
            return self.cap if packet.tid == top else packet.tid
        return None

    def change_cap(self, packet: Packet, cap: int) -> None:
        """Go on from `packet` with another cap: its numbers are those that it would have had."""
        before = self.segment
        if before is None:
            return
        self._past.append(before)
        start = packet.number(before.cap) + before.sequence
        picture = packet.picture_number(before.cap) + before.picture
        self.segment = replace(
            before,
            first=packet.index,
            start=start,
            sequence=start - packet.number(cap),
            picture=picture - packet.picture_number(cap),
            cap=cap,
            continues=True,
        )
        self.renew()
        before.source.wish_cap(self, cap != self.cap)

    def segment_of(self, index: int) -> Segment | None:
        """The segment that a late packet of the source now shown belongs to, if it was to be sent."""
        segment = self.segment
        past = reversed(self._past)
        while segment is not None and index < segment.first:
            segment = next(past, None) if segment.continues else None
        return segment

    # ---- retransmission --------------------------------------------------------------------------------------------

    def begin_again(self) -> None:
        """Leave out what comes until the next key frame of the source that is shown."""
        source = self.showing
        self.leave()
        if source is not None and self.awaiting is None:
            self.awaiting = source
            source.wait(self, anew=True)

    def locate(self, sequence: int) -> tuple[Segment, Packet] | None:
        """The source packet that went out under this 16-bit number, while the source's ring still has it.

        What came before the key frame with which the present source began is missed by nobody any more, nor what came
        before silence, unless that was a single picture.
        """
        segment = self.segment
        end = self._next if segment is None else self._highest(segment) + 1
        number = end - 1 - ((end - 1 - sequence) & 0xFFFF)
        past = reversed(self._past)
        if segment is None and self.still:
            segment = next(past, None)
        while segment is not None and number < segment.start:
            segment = next(past, None) if segment.continues else None
        if segment is None:
            return None
        packet = segment.source.find(number - segment.sequence, segment.cap)
        if packet is None:
            return None
        return segment, packet if packet.tid <= segment.cap else packet.blank()

    def newest(self, count: int) -> list[int]:
        """The 16-bit numbers of the last `count` packets of what is shown now, the newest first."""
        if self.segment is None:
            return []
        highest = self._highest(self.segment)
        return [number & 0xFFFF for number in range(highest, max(self.segment.start - 1, highest - count), -1)]

    @staticmethod
    def _highest(segment: Segment) -> int:
        newest = segment.source.passed_on
        return segment.start if newest is None else newest.number(segment.cap) + segment.sequence
