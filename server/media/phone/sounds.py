"""Sound files that are played to telephones: read once, kept at each rate that a telephone listens at."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import av
import numpy as np

from server.media.phone.codecs import FRAME_TIME
from server.media.phone.resample import Resampler
from server.media.wire.opus import RATE, Samples

LONGEST = 600  # s of a file that are read: nobody listens longer, and memory is not for books
_KEPT = 200  # files
_LENGTHS = (8_000, 16_000, RATE)


class CannotReadError(Exception):
    """The file is not there, or is no sound."""


class Sound:
    """One file's samples, mono."""

    def __init__(self, samples: Samples) -> None:
        """`samples` at 48 kHz."""
        self._at_rate = {RATE: samples}

    def at(self, rate: int) -> Samples:
        """All of it at a telephone's rate."""
        if rate not in self._at_rate:
            whole = self._at_rate[RATE].astype(np.float32)
            made = Resampler(RATE, rate)(np.pad(whole, (0, -whole.size % (RATE // rate))))
            self._at_rate[rate] = np.clip(made, -32_768, 32_767).astype(np.int16)
        return self._at_rate[rate]


def read(path: str) -> Sound:
    """A file in whatever format FFmpeg knows. Raises CannotReadError."""
    pieces: list[Samples] = []
    try:
        with av.open(path) as container:
            resampler = av.AudioResampler(format="s16", layout="mono", rate=RATE)
            for frame in container.decode(audio=0):
                pieces += _samples(resampler.resample(frame))
                if len(pieces) > LONGEST * 100:
                    break
            pieces += _samples(resampler.resample(None))
    except (av.FFmpegError, OSError, IndexError, ValueError) as error:
        raise CannotReadError(f"{path}: {error}") from error
    if not sum(piece.size for piece in pieces):
        raise CannotReadError(f"{path}: no sound in it")
    return Sound(np.concatenate(pieces)[: LONGEST * RATE])


def _samples(frames: list[av.AudioFrame]) -> list[Samples]:
    return [frame.to_ndarray().reshape(-1).astype(np.int16) for frame in frames]


class Sounds:
    """Files that were read, the latest used last."""

    def __init__(self) -> None:
        self._kept: dict[str, Sound] = {}

    async def load(self, paths: Sequence[str]) -> list[Sound]:
        """All of them, read in a thread where they are not known yet, at each rate. Raises CannotReadError."""
        found = []
        for path in paths:
            known = self._kept.pop(path, None)
            sound = known if known is not None else await asyncio.to_thread(_prepared, path)
            self._kept[path] = sound
            found.append(sound)
        while len(self._kept) > _KEPT:
            del self._kept[next(iter(self._kept))]
        return found


def _prepared(path: str) -> Sound:
    sound = read(path)
    for rate in _LENGTHS:
        sound.at(rate)
    return sound


class Player:
    """Sounds one after the other at one rate, 20 ms at a time."""

    def __init__(self, sounds: Sequence[Sound], *, repeat: bool = False) -> None:
        self._sounds = list(sounds)
        self._repeat = repeat
        self._number = 0
        self._at = 0.0  # s of the present sound that were played

    def frame(self, rate: int) -> Samples | None:
        """The next 20 ms; None when they are over. The rate may change in between."""
        if self._number >= len(self._sounds):
            return None
        size = round(rate * FRAME_TIME)
        made = np.zeros(size, np.int16)
        filled = 0
        while filled < size and self._number < len(self._sounds):
            samples = self._sounds[self._number].at(rate)
            begin = round(self._at * rate)
            piece = samples[begin : begin + size - filled]
            made[filled : filled + piece.size] = piece
            filled += piece.size
            self._at = (begin + piece.size) / rate
            if begin + piece.size >= samples.size:
                self._next()
        return made

    def _next(self) -> None:
        self._number, self._at = self._number + 1, 0.0
        if self._repeat and self._number == len(self._sounds):
            self._number = 0
