"""Slots that get a source's packets alike, and what is theirs in each packet, as columns of arrays.

A slot's numbers are the source's and a constant (see `slots`), so the headers of a whole run for a whole audience are a
few sums of a row and a column, which numpy makes at a small part of what they cost one by one.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from server.media.transport.volley import MOST_MEMBERS, Names, Octets

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


class Audience:
    """At most `MOST_MEMBERS` with one cap, one length of tag, one ledger and a downlink of their own each.

    Their numbers are of shape (n, 1). All have the packet `first` and those behind it in one segment. `rows` are theirs
    in the ledger, and `places` says who stands in a row.
    """

    __slots__ = (
        "_sessions", "addresses", "cap", "downlinks", "elements", "first", "ledger", "members", "names",
        "numbered", "payload_types", "pictures", "places", "rows", "sequences", "slots", "ssrcs", "steps", "tag",
        "timestamps", "tl0s",
    )  # fmt: skip

    def __init__(self, members: list[tuple[Slot, Segment]]) -> None:
        self.members = members
        self.slots = [slot for slot, _ in members]
        self.downlinks: list[Downlink] = [slot.downlink for slot in self.slots]
        self.ledger = self.downlinks[0].ledger
        self.rows = np.array([to.row for to in self.downlinks], np.intp)
        self.places = {to.row: place for place, to in enumerate(self.downlinks)}
        self._sessions: dict[int, list[Any]] = {}  # by packets
        self.addresses = [to.address for to in self.downlinks]
        self.names = Names(self.addresses)
        self.cap = members[0][1].cap
        self.tag = self.downlinks[0].tag_bytes
        segments = [segment for _, segment in members]
        self.numbered = segments[0].source.has_numbers
        self.first = max(segment.first for segment in segments)
        self.sequences = _column("u2", (segment.sequence & 0xFFFF for segment in segments))
        self.timestamps = _column("u4", (segment.timestamp & 0xFFFFFFFF for segment in segments))
        self.pictures = _column("u2", (segment.picture & 0x7FFF for segment in segments))
        self.tl0s = _column("u1", (segment.tl0 & 0xFF for segment in segments))
        self.payload_types = _column("u1", (slot.payload_type for slot in self.slots))
        self.ssrcs = _column("u4", (slot.ssrc for slot in self.slots))
        self.elements = _column("u1", (to.element for to in self.downlinks))
        self.steps = _column("u2", (to.step for to in self.downlinks))

    def __len__(self) -> int:
        return len(self.members)

    def sessions_for(self, packets: int) -> list[Any]:
        """The session of each member, once for each packet that it gets."""
        found = self._sessions.get(packets)
        if found is None:
            found = self._sessions[packets] = [to.session for to in self.downlinks for _ in range(packets)]
        return found

    def number(self, rows: Octets, stride: int, run: Columns, count: int) -> NDArray[np.uint16]:
        """Fill in what differs in the `count` packets of a run: in `rows`, one a member, they lie every `stride` bytes.

        Gives the transport-wide numbers of the first packets, shape (n,), and takes them and those behind them.
        """
        shape = (len(self), count)
        kind = VIDEO_HEADS if self.numbered else VOICE_HEADS
        head: NDArray[np.void] = np.ndarray(shape, kind, rows, 0, (rows.shape[1], stride))
        before = self.ledger.tcc[self.rows]
        head["marker"] = run.markers | self.payload_types
        head["sequence"] = run.numbers + self.sequences
        head["timestamp"] = run.timestamps + self.timestamps
        head["ssrc"] = self.ssrcs
        head["element"] = self.elements
        head["transport"] = before[:, None] + run.ordinals * self.steps
        if self.numbered:
            head["picture"] = run.pictures + self.pictures & 0x7FFF | 0x8000
            head["tl0"] = run.tl0s + self.tl0s
        steps: NDArray[np.uint16] = self.steps[:, 0]
        self.ledger.tcc[self.rows] = before + count * steps
        first: NDArray[np.uint16] = before + steps
        return first


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
