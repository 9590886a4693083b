"""The pictures of a room: from what subscribers wish for to what each slot shows, and to what each sender should send.

`layers` says which ways there are to show a picture, `supply` which of them can be had, `allocator` which of them a
subscriber's link carries, `dynacast` which layers a sender should send so that all of them can be had.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from typing import Protocol

from server.media.allocation.allocator import ALL, STILL, Demand, Option, cost, watches
from server.media.allocation.supply import Named, Sender, Supply, fits, layer, offered
from server.media.allocation.view import View
from server.media.inward.source import Source
from server.media.outward.slots import Slot
from server.media.protocol import Picture, Want
from server.media.terms import PICTURES, Codec

STILL_EVERY = 4.0  # s between two still pictures, the same instants for all, so that they share a key frame
LOOK_EVERY = 0.9  # s
STILL_SHOWN = 0.08  # s from the still's key frame until the slot is silent again


class Viewer(Sender, Protocol):
    """A participant, as far as pictures go: what it sends by `uplink` and was asked for, and what its slots show."""

    pictures: list[Slot]
    view: View

    @property
    def receiving(self) -> bool:
        """Whether media can be sent to it now."""


class Pictures:
    """`participants` is the room's table; `rank` of a picture is 0 for what is served first.

    `urgent` when somebody watches a layer that its sender was not asked for: `switch_layers` should not wait.
    """

    def __init__(self, participants: Mapping[str, Viewer], rank: Callable[[str, Picture], int]) -> None:
        self._participants = participants
        self._rank = rank
        self._switched_at = float("-inf")
        self._recorded: Named | None = None
        self.urgent = False
        self._changed = False  # whether somebody watches something else than when senders were told

    # ---- from wishes to slots --------------------------------------------------------------------------------------

    def arrange(self, participant: Viewer, budget: float, supply: Supply, now: float) -> None:
        """Bring a subscriber's slots in line with its wishes, with what is there and with `budget` bit/s."""
        demands = participant.view.demands = self.demands(participant, supply)
        choice = participant.view.allocation.decide(demands, budget, now)
        by_slot = {demand.slot: demand for demand in demands}
        spare = max(0.0, budget - cost(choice))
        for slot in participant.pictures:
            demand, option = by_slot.get(slot.number), choice.get(slot.number)
            slot.still = option is not None and option.cap == STILL
            if demand is None or option is None or not participant.receiving:
                slot.show(None)
            elif option.cap != STILL:
                slot.show(*self._source(supply.live(*demand.wish[:2]), option, slot, spare))
                if slot.awaiting is not None and not fits(slot.segment, option.rate + spare):
                    slot.leave()
        self._keep_stills(participant, by_slot, supply, now)
        watched = frozenset(watches(demands, choice))
        if watched != participant.view.watched:
            self.urgent |= any(not self._asked(*layer) for layer in watched - participant.view.watched)
            participant.view.watched, self._changed = watched, True

    def _asked(self, owner: str, kind: Picture, rid: str) -> bool:
        """Whether its sender sends this layer, or was told to."""
        return rid in self._participants[owner].switches[kind].asked

    @staticmethod
    def settled(participant: Viewer, now: float) -> bool:
        """Whether it is shown the best of all that it wishes for, whole, and all of it arrives."""
        for demand in participant.view.demands:
            option, slot = participant.view.allocation.choice.get(demand.slot), participant.pictures[demand.slot]
            source, segment = slot.showing, slot.segment
            if option is None or source is None or segment is None or slot.awaiting is not None:
                return False
            if not (option.rid == source.rid == demand.ideal) or segment.cap != ALL or not source.live(now):
                return False
        return True

    def demands(self, participant: Viewer, supply: Supply) -> list[Demand]:
        """The wishes that can be served, each with the ways to do so."""
        return [
            self._demand(want.source, want, participant.pictures[want.slot], supply)
            for want in participant.view.wants.values()
            if want.source is not None and want.source in self._participants and want.slot < len(participant.pictures)
        ]

    def _demand(self, owner: str, want: Want, slot: Slot, supply: Supply) -> Demand:
        current = slot.awaiting or slot.showing
        rid = current.rid if current is not None and (current.owner, current.kind) == (owner, want.kind) else None
        options, ideal = supply.ways(owner, want.kind, want.width, rid)
        return Demand(want.slot, (owner, want.kind, want.width), self._rank(owner, want.kind), options, ideal)

    @staticmethod
    def _source(live: Mapping[str, Source], option: Option, slot: Slot, spare: float) -> tuple[Source | None, int]:
        """The layer that was chosen and its cap; while it does not arrive yet, what is shown already, or the smallest:
        as much of it as the link carries, which has `spare` bit/s beside what was chosen.
        """
        if option.rid in live:
            return live[option.rid], max(option.cap, 0)
        source = slot.showing
        if source is None or live.get(source.rid) is not source:
            source = min(live.values(), key=lambda source: source.width, default=None)
        if source is None:
            return None, ALL
        if not source.rates[ALL]:
            return source, 0
        rates, most = layer(source.rid, source).expected_rates, option.rate + spare
        cap = next((cap for cap in (2, 1, 0) if rates[cap] <= most), None)
        return (source, cap) if cap is not None else (None, ALL)

    def _keep_stills(self, participant: Viewer, demands: Mapping[int, Demand], supply: Supply, now: float) -> None:
        choice = participant.view.allocation.choice
        stills = {number: option for number, option in choice.items() if option.cap == STILL}
        participant.view.stills = {number: participant.view.stills.get(number, float("-inf")) for number in stills}
        for number, option in stills.items():
            slot, shown_at = participant.pictures[number], participant.view.stills[number]
            if slot.showing is not None and now - slot.began >= STILL_SHOWN:
                slot.show(None)
                participant.view.stills[number] = now
            elif slot.showing is None and slot.awaiting is None and now // STILL_EVERY > shown_at // STILL_EVERY:
                live = supply.live(*demands[number].wish[:2])
                slot.show(self._source(live, option, slot, float("inf"))[0], 0)

    # ---- from slots to senders -------------------------------------------------------------------------------------

    def best(self, owner: str, kind: Picture, now: float) -> Source | None:
        """The best layer of a picture that arrives now."""
        sender = self._participants.get(owner)
        if sender is None or kind not in sender.allowed:
            return None
        live = sender.uplink.layers(kind, now)
        return max(live, key=lambda source: layer(source.rid, source).expected_width, default=None)

    def switch_layers(self, recorded: Named | None, now: float) -> list[Named]:
        """Count together what is watched; gives the pictures whose senders are to be told what to send.

        What is `recorded` is sent in full. Where nothing has changed, once a second is enough: for what nobody wants.
        """
        if not self._changed and recorded == self._recorded and now - self._switched_at < LOOK_EVERY:
            return []
        self._changed, self.urgent, self._recorded, self._switched_at = False, False, recorded, now
        wanted: defaultdict[Named, set[str]] = defaultdict(set)
        for participant in self._participants.values():
            for owner, kind, rid in participant.view.watched:
                wanted[owner, kind].add(rid)
        changed = []
        shared_in = self._screen_codec()
        for name, participant in self._participants.items():
            for kind in PICTURES:
                switch = participant.switches[kind]
                rids: Iterable[str] = switch.offered if recorded == (name, kind) else wanted.get((name, kind), ())
                if not (rids or switch.asked or switch.too_large):
                    continue  # of a large room that is most
                carried = self._carried(name, kind)
                instead = frozenset(rid if rid in carried else carried[-1] for rid in rids if rid in switch.offered)
                codec = shared_in if kind == "screen" and participant.uplink.can_send(shared_in) else "vp8"
                if switch.update(instead, now, codec, switch.offered.difference(carried)):
                    changed.append((name, kind))
        return changed

    def _carried(self, owner: str, kind: Picture) -> list[str]:
        """The layers that its sender's way here has room for, the largest last; the smallest in any case."""
        ordered = sorted(offered(self._participants[owner], kind), key=lambda layer: layer.expected_width)
        left_out = self._participants[owner].uplink.left_out
        return [layer.rid for layer in ordered[: max(1, len(ordered) - left_out)]]

    def _screen_codec(self) -> Codec:
        """VP9, where everybody can be shown it: a page of text takes less of it than of VP8, and it goes on moving."""
        slots = (slot for participant in self._participants.values() for slot in participant.pictures)
        return "vp9" if all("vp9" in slot.codecs for slot in slots) else "vp8"
