"""Forwarding: what a source received in one burst, rewritten and protected for each subscriber, sent in batches.

This is the hot path: 90 subscribers × 170 packets a second. Work per source packet is done once (`Packet.template`,
`_Run`); per subscriber there remain one copy, one `pack_into` of the numbers that differ, one call of libsrtp, and per
run of equal-length packets one `sendmsg`. Every outgoing packet has the same layout:

    0  0x90 | marker, payload type | sequence          12  0xBEDE 0x0001 (RFC 8285)
    4  timestamp                                       16  transport-cc element, sequence, 0
    8  ssrc                                            20  payload (video: VP8 descriptor with 15-bit picture id)
"""

from __future__ import annotations

import struct
from collections.abc import Iterable
from dataclasses import dataclass

from server.media.dtls import Arena, srtp_protect
from server.media.red import Copies
from server.media.slots import Segment, Slot
from server.media.source import BLANK_PADDING, PAYLOAD, TOP_LAYER, Packet, Source
from server.media.udp import UdpPort

RUN_PACKETS = 16  # most packets of one batch: what a thin link gets at once
_LARGEST_PACKET = 1600  # bytes with the tag
_LEVELLED = 3  # octets of padding that a packet is given to join a batch
_EXTENSION = 0xBEDE0001

_VOICE = struct.Struct("!BHIIIBHB")  # from byte 1: the numbers of the header and its extension
_VIDEO = struct.Struct("!BHIIIBHBHHB")  # and of the VP8 descriptor: flags, picture id, TL0PICIDX
_PICTURE = struct.Struct("!HB")  # from byte 2 of the payload

_Item = tuple[bytes, int, int, int, int, int, int, int]  # template, size, marker, index, timestamp, flags, picture, tl0


@dataclass(slots=True)
class _Run:
    """Packets that may leave as one batch: of one length, but for the last, which may be shorter."""

    size: int
    lowest: int
    items: list[_Item]
    packets: list[Packet]

    def add(self, item: _Item, packet: Packet) -> bool:
        """Take one more packet, if the batch can still hold it; browsers' packets of a frame differ by an octet."""
        size, last = item[1], self.items[-1][1]
        if last != self.size or len(self.items) == RUN_PACKETS or size > self.size + _LEVELLED:
            return False
        if size > self.size:
            self.size = size
            self.items = [_levelled(before, size) for before in self.items]
        self.items.append(_levelled(item, self.size) if size >= self.size - _LEVELLED else item)
        self.packets.append(packet)
        self.lowest = min(self.lowest, packet.index)
        return True


def _levelled(item: _Item, size: int) -> _Item:
    """The packet made `size` bytes long by RTP padding (RFC 3550 §5.1), so that it fits its batch."""
    template, missing = item[0], size - item[1]
    if missing == 0:
        return item
    if template[0] & 0x20:  # it has padding: that becomes longer
        missing += template[-1]
        template = template[: -template[-1]]
    return (bytes((template[0] | 0x20,)) + template[1:] + bytes(missing - 1) + bytes((missing,)), size, *item[2:])


def _runs(packets: Iterable[Packet], cap: int = TOP_LAYER) -> list[_Run]:
    """Cut a burst where the length changes, and leave out the layers above the cap."""
    runs: list[_Run] = []
    for packet in packets:
        if not packet.passes(cap):
            continue
        template = packet.template if packet.tid <= cap else BLANK_PADDING
        size = len(template)
        flags = template[PAYLOAD] << 8 | template[PAYLOAD + 1] if size > PAYLOAD + 1 else 0
        number, picture = packet.number(cap), packet.picture_number(cap)
        item = (template, size, packet.marker, number, packet.timestamp, flags, picture, packet.tl0)
        if not runs or not runs[-1].add(item, packet):
            runs.append(_Run(size, packet.index, [item], [packet]))
    return runs


