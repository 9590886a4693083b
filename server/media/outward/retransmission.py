"""What leaves over RTX (RFC 4588) beside the media: what was lost, once more, and probes of what a link carries."""

from __future__ import annotations

from collections.abc import Iterable

from server.media.inward.packet import EXTENSION, PAYLOAD, Packet
from server.media.outward.sender import VOICE_HEAD, RunSender
from server.media.outward.slots import Segment, Slot
from server.media.wire.rtp import BESIDE

_REPEATED = 64  # newest packets of a slot that a probe may send again
_WORTH_MEDIA = 6_000  # bytes of a probe from which it may be of media: five large packets
_PADDING = bytes((0xB0,)) + bytes(PAYLOAD - 1) + bytes(254) + bytes((255,))  # RFC 3550 §5.1: the count comes last


class Retransmission:
    """The RTX streams of all slots; one for the whole node."""

    def __init__(self, sender: RunSender) -> None:
        self._sender = sender

    def answer(self, slot: Slot, sequences: Iterable[int], now: float) -> int:
        """Answer a NACK from the sources' rings (RFC 4588 §4); how many were sent.

        Only over RTX: the same number once more under another extension would break AES-GCM, whose nonce it is.
        """
        to = slot.downlink
        if slot.rtx_ssrc is None or to.session is None:
            return 0
        count = 0
        for sequence in sequences:
            found = slot.locate(sequence)
            if found is None:
                continue
            if not to.may_retransmit(len(found[1].template), now):
                break
            count += self._sender.send_single(_again(slot, sequence, *found), to, now)
        to.retransmitted += count
        return count

    def probe(self, slots: Iterable[Slot], size: int, now: float) -> None:
        """Send about `size` bytes that a subscriber can do without, to learn what its link carries.

        The newest packets once more, which fills what was lost; padding where nothing is shown, or where a few of them
        would be enough, too few for a measurement.
        """
        left = size
        able = [slot for slot in slots if slot.rtx_ssrc is not None and slot.downlink.session is not None]
        for slot in able if size >= _WORTH_MEDIA else []:
            for sequence in slot.newest(_REPEATED):
                found = slot.locate(sequence)
                if found is not None and left > 0:
                    left -= len(found[1].template) + BESIDE
                    self._sender.send_single(_again(slot, sequence, *found), slot.downlink, now)
        while able and left > 0:
            left -= len(_PADDING) + BESIDE
            self._sender.send_single(_numbered(able[0], bytearray(_PADDING), 0, 0), able[0].downlink, now)


def _again(slot: Slot, sequence: int, segment: Segment, packet: Packet) -> bytearray:
    """A packet that went out under this number."""
    plain = bytearray(packet.template[:PAYLOAD]) + sequence.to_bytes(2, "big") + segment.payload(packet)
    return _numbered(slot, plain, packet.marker, packet.timestamp + segment.timestamp & 0xFFFFFFFF)


def _numbered(slot: Slot, plain: bytearray, marker: int, timestamp: int) -> bytearray:
    """The same as the next of the slot's RTX packets; one that carries only padding is what browsers probe with."""
    to = slot.downlink
    to.tcc = to.tcc + to.step & 0xFFFF
    slot.rtx_sequence = slot.rtx_sequence + 1 & 0xFFFF
    fixed = (slot.rtx_ssrc or 0) << 32 | EXTENSION
    payload_type = marker | (slot.rtx_payload_type or 0)
    VOICE_HEAD.pack_into(plain, 1, payload_type, slot.rtx_sequence, timestamp, fixed, to.element, to.tcc, 0)
    return plain
