"""Recompute every sum of a record: each file, the Merkle root, the chain of custody. Blocking, so run in a thread."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from hashlib import sha256
from pathlib import Path

import msgspec

from server.records import rules
from server.records.custody import What
from server.records.keeping import Sealed
from server.records.views import FileLine, Problem, Verdict

CHUNK = 4 << 20


class Progress(msgspec.Struct, frozen=True):
    """Bytes that were read of all bytes."""

    done: int
    total: int


def _read_file(path: Path, file: FileLine) -> Iterator[int | Problem]:
    """The sizes of what was read, then the problem if there is one."""
    digest, size = sha256(), 0
    try:
        with path.open("rb") as stream:
            while chunk := stream.read(CHUNK):
                digest.update(chunk)
                size += len(chunk)
                yield len(chunk)
    except FileNotFoundError:
        yield Problem(name=file.name, what="missing")
        return
    except OSError:
        yield Problem(name=file.name, what="unreadable")
        return
    if size != file.bytes:
        yield Problem(name=file.name, what="size")
    elif digest.hexdigest() != file.sha256:
        yield Problem(name=file.name, what="changed")


def verify_steps(root: Path, sealed: Sealed, inside: Callable[[Path, str], Path]) -> Iterator[Progress | Verdict]:
    """Progress while files are read, at last the verdict."""
    total, done = sum(file.bytes for file in sealed.files), 0
    problems: list[Problem] = []
    for file in sealed.files:
        for step in _read_file(inside(root, file.name), file):
            if isinstance(step, Problem):
                problems.append(step)
                continue
            done += step
            yield Progress(done, total)
    sealed_as = next((link["purpose"] for link in reversed(sealed.custody) if link["what"] == What.SEALED), "")
    if not merkle_root(sealed.files) == sealed.merkle_root == sealed_as:
        problems.append(Problem(name="merkle", what="root"))
    if sealed.broken_link is not None:
        problems.append(Problem(name=f"custody {sealed.broken_link}", what="chain"))
    yield Verdict(record=sealed.id, intact=not problems, files=len(sealed.files), bytes=total, problems=problems)


def merkle_root(files: list[FileLine]) -> str:
    """The root over the masters, in hex."""
    return rules.merkle_root(file.sha256 for file in masters(files))


def masters(files: list[FileLine]) -> list[FileLine]:
    """The files that were captured, in the order that the root is made in."""
    return sorted((file for file in files if file.role == "master"), key=lambda file: (file.segment or 0, file.name))


def verify(root: Path, sealed: Sealed, inside: Callable[[Path, str], Path]) -> Verdict:
    """The verdict alone."""
    *_progress, verdict = verify_steps(root, sealed, inside)
    assert isinstance(verdict, Verdict)  # noqa: S101 - the last step always is
    return verdict
