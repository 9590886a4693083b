"""Runs on their way out: numbered for each slot, protected, sent and counted.

Slots that get the same are an `Audience`: its packets are laid side by side, numbered by array arithmetic, and leave in
one `Volley`; there remains one call of libsrtp per packet. For few slots it is cheaper to go one by one: a copy of the
whole run and a `sendmsg` each, and per packet a `pack_into` of the numbers that differ.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence

import numpy as np

from server.media.inward.packet import EXTENSION, Packet
from server.media.outward.audience import Audience, Part
from server.media.outward.downlink import Downlink
from server.media.outward.runs import BATCH_BYTES, RUN_BATCHES, RUN_BYTES, RUN_PACKETS, Run, cut
from server.media.outward.slots import Segment, Slot
from server.media.transport.dtls import Arena, srtp_protect
from server.media.transport.udp import UdpPort
from server.media.transport.volley import MOST_MEMBERS, Volley
from server.media.wire.rtp import IP_UDP

MANY = 24  # slots from which it is cheaper to work on arrays than packet by packet
PART = 32  # members of whose pictures as much is laid down, protected and sent at a time as the caches of a core hold
_LARGEST_PACKET = 1600  # bytes with the tag
_WORD = 320  # bytes: a packet of voice, as a rule, for which few lines of the caches then are enough

VOICE_HEAD = struct.Struct("!BHIQBHB")  # from byte 1: the numbers of the header and its extension
_VIDEO_HEAD = struct.Struct("!BHIQBHBHHB")  # and of the VP8 descriptor: flags, picture id, TL0PICIDX


class RunSender:
    """Owns the memory that libsrtp works in; `now` is when packets count as sent."""

    def __init__(self, port: UdpPort) -> None:
        self.now = 0.0
        self._port = port
        self._arena = Arena(BATCH_BYTES + _LARGEST_PACKET)
        self._volley = Volley(PART, RUN_BYTES + _LARGEST_PACKET, RUN_BATCHES * RUN_PACKETS, BATCH_BYTES)
        self._words = Volley(MOST_MEMBERS, _WORD, 1, BATCH_BYTES)

    def send_alike(self, runs: Sequence[Run], audience: Audience, video: bool) -> None:
        """Send what all members get alike."""
        for run in runs:
            if len(audience) >= MANY and run.lowest >= audience.first:
                self._send_to_many(run, audience, video)
                continue
            for batch in cut(run.packets, audience.cap):  # it may be more than one
                self.send(batch, audience.members, video)

    def _send_to_many(self, run: Run, audience: Audience, video: bool) -> None:
        """Lay the run's packets end to end once for each member, with beginnings of its own; send and count them."""
        laid, count = run.laid(audience.tag), len(run)
        volley = self._words if count == 1 and len(laid) <= _WORD else self._volley
        heads, octets = audience.heads(run.columns(), count), np.frombuffer(laid, np.uint8)
        without: list[int] = []
        for part in audience.parts(volley.members, count):
            rows = volley.lay(part.names, len(laid), run.size + audience.tag)
            rows[:, : len(laid)] = octets
            volley.heads(audience.octets)[:] = heads[part.first : part.end]
            without += self._fire(volley, run, audience, part, video)
        size = len(laid)
        audience.tally.count(count, size)
        rows_without = [audience.downlinks[number].row for number in without]
        audience.ledger.enter(audience.rows, count, size + count * IP_UDP, self.now, rows_without)
        for number in without:
            audience.slots[number].count(-count, -size)

    def _fire(self, volley: Volley, run: Run, audience: Audience, part: Part, video: bool) -> list[int]:
        """Protect and send what lies in the volley; gives the members whom not all of it left to."""
        count = len(run)
        statuses = volley.protect(part.sessions, run.lengths())
        refused: dict[int, None] = {}  # an ordered set: members of the part of whose packets libsrtp refused some
        if any(statuses):
            refused = {at // count: None for at, status in enumerate(statuses) if status}
        failed: list[int] = []
        at = 0
        for place in (*refused, part.end - part.first):
            failed += self._port.send_volley(volley, at, place, video)
            at = place + 1
        for place in failed:
            audience.downlinks[part.first + place].dropped += count
        for place in refused:
            slot = audience.slots[part.first + place]
            self._send_others(volley, statuses[place * count : (place + 1) * count], place, slot, video)
        return [part.first + place for place in (*refused, *failed)]

    def _send_others(self, volley: Volley, statuses: list[int], member: int, slot: Slot, video: bool) -> None:
        """Send the packets of a member's message that libsrtp did not refuse, each by itself."""
        for place, status in enumerate(statuses):
            packet = volley.packet(member, place)
            if not status and self._port.send_segments(packet, len(packet), slot.downlink.address, video):
                slot.downlink.count(1, len(packet), self.now, len(statuses) - place)
                slot.count(1, len(packet))
            else:
                slot.downlink.dropped += 1

    def _count(self, slot: Slot, packets: int, taken: int, size: int) -> None:
        """So many packets of a slot have got numbers, so many of them have left."""
        if taken:
            slot.downlink.count(taken, size, self.now, packets)
            slot.count(taken, size)
        slot.downlink.dropped += packets - taken

    def send(self, run: Run, members: Sequence[tuple[Slot, Segment]], video: bool) -> None:
        """For each slot lay the run's packets end to end in the arena, number and protect them, and send them."""
        view, length, send = self._arena.view, self._arena.length, self._port.send_segments
        protect, pack_video, pack_voice = srtp_protect, _VIDEO_HEAD.pack_into, VOICE_HEAD.pack_into
        lowest, count, tag, laid = run.lowest, len(run), 0, None
        numbered = members[0][1].source.has_numbers
        for slot, segment in members:
            if lowest < segment.first:
                self._send_late(run.packets, slot, video)
                continue
            to = slot.downlink
            if laid is None or to.tag_bytes != tag:
                tag = to.tag_bytes
                laid, rows = run.laid(tag), run.rows(tag, self._arena.start)
                total, stride = len(laid), run.size + tag
            view[:total] = laid
            sequence, timestamp, picture, tl0 = segment.sequence, segment.timestamp, segment.picture, segment.tl0
            session, element, step, tcc, payload_type = to.session, to.element, to.step, to.tcc, slot.payload_type
            fixed, size, good = slot.ssrc << 32 | EXTENSION, total, count
            for offset, place, octets, marker, number, at, flags, picture_number, base in rows:
                tcc = tcc + step & 0xFFFF
                if numbered:
                    pack_video(
                        view, offset,
                        marker | payload_type, number + sequence & 0xFFFF, at + timestamp & 0xFFFFFFFF, fixed,
                        element, tcc, 0,
                        flags, picture_number + picture & 0x7FFF | 0x8000, base + tl0 & 0xFF,
                    )  # fmt: skip
                else:
                    pack_voice(
                        view, offset,
                        marker | payload_type, number + sequence & 0xFFFF, at + timestamp & 0xFFFFFFFF, fixed,
                        element, tcc, 0,
                    )  # fmt: skip
                length[0] = octets
                if protect(session, place, length):  # libsrtp refuses a number, as too old
                    tcc, size, good = tcc - step & 0xFFFF, offset - 1, offset // stride
                    break
            to.tcc = tcc
            if size:
                self._count(slot, good, send(view[:size], stride, to.address, video), size)
            if good < count:
                self._send_late(run.packets[good + 1 :], slot, video)

    def _send_late(self, packets: list[Packet], slot: Slot, video: bool) -> None:
        """Some are from before the slot's segment: each goes by itself where it belongs, or nowhere."""
        for packet in packets:
            segment = slot.segment_of(packet.index)
            if segment is not None:
                for run in cut([packet], segment.cap):
                    self.send(run, [(slot, segment)], video)

    def send_single(self, plain: bytearray, to: Downlink, now: float) -> bool:
        """Protect and send a packet that is numbered and belongs to no run; whether it left."""
        view, length, size = self._arena.view, self._arena.length, len(plain)
        view[:size] = plain
        length[0] = size
        if srtp_protect(to.session, self._arena.start, length) != 0:
            return False
        size += to.tag_bytes
        if not self._port.send_segments(view[:size], size, to.address, True):
            return False
        to.count(1, size, now)
        return True
