"""Media files copied and joined by ffmpeg without transcoding, and fillers for where a track has nothing. Blocking.

PyAV and numpy are imported where a file is worked on: they take 35 MB, which a server without an ended meeting saves.
"""

from __future__ import annotations

import errno
import os
import shutil
import subprocess
from collections.abc import Iterable
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import ffmpeg
import imageio_ffmpeg

MILLISECONDS = Fraction(1, 1000)
SILENCE = b"\xf8\xff\xfe"  # 20 ms of nothing: CELT, full band, mono, one frame (RFC 6716, 3.1)
SILENCE_MS = 20
DARK = 24  # grey of 255; the picture while there is none
DARK_EVERY_MS = 5000  # a place to seek to that often
CUE_BYTES = 40  # of one entry of the index, generously
QUEUE = 2048  # packets that are read ahead of the muxer; with the default of 8 it waits for most of them
_FULL = ("No space left on device", "File too large", "Disk quota exceeded")
_COPY = {"format": "webm", "c": "copy", "cues_to_front": 1, "fflags": "+bitexact"}  # the same bytes each time


class RemuxError(Exception):
    """ffmpeg did not make the file; the message is what it said."""


@dataclass(frozen=True)
class Piece:
    """A readable file of one track: where in its segment it begins and ends, and the size of its pictures."""

    path: Path
    start_ms: int
    end_ms: int
    width: int = 0
    height: int = 0


def probe(path: Path, end_ms: int | None = None) -> Piece | None:
    """What is in a file; None when nothing can be played. `end_ms` is for files that do not say how long they are."""
    import av

    try:
        with av.open(str(path)) as file:
            stream = file.streams[0]
            first = next((packet for packet in file.demux(stream) if packet.pts is not None), None)
            if first is None or first.pts is None or first.time_base is None:
                return None
            start = round(1000 * first.pts * first.time_base)
            end = end_ms if end_ms is not None else (file.duration or 0) // 1000
            size = (stream.width, stream.height) if isinstance(stream, av.VideoStream) else (0, 0)
    except (av.FFmpegError, OSError, IndexError):
        return None
    return Piece(path, max(0, start), end, *size) if end > start else None


def copy(source: Path, target: Path) -> None:
    """A whole file with an index from whatever is valid in `source`, times unchanged. Raises RemuxError, OSError."""
    stream = ffmpeg.input(str(source), copyts=None).output(str(target), **_COPY)
    _run(stream, target)


def concatenate(tracks: Iterable[Iterable[tuple[Path, int]]], target: Path, length_ms: int, work: Path) -> None:
    """One file of several tracks, each a list of files and how many ms each takes. Raises RemuxError, OSError.

    The index stands at the front, in space kept for it, so that the file need not be written a second time.
    """
    streams = []
    for number, parts in enumerate(tracks):
        list_file = work / f"track-{number}.txt"
        list_file.write_text("ffconcat version 1.0\n" + "".join(_entry(*part) for part in parts), "utf-8")
        streams.append(ffmpeg.input(str(list_file), format="concat", safe=0, thread_queue_size=QUEUE))
    room = 4096 + CUE_BYTES * (length_ms // 1000)
    _run(ffmpeg.output(*streams, str(target), **_COPY, reserve_index_space=room), target)


def silence(path: Path, length_ms: int) -> None:
    """An audio file without a sound. Raises OSError."""
    import av

    with av.open(str(path), "w", format="webm") as file:
        stream = file.add_stream("libopus", rate=48_000, layout="mono")
        for at in range(0, max(length_ms, 1), SILENCE_MS):
            file.mux(_packet(stream, SILENCE, at, SILENCE_MS))


def darkness(path: Path, length_ms: int, width: int, height: int) -> None:
    """A video file with nothing to see. Raises OSError."""
    import av

    frame = _dark_frame(width, height)
    with av.open(str(path), "w", format="webm") as file:
        stream = file.add_mux_stream("vp8", rate=30, width=width, height=height)
        for at in range(0, max(length_ms, 1), DARK_EVERY_MS):
            file.mux(_packet(stream, frame, at, min(DARK_EVERY_MS, length_ms - at)))


def sync(path: Path) -> None:
    """Wait until the disk has a file or a folder. Raises OSError."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _dark_frame(width: int, height: int) -> bytes:
    import av
    import numpy as np

    codec: Any = av.CodecContext.create("libvpx", "w")
    codec.width, codec.height, codec.pix_fmt = width, height, "yuv420p"
    codec.time_base, codec.thread_count = Fraction(1, 25), 1
    codec.options = {"deadline": "realtime", "cpu-used": "-10", "auto-alt-ref": "0", "lag-in-frames": "0"}
    frame = av.VideoFrame.from_ndarray(np.full((height, width, 3), DARK, np.uint8), format="rgb24")
    frame.pts = 0
    return bytes(codec.encode(frame)[0])


def _packet(stream: Any, data: bytes, at_ms: int, length_ms: int) -> Any:
    import av

    packet: Any = av.Packet(data)
    packet.stream, packet.time_base = stream, MILLISECONDS
    packet.pts = packet.dts = at_ms
    packet.duration, packet.is_keyframe = length_ms, True
    return packet


def _entry(path: Path, length_ms: int) -> str:
    quoted = str(path.resolve()).replace("'", r"'\''")
    return f"file '{quoted}'\nduration {length_ms / 1000:.3f}\n"


def _run(output: Any, target: Path) -> None:
    program = shutil.which("ffmpeg") or imageio_ffmpeg.get_ffmpeg_exe()
    quiet = output.global_args("-hide_banner", "-nostdin", "-loglevel", "error").overwrite_output()
    done = subprocess.run(  # noqa: S603 - no shell, and no argument that begins with what a user wrote
        quiet.compile(cmd=program), stdin=subprocess.DEVNULL, capture_output=True, check=False
    )
    said = done.stderr.decode("utf-8", "replace")
    if any(words in said for words in _FULL):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(target))
    if done.returncode != 0:
        raise RemuxError(said.strip()[-500:])
