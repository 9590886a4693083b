"""Forwarding: what a source received in one burst, rewritten and protected for each subscriber, sent in batches.

This is the hot path: 90 subscribers × 170 packets a second. Work per source packet is done once (`Packet.template`,
`runs`); what is done for each subscriber is in `sender`. Every outgoing packet has the same layout:

    0  0x90 | marker, payload type | sequence          12  0xBEDE 0x0001 (RFC 8285)
    4  timestamp                                       16  transport-cc element, sequence, 0
    8  ssrc                                            20  payload (VP8: descriptor with 15-bit picture id)
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from itertools import islice

from server.media.inward.packet import Packet
from server.media.inward.source import Source
from server.media.outward.audience import audiences
from server.media.outward.downlink import Downlink
from server.media.outward.overload import PIECE
from server.media.outward.retransmission import Retransmission
from server.media.outward.runs import RUN_BATCHES, Run, cut
from server.media.outward.sender import MANY, RunSender
from server.media.outward.slots import Slot
from server.media.red import Copies
from server.media.transport.udp import UdpPort

BEGUN_AT_ONCE = 40  # slots that take a picture before the clock is looked at: some milliseconds of a slow machine


class Forwarder:
    """Sends packets of sources through slots; one for the whole node.

    `given_up` counts packets, each for each of its slots, that were left out on purpose. `rtx` repeats what was lost.
    """

    def __init__(self, port: UdpPort) -> None:
        self.given_up = 0
        self.at: Downlink | None = None  # of which is let go what was held
        self._held: dict[Downlink, None] = {}  # an ordered set: of whom pictures are held
        self._sender = RunSender(port)
        self.rtx = Retransmission(self._sender)

    def forward(self, source: Source, now: float) -> list[Packet]:
        """Pass on a piece of the fresh packets of `source`, of voices all; it is returned for whoever else wants it."""
        self._sender.now = now
        viewers = len(source.slots) + len(source.waiting)
        packets = source.take_fresh(max(1, PIECE // max(1, viewers)) if source.is_video else None)
        changed = self._change_caps(source, packets) if source.changing else None
        if source.slots:
            self._spread(source, packets, source.slots - changed if changed else source.slots)
        if source.waiting and packets:
            self._begin(source, packets)
        return packets

    def join(self, source: Source, now: float) -> None:
        """Let more of those in that wait for a key frame which was passed on just now."""
        self._sender.now = now
        self._begin(source, [])

    def thin(self, source: Source) -> bool:
        """Let only its base layer through until the room wishes anew, once a second; whether that leaves out more."""
        slots = [slot for slot in source.slots if slot.cap and slot.awaiting is None] if source.top_layer else []
        for slot in slots:
            slot.show(source, 0)
        return bool(slots)

    def give_up(self, source: Source) -> None:
        """Send nothing of what is fresh: the slots go on at the next key frame, and have no hole in their numbers.

        That is asked for when something is passed on again (`_begin`), since until then it would be for nothing.
        """
        self.given_up += len(source.fresh) * (len(source.slots) + len(source.waiting))
        source.fresh = []
        source.joining.clear()
        for slot in list(source.slots):
            slot.begin_again()
        source.key_frames.wanted = False

    def holding(self) -> bool:
        """Whether anything is held for thin links."""
        return bool(self._held)

    def release(self, now: float) -> None:
        """Let go of what was held for thin links as far as they carry it by now; called with every burst."""
        self._sender.now = now
        for to in list(self._held):
            self.at = to
            del self._held[to]
            estimate = to.estimate
            for slot in to.pacer.overflow(estimate, now):
                slot.begin_again()
            for slot, segment, packet in to.pacer.due(estimate, to.bytes, now):
                for run in cut([packet], segment.cap):
                    self._sender.send(run, [(slot, segment)], True)
            if to.pacer.busy:
                self._held[to] = None
        self.at = None

    def _begin(self, source: Source, packets: list[Packet]) -> None:
        """Let waiting slots in at a voice, from where its word began; at a key frame some, behind which others join."""
        if not source.is_video:
            first, slots = [*source.onset(packets[0]), *packets], list(source.waiting)
        else:
            first, slots = source.opening(packets), list(islice(source.joining, BEGUN_AT_ONCE))
        for slot in slots:
            slot.take(source, first[0])
        self._spread(source, first, slots)

    def _change_caps(self, source: Source, packets: list[Packet]) -> set[Slot]:
        """Serve slots that wish for another cap, where these pictures allow it; who has been served."""
        served = set()
        for slot in list(source.changing):
            for number, packet in enumerate(packets):
                cap = slot.cap_at(packet)
                if cap is not None:
                    self._spread(source, packets[:number], [slot])
                    slot.change_cap(packet, cap)
                    self._spread(source, packets[number:], [slot])
                    served.add(slot)
                    break
        return served

    def _spread(self, source: Source, packets: list[Packet], slots: Collection[Slot]) -> None:
        """Send packets of the source to slots that show it; what several get alike is prepared once."""
        if slots is source.slots:
            together, apart = source.audiences = source.audiences or audiences(slots)
        else:
            together, apart = audiences(slots)
        runs: dict[tuple[int, int], list[Run]] = {}
        for audience in together:
            key = audience.cap, RUN_BATCHES if source.is_video and len(audience) >= MANY else 1
            if key not in runs:
                runs[key] = cut(packets, *key)
            self._sender.send_alike(runs[key], audience, source.is_video)
        if apart:
            self._spread_apart(source, packets, apart)

    def _spread_apart(self, source: Source, packets: list[Packet], slots: Iterable[Slot]) -> None:
        """The same to slots that get it in another way: held back on thin links, with copies on those that lose."""
        copies: Copies[list[Run]] = Copies(source, packets, cut)
        for slot in slots:
            segment, to = slot.segment, slot.downlink
            if segment is None or to.session is None:
                continue
            if source.is_video and to.pacer.holds(source.kind):
                to.pacer.hold(slot, segment, packets)
                self._held[to] = None
                continue
            for run in copies.of(slot) if slot.redundancy else cut(packets, segment.cap):
                self._sender.send(run, [(slot, segment)], source.is_video)
            if not slot.redundancy:
                slot.renew()
