"""Which simulcast layer a slot gets, from how wide it is shown, and what each way to show it costs. Pure.

Our page sends as many as its picture is large enough for: three at 960×540 and more, two at 640×360, one below. The
browser stops the upper ones when its link or its processor is weak. So any set must do, with sizes and rates known or
not yet.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from server.media.allocation.allocator import ALL, Option
from server.media.terms import Codec

ENOUGH = 0.75  # a layer of this share of the shown width looks sharp
STILL_ENOUGH = 0.65  # and the one that is shown may stay down to this share, so that a window's edge does not flicker

_RANK_BY_NAME = {"q": 1, "h": 2, "f": 4}  # our page's layers, until their first key frame tells their sizes
_UNKNOWN_WIDTH = 240
_UNKNOWN_RATES = {"q": 120_000, "f": 1_200_000}  # bit/s, as our page asks for; a quarter second later it is measured
_OTHER_RATE = 400_000
SCREEN_RATES: dict[Codec, tuple[float, ...]] = {  # that our page's encoder keeps to, save for a page now and then
    "vp8": (260_000.0, 390_000.0, 650_000.0),
    "vp9": (260_000.0, 260_000.0, 260_000.0),  # in a single layer
}
_SHARES = (0.5, 0.7, 1.0)  # of a layer's rate up to each temporal layer, as libvpx divides it
_HEADERS = 1.03  # IP and UDP beside what is measured

Rates = Sequence[float]  # bit/s up to temporal layer 0, 1, 2


@dataclass(frozen=True, slots=True)
class Layer:
    """One encoding: its rid, its width in pixels, its rates (0: not known yet), and what these are in the long run."""

    rid: str
    width: int
    rates: Rates = (0.0, 0.0, 0.0)
    most: Rates = ()

    @property
    def expected_width(self) -> int:
        """The width, or a guess that keeps the layers in order."""
        return self.width or _UNKNOWN_WIDTH * _RANK_BY_NAME.get(self.rid, 1)

    @property
    def expected_rates(self) -> tuple[int, ...]:
        """What it takes of a link up to each temporal layer."""
        if self.rates[ALL]:
            rates = map(min, self.rates, self.most) if self.most else self.rates
            return tuple(round(rate * _HEADERS) for rate in rates)
        most = _UNKNOWN_RATES.get(self.rid, _OTHER_RATE)
        return tuple(round(rate) for rate in self.most or (share * most for share in _SHARES))


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


def options(layers: Sequence[Layer], wanted: int, current: str | None) -> tuple[Option, ...]:
    """All ways to show a picture, from the cheapest to the one that `choose` takes; temporal layers are dropped first.

    What costs no less than a better way is left out, and the base layer alone where a smaller picture moves as one
    should: five pictures a second look worse than half the size.
    """
    best = choose(layers, wanted, current)
    ordered = sorted(layers, key=lambda layer: layer.expected_width)
    ways: list[Option] = []
    for layer in reversed(ordered[: next((n for n, la in enumerate(ordered) if la.rid == best), -1) + 1]):
        for cap in (2, 1, 0) if layer is ordered[0] else (2, 1):
            rate = layer.expected_rates[cap]
            if not ways or rate < ways[-1].rate:
                ways.append(Option(layer.rid, cap, rate))
    return tuple(reversed(ways))
