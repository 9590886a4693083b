"""From the files of an ended meeting to what the archive seals: one file to play, all sums, chapters, gaps. Blocking.

Masters are only read. What a crash cut off is copied as far as it is valid; the copies and the playable file are
derivatives, written beside and renamed when they are complete, so that doing it twice gives the same result.
"""

from __future__ import annotations

import errno
import shutil
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

from server.records import chapters, remux, rules
from server.records.facts import EndedMeeting, RecordingFacts
from server.records.remux import Piece, RemuxError
from server.records.rules import Asked, Stretch
from server.records.segments import Master, Segment, examine, newest, read_folder, sums
from server.records.sending import inside
from server.records.service import Archived
from server.records.verifying import merkle_root
from server.records.views import FileLine, GapLine, Problem

PLAYABLE = "programme.webm"
KINDS = ("video", "audio")
SAME_END_MS = 100  # a last picture that is shown a little longer than the sound lasts makes no hole in the sound
DAMAGED = "damaged"
DAMAGED_MS = 500  # more is missing at the end of what was complete once
BRIDGED_MS = {"video": 2000, "audio": 20}  # shorter holes: the picture stays, the sound goes on
Part = tuple[Path, int]


class JoinError(Exception):
    """There is no playable file; the message says why (`disk_full`, `nothing_to_play`), the masters are untouched."""


@dataclass
class Found:
    """A segment with what can be played of it."""

    segment: Segment
    pieces: dict[str, Piece]

    @property
    def length_ms(self) -> int:
        """How much of the playable file it takes: as long as its sound, or as its picture if that is longer."""
        ends = {kind: piece.end_ms for kind, piece in self.pieces.items()}
        longest, sound = max(ends.values(), default=0), ends.get("audio", 0)
        return sound if longest - sound < SAME_END_MS else longest

    @property
    def stretch(self) -> Stretch:
        """As the rules take it; without a journal it ended when its files were written last."""
        written = datetime.fromtimestamp(newest(self.segment.masters), UTC)
        begin = self.segment.begin or written - timedelta(milliseconds=self.length_ms)
        reason = self.segment.reason or (DAMAGED if self.length_ms < self.segment.closed_ms - DAMAGED_MS else "")
        return Stretch(begin, self.length_ms, reason)


def join(root: Path, folder: str, ended: EndedMeeting) -> Archived:
    """Join and hash the recordings of a meeting; `folder`, below `root`, takes what is made.

    Raises JoinError, RemuxError, OSError. Files that are missing or damaged do not stop it: they are named in
    `problems`, and the rest is joined.
    """
    target = inside(root, folder)
    work = target / "work.part"
    shutil.rmtree(work, ignore_errors=True)
    try:
        work.mkdir(parents=True)
        return _Join(root, target, work, ended).run()
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
            raise JoinError(f"disk_full: {error}") from error
        raise
    finally:
        shutil.rmtree(work, ignore_errors=True)


