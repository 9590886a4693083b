"""What is taken of a participant and given to it, as the administrator of the node set it."""

from __future__ import annotations

from dataclasses import dataclass

from server.media.bandwidth import START
from server.media.transport.ice import CLOSED_AFTER, LOST_AFTER
from server.media.transport.policing import UPLINK_MBIT


@dataclass(frozen=True)
class Bounds:
    """Mbit/s that are taken of one participant, and that its link is taken to carry until its feedback tells; seconds
    without a check from it after which it is lost, and for which it may be lost until its session ends.
    """

    uplink_mbit: float = UPLINK_MBIT
    downlink_mbit: float = START / 1e6
    lost_after: float = LOST_AFTER
    closed_after: float = CLOSED_AFTER
