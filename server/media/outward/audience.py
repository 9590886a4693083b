"""Slots that get a source's packets alike, and what is theirs in each packet, as columns of arrays.

A slot's numbers are the source's and a constant (see `slots`), so the headers of a whole run for a whole audience are a
few sums of a row and a column, which numpy makes at a small part of what they cost one by one.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from server.media.inward.packet import EXTENSION
from server.media.outward.slots import Tally
from server.media.transport.volley import MOST_MEMBERS, Names

if TYPE_CHECKING:
    from server.media.outward.downlink import Downlink
    from server.media.outward.runs import Columns
    from server.media.outward.slots import Segment, Slot

_FIELDS = [
    ("version", "u1"), ("marker", "u1"), ("sequence", ">u2"), ("timestamp", ">u4"), ("ssrc", ">u4"),
    ("extension", ">u4"), ("element", "u1"), ("transport", ">u2"), ("end", "u1"),
]  # fmt: skip
VOICE_HEADS = np.dtype(_FIELDS)
VIDEO_HEADS = np.dtype([*_FIELDS, ("flags", ">u2"), ("picture", ">u2"), ("tl0", "u1")])


Fields = dict[str, NDArray[Any]]


class Part(NamedTuple):
    """Members from `first` to before `end`; `sessions` has that of each once for each packet that it gets."""

    first: int
    end: int
    names: Names
    sessions: list[Any]


class Audience:
    """At most `MOST_MEMBERS` with one cap, one length of tag, one ledger and a downlink of their own each.

    Their numbers are of shape (n, 1), `steps` of (n,). All have the packet `first` and those behind it in one segment.
    `rows` are theirs in the ledger, and `tally` counts what each of them gets.
    """

    __slots__ = (
        "_heads", "_parts", "cap", "downlinks", "elements", "first", "kind", "ledger", "members", "numbered", "octets",
        "payload_types", "pictures", "rows", "sequences", "slots", "ssrcs", "steps", "tag", "tally", "timestamps",
        "tl0s",
    )  # fmt: skip

    def __init__(self, members: list[tuple[Slot, Segment]]) -> None:
        self.members = members
        self.slots = [slot for slot, _ in members]
        self.downlinks: list[Downlink] = [slot.downlink for slot in self.slots]
        self.ledger = self.downlinks[0].ledger
        self.rows = np.array([to.row for to in self.downlinks], np.intp)
        self.tally = Tally()
        for slot in self.slots:
            slot.join(self.tally)
        self._parts: dict[tuple[int, int], list[Part]] = {}  # by the most members of one, and packets
        self._heads: dict[int, tuple[Fields, NDArray[np.void]]] = {}  # by packets
        self.cap = members[0][1].cap
        self.tag = self.downlinks[0].tag_bytes
        segments = [segment for _, segment in members]
        self.numbered = segments[0].source.has_numbers
        self.kind = VIDEO_HEADS if self.numbered else VOICE_HEADS
        self.octets = np.dtype((np.void, self.kind.itemsize))
        self.first = max(segment.first for segment in segments)
        self.sequences = _column("u2", (segment.sequence & 0xFFFF for segment in segments))
        self.timestamps = _column("u4", (segment.timestamp & 0xFFFFFFFF for segment in segments))
        self.pictures = _column("u2", (segment.picture & 0x7FFF for segment in segments))
        self.tl0s = _column("u1", (segment.tl0 & 0xFF for segment in segments))
        self.payload_types = _column("u1", (slot.payload_type for slot in self.slots))
        self.ssrcs = _column("u4", (slot.ssrc for slot in self.slots))
        self.elements = _column("u1", (to.element for to in self.downlinks))
        self.steps = np.array([to.step for to in self.downlinks], np.uint16)

    def __len__(self) -> int:
        return len(self.members)

    def parts(self, most: int, packets: int) -> list[Part]:
        """The members in parts of so many at most, who get so many packets each."""
        parts = self._parts.get((most, packets))
        if parts is None:
            downlinks = [(first, self.downlinks[first : first + most]) for first in range(0, len(self), most)]
            parts = self._parts[most, packets] = [
                Part(
                    first,
                    first + len(some),
                    Names([to.address for to in some]),
                    [to.session for to in some for _ in range(packets)],
                )
                for first, some in downlinks
            ]
        return parts

    def heads(self, run: Columns, count: int) -> NDArray[np.void]:
        """The beginnings of the `count` packets of a run, under the next transport-wide numbers: shape (n, count).

        They are good until the next call, and come as plain octets, since numpy copies structures field by field.
        """
        found = self._heads.get(count)
        if found is None:
            found = self._heads[count] = self._new_heads(count)
        heads, octets = found
        ledger, rows, steps = self.ledger, self.rows, self.steps
        first: NDArray[np.uint16] = ledger.tcc[rows] + steps
        heads["version"][:] = run.versions
        heads["marker"][:] = run.markers | self.payload_types
        heads["sequence"][:] = run.numbers + self.sequences
        heads["timestamp"][:] = run.timestamps + self.timestamps
        if count == 1:
            heads["transport"][:, 0] = ledger.tcc[rows] = first
        else:
            heads["transport"][:] = first[:, None] + run.ordinals * steps[:, None]
            ledger.tcc[rows] = first + (count - 1) * steps
        if self.numbered:
            heads["flags"][:] = run.flags
            heads["picture"][:] = run.pictures + self.pictures & 0x7FFF | 0x8000
            heads["tl0"][:] = run.tl0s + self.tl0s
        return octets

    def _new_heads(self, count: int) -> tuple[Fields, NDArray[np.void]]:
        """Their fields by name, and their octets; what is the same each time is filled in."""
        heads = np.zeros((len(self), count), self.kind)
        heads["ssrc"], heads["extension"], heads["element"] = self.ssrcs, EXTENSION, self.elements
        return {name: heads[name] for name in self.kind.names or ()}, heads.view(self.octets)


def _column(kind: str, values: Iterable[int]) -> NDArray[Any]:
    return np.fromiter(values, kind)[:, None]


def audiences(slots: Iterable[Slot]) -> tuple[list[Audience], list[Slot]]:
    """Slots that can be served now, put together; and those that get it in another way.

    These get copies of earlier packets (RED), or their pictures are held back.
    """
    found: defaultdict[tuple[int, int, int, int], list[tuple[Slot, Segment]]] = defaultdict(list)
    times: defaultdict[int, int] = defaultdict(int)  # who sees a picture twice is in two audiences
    apart = []
    for slot in slots:
        segment, to = slot.segment, slot.downlink
        if segment is None or to.session is None:
            continue
        if slot.redundancy or (segment.source.is_video and to.pacer.holds(segment.source.kind)):
            apart.append(slot)
        else:
            found[segment.cap, to.tag_bytes, id(to.ledger), times[id(to)]].append((slot, segment))
            times[id(to)] += 1
    together = [
        Audience(members[start : start + MOST_MEMBERS])
        for members in found.values()
        for start in range(0, len(members), MOST_MEMBERS)
    ]
    return together, apart
