"""Redundant audio (RFC 2198) of Opus voices: taken apart on the way in, made on the way out, and when. Sans-IO.

A packet of the payload type RED carries its voice's packet and copies of those before it, so that a lost one needs no
second way to the sender. In front of each copy's bytes, oldest first, and of the packet's own at the end:

    1 | payload type, 7 | timestamp back, 14 | length, 10        of a copy
    0 | payload type, 7                                          of the packet itself

What a publisher sends so is restored once, here, into the packets of its source, and everybody behind profits. Whose
own downlink loses gets copies that the node adds from the source's ring, built once for all of these subscribers.

Voices are not asked for again (NACK): browsers offer that for no Opus, and a copy is there a round trip earlier.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Generic, NamedTuple, TypeVar

from server.errors import ProtocolError
from server.media.bandwidth import QUEUED, BandwidthEstimator
from server.media.inward.packet import BLANK_HEADER, PAYLOAD, Packet
from server.media.inward.source import Source
from server.media.voices import MOST_COPIES

if TYPE_CHECKING:
    from server.media.outward.slots import Slot

T = TypeVar("T")

MOST_BLOCKS = 10  # copies in one packet; browsers send two, at most so many
LARGEST_BLOCK = (1 << 10) - 1  # bytes of a copy
LONGEST_BACK = (1 << 14) - 1  # 48 kHz ticks: a third of a second, less than a pause of DTX
LARGEST_PAYLOAD = 1_200  # bytes with all copies, so that the datagram fits every path

BEGIN = (0.02, 0.15)  # loss from which one copy, and two, are sent
END = (0.01, 0.08)  # loss below which, for `ONE_LESS_AFTER`, there is one copy less
ONE_LESS_AFTER = 10.0  # s
MEMORY = 3.0  # s after which a loss counts half
NOT_OURS_AFTER = 3.0  # s for which a queue has stood
FEWEST = 50  # packets that say how much is lost


# ---- reading -------------------------------------------------------------------------------------------------------


class Block(NamedTuple):
    """One part of a payload; `back` is how many ticks it is older than the packet."""

    payload_type: int
    back: int
    payload: bytes


def parse(payload: bytes) -> list[Block]:
    """The parts of a RED payload, the packet's own last. Raises ProtocolError when malformed."""
    heads: list[tuple[int, int, int]] = []
    at, size = 0, len(payload)
    while at < size and payload[at] & 0x80:
        if at + 4 >= size or len(heads) == MOST_BLOCKS:
            raise ProtocolError("RED headers are truncated or too many")
        bits = int.from_bytes(payload[at + 1 : at + 4], "big")
        heads.append((payload[at] & 0x7F, bits >> 10, bits & 0x3FF))
        at += 4
    if at >= size:
        raise ProtocolError("RED payload has no last header")
    last = payload[at]
    at += 1
    blocks: list[Block] = []
    for payload_type, back, length in heads:
        if at + length > size:
            raise ProtocolError("RED block is truncated")
        blocks.append(Block(payload_type, back, payload[at : at + length]))
        at += length
    blocks.append(Block(last, 0, payload[at:]))
    return blocks


def restore(
    source: Source, copies: Sequence[Block], payload_type: int, index: int, timestamp: int, now: float
) -> list[Packet]:
    """Let `source` accept those of the copies that it lacks, the oldest first; `index` and `timestamp` carried them.

    Senders copy the packets directly before (RFC 2198 leaves the numbers to be guessed): a copy whose timestamp stands
    under another number near by is of a packet that is there.
    """
    lacking = [
        (lost, timestamp - block.back & 0xFFFF_FFFF, block)
        for lost, block in enumerate(copies, index - len(copies))
        if block.payload_type == payload_type and block.payload and block.back and source.recent(lost) is None
    ]
    if not lacking:
        return []
    near = (source.recent(number) for number in range(index - MOST_BLOCKS, index + 1))
    known = {packet.timestamp for packet in near if packet is not None}
    found: list[Packet] = []
    for lost, at, block in lacking:
        if at in known:
            continue
        known.add(at)
        packet = Packet(lost, at, 0, BLANK_HEADER + block.payload, now)
        if source.accept(packet):
            found.append(packet)
    return found


# ---- building ------------------------------------------------------------------------------------------------------


