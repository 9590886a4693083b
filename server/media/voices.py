"""In which form voices are sent so that the weakest link of a room carries them, and how many copies fit. Pure.

Each packet has 64 bytes of headers (IP, UDP, RTP, SRTP): with 20 ms of sound in each they take 25.6 kbit/s, with 60 ms
8.5. So where bits are scarce packets get longer before voices get worse: 16 kbit/s of Opus, 40 ms in a packet, with a
copy of the packet before (RED) are 46 kbit/s, which a link of 64 kbit/s carries. Who is heard sends one voice to all.
"""

from __future__ import annotations

from typing import NamedTuple

from server.media.wire.rtp import BESIDE

HEADERS = BESIDE + 20  # bytes of each packet, of which RTP with its extensions takes 20
_RED_HEAD = 1, 4  # bytes of a packet with copies, and of each copy (RFC 2198 §3)


class Form(NamedTuple):
    """How a voice is coded: bit/s of Opus in thousands, and the sound in each packet in ms."""

    kbps: int
    frame_ms: int

    def rate(self, copies: int = 0) -> float:
        """What it takes of a link in bit/s, with so many copies in each packet."""
        red = _RED_HEAD[0] + _RED_HEAD[1] * copies if copies else 0
        return (HEADERS + red) * 8000 / self.frame_ms + self.kbps * 1000 * (1 + copies)


USUAL = Form(32, 20)
THINNEST = Form(16, 60)
_STEPS = (  # below so many bit/s of the weakest link
    (50_000.0, THINNEST),
    (80_000.0, Form(16, 40)),
    (200_000.0, Form(24, 40)),
)
RAISED_AFTER = 10.0  # s for which every link must have carried more
RAISED_BY = 0.8  # share of the weakest link in which a better form must fit

MOST_COPIES = 2
_SHARES = (0.0, 1.2, 0.5)  # of the estimate that so many copies may take; a thin link that loses needs the first


def fitting(weakest: float) -> Form:
    """The best form of which a link of `weakest` bit/s carries a voice with a copy."""
    return next((form for bound, form in _STEPS if weakest < bound), USUAL)


def copies(estimate: float, form: Form) -> int:
    """The most copies of voices that a link of `estimate` bit/s has room for."""
    fits = [count for count in range(1, MOST_COPIES + 1) if form.rate(count) <= _SHARES[count] * estimate]
    return max(fits, default=0)


class VoiceForm:
    """The form of a room's voices over time: lowered at once, raised after a while."""

    def __init__(self) -> None:
        self.present = USUAL
        self._since: float | None = None

    def step(self, weakest: float, now: float) -> None:
        """Take note of the estimate of the weakest link, in bit/s."""
        worst, best = fitting(weakest), fitting(RAISED_BY * weakest)
        if worst.rate() < self.present.rate():
            self.present, self._since = worst, None
        elif best.rate() <= self.present.rate():
            self._since = None
        elif self._since is None:
            self._since = now
        elif now - self._since >= RAISED_AFTER:
            self.present, self._since = best, None
