"""What telephones hear: the sum of those who speak, each speaker's without the own voice (mix-minus).

Sans-IO, one call each 20 ms. The listeners' sum is made once for each rate and encoded once for each codec that needs
no state of its own; so 85 listeners cost little more than one.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np

from server.media.phone.codecs import FRAME_TIME, Codec, codec
from server.media.phone.gain import Gain, soften
from server.media.phone.resample import Floats, Resampler
from server.media.wire.opus import RATE, Samples

_NOISE = 8.0  # root mean square of the comfort noise (-72 dBov): a line that is open, not dead
_NOISE_SECONDS = 3  # after which it repeats
_FORGET = 500  # frames without sound after which a speaker's filters are dropped


@dataclass(frozen=True, slots=True)
class Listener:
    """One who hears: `who` is left out of the own mix, `name` is the codec's."""

    who: str
    name: str


class _Speaker:
    """One speaker: gain at the own rate, then each rate that somebody listens at."""

    def __init__(self, rate: int) -> None:
        self.rate = rate
        self.idle = 0
        self._gain = Gain()
        self._resamplers: dict[int, Resampler] = {}

    def frame(self, samples: Samples, rates: Iterable[int]) -> dict[int, Floats]:
        """20 ms at each rate."""
        loud = self._gain(samples.astype(np.float32))
        made = {}
        for rate in rates:
            resampler = self._resamplers.get(rate)
            if resampler is None:
                resampler = self._resamplers[rate] = Resampler(self.rate, rate)
            made[rate] = resampler(loud)
        return made


class Mix:
    """Encoders are kept for the shared mix and for each speaker; listeners come and go with every tick."""

    def __init__(self) -> None:
        self._voices: dict[str, _Speaker] = {}
        self._shared: dict[str, Codec] = {}
        self._own: dict[Listener, Codec] = {}
        self._noise = np.random.default_rng(7).normal(0.0, _NOISE, RATE * _NOISE_SECONDS).astype(np.float32)
        self._tick = 0

    def tick(self, speakers: Mapping[str, tuple[Samples, int]], hearing: list[Listener]) -> list[bytes]:
        """20 ms: who speaks (samples and their rate), and a payload for each who listens."""
        names = dict.fromkeys(one.name for one in hearing)
        for name in names:
            if name not in self._shared:
                self._shared[name] = codec(name)
        rates = dict.fromkeys(self._shared[name].rate for name in names)
        voices = {who: self._voice(who, rate).frame(samples, rates) for who, (samples, rate) in speakers.items()}
        totals = {rate: self._total(rate, voices) for rate in rates}
        payloads = self._shared_payloads(names, totals)
        sent = [
            self._own_payload(one, totals, voices[one.who]) if one.who in voices else payloads[one.name]
            for one in hearing
        ]
        self._tick += 1
        self._forget(speakers, hearing)
        return sent

    def _voice(self, who: str, rate: int) -> _Speaker:
        voice = self._voices.get(who)
        if voice is None or voice.rate != rate:
            voice = self._voices[who] = _Speaker(rate)
        voice.idle = 0
        return voice

    def _total(self, rate: int, voices: Mapping[str, Mapping[int, Floats]]) -> Floats:
        size = round(rate * FRAME_TIME)
        start = self._tick * size % (self._noise.size - size)
        total = self._noise[start : start + size].copy()
        for frames in voices.values():
            total += frames[rate]
        return total

    def _shared_payloads(self, names: Iterable[str], totals: Mapping[int, Floats]) -> dict[str, bytes]:
        whole = {rate: _samples(total) for rate, total in totals.items()}
        return {name: self._shared[name].encode(whole[self._shared[name].rate]) for name in names}

    def _own_payload(self, listener: Listener, totals: Mapping[int, Floats], own: Mapping[int, Floats]) -> bytes:
        mine = self._own.get(listener)
        if mine is None:
            mine = self._own[listener] = codec(listener.name)
        return mine.encode(_samples(totals[mine.rate] - own[mine.rate]))

    def _forget(self, speakers: Mapping[str, object], hearing: list[Listener]) -> None:
        for who in [who for who in self._voices if who not in speakers]:
            self._voices[who].idle += 1
            if self._voices[who].idle > _FORGET:
                del self._voices[who]
        if self._tick % _FORGET == 0:
            here = set(hearing)
            self._own = {one: mine for one, mine in self._own.items() if one in here}


def _samples(total: Floats) -> Samples:
    return soften(total).astype(np.int16)
