"""How well a participant takes part, in one word for people and one rung of a ladder for the page. Pure.

    full      every picture as wished                      tốt
    reduced   all that was wished for, smaller or slower   tốt
    fewer     some of the pictures do not move             trung bình
    one       one picture of several                       trung bình
    still     a still picture every few seconds            yếu
    sound     no picture                                   yếu
    telephone not even voices: better by telephone         yếu

What gets worse is told after `DOWN`, or at once where pictures are taken away, which people see; what gets better after
`UP`, so that the word does not flicker. To go to the telephone is much to ask, and a line that has just become narrow
carries nothing while its queue drains: this is said only of one on which voices have been too much for `MUTE`.
"""

from __future__ import annotations

from collections.abc import Sequence

from server.media.allocation.allocator import STILL, Choice, Demand
from server.media.protocol import QUALITIES, RUNGS, Quality, Rung, worst
from server.media.voices import THINNEST

DOWN = 0.25  # s, looked at with every feedback
UP = 3.0  # s
MUTE = 1.5  # s, until which it counts as sound alone
VOICE_RATE = THINNEST.rate()  # bit/s below which even one voice with its headers does not fit
VOICE_LOSS = 0.3  # share of lost packets at which redundancy no longer helps
POOR_UPLINK = 0.15  # share lost of what the participant itself sends
FAIR_UPLINK = 0.05

_WORDS: dict[Rung, Quality] = {
    "full": "good",
    "reduced": "good",
    "fewer": "fair",
    "one": "fair",
    "still": "poor",
    "sound": "poor",
    "telephone": "poor",
}


def rung(demands: Sequence[Demand], choice: Choice, estimate: float, loss: float) -> Rung:
    """Where a subscriber stands with this choice, `estimate` bit/s in all and this share of packets lost."""
    wished = [demand for demand in demands if demand.options]
    if estimate < VOICE_RATE or loss > VOICE_LOSS:
        return "telephone"
    if not wished:
        return "full"
    if not choice:
        return "sound"
    moving = [slot for slot, option in choice.items() if option.cap != STILL]
    if not moving:
        return "still"
    if len(moving) < len(wished):
        return "one" if len(moving) == 1 else "fewer"
    best = all(choice[demand.slot] == demand.options[-1] for demand in wished)
    return "full" if best else "reduced"


def word(where: Rung, uplink_loss: float) -> Quality:
    """The one word: what the participant gets, or what others get of it, whichever is worse."""
    sending: Quality = "poor" if uplink_loss > POOR_UPLINK else "fair" if uplink_loss > FAIR_UPLINK else "good"
    return worst(_WORDS[where], sending)


class Ladder:
    """One participant's rung and word over time; `rung` and `quality` are what was told last."""

    def __init__(self) -> None:
        self.rung: Rung = "full"
        self.quality: Quality = "good"
        self._differs: tuple[Rung, Quality] | None = None
        self._since = 0.0
        self._mute_since: float | None = None

    @property
    def waits_to_tell(self) -> bool:
        """Whether it has become worse and was not told yet."""
        return self._differs is not None and _place(self._differs) > _place((self.rung, self.quality))

    def step(self, where: Rung, uplink_loss: float, now: float, *, seen: bool = False) -> bool:
        """Take note of where the participant stands; true when it is to be told. `seen`: other pictures go out now."""
        where = self._lasting(where, now)
        here = (where, word(where, uplink_loss))
        if here == (self.rung, self.quality):
            self._differs = None
            return False
        worse = _place(here) > _place((self.rung, self.quality))
        if self._differs is None or (_place(self._differs) > _place((self.rung, self.quality))) != worse:
            self._since = now
        self._differs = here
        if now - self._since < (UP if not worse else 0.0 if seen else DOWN):
            return False
        self.rung, self.quality = here
        self._differs = None
        return True

    def _lasting(self, where: Rung, now: float) -> Rung:
        """The same, but "sound" for what may only be a queue that drains."""
        if where != "telephone":
            self._mute_since = None
            return where
        if self._mute_since is None:
            self._mute_since = now
        return where if self.rung == "telephone" or now - self._mute_since >= MUTE else "sound"


def _place(where: tuple[Rung, Quality]) -> tuple[int, int]:
    """Greater is worse: the word first, since people see it."""
    return (QUALITIES.index(where[1]), RUNGS.index(where[0]))
