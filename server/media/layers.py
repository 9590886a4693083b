"""Which simulcast layer a slot gets, from how wide it is shown. Pure.

Browsers send what they can: Chromium three layers at 960×540 and more, two at 640×360, one below, and it stops the
upper ones when its link or its processor is weak. So any set must do, with sizes known or not yet.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

ENOUGH = 0.75  # a layer of this share of the shown width looks sharp
STILL_ENOUGH = 0.65  # and the one that is shown may stay down to this share, so that a window's edge does not flicker

_RANK_BY_NAME = {"q": 1, "h": 2, "f": 4}  # our page's layers, until their first key frame tells their sizes
_UNKNOWN_WIDTH = 240


@dataclass(frozen=True)
class Layer:
    """One encoding that arrives now: its rid, and its width in pixels (0: not known yet)."""

    rid: str
    width: int

    @property
    def expected_width(self) -> int:
        """The width, or a guess that keeps the layers in order."""
        return self.width or _UNKNOWN_WIDTH * _RANK_BY_NAME.get(self.rid, 1)


def choose(layers: Sequence[Layer], wanted: int, current: str | None) -> str | None:
    """The rid to show at `wanted` CSS pixels: the smallest that is enough, else the largest; None without layers."""
    if not layers:
        return None
    ordered = sorted(layers, key=lambda layer: layer.expected_width)
    enough = [layer for layer in ordered if layer.expected_width >= wanted * ENOUGH]
    best = enough[0] if enough else ordered[-1]
    for layer in ordered:
        if layer.rid == current and wanted * STILL_ENOUGH <= layer.expected_width <= best.expected_width:
            return current
    return best.rid
