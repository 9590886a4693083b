"""The journal of a recorded segment: one JSON object a line, what was written when, for whoever finds the files later.

`Begun`, then a `Beat` every second and a `Switched` at each change of the picture, at last `Ended`. A journal without
`Ended` is that of a crash: its last `Beat` proves by size and SHA-256 the part of each file that was complete then.
"""

from __future__ import annotations

import datetime as dt
import os
import tempfile
from pathlib import Path

import msgspec

from server.media.protocol import RecordingFile

VERSION = 1
RESERVE = 64 << 10  # bytes held back, so that a full disk still takes the last line


class _Line(msgspec.Struct, frozen=True, kw_only=True, tag_field="line"):
    pass


class Begun(_Line, frozen=True, tag="begun"):
    """The segment began: media time 0 is `wall` (UTC)."""

    recording: str
    segment: int
    wall: dt.datetime
    version: int = VERSION


class Beat(_Line, frozen=True, tag="beat"):
    """Each second: the media time that is written, the files so far, and who spoke for a good part of it."""

    media_ms: int
    wall: dt.datetime
    files: list[RecordingFile]
    voices: list[str]


class Switched(_Line, frozen=True, tag="switched"):
    """The picture shows this source from here on; None is nobody."""

    media_ms: int
    source: str | None
    kind: str


class Ended(_Line, frozen=True, tag="ended"):
    """The files are complete; `reason` is empty, or the code of what ended the recording."""

    media_ms: int
    wall: dt.datetime
    files: list[RecordingFile]
    reason: str = ""
    lost_packets: int = 0
    dropped_pictures: int = 0
    refused_packets: int = 0


Line = Begun | Beat | Switched | Ended

_encoder = msgspec.json.Encoder()
_decoder: msgspec.json.Decoder[Line] = msgspec.json.Decoder(Line)


class Journal:
    """A journal being written; each line is handed to the system at once. Every method raises OSError."""

    def __init__(self, path: Path) -> None:
        self._reserve: int | None = _held_back(path.parent)
        self._fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND, 0o640)

    def write(self, line: Line) -> None:
        """Append one line."""
        rest = _encoder.encode(line) + b"\n"
        while rest:
            rest = rest[os.write(self._fd, rest) :]

    def sync(self) -> None:
        """Wait until the disk has it."""
        os.fdatasync(self._fd)

    def close(self, last: Ended) -> None:
        """Write the last line into the space that was held back, and close."""
        self._release()
        try:
            self.write(last)
            self.sync()
        finally:
            os.close(self._fd)

    def _release(self) -> None:
        if self._reserve is not None:
            os.close(self._reserve)
            self._reserve = None


def read(path: Path) -> list[Line]:
    """The lines of a journal up to the first that is damaged: a crash may leave half a line. Raises OSError."""
    lines: list[Line] = []
    for text in path.read_bytes().split(b"\n"):
        try:
            lines.append(_decoder.decode(text))
        except msgspec.DecodeError:
            break
    return lines


def _held_back(directory: Path) -> int:
    """A file without a name: it takes space until it is closed, or until the process dies."""
    with tempfile.TemporaryFile(dir=directory, buffering=0) as file:
        file.write(bytes(RESERVE))
        return os.dup(file.fileno())
