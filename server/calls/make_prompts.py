"""Makes the sound files that callers hear: `python -m server.calls.make_prompts [NAME ...]`, after a change of texts.

Speech by espeak-ng's Vietnamese voice (Debian package `espeak-ng`), tones and waiting music by sums of sines. The files
are in the repository: a server needs no espeak-ng to play them. `recorded.toml` says of which text each was made.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from collections.abc import Collection, Iterable
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from numpy.typing import NDArray

from server.calls.prompts import FOLDER, RECORDED, digest, recorded, speech_command, spoken_prompts

RATE = 48_000
BIT_RATE = 20_000
PEAK = 12_000.0  # of 16-bit samples: as loud as people on the line are made (`phone.gain`)

Floats = NDArray[np.float64]

# A slow walk over a pentatonic scale, as hertz and beats of 0.6 s. Ours, so free of anybody's rights.
_MELODY = (
    (392.0, 1), (440.0, 1), (523.3, 2), (587.3, 1), (523.3, 1), (440.0, 2), (392.0, 1), (329.6, 1), (392.0, 2),
    (440.0, 4), (523.3, 1), (587.3, 1), (659.3, 2), (587.3, 1), (523.3, 1), (440.0, 2), (523.3, 1), (440.0, 1),
    (392.0, 2), (392.0, 4),
)  # fmt: skip
_BEAT = 0.6


def _tone(hertz: float, seconds: float, decay: float) -> Floats:
    at = np.arange(round(seconds * RATE)) / RATE
    wave = np.sin(2 * np.pi * hertz * at) + 0.3 * np.sin(4 * np.pi * hertz * at) + 0.1 * np.sin(6 * np.pi * hertz * at)
    made: Floats = wave * np.exp(-at / decay) * np.minimum(1.0, at / 0.01)
    return made


def _music() -> Floats:
    whole = np.zeros(round((sum(beats for _, beats in _MELODY) * _BEAT + 1.5) * RATE))
    begin = 0.0
    for hertz, beats in _MELODY:
        note = _tone(hertz, 1.5, 0.5) + 0.4 * _tone(hertz / 2, 1.5, 0.7)
        at = round(begin * RATE)
        whole[at : at + note.size] += note
        begin += beats * _BEAT
    return whole


def _sounds() -> Iterable[tuple[str, Floats, float]]:
    """Name, samples, and how loud as a share of `PEAK`."""
    yield "enter", np.concatenate([_tone(659.3, 0.15, 0.1), _tone(880.0, 0.3, 0.1)]), 0.35
    yield "music", _music(), 0.5


def _spoken(text: str, folder: Path) -> Floats:
    path = folder / "spoken.wav"
    subprocess.run(speech_command(path), input=text.encode(), check=True)  # noqa: S603 - our own texts
    with av.open(str(path)) as container:
        resampler = av.AudioResampler(format="s16", layout="mono", rate=RATE)
        frames = [made for frame in container.decode(audio=0) for made in resampler.resample(frame)]
        frames += resampler.resample(None)
    return np.concatenate([frame.to_ndarray().reshape(-1) for frame in frames]).astype(np.float64)


def _write(path: Path, samples: Floats, loud: float) -> None:
    samples = samples / max(1e-9, float(np.abs(samples).max())) * PEAK * loud
    with av.open(str(path), "w", format="ogg") as container:
        stream = container.add_stream("libopus", rate=RATE, layout="mono")
        stream.bit_rate = BIT_RATE
        frame = av.AudioFrame.from_ndarray(samples.astype(np.int16).reshape(1, -1), format="s16", layout="mono")
        frame.sample_rate, frame.time_base, frame.pts = RATE, Fraction(1, RATE), 0
        container.mux(stream.encode(frame))
        container.mux(stream.encode(None))


def main(names: Collection[str] = ()) -> None:
    """Make those of these names, or all; whatever has no text any more goes."""
    spoken = spoken_prompts()
    sounds = {name: (samples, loud) for name, samples, loud in _sounds()}
    wanted = set(names) or {*spoken, *sounds}
    for old in FOLDER.glob("*.opus"):
        if old.stem not in spoken.keys() | sounds.keys():
            old.unlink()
    with tempfile.TemporaryDirectory() as folder:
        for name in wanted & spoken.keys():
            _write(FOLDER / f"{name}.opus", _spoken(spoken[name], Path(folder)), 1.0)
    for name in wanted & sounds.keys():
        _write(FOLDER / f"{name}.opus", *sounds[name])
    made = {name: digest(name, spoken[name]) for name in wanted & spoken.keys()}
    known = {name: found for name, found in recorded().items() if name in spoken}
    RECORDED.write_text("".join(f'{name} = "{found}"\n' for name, found in sorted((known | made).items())), "utf-8")


if __name__ == "__main__":
    main(sys.argv[1:])
