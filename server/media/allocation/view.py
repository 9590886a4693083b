"""What one subscriber wishes to see, and what was arranged for it: `pictures` fills it in, the room asks it."""

from __future__ import annotations

from dataclasses import dataclass, field

from server.media.allocation.allocator import STILL, Allocation, Demand
from server.media.allocation.ladder import Ladder
from server.media.protocol import Picture, Want

NOT_YET = float("-inf")  # time of an arrangement of the present wishes


@dataclass(eq=False, slots=True)
class View:
    """`wants` are its wishes by slot, `demands` those that can be served, `allocation` and `ladder` hold what its link
    carries of them. `stills` say when a slot got its last still picture, `watched` whose picture of which kind comes in
    which layer.
    """

    wants: dict[int, Want] = field(default_factory=dict)
    demands: list[Demand] = field(default_factory=list)
    allocation: Allocation = field(default_factory=Allocation)
    ladder: Ladder = field(default_factory=Ladder)
    stills: dict[int, float] = field(default_factory=dict)
    watched: frozenset[tuple[str, Picture, str]] = frozenset()
    arranged_for: float = 0.0  # the estimate of its link for which its slots were arranged, in bit/s
    arranged_at: float = NOT_YET
    content: bool = False  # whether its link was known, a moment ago, to carry all that it wishes for
    told_missing: tuple[list[int], list[int]] = field(default_factory=lambda: ([], []))  # `missing`, as last told

    def wishes_for(self, owner: str) -> bool:
        """Whether it wishes to see this participant."""
        return any(want.source == owner for want in self.wants.values())

    @property
    def missing(self) -> tuple[list[int], list[int]]:
        """Of its wishes: slots that get nothing, for whatever reason, and slots that get a still picture."""
        choice = self.allocation.choice
        wished = sorted(demand.slot for demand in self.demands)
        paused = [slot for slot in wished if slot not in choice]
        return paused, [slot for slot in wished if slot in choice and choice[slot].cap == STILL]
