"""What a caller says into the telephone, written to a file: a WebM of Opus, whole enough to play whenever it stops."""

from __future__ import annotations

import asyncio
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from server.media.phone.codecs import FRAME_TIME
from server.media.phone.resample import Resampler
from server.media.recording.webm import WebmFile
from server.media.wire.opus import RATE, SILENCE, Encoder, Samples

BIT_RATE = 24_000
LOUD = 250.0  # root mean square of 16-bit samples: a voice on a bad line is louder, the line's own noise is not
_FRAME_MS = round(1000 * FRAME_TIME)


@dataclass(frozen=True)
class Dictated:
    """How long it is, and in how much of it somebody speaks."""

    ms: int
    spoken_ms: int


class Dictation:
    """One answer. `add` is called each 20 ms; a thread writes, so that a slow disk delays nobody's sound."""

    def __init__(self, path: Path, longest: float) -> None:
        """`longest` in s; what is said after it is not kept. Raises OSError."""
        self._most = round(longest / FRAME_TIME)
        self._frames = self._loud = 0
        self._encoder = Encoder(BIT_RATE)
        self._resampler: tuple[int, Resampler] | None = None
        self._file = WebmFile(path, "opus")
        self._writer = ThreadPoolExecutor(1, "dictation")
        self._writing: Future[Any] | None = None

    def add(self, samples: Samples | None, rate: int) -> None:
        """The next 20 ms, None for silence."""
        if self._frames >= self._most:
            return
        if samples is not None and np.sqrt(np.mean(samples.astype(np.float32) ** 2)) > LOUD:
            self._loud += 1
        packet = self._encoder.encode(SILENCE if samples is None else self._at_full_rate(samples, rate))
        at = self._frames * _FRAME_MS
        self._frames += 1
        self._writing = self._writer.submit(self._file.add, packet, at, _FRAME_MS, True)

    def _at_full_rate(self, samples: Samples, rate: int) -> Samples:
        if self._resampler is None or self._resampler[0] != rate:
            self._resampler = rate, Resampler(rate, RATE)
        made = self._resampler[1](samples.astype(np.float32))
        return np.clip(made, -32_768, 32_767).astype(np.int16)

    async def close(self) -> Dictated:
        """Complete the file. Raises OSError when something of it could not be written; what was stays there."""
        await asyncio.get_running_loop().run_in_executor(self._writer, self._file.close)
        self._writer.shutdown(wait=False)
        if self._writing is not None:
            self._writing.result()
        return Dictated(self._frames * _FRAME_MS, self._loud * _FRAME_MS)
