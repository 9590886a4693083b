"""Pictures on thin links leave no faster than the link carries them. Sans-IO: `now` is passed in.

A key frame is as large as a second of its picture: sent at once it would fill the link's queue, and voices would wait
behind it or be dropped with it. So on a link of less than `CAMERAS_BELOW` bit/s pictures are held, in order, and let go
as the estimate allows beside whatever else is sent; voices and retransmissions never wait here.

A shared page is larger still: a turned page full of text takes a megabit at once, and then nothing for a while. So
screens are held on better links, too, for much longer, and leave before the cameras that are held.
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING

from server.media.protocol import Kind
from server.media.wire.rtp import BESIDE

if TYPE_CHECKING:
    from server.media.inward.packet import Packet
    from server.media.outward.slots import Segment, Slot

CAMERAS_BELOW = 500_000  # bit/s; a camera beside a turned page would take as much of them as the page
SCREENS_BELOW = 2_500_000
AT_ONCE = 0.03  # s of the link that may leave together
DEBT = 0.1  # s of the link that pictures wait at most for what was sent beside them
LONGEST = 2.0  # s of the link that may be held; beyond, pictures begin anew with a key frame
LONGEST_SCREEN = 8.0
LONGEST_WAIT = 2.0  # s that cameras may wait behind a screen, for the same
TAKEN_FOR_LOST = 1.0  # s

Held = tuple["Slot", "Segment", "Packet"]


def _is_still_shown(slot: Slot, segment: Segment, packet: Packet) -> bool:
    """Whether what was held is of use: the slot goes on with it, or has fallen silent after this single picture."""
    if slot.segment is None:
        return slot.still
    return slot.segment is segment or slot.segment_of(packet.index) is segment


class _Queue:
    """What is held of pictures of one kind."""

    __slots__ = ("held", "size")

    def __init__(self) -> None:
        self.held: deque[Held] = deque()
        self.size = 0  # bytes

    def put(self, held: Held) -> None:
        self.held.append(held)
        self.size += len(held[2].template) + BESIDE

    def take(self) -> tuple[Held, int]:
        """The first, and its bytes."""
        held = self.held.popleft()
        size = len(held[2].template) + BESIDE
        self.size -= size
        return held, size

    def empty(self) -> set[Slot]:
        """Hold nothing; whose pictures are thereby broken."""
        slots = {slot for slot, _, _ in self.held}
        self.held.clear()
        self.size = 0
        return slots


class Pacer:
    """What is held of one subscriber's pictures; `on` while its link is thin, `screens_on` while it is for screens."""

    __slots__ = ("_at", "_cameras", "_left", "_screens", "_sent", "on", "screens_on")

    def __init__(self) -> None:
        self.on = self.screens_on = False
        self._screens, self._cameras = _Queue(), _Queue()
        self._left = 0.0  # bytes that may leave
        self._at = 0.0
        self._sent = 0  # the subscriber's counter of bytes when it was looked at last

    def judge(self, estimate: float) -> bool:
        """Hold pictures back from now on, or no longer, on a link of `estimate` bit/s; whether that is new."""
        before = self.on, self.screens_on
        self.on, self.screens_on = estimate < CAMERAS_BELOW, estimate < SCREENS_BELOW
        return before != (self.on, self.screens_on)

    @property
    def busy(self) -> bool:
        """Whether anything is held."""
        return bool(self._screens.held or self._cameras.held)

    def holds(self, kind: Kind) -> bool:
        """Whether what comes of pictures of this kind must wait, be it behind what is held already."""
        if kind == "screen":
            return self.screens_on or bool(self._screens.held)
        return self.on or bool(self._cameras.held)

    def delays(self, slot: Slot, now: float) -> bool:
        """Whether this slot's picture has waited here so long that its receiver may take it for lost."""
        for queue in (self._screens, self._cameras):
            first = next((held for held in queue.held if held[0] is slot), None)
            if first is not None:
                return now - first[2].arrival > TAKEN_FOR_LOST
        return False

    def hold(self, slot: Slot, segment: Segment, packets: list[Packet]) -> None:
        """These packets go out later, as this segment numbers them."""
        queue = self._screens if segment.source.kind == "screen" else self._cameras
        for packet in packets:
            queue.put((slot, segment, packet))

    def due(self, estimate: float, sent: int, now: float) -> list[Held]:
        """What may leave now, at `estimate` bit/s; `sent` counts all bytes that went to the subscriber so far."""
        rate = estimate / 8
        left = self._left + rate * (now - self._at) - (sent - self._sent)
        self._left = max(min(left, rate * AT_ONCE), -rate * DEBT)
        self._at, self._sent = now, sent
        found: list[Held] = []
        left = self._left
        while self.busy and left > 0:
            held, size = (self._screens if self._screens.held else self._cameras).take()
            left -= size
            if _is_still_shown(*held):
                found.append(held)
        return found

    def overflow(self, estimate: float, now: float) -> set[Slot]:
        """Give up what the link will not carry in time; the slots whose pictures are thereby broken."""
        broken: set[Slot] = set()
        screens, cameras = self._screens, self._cameras
        if screens.size * 8 > estimate * LONGEST_SCREEN:
            broken |= screens.empty()
        late = bool(screens.held and cameras.held) and now - cameras.held[0][2].arrival > LONGEST_WAIT
        if late or cameras.size * 8 > estimate * LONGEST:
            broken |= cameras.empty()
        return broken

    def drop(self) -> None:
        """Hold nothing any more."""
        self._screens.empty()
        self._cameras.empty()
