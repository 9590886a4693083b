"""Which media node a meeting is given to, and whose it is when two nodes have it. Pure.

A meeting stays where it is until it ends or its node does: nothing is ever moved to even out the load, because a move
is seen by everybody in the room.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

SESSIONS_A_CORE = 300
"""Sessions that load a node as much as a whole busy core does."""

EXPECTED = 10
"""People that a meeting counts for at least: those who are about to come are not there to be counted."""

OVERLOADED_CPU = 0.9
"""Share of a core from which on packets wait for the node: it has one event loop."""

OVERLOADED_LAG = 0.1
"""Seconds that its event loop is late, from which on everybody hears it."""


@dataclass(frozen=True, kw_only=True)
class NodeFigures:
    """One node as the pool sees it now; `cpu_share` is of one core over the last seconds, `lag` in seconds."""

    number: int
    pid: int | None = None
    ready: bool = True
    draining: bool = False
    rooms: int = 0
    sessions: int = 0
    cpu_share: float = 0.0
    lag: float = 0.0

    @property
    def load(self) -> float:
        """What the node carries and will carry: its CPU, and its people. 1 is a core, and 300 people more are another.

        The CPU counts in tenths, so that noise does not decide between nodes that do nothing.
        """
        return round(self.cpu_share, 1) + max(self.sessions, self.rooms * EXPECTED) / SESSIONS_A_CORE

    @property
    def overloaded(self) -> bool:
        """Whether its meetings suffer."""
        return self.cpu_share >= OVERLOADED_CPU or self.lag >= OVERLOADED_LAG


def choose(nodes: Iterable[NodeFigures]) -> int | None:
    """The number of the node that the next meeting is given to: the least loaded, of equals the first; None: no node.

    A draining node takes none: the settings have no place for it any more.
    """
    able = [node for node in nodes if node.ready and not node.draining]
    return min(able, key=lambda node: (node.load, node.number)).number if able else None


def takes_over(*, carrier_sessions: int, claimant_sessions: int) -> bool:
    """Whether a node that comes back with a room gets it from the one that carries it now: where the people are."""
    return claimant_sessions > carrier_sessions
