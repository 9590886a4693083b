"""Which layers of one picture its sender should send: those that somebody watches; and in which codec.

Pure: `now` goes in.

A layer that is wanted again is asked for at once; one that nobody wants is given up after `UNWANTED`, so that a change
of view does not cost a key frame.
"""

from __future__ import annotations

from collections.abc import Set

from server.media.terms import Codec

UNWANTED = 4.0  # s
PENDING = 2.5  # s in which a layer that was asked for may begin to arrive; later it counts as not to be had


class LayerSwitch:
    """State of one picture; `asked` is what its sender was told to send, at first all it can, in this `codec`."""

    def __init__(self, rids: Set[str], now: float) -> None:
        self.offered = frozenset(rids)
        self.asked = self.offered
        self.codec: Codec = "vp8"
        self.too_large: Set[str] = frozenset()  # for the way from its sender
        self._wanted_at = dict.fromkeys(rids, now)
        self._asked_at = dict.fromkeys(rids, now)

    def update(self, wanted: Set[str], now: float, codec: Codec = "vp8", too_large: Set[str] = frozenset()) -> bool:
        """Take note of what is wanted; true when `asked` or `codec` has changed and the sender is to be told.

        What is `too_large` for the way here is given up at once.
        """
        self.too_large = too_large
        for rid in wanted & self.offered:
            self._wanted_at[rid] = now
        asked = frozenset(
            rid
            for rid in self.offered
            if rid not in too_large and (rid in wanted or (rid in self.asked and now - self._wanted_at[rid] < UNWANTED))
        )
        for rid in asked - self.asked:
            self._asked_at[rid] = now
        changed = asked != self.asked or codec != self.codec
        self.asked, self.codec = asked, codec
        return changed

    def obtainable(self, rid: str, live: bool, now: float) -> bool:
        """Whether a subscriber can count on a layer: it arrives, or would if it were asked for."""
        if live or rid in self.too_large:
            return live
        return rid not in self.asked or now - self._asked_at[rid] < PENDING
