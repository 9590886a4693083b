"""What there is of pictures at one instant, worked out once for all who are arranged at it.

Of three hundred viewers most wish for the same pictures as wide, and were shown the same of them before.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from server.media.allocation import layers
from server.media.allocation.allocator import TOLERANCE, Option
from server.media.allocation.dynacast import LayerSwitch
from server.media.allocation.layers import Layer
from server.media.inward.source import Source
from server.media.inward.uplink import Uplink
from server.media.outward.slots import Segment
from server.media.protocol import Picture
from server.media.terms import Kind

Named = tuple[str, Picture]  # whose picture of which kind
Ways = tuple[tuple[Option, ...], str | None]


class Sender(Protocol):
    """A participant, as far as its own pictures go."""

    uplink: Uplink
    switches: dict[Picture, LayerSwitch]
    allowed: frozenset[Kind]


class Supply:
    """Good until anything arrives, or a sender is asked for something else."""

    def __init__(self, senders: Mapping[str, Sender], now: float) -> None:
        self._senders = senders
        self._now = now
        self._live: dict[Named, dict[str, Source]] = {}
        self._layers: dict[Named, tuple[list[Layer], list[Layer]]] = {}
        self._ways: dict[tuple[str, Picture, int, str | None], Ways] = {}

    def ways(self, owner: str, kind: Picture, width: int, rid: str | None) -> Ways:
        """All ways to show a picture at this width, where `rid` is shown, that can be had now; and the layer that would
        be best, whether it can be had or not.
        """
        key = (owner, kind, width, rid)
        found = self._ways.get(key)
        if found is None:
            offered, obtainable = self._layers.get((owner, kind)) or self._find_layers(owner, kind)
            found = layers.options(obtainable, width, rid), layers.choose(offered, width, rid)
            self._ways[key] = found
        return found

    def live(self, owner: str, kind: Picture) -> dict[str, Source]:
        """What arrives of a picture, by rid."""
        found = self._live.get((owner, kind))
        if found is None:
            found = {source.rid: source for source in self._senders[owner].uplink.layers(kind, self._now)}
            self._live[owner, kind] = found
        return found

    def _find_layers(self, owner: str, kind: Picture) -> tuple[list[Layer], list[Layer]]:
        """All layers that the sender may send; and those that arrive, or that would if they were asked for."""
        sender = self._senders[owner]
        rids = self._obtainable(sender, kind, frozenset(self.live(owner, kind)))
        obtainable = [layer(rid, sender.uplink.source(kind, rid)) for rid in sorted(rids)]
        found = self._layers[owner, kind] = offered(sender, kind), obtainable
        return found

    def _obtainable(self, sender: Sender, kind: Picture, live: frozenset[str]) -> list[str]:
        if kind not in sender.allowed:
            return []
        switch, now = sender.switches[kind], self._now
        if switch.asked and not live and not any(switch.obtainable(rid, False, now) for rid in switch.asked):
            return []  # its owner has switched it off
        live = live - switch.too_large or live  # what is too large ends as soon as anything smaller has begun
        return [rid for rid in switch.offered | live if switch.obtainable(rid, rid in live, now)]


def layer(rid: str, source: Source | None) -> Layer:
    """What is known of an encoding that may not have come yet."""
    if source is None:
        return Layer(rid, 0)
    most: layers.Rates = ()
    if source.kind == "screen" and (source.top_layer or source.codec == "vp9"):
        most = layers.SCREEN_RATES[source.codec]
    return Layer(rid, source.width, source.rates, most)


def offered(sender: Sender, kind: Picture) -> list[Layer]:
    """All layers of a picture that its sender may send."""
    return [layer(rid, sender.uplink.source(kind, rid)) for rid in sorted(sender.uplink.offered(kind))]


def fits(segment: Segment | None, most: float) -> bool:
    """Whether what is shown until another layer begins takes no more of the link than `most` bit/s."""
    if segment is None:
        return True
    source = segment.source
    return layer(source.rid, source).expected_rates[segment.cap] <= TOLERANCE * most
