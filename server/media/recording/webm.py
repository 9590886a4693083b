"""One WebM file of one track, written packet by packet without transcoding, whole enough to play at every moment.

Clusters are closed four times a second and written at once to a file that hashes what it writes, so that `kill -9`
loses less than a second. One file a track: a declared track without packets would hold back the other.
"""

from __future__ import annotations

import hashlib
import os
from fractions import Fraction
from pathlib import Path
from typing import Literal

import av

from server.media.protocol import RecordingFile
from server.media.wire.opus import RATE

MILLISECONDS = Fraction(1, 1000)
OPTIONS = {"cluster_time_limit": "250", "flush_packets": "1"}

Codec = Literal["vp8", "opus"]


class HashedFile:
    """A new file that is only appended to, with the SHA-256 of what is in it.

    The muxer calls `write` and cannot bear exceptions: the first OSError is kept in `error`, and nothing is written
    after it, so that sum and size stay those of the file.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.bytes = 0
        self.error: OSError | None = None
        self._sum = hashlib.sha256()
        self._fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o640)

    @property
    def sha256(self) -> str:
        """The sum of all bytes up to now, in hex."""
        return self._sum.copy().hexdigest()

    def write(self, data: bytes) -> int:
        """Append; always claims success."""
        rest = memoryview(data)
        try:
            while rest and self.error is None:
                done = os.write(self._fd, rest)
                self._sum.update(rest[:done])
                self.bytes += done
                rest = rest[done:]
        except OSError as error:
            self.error = error
        return len(data)

    def sync(self) -> None:
        """Wait until the disk has it. Raises OSError."""
        os.fdatasync(self._fd)

    def close(self) -> None:
        """Close, synced if the disk still takes it."""
        try:
            self.sync()
        except OSError as error:
            self.error = self.error or error
        os.close(self._fd)


class WebmFile:
    """A track on its way to disk. Times are milliseconds from the segment's start."""

    def __init__(self, path: Path, codec: Codec, width: int = 0, height: int = 0) -> None:
        self.media_ms = 0
        self._file = HashedFile(path)
        self._muxer = av.open(self._file, "w", format="webm", options=OPTIONS)
        self._track: av.stream.Stream
        if codec == "vp8":
            self._track = self._muxer.add_mux_stream("vp8", rate=30, width=width, height=height)
        else:
            self._track = self._muxer.add_stream("libopus", rate=RATE, layout="mono")
        self._last = -1

    @property
    def state(self) -> RecordingFile:
        """What is on disk now."""
        return RecordingFile(
            name=self._file.path.name, bytes=self._file.bytes, sha256=self._file.sha256, media_ms=self.media_ms
        )

    def add(self, data: bytes, at_ms: int, length_ms: int, key_frame: bool) -> None:
        """Append one frame; a time that is not after the last is moved to 1 ms after it. Raises OSError."""
        at_ms = self._last = max(at_ms, self._last + 1)
        packet = av.Packet(data)
        packet.stream = self._track
        packet.time_base = MILLISECONDS
        packet.pts = packet.dts = at_ms
        packet.duration = length_ms
        packet.is_keyframe = key_frame
        self._muxer.mux(packet)
        self.media_ms = at_ms + length_ms
        if self._file.error is not None:
            raise self._file.error

    def sync(self) -> None:
        """Wait until the disk has what was written. Raises OSError."""
        self._file.sync()

    def close(self) -> RecordingFile:
        """Complete and close the file; after an error what is there stays as it is."""
        self._muxer.close()
        self._file.close()
        return self.state
