"""Who is heard and who is shown: audio slots by loudness, and the programme, both slow to change their mind.

Pure: levels and `now` go in, choices come out. Levels here are 0 (silence) to 127, that is 127 less the level of
RFC 6464, which counts downwards from full scale in dB.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from server.media.protocol import Picture

SPEAKING = 77  # -50 dBov: above the noise of a room, below a soft voice
LOUDER_BY = 10  # dB by which a newcomer must top who is in a slot and still speaking
PAUSE = 1.0  # s of silence after which a slot may go to somebody who speaks
STALE = 5.0  # s without a packet after which a microphone is off (DTX sends every 0.4 s)
SHOWN_AT_LEAST = 2.0  # s between two changes of the programme's speaker

_RISE, _FALL = 0.5, 0.1  # share of the difference taken per packet of 20 ms


@dataclass
class _Voice:
    level: float
    packet_at: float
    spoke_at: float


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
        voice.level += (_RISE if level > voice.level else _FALL) * (level - voice.level)
        voice.packet_at = now
        if voice.level < SPEAKING:
            return False
        began = now - voice.spoke_at > PAUSE
        voice.spoke_at = now
        return began and participant not in self.slots

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
            if number is None:
                break
            self.slots[number] = newcomer
        return self.slots != before

    def _slot_for(self, audible: dict[str, _Voice], newcomer: str, now: float) -> int | None:
        if None in self.slots:
            return self.slots.index(None)
        if audible[newcomer].level < SPEAKING:
            return None
        number = min(range(len(self.slots)), key=lambda n: audible[self.slots[n] or ""].level)
        holder = audible[self.slots[number] or ""]
        paused = now - holder.spoke_at >= PAUSE
        return number if paused or audible[newcomer].level >= holder.level + LOUDER_BY else None

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
