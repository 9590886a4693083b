"""Rules of a record's timeline: where the wall clock falls in the joined media, what is missing, who spoke when.

A recording is kept in stretches (segments); the playable file joins them without the gaps between, which are declared.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import sha256

EDGE = timedelta(seconds=2)  # how late a recording may begin, or early end, before that is a gap
CRASH = "crash"
STOPPED = "stopped"
PAUSED = "paused"
PAUSE_MS = 3000  # a speaker may pause for so long within one turn
TURN_MS = 5000  # who spoke for less has no chapter


@dataclass(frozen=True, slots=True)
class Stretch:
    """Media without a break from `start` on; `reason` says why it ended, empty for a proper end."""

    start: datetime
    media_ms: int
    reason: str = ""

    @property
    def end(self) -> datetime:
        """When its last media was."""
        return self.start + timedelta(milliseconds=self.media_ms)


@dataclass(frozen=True, slots=True)
class Asked:
    """What the chair asked for: record from `start` to `end`; and what there is of it, in order."""

    start: datetime
    end: datetime
    stretches: Sequence[Stretch]


@dataclass(frozen=True, slots=True)
class Gap:
    """No media between two moments; `at_ms` is the joint in the joined media.

    `reason`: `crash`, `stopped` (the media node was ended properly, as for an upgrade; recording goes on in another),
    `paused` (stopped and begun again by the chair), `disk_full` or `cannot_write`.
    """

    start: datetime
    end: datetime
    at_ms: int
    reason: str


@dataclass(frozen=True, slots=True)
class Turn:
    """Somebody's voice was heard from `start_ms` to `end_ms`."""

    who: str
    start_ms: int
    end_ms: int


def gaps(recordings: Sequence[Asked]) -> list[Gap]:
    """All that is missing, in order: at the edges, between stretches, between recordings."""
    found: list[Gap] = []
    at_ms = 0
    before: datetime | None = None
    for asked in recordings:
        if before is not None and before < asked.start:
            found.append(Gap(before, asked.start, at_ms, PAUSED))
        covered, reason, patience = asked.start, CRASH, EDGE
        for stretch in asked.stretches:
            if stretch.start - covered > patience:
                found.append(Gap(covered, stretch.start, at_ms, reason))
            covered, reason, patience = stretch.end, stretch.reason or STOPPED, timedelta()
            at_ms += stretch.media_ms
        if asked.end - covered > EDGE:
            found.append(Gap(covered, asked.end, at_ms, reason))
        before = max(asked.end, covered)
    return found


def media_ms(stretches: Iterable[Stretch], moment: datetime) -> int | None:
    """Where a moment is in the joined media: in a gap, what follows it; None after the end."""
    begin = 0
    for stretch in stretches:
        if moment < stretch.end:
            inside = max(timedelta(), moment - stretch.start)
            return begin + round(inside / timedelta(milliseconds=1))
        begin += stretch.media_ms
    return None


def moment_of(stretches: Iterable[Stretch], at_ms: int) -> datetime | None:
    """When a place in the joined media was; at a joint the later of the two; None after the end."""
    begin = 0
    for stretch in stretches:
        if at_ms < begin + stretch.media_ms:
            return stretch.start + timedelta(milliseconds=at_ms - begin)
        begin += stretch.media_ms
    return None


def chapter_ms(stretches: Sequence[Stretch], start: datetime, end: datetime) -> int | None:
    """Where something that had its time begins in the joined media; None if nothing of it was recorded."""
    begin, over = media_ms(stretches, start), media_ms(stretches, end)
    return begin if begin is not None and (over is None or over > begin) else None


def turns(heard: Iterable[tuple[int, Iterable[str]]]) -> list[Turn]:
    """Turns of speech, by their starts, from who was heard in the second before each media time."""
    open_turns: dict[str, tuple[int, int]] = {}
    done: list[Turn] = []
    for at, voices in heard:
        for who in voices:
            second = max(0, at - 1000)  # the first beat of a recording may come before its first full second
            start, end = open_turns.get(who, (second, at))
            if second - end > PAUSE_MS:
                done.append(Turn(who, start, end))
                start = second
            open_turns[who] = (start, at)
    done += [Turn(who, start, end) for who, (start, end) in open_turns.items()]
    return sorted((turn for turn in done if turn.end_ms - turn.start_ms >= TURN_MS), key=lambda turn: turn.start_ms)


def merkle_root(sums: Iterable[str]) -> str:
    """The root of a Merkle tree over SHA-256 sums in hex; leaves and nodes are hashed apart (RFC 9162, 2.1.1).

    A node without a sibling rises as it is. The root of nothing is empty.
    """
    level = [sha256(b"\0" + bytes.fromhex(one)).digest() for one in sums]
    while len(level) > 1:
        pairs = [level[i : i + 2] for i in range(0, len(level), 2)]
        level = [sha256(b"\1" + b"".join(pair)).digest() if len(pair) == 2 else pair[0] for pair in pairs]
    return level[0].hex() if level else ""