class _Join:
    """One joining: `target` keeps what is made, `work` is where it is made."""

    def __init__(self, root: Path, target: Path, work: Path, ended: EndedMeeting) -> None:
        self.root, self.target, self.work, self.ended = root, target, work, ended
        self.facts = ended.recordings
        self.derivatives: list[FileLine] = []

    def run(self) -> Archived:
        """Read, recover, join; the masters are hashed meanwhile."""
        folders = [(facts, read_folder(inside(self.root, facts.directory), facts.directory)) for facts in self.facts]
        segments = [segment for _facts, of_it in folders for segment in of_it]
        self._require_space(segments)
        with ThreadPoolExecutor(1) as pool:
            examined = [pool.submit(examine, master) for segment in segments for master in segment.masters]
            recordings = [[self._found(facts, segment) for segment in of_it] for facts, of_it in folders]
            media_type, duration_ms = self._assemble([found for of_it in recordings for found in of_it])
        return self._archived(recordings, [future.result() for future in examined], media_type, duration_ms)

    def _archived(
        self,
        recordings: list[list[Found]],
        examined: list[tuple[FileLine | None, Problem | None]],
        media_type: str,
        duration_ms: int,
    ) -> Archived:
        found = [one for of_it in recordings for one in of_it]
        files = [line for line, _problem in examined if line is not None]
        return Archived(
            playable=self._name(self.target / PLAYABLE),
            media_type=media_type,
            duration_ms=duration_ms,
            merkle_root=merkle_root(files),
            files=[*files, *self.derivatives],
            chapters=chapters.of(self.ended, [(one.stretch, one.segment.heard) for one in found]),
            gaps=[
                GapLine(at_ms=gap.at_ms, started_at=gap.start, ended_at=gap.end, reason=gap.reason)
                for gap in rules.gaps(self._asked(recordings))
            ],
            problems=[problem for _line, problem in examined if problem is not None],
        )

    def _asked(self, recordings: list[list[Found]]) -> list[Asked]:
        """What the chair asked for; a recording that could not go on was wanted until the next, or to the end."""
        asked = []
        for number, (facts, found) in enumerate(zip(self.facts, recordings, strict=True)):
            after = self.facts[number + 1].started_at if number + 1 < len(self.facts) else self.ended.ended_at
            failed = found and found[-1].segment.reason not in ("", rules.CRASH)
            end = after if failed else facts.stopped_at or self.ended.ended_at
            asked.append(Asked(facts.started_at, end, [one.stretch for one in found]))
        return asked

    # ---- segments

    def _found(self, recording: RecordingFacts, segment: Segment) -> Found:
        pieces = {master.kind: piece for master in segment.media() if (piece := self._piece(recording, master))}
        return Found(segment, pieces)

    def _piece(self, recording: RecordingFacts, master: Master) -> Piece | None:
        """A whole file as it is; of any other what is valid, in a copy."""
        if master.closed is not None and master.is_whole:
            return remux.probe(master.path, master.closed.media_ms)
        if master.size == 0:
            return None
        copy = f"recovered-{Path(recording.directory).name}-{master.path.name}"
        try:
            remux.copy(master.path, self.work / copy)
        except RemuxError:  # nothing valid is in it
            return None
        piece = remux.probe(self.work / copy)
        if piece is None:
            return None
        self._keep(copy, segment=master.segment, media_ms=piece.end_ms, recovered=True)
        return replace(piece, path=self.target / copy)

    # ---- the playable file

    def _assemble(self, found: list[Found]) -> tuple[str, int]:
        """Make the playable file; gives its media type and how long it is."""
        length_ms = sum(one.length_ms for one in found)
        kinds = [kind for kind in KINDS if any(kind in one.pieces for one in found)]
        if not kinds or length_ms == 0:
            raise JoinError("nothing_to_play: no file of the recordings holds a picture or a sound")
        tracks = [self._track(kind, found) for kind in kinds]
        remux.concatenate(tracks, self.work / PLAYABLE, length_ms, self.work)
        made = remux.probe(self.work / PLAYABLE)
        if made is None:
            raise JoinError("nothing_to_play: the joined file is empty")
        self._keep(PLAYABLE, segment=None, media_ms=made.end_ms, recovered=False)
        return f"{kinds[0]}/webm", made.end_ms

    def _track(self, kind: str, found: list[Found]) -> list[Part]:
        """The files of a track one after the other, with fillers where it has nothing, so that it has no holes."""
        fill = self._filler(kind, found)
        parts: list[Part] = []
        for path, length_ms in _holes_and_files(kind, found):
            if path is not None:
                parts.append((path, length_ms))
            elif parts and length_ms <= BRIDGED_MS[kind]:
                parts[-1] = (parts[-1][0], parts[-1][1] + length_ms)
            else:
                parts.append((fill(self.work / f"{kind}-{len(parts)}.webm", length_ms), length_ms))
        return parts

    def _filler(self, kind: str, found: list[Found]) -> Callable[[Path, int], Path]:
        width, height = next((p.width, p.height) for one in found for k, p in one.pieces.items() if k == kind)

        def fill(path: Path, length_ms: int) -> Path:
            if kind == "video":
                remux.darkness(path, length_ms, width, height)
            else:
                remux.silence(path, length_ms)
            return path

        return fill

    # ---- files

    def _require_space(self, segments: list[Segment]) -> None:
        """The playable file and the copies take what the masters take; a full disk would also end other recordings."""
        media = [master for segment in segments for master in segment.media()]
        needed = sum(master.size * (1 if master.is_whole else 2) for master in media)
        free = shutil.disk_usage(self.work).free
        if free < needed:
            raise JoinError(f"disk_full: {needed >> 20} MB are needed, {free >> 20} MB are free")

    def _keep(self, name: str, *, segment: int | None, media_ms: int, recovered: bool) -> None:
        """Give a complete file its name, once the disk has it."""
        path = self.target / name
        with _synced(self.work / name):
            sha, _ = sums(self.work / name)
        (self.work / name).replace(path)
        remux.sync(self.target)
        self.derivatives.append(
            FileLine(
                name=self._name(path),
                role="derivative",
                bytes=path.stat().st_size,
                sha256=sha,
                segment=segment,
                media_ms=media_ms,
                recovered=recovered,
            )
        )

    def _name(self, path: Path) -> str:
        return path.relative_to(self.root.resolve()).as_posix()


def _holes_and_files(kind: str, found: list[Found]) -> Iterator[tuple[Path | None, int]]:
    """A track over all segments, in ms: files, and None where it has nothing; holes that meet are one."""
    hole = 0
    for one in found:
        piece, length = one.pieces.get(kind), one.length_ms
        if piece is None or piece.start_ms >= length:
            hole += length
            continue
        hole += piece.start_ms
        if hole:
            yield None, hole
        end = min(piece.end_ms, length)
        yield piece.path, end - piece.start_ms
        hole = length - end
    if hole:
        yield None, hole


@contextmanager
def _synced(path: Path) -> Iterator[None]:
    """The disk takes a file while something else is done with it."""
    with ThreadPoolExecutor(1) as pool:
        syncing = pool.submit(remux.sync, path)
        yield
        syncing.result()
