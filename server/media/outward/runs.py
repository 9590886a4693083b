"""Runs: packets of one burst that are numbered, protected and sent at one go, prepared once for all who get them.

The kernel cuts a batch into datagrams of one length (UDP_SEGMENT, udp(7)), of which only the last may be shorter; so a
burst is cut where the length changes. A link gets a batch all at once, so it may hold at most what 2 Mbit/s drain in
20 ms. A run is one batch, or for many subscribers two: what is done once for a run is then done half as often.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from server.media.inward.packet import BLANK_PADDING, PAYLOAD, TOP_LAYER, Packet
from server.media.wire.rtp import SRTP_TAG

BATCH_BYTES = 5_000  # UDP payload: 20 ms of 2 Mbit/s
RUN_BATCHES = 2  # of a run for many: what is laid down at once should fit into the caches of a core
RUN_BYTES = RUN_BATCHES * BATCH_BYTES
RUN_PACKETS = 64  # the kernel takes no more in one batch (UDP_MAX_SEGMENTS)
_LEVELLED = 3  # octets of padding that a packet is given to join a batch


class Numbers(NamedTuple):
    """What differs between subscribers, as the source counts it: `marker` is 0x80 or 0.

    `flags` are the first two octets of a VP8 descriptor, `picture` and `tl0` its numbers; they are 0 for voices.
    """

    marker: int
    number: int
    timestamp: int
    flags: int
    picture: int
    tl0: int


class Columns(NamedTuple):
    """The same for all packets of a run, in the width that they have on the wire; `ordinals` count from 0.

    `versions` are the first octets. Those of a single packet, which voices mostly are, are plain numbers.
    """

    versions: NDArray[np.uint8] | int
    markers: NDArray[np.uint8] | int
    numbers: NDArray[np.uint16] | int
    timestamps: NDArray[np.uint32] | int
    flags: NDArray[np.uint16] | int
    pictures: NDArray[np.uint16] | int
    tl0s: NDArray[np.uint8] | int
    ordinals: NDArray[np.uint16] | int


Row = tuple[int, Any, int, int, int, int, int, int, int]  # where the second octet stands, pointer, length, `Numbers`


class Run:
    """At most so many `batches` to be: `packets`, of `size` bytes each but for the last; `lowest` is the least of their
    indices.
    """

    __slots__ = ("_batches", "_columns", "_laid", "_numbers", "_templates", "lowest", "packets", "size")

    def __init__(self, packet: Packet, template: bytes, numbers: Numbers, batches: int = 1) -> None:
        self._batches = batches
        self.size = len(template)
        self.lowest = packet.index
        self.packets = [packet]
        self._numbers = [numbers]
        self._templates = [template]
        self._laid: dict[int, bytes] = {}  # by length of tag
        self._columns: Columns | None = None

    def add(self, packet: Packet, template: bytes, numbers: Numbers) -> bool:
        """Take one more packet, if it still fits; browsers' packets of a frame differ by an octet."""
        size, count = len(template), len(self)
        longest = max(size, self.size)
        if len(self._templates[-1]) != self.size or size > self.size + _LEVELLED or count == RUN_PACKETS:
            return False
        stride = longest + SRTP_TAG
        if count * stride + size + SRTP_TAG > BATCH_BYTES and count >= self._batches * (BATCH_BYTES // stride):
            return False
        if size > self.size:
            self._templates = [_levelled(before, size) for before in self._templates]
        elif size >= self.size - _LEVELLED:
            template = _levelled(template, self.size)
        self.size = longest
        self._templates.append(template)
        self._numbers.append(numbers)
        self.packets.append(packet)
        self.lowest = min(self.lowest, packet.index)
        return True

    def __len__(self) -> int:
        return len(self._numbers)

    def laid(self, tag: int) -> bytes:
        """The templates end to end, each followed by room for a tag of so many bytes."""
        laid = self._laid.get(tag)
        if laid is None:
            laid = self._laid[tag] = bytes(tag).join([*self._templates, b""])
        return laid

    def rows(self, tag: int, start: Any) -> list[Row]:
        """A row for each packet as they are `laid` in memory to which `start` is the pointer."""
        stride = self.size + tag
        places = range(0, stride * len(self), stride)
        return [
            (place + 1, start + place, len(template), *numbers)
            for place, template, numbers in zip(places, self._templates, self._numbers, strict=True)
        ]

    def lengths(self) -> list[int]:
        """Of the packets, in bytes and without tag."""
        return [len(template) for template in self._templates]

    def columns(self) -> Columns:
        """What `Numbers` says of each packet."""
        if self._columns is None and len(self) == 1:
            marker, number, timestamp, flags, picture, tl0 = self._numbers[0]
            version = self._templates[0][0]
            self._columns = Columns(version, marker, number & 0xFFFF, timestamp, flags, picture & 0x7FFF, tl0 & 0xFF, 0)
        elif self._columns is None:
            markers, numbers, timestamps, all_flags, pictures, tl0s = zip(*self._numbers, strict=True)
            self._columns = Columns(
                np.array([template[0] for template in self._templates], np.uint8),
                np.array(markers, np.uint8),
                np.array([number & 0xFFFF for number in numbers], np.uint16),
                np.array(timestamps, np.uint32),
                np.array(all_flags, np.uint16),
                np.array([picture & 0x7FFF for picture in pictures], np.uint16),
                np.array([tl0 & 0xFF for tl0 in tl0s], np.uint8),
                np.arange(len(numbers), dtype=np.uint16),
            )
        return self._columns


def _levelled(template: bytes, size: int) -> bytes:
    """Made `size` bytes long by RTP padding (RFC 3550 §5.1), so that it fits its batch."""
    missing = size - len(template)
    if missing == 0:
        return template
    if template[0] & 0x20:  # it has padding: that becomes longer
        missing += template[-1]
        template = template[: -template[-1]]
    return bytes((template[0] | 0x20,)) + template[1:] + bytes(missing - 1) + bytes((missing,))


def cut(packets: Iterable[Packet], cap: int = TOP_LAYER, batches: int = 1) -> list[Run]:
    """Runs of at most so many batches of a burst, without the temporal layers above the cap."""
    runs: list[Run] = []
    for packet in packets:
        if not packet.passes(cap):
            continue
        template = packet.template if packet.tid <= cap else BLANK_PADDING
        flags = template[PAYLOAD] << 8 | template[PAYLOAD + 1] if len(template) > PAYLOAD + 1 else 0
        number, picture = packet.number(cap), packet.picture_number(cap)
        numbers = Numbers(packet.marker, number, packet.timestamp, flags, picture, packet.tl0)
        if not runs or not runs[-1].add(packet, template, numbers):
            runs.append(Run(packet, template, numbers, batches))
    return runs
