"""Who is heard: audio slots by loudness, slow to change their mind.

Pure: levels and `now` go in, choices come out. Levels here are 0 (silence) to 127, that is 127 less the level of
RFC 6464, which counts downwards from full scale in dB.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

SPEAKING = 77  # -50 dBov: above the noise of a room, below a soft voice
LOUDER_BY = 10  # dB of loudness by which a newcomer must top who is in a slot and still speaking
PAUSE = 1.0  # s of silence after which a slot may go to somebody who speaks
STALE = 5.0  # s without a packet after which a microphone is off (DTX sends every 0.4 s)

_TICK = 0.02  # s
_RISE, _FALL = 0.5, 0.1  # share of the difference that `level` takes each tick: follows syllables
_GROW, _FADE = 0.05, 0.007  # and `loudness`: of phrases; neither a slam nor a breath moves it far


@dataclass
class _Talker:
    level: float
    packet_at: float
    spoke_at: float
    loudness: float = 0.0
    spoke_with: float = 0.0  # `loudness` as it was when this one last spoke: to pause for breath is no reason to go

    def follow(self, level: int, now: float) -> None:
        """A packet of this level came; the time since the one before counts, as DTX leaves silence out."""
        ticks = (now - self.packet_at) / _TICK
        self.level += _share(_RISE if level > self.level else _FALL, ticks) * (level - self.level)
        self.loudness += _share(_GROW if level > self.loudness else _FADE, ticks) * (level - self.loudness)
        self.packet_at = now


def _share(each: float, ticks: float) -> float:
    """What a share taken each tick makes of several; of packets in one burst each is a tick."""
    return each if ticks <= 1 else 1 - (1 - each) ** ticks


class Speakers:
    """The loudest `slots` of those who may be heard. A voice keeps its slot number while it has one."""

    def __init__(self, slots: int) -> None:
        self.slots: list[str | None] = [None] * slots
        self._voices: dict[str, _Talker] = {}

    def heard(self, participant: str, level: int, now: float) -> bool:
        """A voice packet of this level (0..127) came; true when it is worth choosing again at once."""
        voice = self._voices.get(participant)
        if voice is None:
            self._voices[participant] = _Talker(level, now, now if level >= SPEAKING else now - PAUSE)
            return True
        silent = voice.level < SPEAKING
        voice.follow(level, now)
        if voice.level < SPEAKING:
            return False
        voice.spoke_at, voice.spoke_with = now, voice.loudness
        return silent and participant not in self.slots

    def forget(self, participant: str) -> None:
        """The participant went away."""
        self._voices.pop(participant, None)

    def choose(self, allowed: Collection[str], now: float) -> bool:
        """Fill the slots from `allowed`; true when they changed."""
        before = list(self.slots)
        audible = {p: v for p, v in self._voices.items() if p in allowed and now - v.packet_at < STALE}
        self.slots = [p if p in audible else None for p in self.slots]
        waiting = sorted((p for p in audible if p not in self.slots), key=lambda p: -audible[p].level)
        for newcomer in waiting:
            number = self._slot_for(audible, newcomer, now)
            if number is not None:
                self.slots[number] = newcomer
        return self.slots != before

    def _slot_for(self, audible: dict[str, _Talker], newcomer: str, now: float) -> int | None:
        if None in self.slots:
            return self.slots.index(None)
        if audible[newcomer].level < SPEAKING:
            return None
        holders = [audible[participant or ""] for participant in self.slots]
        silent = [n for n, holder in enumerate(holders) if now - holder.spoke_at >= PAUSE]
        if silent:
            return min(silent, key=lambda n: holders[n].spoke_at)
        softest = min(range(len(holders)), key=lambda n: holders[n].spoke_with)
        return softest if audible[newcomer].loudness >= holders[softest].spoke_with + LOUDER_BY else None

    def levels(self, now: float) -> list[tuple[str, int]]:
        """Those in slots who speak now, with their levels, the loudest first."""
        speaking = [
            (p, round(self._voices[p].level))
            for p in self.slots
            if p is not None and p in self._voices and now - self._voices[p].spoke_at < PAUSE
        ]
        return sorted(speaking, key=lambda item: (-item[1], item[0]))
