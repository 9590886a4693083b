"""What one participant sends: its streams told apart, put in order, and answered with RTCP.

Browsers name a stream by its mid and rid extensions, on the first packets only; Chromium's simulcast offer has no
`a=ssrc`. So an SSRC is learned once and kept (RFC 8843 §9.2, RFC 8852). Sans-IO: decrypted packets in, RTCP out.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from server.errors import ProtocolError
from server.media import red
from server.media.inward.clocks import SenderClock
from server.media.inward.crowding import Crowding
from server.media.inward.packet import BLANK_HEADER, BLANK_PADDING, TOP_LAYER, Packet
from server.media.inward.source import Source
from server.media.inward.strain import Strain
from server.media.protocol import Kind
from server.media.terms import Codec
from server.media.transport.policing import BYTES_PER_MBIT, UPLINK_MBIT, Bucket
from server.media.wire import rtcp
from server.media.wire.rtcp_build import build_nack, build_pli, build_remb, build_rr
from server.media.wire.rtp import RtpPacket, audio_level, identifier, restore, transport_sequence
from server.media.wire.twcc import FeedbackBuilder
from server.media.wire.vp8 import PictureCount, Vp8, normalise
from server.media.wire.vp9 import Vp9, bare

OUR_SSRC = 1  # the sender of our feedback; it sends no media
LAYER_STOPPED = 0.5  # s that an encoding may lag behind the others of its picture
FRESH = 0.15  # s; what came before the last look but one tells nothing new of the way here
LOSS_SMOOTHING = 0.4  # share of the newest second in `Uplink.loss`
BEGUN_PER_SECOND = 1.0  # streams that take another's place and layers that come back, for each of which all who watch
BEGUN_AT_ONCE = 12.0  # are arranged anew; three layers of a camera some times
VOICE_SHARE = 0.02  # of what a participant may send: what its voice may take, with headers, of each link where it is
VOICE_SECONDS = 2  # heard, for links never wait with voices: 160 kbit/s of 8 Mbit/s, and what so long a silence held up
MOST_REPAIRS = 16  # RTX streams that are remembered; browsers have one a layer
UPPER_BOUND = 4_000_000  # bit/s of one participant; transport-cc finds what the path carries below it


@dataclass(frozen=True)
class UplinkPlan:
    """What was negotiated for sending: pictures in VP8, and of payload type `vp9` in VP9.

    Kinds and rids by mid; mids by declared SSRC; RTX SSRC to repaired SSRC and RTX payload type to its own; RED payload
    type to that of its copies; extension ids, None where there is none.
    """

    kinds: dict[str, Kind]
    rids: dict[str, tuple[str, ...]] = field(default_factory=dict)
    ssrcs: dict[int, str] = field(default_factory=dict)
    rtx_ssrcs: dict[int, int] = field(default_factory=dict)
    payload_types: frozenset[int] = frozenset()
    vp9: int | None = None
    rtx: dict[int, int] = field(default_factory=dict)
    red: dict[int, int] = field(default_factory=dict)
    mid_id: int | None = None
    rid_id: int | None = None
    repaired_rid_id: int | None = None
    level_id: int | None = None
    transport_cc_id: int | None = None


class Arrived(NamedTuple):
    """A packet that is new; `level` is 0 (silence) to 127 of a voice whose level is told.

    `repaired` are older ones that were lost, and that it brought along as copies (RFC 2198).
    """

    source: Source
    packet: Packet
    level: int | None
    repaired: Sequence[Packet] = ()


class Uplink:
    """Sources of one participant. `sources` by kind and rid; figures in `packets`, `bytes`, `nacks`, `plis`."""

    def __init__(self, owner: str, plan: UplinkPlan, uplink_mbit: float = UPLINK_MBIT) -> None:
        self.owner = owner
        self.sources: dict[tuple[Kind, str], Source] = {}
        self.packets = self.bytes = 0
        self.nacks = self.plis = 0  # that we have asked for
        self._plan = plan
        self._by_ssrc: dict[int, Source] = {}
        self._by_rtx_ssrc: dict[int, Source] = {}
        self._pictures: dict[int, PictureCount] = {}
        self._arrivals = FeedbackBuilder(OUR_SSRC)
        self.loss = 0.0  # share lost on the way here, smoothed over a few seconds
        self._clock = SenderClock()
        self._crowding = Crowding()
        self._strain = Strain()
        voice = VOICE_SHARE * uplink_mbit * BYTES_PER_MBIT
        self._voice = Bucket(voice, VOICE_SECONDS * voice)
        self._begun = Bucket(BEGUN_PER_SECOND, BEGUN_AT_ONCE)

    def source(self, kind: Kind, rid: str = "") -> Source | None:
        """The source of this kind and layer, if it has sent."""
        return self.sources.get((kind, rid))

    def offered(self, kind: Kind) -> frozenset[str]:
        """The rids that may come of this kind: of a picture without layers, one encoding without a name."""
        plan = self._plan
        return frozenset(rid for mid, of in plan.kinds.items() if of == kind for rid in plan.rids.get(mid) or ("",))

    def can_send(self, codec: Codec) -> bool:
        """Whether pictures of the screen may come in this codec."""
        return codec == "vp8" or self._plan.vp9 is not None

    def of_kind(self, kind: Kind) -> Iterator[Source]:
        """All layers of a kind."""
        return (source for source in self.sources.values() if source.kind == kind)

    def live(self, kind: Kind, now: float) -> bool:
        """Whether anything of this kind arrives."""
        return any(source.live(now) for source in self.of_kind(kind))

    def layers(self, kind: Kind, now: float) -> list[Source]:
        """The encodings of a picture that arrive now; one that lags behind another was stopped by the browser."""
        live = [source for source in self.of_kind(kind) if source.live(now)]
        newest = max((source.last_arrival for source in live), default=now)
        return [source for source in live if newest - source.last_arrival < LAYER_STOPPED]

    @property
    def left_out(self) -> int:
        """How many of the largest layers of a picture are too much for the way here."""
        return self._strain.left_out

    # ---- packets ---------------------------------------------------------------------------------------------------

    def receive(self, data: bytes, now: float) -> Arrived | None:
        """A decrypted RTP packet; None when it brought nothing new. Raises ProtocolError when it is malformed."""
        self.packets += 1
        self.bytes += len(data)
        rtp = RtpPacket.parse(data)
        number = rtp.extensions.get(self._plan.transport_cc_id or 0)
        if number is not None:
            self._arrivals.media_ssrc = rtp.ssrc  # browsers ignore feedback about a stream that is not theirs
            self._arrivals.record(transport_sequence(number), int(now * 1_000_000))
        if rtp.payload_type in self._plan.rtx:
            repaired = self._retransmitted(rtp)
            if repaired is None:
                return None
            source, index = repaired, repaired.index_of(rtp.sequence)
            if source.kind == "screen" and self._codec(rtp) != source.codec:
                return None
        elif rtp.payload_type not in self._plan.payload_types:
            raise ProtocolError("payload type was not negotiated")
        else:
            source = self._by_ssrc.get(rtp.ssrc) or self._learn(rtp, now)
            index = source.index_of(rtp.sequence)
            if source.kind == "screen" and rtp.payload and self._codec(rtp) != source.codec:
                if source.newest is not None and index < source.newest.index:
                    return None
                source = self._begin(source.kind, source.rid, rtp, now)
                index = source.index_of(rtp.sequence)
            source.report.packet(index, rtp.timestamp, len(data), now)
        copies = self._copies(source, rtp, index, now) if rtp.payload_type in self._plan.red else []
        packet = self._packet(source, rtp, index, now)
        if not source.accept(packet):
            if not copies:
                return None
            packet = copies.pop()
        if source.resumes and source.kind == "camera" and not source.slots:
            source.resumes = self._begun.take(1, now)
        value = rtp.extensions.get(self._plan.level_id or 0)
        level = 127 - audio_level(value)[1] if value and not source.is_video else None
        return Arrived(source, packet, level, copies)

    def _copies(self, source: Source, rtp: RtpPacket, index: int, now: float) -> list[Packet]:
        """Take RED apart, in place; the packets that it repairs."""
        payload_type = self._plan.red[rtp.payload_type]
        *copies, primary = red.parse(rtp.payload)
        if source.is_video or primary.payload_type != payload_type:
            raise ProtocolError("RED carries no voice")
        rtp.payload = primary.payload
        return red.restore(source, copies, payload_type, index, rtp.timestamp, now)

    def _packet(self, source: Source, rtp: RtpPacket, index: int, now: float) -> Packet:
        if not rtp.payload:
            return self._padding(source, rtp, index, now)
        if not source.is_video:
            return Packet(index, rtp.timestamp, rtp.marker, BLANK_HEADER + rtp.payload, now)
        frame: Vp8 | Vp9
        if source.codec == "vp8":
            frame = Vp8.parse(rtp.payload)
            packet = Packet(index, rtp.timestamp, rtp.marker, BLANK_HEADER + normalise(rtp.payload, frame), now)
            packet.layer_sync = frame.layer_sync
            if frame.tl0 is None:
                packet.tl0 = packet.template[24]  # what stands there is data, and stays
            else:
                packet.tl0, packet.has_tl0 = frame.tl0, True
        else:
            frame = Vp9.parse(rtp.payload)
            packet = Packet(index, rtp.timestamp, rtp.marker, BLANK_HEADER + bare(rtp.payload, frame), now)
        packet.picture = self._pictures[source.ssrc].number(frame, rtp.timestamp)
        packet.key_frame, packet.starts = frame.key_frame, frame.starts_frame
        packet.tid = min(frame.tid or 0, TOP_LAYER)
        if frame.key_frame:
            source.width, source.height = frame.width, frame.height
        return packet

    def _codec(self, rtp: RtpPacket) -> Codec:
        """That of a shared screen."""
        return "vp9" if rtp.payload_type == self._plan.vp9 else "vp8"

    @staticmethod
    def _padding(source: Source, rtp: RtpPacket, index: int, now: float) -> Packet:
        """Padding alone goes on as padding, so that the numbers after it need no other offset."""
        packet = Packet(index, rtp.timestamp, rtp.marker, BLANK_PADDING, now)
        packet.padding = True
        if source.newest is not None:
            before = source.newest
            packet.picture, packet.tl0, packet.has_tl0 = before.picture, before.tl0, before.has_tl0
        return packet

    # ---- whose stream ----------------------------------------------------------------------------------------------

    def _learn(self, rtp: RtpPacket, now: float) -> Source:
        plan, extensions = self._plan, rtp.extensions
        named = extensions.get(plan.mid_id or 0)
        mid = identifier(named) if named else plan.ssrcs.get(rtp.ssrc)
        if mid is None or mid not in plan.kinds:
            raise ProtocolError("stream without a known mid")
        layer = extensions.get(plan.rid_id or 0)
        rid = identifier(layer) if layer else ""
        if rid and rid not in plan.rids.get(mid, ()):
            raise ProtocolError("layer was not negotiated")
        return self._begin(plan.kinds[mid], rid, rtp, now)

    def _begin(self, kind: Kind, rid: str, rtp: RtpPacket, now: float) -> Source:
        """A source from this packet on, in the place of the one before: another stream, or another codec."""
        before = self.sources.get((kind, rid))
        if before is not None and not self._begun.take(1, now):
            raise ProtocolError("streams take each other's place too often")
        allowed = self._voice if kind == "microphone" else None
        source = Source(self.owner, kind, rid, rtp.ssrc, self._codec(rtp) if kind == "screen" else "vp8", allowed)
        if before is not None:
            self._by_ssrc.pop(before.ssrc, None)
            self._pictures.pop(before.ssrc, None)
            shown = [*before.slots, *before.waiting]
            before.end()
            for slot in shown:
                slot.show(source, slot.cap)
        self.sources[kind, rid] = self._by_ssrc[rtp.ssrc] = source
        self._pictures[rtp.ssrc] = PictureCount()
        return source

    def _retransmitted(self, rtp: RtpPacket) -> Source | None:
        """Unwrap RTX; None for the padding with which browsers probe the path, hundreds a minute."""
        if len(rtp.payload) <= 2:
            return None
        source = self._by_rtx_ssrc.get(rtp.ssrc) or self._pair(rtp)
        if source is None or self._by_ssrc.get(source.ssrc) is not source:
            self._by_rtx_ssrc.pop(rtp.ssrc, None)
            return None
        restore(rtp, self._plan.rtx[rtp.payload_type], source.ssrc)
        return source

    def _pair(self, rtp: RtpPacket) -> Source | None:
        """Which source an RTX stream repairs: told by its ssrc-group, or by mid and repaired rid."""
        plan, extensions = self._plan, rtp.extensions
        source = self._by_ssrc.get(plan.rtx_ssrcs.get(rtp.ssrc, -1))
        if source is None:
            named, layer = extensions.get(plan.mid_id or 0), extensions.get(plan.repaired_rid_id or 0)
            kind = plan.kinds.get(identifier(named)) if named else None
            source = self.sources.get((kind, identifier(layer) if layer else "")) if kind else None
        if source is not None:
            if len(self._by_rtx_ssrc) >= MOST_REPAIRS:
                del self._by_rtx_ssrc[next(iter(self._by_rtx_ssrc))]
            self._by_rtx_ssrc[rtp.ssrc] = source
        return source

    # ---- RTCP ------------------------------------------------------------------------------------------------------

    def sender_report(self, report: rtcp.SenderReport, now: float) -> None:
        """The participant tells which of its times a timestamp stands for: voices and pictures get one clock."""
        source = self._by_ssrc.get(report.ssrc)
        if source is None:
            return
        source.report.last_sr, source.report.last_sr_at = rtcp.middle(report.ntp), now
        self._clock.report(source, report.ntp, report.rtp_timestamp, now)

    def look_at_way(self, now: float) -> list[bytes]:
        """Ten times a second: whether more is sent than gets here. RTCP packets that tell the browser at once."""
        if self._plan.transport_cc_id is None:
            sent, came = self.expected, self.expected - self.lost
        else:  # all that was sent, repairs too
            sent, came = self._arrivals.sent, self.packets
        self._strain.look(self._waited(now), now, sent, came)
        lower = self._crowding.look(sent, came, self.bytes, now)
        return self._bounds(now) if lower else []

    def _waited(self, now: float) -> float | None:
        """How long the quickest of the newest packets was held up on its way here, s; None when nothing is known."""
        newest = ((source, source.newest) for source in self.sources.values() if source.clock is not None)
        waited = (
            source.held_up(packet) for source, packet in newest if packet is not None and now - packet.arrival < FRESH
        )
        return min(waited, default=None)

    def _bounds(self, now: float) -> list[bytes]:
        """REMB: the most that we take, or what the way here carries."""
        video = [source.ssrc for source in self.sources.values() if source.is_video and source.live(now)]
        bound = self._crowding.bound
        return [build_remb(OUR_SSRC, UPPER_BOUND if bound is None else int(bound), video)] if video else []

    def requests(self, now: float) -> list[bytes]:
        """NACKs and PLIs that are due: RTCP packets.

        A layer that was stopped is asked for no key frame until it goes on: Firefox answers with one of those that it
        sends, so that these would be nothing but key frames.
        """
        packets: list[bytes] = []
        crowded, suspected = self._crowding.crowded(now), self._crowding.suspected
        for source in self.sources.values():
            if crowded and source.is_video and source.losses.missing:
                source.losses.missing.clear()
                source.key_frames.wanted = True  # once there is room
            if (crowded or suspected) and source.is_video:
                continue
            if source.losses.missing:
                if source.stopped(now):
                    source.losses.missing.clear()
                lost = source.losses.due(now)
                if lost:
                    self.nacks += 1
                    packets.append(build_nack(OUR_SSRC, source.ssrc, lost))
            if not source.stopped(now) and source.key_frames.due(now):
                self.plis += 1
                packets.append(build_pli(OUR_SSRC, source.ssrc))
        return packets

    def transport_feedback(self, now: float) -> list[bytes]:
        """Arrival times since the last call: RTCP packets. What a full queue drops is not to be sent again."""
        crowding = self._crowding
        return self._arrivals.build(losses=not (crowding.suspected or crowding.crowded(now)))

    def reports(self, now: float) -> list[bytes]:
        """Once a second: how each source arrives, and the most that we take."""
        sources = [source for source in self.sources.values() if source.live(now)]
        blocks = [
            rtcp.ReportBlock(
                source.ssrc,
                source.report.fraction_lost(),
                source.report.lost,
                source.report.highest,
                int(source.report.jitter),
                source.report.last_sr,
                source.report.since_sr(now),
            )
            for source in sources
        ]
        worst = max((block.fraction_lost for block in blocks), default=0)  # what has stopped loses nothing any more
        self.loss += LOSS_SMOOTHING * (worst / 256 - self.loss)
        return [build_rr(OUR_SSRC, blocks), *self._bounds(now)] if blocks else []

    @property
    def expected(self) -> int:
        """Packets that should have come, lost or not."""
        return sum(source.report.received + max(0, source.report.lost) for source in self.sources.values())

    @property
    def lost(self) -> int:
        """Packets lost on the way here."""
        return sum(max(0, source.report.lost) for source in self.sources.values())

    def jitter_ms(self, now: float) -> float:
        """The worst jitter of any source that arrives; that of one which has stopped would stay for ever."""
        live = (source for source in self.sources.values() if source.live(now))
        return max((1000 * source.report.jitter / source.clock_rate for source in live), default=0.0)
