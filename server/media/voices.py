"""How many bits a voice gets on the way to the weakest link of a room, and how many copies fit. Pure: `now` goes in.

A packet of 20 ms has 64 bytes of headers (IP, UDP, RTP, SRTP), 25.6 kbit/s in all: so 16 kbit/s of Opus with a copy of
the packet before (RED) are 58 kbit/s, what a link of 64 kbit/s carries. Who is heard sends one voice to all.
"""

from __future__ import annotations

USUAL_KBPS = 32
_STEPS = ((75_000.0, 16), (110_000.0, 24))  # below so many bit/s of the weakest link, so many kbit/s of voice
RAISED_AFTER = 10.0  # s for which every link must have carried more

_COPIES = ((48_000.0, 0), (120_000.0, 1))  # below so many bit/s, so many copies at most
MOST_COPIES = 2


def kbps(weakest: float) -> int:
    """What a voice may take so that a link of `weakest` bit/s carries it with a copy."""
    return next((rate for bound, rate in _STEPS if weakest < bound), USUAL_KBPS)


def copies(estimate: float) -> int:
    """The most copies of voices that a link of `estimate` bit/s has room for."""
    return next((count for bound, count in _COPIES if estimate < bound), MOST_COPIES)


class VoiceRate:
    """The rate of a room's voices over time: lowered at once, raised after a while. `kbps` is the present one."""

    def __init__(self) -> None:
        self.kbps = USUAL_KBPS
        self._since: float | None = None

    def step(self, weakest: float, now: float) -> None:
        """Take note of the estimate of the weakest link, in bit/s."""
        fitting = kbps(weakest)
        if fitting <= self.kbps:
            self.kbps, self._since = fitting, None
        elif self._since is None:
            self._since = now
        elif now - self._since >= RAISED_AFTER:
            self.kbps, self._since = fitting, None
