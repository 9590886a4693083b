"""Pictures on thin links leave no faster than the link carries them. Sans-IO: `now` is passed in.

A key frame is as large as a second of its picture: sent at once it would fill the link's queue, and voices would wait
behind it or be dropped with it. So on a link of less than `BELOW` bit/s pictures are held, in order, and let go as the
estimate allows beside whatever else is sent; voices and retransmissions never wait here.
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from server.media.slots import Segment, Slot
    from server.media.source import Packet

BELOW = 400_000  # bit/s
AT_ONCE = 0.03  # s of the link that may leave together
DEBT = 0.1  # s of the link that pictures wait at most for what was sent beside them
LONGEST = 2.0  # s of the link that may be held; beyond, pictures begin anew with a key frame
_BESIDE = 44  # bytes beside a packet's template: IP, UDP and SRTP's tag

Held = tuple["Slot", "Segment", "Packet"]


def _is_still_shown(slot: Slot, segment: Segment, packet: Packet) -> bool:
    """Whether what was held is of use: the slot goes on with it, or has fallen silent after this single picture."""
    if slot.segment is None:
        return slot.still
    return slot.segment is segment or slot.segment_of(packet.index) is segment


class Pacer:
    """What is held of one subscriber's pictures; `on` while its link is thin."""

    __slots__ = ("_at", "_bytes", "_held", "_left", "_sent", "on")

    def __init__(self) -> None:
        self.on = False
        self._held: deque[Held] = deque()
        self._bytes = 0  # held
        self._left = 0.0  # bytes that may leave
        self._at = 0.0
        self._sent = 0  # the subscriber's counter of bytes when it was looked at last

    @property
    def busy(self) -> bool:
        """Whether anything is held: what comes then must wait behind it."""
        return bool(self._held)

    def hold(self, slot: Slot, segment: Segment, packets: list[Packet]) -> None:
        """These packets go out later, as this segment numbers them."""
        for packet in packets:
            self._held.append((slot, segment, packet))
            self._bytes += len(packet.template) + _BESIDE

    def due(self, estimate: float, sent: int, now: float) -> list[Held]:
        """What may leave now, at `estimate` bit/s; `sent` counts all bytes that went to the subscriber so far."""
        rate = estimate / 8
        left = self._left + rate * (now - self._at) - (sent - self._sent)
        self._left = max(min(left, rate * AT_ONCE), -rate * DEBT)
        self._at, self._sent = now, sent
        found: list[Held] = []
        left = self._left
        while self._held and left > 0:
            held = self._held.popleft()
            size = len(held[2].template) + _BESIDE
            self._bytes -= size
            left -= size
            if _is_still_shown(*held):
                found.append(held)
        return found

    def is_too_full(self, estimate: float) -> bool:
        """Whether more is held than the link carries in `LONGEST`."""
        return self._bytes * 8 > estimate * LONGEST

    def drop(self) -> set[Slot]:
        """Hold nothing any more; the slots whose pictures are thereby broken."""
        slots = {slot for slot, _, _ in self._held}
        self._held.clear()
        self._bytes = 0
        return slots
