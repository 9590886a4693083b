"""The mixer: many voices in, one sum each 20 ms out. Sans-IO: packets and `now` are passed in.

The mix runs a fixed `delay` behind the clock, and each voice is put where its packets' arrival says (`Timeline`), so
that jitter and losses never move a voice against the picture. Within the delay packets may come in any order.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from server.media.recording.timeline import RESTART, Timeline
from server.media.wire.opus import FRAME, RATE, Decoder, Samples, duration

DELAY = 0.3  # s; a recording can wait for slow links, and must for what was held up as long as a clock is believed
CONCEALED = 5  # frames in a row that a loss is papered over before it becomes silence
FORGET_AFTER = 30.0  # s without a packet after which a voice's decoder is freed
MOST_WAITING = 200  # packets a voice; a sender that floods loses the oldest
ALL_LATE = 3  # packets in a row that came too late to be mixed: it is not them, but the voice's place, that is wrong
STRETCH = 38  # samples of a tick by which a voice that sounds is moved to its place: 4 %, hardly to be heard
AUDIBLE = 180.0  # root mean square of 16-bit samples from which a voice counts as speaking (-45 dB)

_NOTHING: Samples = np.zeros(0, np.int16)


@dataclass(frozen=True, slots=True)
class Tick:
    """20 ms of the mix, from media sample `at` on: each audible voice alone (`FRAME` samples), and their sum.

    A mix for one who speaks leaves that voice out: it is made from `voices` by whoever needs it.
    """

    at: int
    voices: dict[str, Samples]

    @property
    def total(self) -> Samples | None:
        """The sum, saturated; None is silence."""
        if len(self.voices) < 2:
            return next(iter(self.voices.values()), None)
        total = np.sum(list(self.voices.values()), axis=0, dtype=np.int32)
        return np.clip(total, -32768, 32767).astype(np.int16)

    @property
    def speaking(self) -> list[str]:
        """Those who are loud enough to be called speaking."""
        return [who for who, samples in self.voices.items() if _loudness(samples) >= AUDIBLE]


class Mixer:
    """`start` (seconds, of the same clock as every `now`) is media sample 0."""

    def __init__(self, start: float, delay: float = DELAY) -> None:
        self._start = start
        self._delay = delay
        self._at = 0
        self._voices: dict[str, _Track] = {}
        self.refused = 0  # packets that are not Opus

    def push(self, participant: str, payload: bytes, timestamp: int, now: float) -> None:
        """One Opus packet with its RTP timestamp (48 kHz), which arrived at `now`."""
        length = duration(payload)
        if not length:
            self.refused += 1
            return
        voice = self._voices.get(participant)
        if voice is None:
            voice = self._voices[participant] = _Track(self._start)
        voice.push(payload, length, timestamp, now)

    def mix(self, now: float) -> list[Tick]:
        """What has become due: every tick that ends at least the delay before `now`, none left out."""
        due = round((now - self._start - self._delay) * RATE)
        ticks = []
        while self._at + FRAME <= due:
            voices = {}
            for participant, voice in self._voices.items():
                samples = voice.take(self._at)
                if samples is not None:
                    voices[participant] = samples
            ticks.append(Tick(self._at, voices))
            self._at += FRAME
        self._forget(now)
        return ticks

    def _forget(self, now: float) -> None:
        for participant in [who for who, voice in self._voices.items() if now - voice.arrival > FORGET_AFTER]:
            del self._voices[participant]


class _Track:
    """One participant's packets on their way to the mix.

    `_ready` holds decoded samples that end before RTP timestamp `_cursor` (unwrapped), which is decoded next.
    """

    def __init__(self, start: float) -> None:
        self._start = start
        self._timeline = Timeline(RATE)
        self._place = 0  # media sample of RTP timestamp 0, as far as the voice has been moved there
        self._quiet = True
        self._decoder = Decoder()
        self._waiting: dict[int, tuple[bytes, int]] = {}
        self._ready = _NOTHING
        self._cursor: int | None = None
        self._mixed = -1  # RTP timestamp at the end of what was taken
        self._late = 0  # packets in a row that ended before that
        self._concealed = CONCEALED
        self.arrival = float("-inf")

    def push(self, payload: bytes, length: int, timestamp: int, now: float) -> None:
        before = self._timeline.offset
        at = self._timeline.note(timestamp, now)
        if abs(self._timeline.offset - before) > RESTART:
            self._begin_anew()
        self.arrival = now
        self._waiting[at] = (payload, length)
        self._late = self._late + 1 if at + length <= self._mixed else 0
        if self._late >= ALL_LATE:
            self._timeline.restart(at, now)
            self._begin_later()
        if len(self._waiting) > MOST_WAITING:
            del self._waiting[min(self._waiting)]

    def take(self, position: int) -> Samples | None:
        """The `FRAME` samples from media sample `position` on; None when there is nothing but silence."""
        place = round((self._timeline.offset - self._start) * RATE)
        if self._quiet:
            idle = self._cursor is None or not (self._waiting or self._ready.size)
            self._place = place if idle else max(place, self._place - FRAME)  # pauses are left out, not words
        begin = position - self._place
        self._place += max(-STRETCH, min(place - self._place, STRETCH))
        end = self._mixed = position + FRAME - self._place
        samples = self._between(begin, end)
        self._quiet = samples is None or _loudness(samples) < AUDIBLE
        if samples is None or samples.size == FRAME:
            return samples
        return np.interp(np.linspace(0, samples.size - 1, FRAME), np.arange(samples.size), samples).astype(np.int16)

    def _between(self, begin: int, end: int) -> Samples | None:
        if not self._waiting and not self._ready.size and self._concealed >= CONCEALED:
            return None
        if self._cursor is None or self._cursor < begin - RATE:
            self._cursor = begin
        while self._cursor < end:
            self._decode_next(end)
        return self._cut(begin, end)

    def _decode_next(self, end: int) -> None:
        """Append what comes next: a packet, a concealed frame, or silence up to the next packet or `end`."""
        cursor = self._cursor or 0
        at = min(self._waiting, default=end)
        if at <= cursor and at in self._waiting:
            packet, length = self._waiting.pop(at)
            if at + length > cursor:
                self._append(self._decoder.decode(packet), cursor - at)
                self._concealed = 0
        elif self._concealed < CONCEALED:
            self._concealed += 1
            self._append(self._decoder.conceal())
        else:
            self._append(np.zeros(max(min(at, end) - cursor, 1), np.int16))

    def _append(self, samples: Samples | None, known: int = 0) -> None:
        if samples is None:
            samples = np.zeros(FRAME, np.int16)
        samples = samples[known:]
        self._ready = np.concatenate((self._ready, samples)) if self._ready.size else samples
        self._cursor = (self._cursor or 0) + samples.size

    def _cut(self, begin: int, end: int) -> Samples | None:
        first = (self._cursor or 0) - self._ready.size
        if first > begin:  # the voice was moved to a later place
            self._ready = np.concatenate((np.zeros(first - begin, np.int16), self._ready))
            first = begin
        samples = self._ready[begin - first : end - first]
        self._ready = self._ready[end - first :]
        return samples if samples.any() else None

    def _begin_anew(self) -> None:
        self._waiting.clear()
        self._begin_later()

    def _begin_later(self) -> None:
        """At another place, with what waits as far as it belongs there."""
        self._ready = _NOTHING
        self._cursor = None
        self._quiet = True
        self._late, self._mixed = 0, -1


def _loudness(samples: Samples) -> float:
    values = samples.astype(np.float32)
    return float(np.sqrt(np.dot(values, values) / values.size))
