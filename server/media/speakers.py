"""Who is heard and who is shown: audio slots by loudness, and the programme, both slow to change their mind.

Pure: levels and `now` go in, choices come out. Levels here are 0 (silence) to 127, that is 127 less the level of
RFC 6464, which counts downwards from full scale in dB.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from server.media.protocol import Picture

SPEAKING = 77  # -50 dBov: above the noise of a room, below a soft voice
LOUDER_BY = 10  # dB of loudness by which a newcomer must top who is in a slot and still speaking
PAUSE = 1.0  # s of silence after which a slot may go to somebody who speaks
STALE = 5.0  # s without a packet after which a microphone is off (DTX sends every 0.4 s)
SHOWN_AT_LEAST = 2.0  # s between two changes of the programme's speaker

_TICK = 0.02  # s
_RISE, _FALL = 0.5, 0.1  # share of the difference that `level` takes each tick: follows syllables
_GROW, _FADE = 0.05, 0.007  # and `loudness`: of phrases; neither a slam nor a breath moves it far


@dataclass
class _Voice:
    level: float
    packet_at: float
    spoke_at: float
    loudness: float = 0.0

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
        self._voices: dict[str, _Voice] = {}

    def heard(self, participant: str, level: int, now: float) -> bool:
        """A voice packet of this level (0..127) came; true when it is worth choosing again at once."""
        voice = self._voices.get(participant)
        if voice is None:
            self._voices[participant] = _Voice(level, now, now if level >= SPEAKING else now - PAUSE)
            return True
        silent = voice.level < SPEAKING
        voice.follow(level, now)
        if voice.level < SPEAKING:
            return False
        voice.spoke_at = now
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

    def _slot_for(self, audible: dict[str, _Voice], newcomer: str, now: float) -> int | None:
        if None in self.slots:
            return self.slots.index(None)
        if audible[newcomer].level < SPEAKING:
            return None
        holders = [audible[participant or ""] for participant in self.slots]
        silent = [n for n, holder in enumerate(holders) if now - holder.spoke_at >= PAUSE]
        if silent:
            return min(silent, key=lambda n: holders[n].spoke_at)
        softest = min(range(len(holders)), key=lambda n: holders[n].loudness)
        return softest if audible[newcomer].loudness >= holders[softest].loudness + LOUDER_BY else None

    def levels(self, now: float) -> list[tuple[str, int]]:
        """Those in slots who speak now, with their levels, the loudest first."""
        speaking = [
            (p, round(self._voices[p].level))
            for p in self.slots
            if p is not None and p in self._voices and now - self._voices[p].spoke_at < PAUSE
        ]
        return sorted(speaking, key=lambda item: (-item[1], item[0]))


class Programme:
    """What one screen should show: the shared screen first, else who speaks, else who spoke last."""

    def __init__(self) -> None:
        self.source: str | None = None
        self.kind: Picture = "camera"
        self._candidate: str | None = None
        self._candidate_since = 0.0

    def choose(self, screens: Sequence[str], cameras: Collection[str], speaker: str | None, now: float) -> bool:
        """Decide from who shares, who has a camera on and who speaks loudest; true when the programme changed."""
        before = (self.source, self.kind)
        if screens:
            if not (self.kind == "screen" and self.source in screens):
                self.source, self.kind = screens[0], "screen"
        else:
            self._choose_camera(cameras, speaker, now)
        return (self.source, self.kind) != before

    def _choose_camera(self, cameras: Collection[str], speaker: str | None, now: float) -> None:
        if speaker is None or speaker not in cameras:
            self._candidate = None
        elif speaker != self._candidate:
            self._candidate, self._candidate_since = speaker, now
        showing = self.kind == "camera" and self.source in cameras
        steady = self._candidate is not None and now - self._candidate_since >= SHOWN_AT_LEAST
        if showing and not steady:
            return
        self.kind = "camera"
        self.source = self._candidate or (self.source if self.source in cameras else min(cameras, default=None))