class Forwarder:
    """Sends packets of sources through slots; one for the whole node, it owns the memory that libsrtp works in."""

    def __init__(self, port: UdpPort) -> None:
        self._port = port
        self._arena = Arena((RUN_PACKETS + 1) * _LARGEST_PACKET)

    def forward(self, source: Source, now: float) -> list[Packet]:
        """Pass on all fresh packets of `source`; they are returned for whoever else wants them."""
        packets, source.fresh = source.fresh, []
        source.passed_on = source.newest
        changed = self._change_caps(source, packets) if source.changing else set()
        if source.slots:
            self._spread(source, packets, source.slots - changed if changed else source.slots)
        if source.waiting:
            self._begin(source, packets)
        return packets

    def _spread(self, source: Source, packets: list[Packet], slots: Iterable[Slot]) -> None:
        runs: dict[int, list[_Run]] = {}
        redundant = None
        for slot in slots:
            if slot.redundancy:
                redundant = redundant or Copies(source, packets, _runs)
                self._send(redundant.of(slot), slot, False)
            elif slot.segment is not None:
                cap = slot.segment.cap
                if cap not in runs:
                    runs[cap] = _runs(packets, cap)
                self._send(runs[cap], slot, source.is_video)

    def _begin(self, source: Source, packets: list[Packet]) -> None:
        """Let waiting slots in at a key frame; at a voice at once, from where its word began."""
        number = next((n for n, packet in enumerate(packets) if packet.key_frame or not source.is_video), None)
        if number is None:
            return
        if source.is_video:
            first = source.since(packets[number].index)  # when it is late, what followed has been passed on already
        else:
            first = [*source.onset(packets[number]), *packets[number:]]
        slots = list(source.waiting)
        for slot in slots:
            slot.take(source, first[0])
        self._spread(source, first, slots)

    def _change_caps(self, source: Source, packets: list[Packet]) -> set[Slot]:
        """Serve slots that wish for another cap, where these pictures allow it; who has been served."""
        served = set()
        for slot in list(source.changing):
            before = slot.segment
            for number, packet in enumerate(packets):
                cap = slot.cap_at(packet)
                if cap is not None and before is not None:
                    self._send(_runs(packets[:number], before.cap), slot, True)
                    slot.change_cap(packet, cap)
                    self._send(_runs(packets[number:], cap), slot, True)
                    served.add(slot)
                    break
        return served

    def _send(self, runs: list[_Run], slot: Slot, video: bool) -> None:
        segment, to = slot.segment, slot.downlink
        if segment is None or to.session is None:
            return
        for run in runs:
            if run.lowest >= segment.first:
                self._send_run(run, slot, segment, video)
            else:
                self._send_late(run.packets, slot, video)

    def _send_late(self, packets: list[Packet], slot: Slot, video: bool) -> None:
        """Some are from before the slot's segment: each goes where it belongs, or nowhere."""
        for packet in packets:
            segment = slot.segment_of(packet.index)
            if segment is not None:
                for run in _runs([packet], segment.cap):
                    self._send_run(run, slot, segment, video)

    def _send_run(self, run: _Run, slot: Slot, segment: Segment, video: bool) -> None:
        to = slot.downlink
        size = self._write_video(run, slot, segment) if video else self._write_voice(run, slot, segment)
        if size == 0:
            return
        taken = self._port.send_segments(self._arena.view[:size], run.size + to.tag_bytes, to.address, video)
        to.packets += taken
        to.bytes += size
        to.dropped += len(run.items) - taken
        slot.packets += taken
        slot.octets += size

    def _write_video(self, run: _Run, slot: Slot, segment: Segment) -> int:
        """Lay the run's packets end to end in the arena, for this slot; how many bytes."""
        arena, to = self._arena, slot.downlink
        view, start, length, protect, pack_into = arena.view, arena.start, arena.length, srtp_protect, _VIDEO.pack_into
        session, tag, element, step, tcc = to.session, to.tag_bytes, to.element, to.step, to.tcc
        sequence, timestamp, picture, tl0 = segment.sequence, segment.timestamp, segment.picture, segment.tl0
        ssrc, payload_type = slot.ssrc, slot.payload_type
        offset = 0
        for template, size, marker, index, at, flags, number, base in run.items:
            view[offset : offset + size] = template
            tcc = tcc + step & 0xFFFF
            pack_into(
                view, offset + 1,
                marker | payload_type, index + sequence & 0xFFFF, at + timestamp & 0xFFFFFFFF, ssrc,
                _EXTENSION, element, tcc, 0,
                flags, number + picture & 0x7FFF | 0x8000, base + tl0 & 0xFF,
            )  # fmt: skip
            length[0] = size
            if protect(session, start + offset, length) == 0:
                offset += size + tag
        to.tcc = tcc
        return offset

    def _write_voice(self, run: _Run, slot: Slot, segment: Segment) -> int:
        """As `_write_video`, without a descriptor."""
        arena, to = self._arena, slot.downlink
        view, start, length, protect, pack_into = arena.view, arena.start, arena.length, srtp_protect, _VOICE.pack_into
        session, tag, element, step, tcc = to.session, to.tag_bytes, to.element, to.step, to.tcc
        sequence, timestamp = segment.sequence, segment.timestamp
        ssrc, payload_type = slot.ssrc, slot.payload_type
        offset = 0
        for template, size, marker, index, at, _flags, _number, _base in run.items:
            view[offset : offset + size] = template
            tcc = tcc + step & 0xFFFF
            pack_into(
                view, offset + 1,
                marker | payload_type, index + sequence & 0xFFFF, at + timestamp & 0xFFFFFFFF, ssrc,
                _EXTENSION, element, tcc, 0,
            )  # fmt: skip
            length[0] = size
            if protect(session, start + offset, length) == 0:
                offset += size + tag
        to.tcc = tcc
        return offset

    # ---- retransmission --------------------------------------------------------------------------------------------

    def retransmit(self, slot: Slot, sequences: Iterable[int], now: float) -> int:
        """Answer a NACK over RTX (RFC 4588 §4) from the sources' rings; how many were sent.

        Only over RTX: the same number once more under another extension would break AES-GCM, whose nonce it is.
        """
        to = slot.downlink
        if slot.rtx_ssrc is None or slot.rtx_payload_type is None or to.session is None:
            return 0
        count = 0
        for sequence in sequences:
            found = slot.locate(sequence)
            if found is None or not to.may_retransmit(len(found[1].template), now):
                continue
            plain = self._rtx(slot, sequence, *found)
            view = self._arena.view
            view[: len(plain)] = plain
            self._arena.length[0] = len(plain)
            if srtp_protect(to.session, self._arena.start, self._arena.length) == 0:
                size = len(plain) + to.tag_bytes
                count += self._port.send_segments(view[:size], size, to.address, True)
        to.retransmitted += count
        to.packets += count
        return count

    def _rtx(self, slot: Slot, sequence: int, segment: Segment, packet: Packet) -> bytearray:
        to = slot.downlink
        to.tcc = to.tcc + to.step & 0xFFFF
        slot.rtx_sequence = slot.rtx_sequence + 1 & 0xFFFF
        payload = rewritten_payload(segment, packet)
        plain = bytearray(packet.template[:PAYLOAD]) + sequence.to_bytes(2, "big") + payload
        timestamp = packet.timestamp + segment.timestamp & 0xFFFFFFFF
        marker = packet.marker | (slot.rtx_payload_type or 0)
        _VOICE.pack_into(
            plain, 1, marker, slot.rtx_sequence, timestamp, slot.rtx_ssrc, _EXTENSION, to.element, to.tcc, 0
        )
        return plain


def rewritten_payload(segment: Segment, packet: Packet) -> bytes:
    """The payload of a packet with the picture id and TL0PICIDX that it has in this segment."""
    payload = bytearray(packet.template[PAYLOAD:])
    if segment.source.is_video:
        _PICTURE.pack_into(
            payload,
            2,
            packet.picture_number(segment.cap) + segment.picture & 0x7FFF | 0x8000,
            packet.tl0 + segment.tl0 & 0xFF,
        )
    return bytes(payload)