def build(source: Source, packet: Packet, copies: int, payload_type: int) -> Packet:
    """`packet` as RED, with the `copies` packets before it as far as the source has them and they fit."""
    primary = packet.template[PAYLOAD:]
    heads, bodies = b"", b""
    room = LARGEST_PAYLOAD - len(primary) - 1
    for index in range(packet.index - 1, packet.index - 1 - copies, -1):
        before = source.recent(index)
        if before is None or before.padding:
            continue
        body = before.template[PAYLOAD:]
        back = packet.timestamp - before.timestamp & 0xFFFF_FFFF
        room -= 4 + len(body)
        if not 0 < back <= LONGEST_BACK or len(body) > LARGEST_BLOCK or room < 0:
            break
        heads = (0x80 | payload_type).to_bytes(1, "big") + (back << 10 | len(body)).to_bytes(3, "big") + heads
        bodies = body + bodies
    template = b"".join((BLANK_HEADER, heads, bytes((payload_type,)), bodies, primary))
    return Packet(packet.index, packet.timestamp, packet.marker, template, packet.arrival)


class Copies(Generic[T]):
    """The packets of one burst as RED, built when the first slot asks and shared by all that want the same.

    `prepare` makes of them what is sent.
    """

    def __init__(self, source: Source, packets: Sequence[Packet], prepare: Callable[[list[Packet]], T]) -> None:
        self._source = source
        self._packets = packets
        self._prepare = prepare
        self._built: dict[tuple[int, int], T] = {}

    def of(self, slot: Slot) -> T:
        """For this slot: without copies from before its segment, which would sound in the midst of the one before."""
        first = slot.segment.first if slot.segment else 0
        key = max(0, min(slot.redundancy, self._packets[0].index - first)), slot.codec_payload_type
        if key not in self._built:
            self._built[key] = self._prepare(
                [packet if packet.padding else build(self._source, packet, *key) for packet in self._packets]
            )
        return self._built[key]


# ---- when ----------------------------------------------------------------------------------------------------------


class Redundancy:
    """How many copies one subscriber's voices get, from what its transport-cc feedback says of its downlink.

    Quick to begin, slow to end. `most` bounds it for whoever knows that the link has no room for copies.
    """

    def __init__(self) -> None:
        self.copies = 0
        self.most = MOST_COPIES
        self._came = self._missing = 0.0
        self._heard_at = 0.0
        self._calm_since = 0.0

    @property
    def loss(self) -> float:
        """Share of the last seconds' packets that did not arrive; 0 until enough was sent."""
        total = self._came + self._missing
        return self._missing / total if total >= FEWEST else 0.0

    def note(self, came: int, missing: int, now: float) -> bool:
        """Feedback about so many packets; true when `copies` changed."""
        fading = 0.5 ** ((now - self._heard_at) / MEMORY)
        self._heard_at = now
        self._came = self._came * fading + came
        self._missing = self._missing * fading + missing
        before = self.copies
        wanted = sum(self.loss >= begin for begin in BEGIN)
        if wanted > before:
            self.copies = wanted
        if before == 0 or self.loss >= END[before - 1]:
            self._calm_since = now
        elif now - self._calm_since >= ONE_LESS_AFTER:
            self.copies, self._calm_since = before - 1, now
        self.copies = min(self.copies, self.most)
        return self.copies != before


class Copying:
    """How many copies of voices the subscriber gets (`redundancy`), as its feedback comes in.

    What a full queue drops tells nothing of that: there copies would only add to the queue.
    """

    def __init__(self) -> None:
        self.redundancy = Redundancy()
        self._came = self._missing = 0
        self._queued_since: float | None = None

    def judge(self, known: BandwidthEstimator, room_for: int, now: float) -> bool:
        """Take note of what came of all that was sent, on a link with room for so many copies; whether that is new."""
        came, missing = known.received - self._came, max(0, known.lost - self._missing)
        self._came, self._missing = known.received, known.lost
        if self._is_queued(known.queueing_ms, now):
            came, missing = 0, 0
        self.redundancy.most = room_for
        return self.redundancy.note(came, missing, now)

    def _is_queued(self, queue: float, now: float) -> bool:
        """Whether packets wait in the link's queue, and have not done so for long: then it is not of our making."""
        if queue < QUEUED:
            self._queued_since = None
        elif self._queued_since is None:
            self._queued_since = now
        return self._queued_since is not None and now - self._queued_since < NOT_OURS_AFTER
