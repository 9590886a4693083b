"""What the recorder left in a recording's folder: its segments, and their files against the sums of their journals.

Files are `NNNN-video.webm`, `NNNN-audio.webm` and `NNNN.journal`; any of them may be missing, cut off or damaged, and
what is known of the others holds all the same.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from hashlib import sha256
from pathlib import Path

from server.media.protocol import RecordingFile
from server.media.recording import journal
from server.media.recording.journal import Beat, Begun, Ended
from server.records.rules import CRASH
from server.records.views import FileLine, Problem

JOURNAL = "journal"
CHUNK = 4 << 20
_NAME = re.compile(r"(\d{4,})(?:-(video|audio)\.webm|\.(journal))")


@dataclass(frozen=True)
class Master:
    """One captured file. `name` is relative to the recordings folder, `kind` is video, audio or journal.

    `closed` is what the journal's last line says of it; `beats` what its other lines say, the newest last.
    """

    path: Path
    name: str
    kind: str
    segment: int
    closed: RecordingFile | None = None
    beats: list[RecordingFile] = field(default_factory=list)

    @property
    def is_whole(self) -> bool:
        """Whether it was closed, and is as long as it was then."""
        return self.closed is not None and self.path.is_file() and self.path.stat().st_size == self.closed.bytes

    @property
    def size(self) -> int:
        """Bytes on disk now."""
        return self.path.stat().st_size if self.path.is_file() else 0


@dataclass(frozen=True)
class Segment:
    """One segment as found. `begin` is None where the journal does not say; `reason` is empty, or why it ended.

    `heard` are the media times of the journal's lines, each with who spoke in the second before it.
    """

    number: int
    begin: datetime | None
    reason: str
    masters: list[Master]
    heard: list[tuple[int, list[str]]]

    @property
    def closed_ms(self) -> int:
        """How long its media was when it was closed; 0 after a crash."""
        return max((master.closed.media_ms for master in self.masters if master.closed is not None), default=0)

    def media(self) -> list[Master]:
        """The files with pictures or sound."""
        return [master for master in self.masters if master.kind != JOURNAL]


def read_folder(folder: Path, name: str) -> list[Segment]:
    """The segments of a recording in order; `name` is the folder's below the recordings folder. Raises OSError."""
    found: dict[int, dict[str, Path]] = defaultdict(dict)
    for path in folder.iterdir() if folder.is_dir() else ():
        if match := _NAME.fullmatch(path.name):
            found[int(match[1])][match[2] or match[3]] = path
    return [_segment(number, found[number], folder, name) for number in sorted(found)]


def _segment(number: int, paths: dict[str, Path], folder: Path, name: str) -> Segment:
    lines = journal.read(paths[JOURNAL]) if JOURNAL in paths else []
    begun = next((line for line in lines if isinstance(line, Begun)), None)
    ended = next((line for line in lines if isinstance(line, Ended)), None)
    beats: dict[str, list[RecordingFile]] = defaultdict(list)
    for line in lines:
        for file in line.files if isinstance(line, Beat) else ():
            beats[file.name].append(file)
    closed = {file.name: file for file in ended.files} if ended else {}
    masters = []
    for kind, suffix in (("video", "-video.webm"), ("audio", "-audio.webm"), (JOURNAL, ".journal")):
        file_name = f"{number:04}{suffix}"
        if kind in paths or file_name in closed or file_name in beats:
            of_file = closed.get(file_name), beats[file_name]
            masters.append(Master(folder / file_name, f"{name}/{file_name}", kind, number, *of_file))
    heard = [(line.media_ms, line.voices) for line in lines if isinstance(line, Beat)]
    return Segment(number, begun.wall if begun else None, ended.reason if ended else CRASH, masters, heard)


def examine(master: Master) -> tuple[FileLine | None, Problem | None]:
    """A master's line with the sums of its capture, and what is wrong with it now.

    Without a last line in the journal the sum is that of the file as found, and the newest line that speaks of no
    more bytes than there are proves its beginning. No line if nothing is known of a file that cannot be read.
    """
    try:
        size = master.path.stat().st_size
        beat = next((beat for beat in reversed(master.beats) if beat.bytes <= size), None)
        whole, part = sums(master.path, beat.bytes if beat else 0)
    except OSError as error:
        last = master.closed or (master.beats[-1] if master.beats else None)
        problem = Problem(name=master.name, what="missing" if isinstance(error, FileNotFoundError) else "unreadable")
        return (_line(master, last) if last else None), problem
    if master.closed is not None:
        return _line(master, master.closed), _compare(master, master.closed, size, whole)
    as_found = RecordingFile(name=master.path.name, bytes=size, sha256=whole, media_ms=beat.media_ms if beat else 0)
    if master.beats and beat is None:
        return _line(master, as_found), Problem(name=master.name, what="size")
    return _line(master, as_found), _compare(master, beat, beat.bytes, part) if beat else None


def sums(path: Path, prefix: int = 0) -> tuple[str, str]:
    """SHA-256 in hex of a file and of its first bytes, read once. Raises OSError."""
    digest, part, at = sha256(), sha256(), 0
    with path.open("rb") as stream:
        while chunk := stream.read(prefix - at if 0 < prefix - at < CHUNK else CHUNK):
            digest.update(chunk)
            at += len(chunk)
            if at == prefix:
                part = digest.copy()
    return digest.hexdigest(), part.hexdigest()


def newest(masters: Iterable[Master]) -> float:
    """When the last of some files was written, as seconds since 1970."""
    return max((master.path.stat().st_mtime for master in masters if master.path.exists()), default=0.0)


def _line(master: Master, file: RecordingFile) -> FileLine:
    return FileLine(
        name=master.name,
        role="master",
        bytes=file.bytes,
        sha256=file.sha256,
        segment=master.segment,
        media_ms=file.media_ms,
        recovered=False,
    )


def _compare(master: Master, said: RecordingFile, size: int, sha: str) -> Problem | None:
    if size != said.bytes:
        return Problem(name=master.name, what="size")
    return Problem(name=master.name, what="changed") if sha != said.sha256 else None
