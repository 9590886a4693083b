"""What a disk still has after the power was cut: a process is recorded by strace, and only what it synced counts.

A write is there for certain once its file was synced; a new file once its folder was. What was not synced is gone, or
any part of it is there. Shared memory (`-shm`) is no promise of SQLite's: it is made anew.
"""

from __future__ import annotations

import ast
import random
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

CALLS = "pwrite64,fsync,fdatasync,ftruncate,sendto,sendmsg"
LONGEST = 8192  # bytes of a call's data: SQLite writes a page at a time
_LINE = re.compile(r"(\d+) +(.*)")
_RESUMED = re.compile(r"<\.\.\. (?:fsync|fdatasync) resumed>.*= 0")
_CALL = re.compile(r"(\w+)\(\d+<([^>]*)>(.*)")
_DATA = re.compile(r'"((?:[^"\\]|\\.)*)"(\.{3})?')
_WRITE = re.compile(r", (\d+), (\d+)(?:\) += \d+| <unfinished)")
_SIZE = re.compile(r", (\d+)(?:\) += 0| <unfinished)")


def recorded(file: Path) -> tuple[str, ...]:
    """What to put before a command so that its calls are written to `file`; the command stays our own child (-D)."""
    return ("strace", "-D", "-f", "-y", "-s", str(LONGEST), "-e", f"trace={CALLS}", "-o", str(file))


@dataclass
class Disk:
    """Files of one folder: as they are for certain, and the writes since, each at an offset."""

    folder: Path
    files: dict[str, bytearray]
    waiting: dict[str, list[tuple[int, bytes | None]]] = field(default_factory=dict)
    unlinked: set[str] = field(default_factory=set)

    @classmethod
    def of(cls, folder: Path) -> Disk:
        """The files that are there now, at rest."""
        return cls(folder, {path.name: bytearray(path.read_bytes()) for path in folder.glob("giaoban.db*")})

    def note(self, path: str, offset: int, data: bytes | None) -> None:
        """A write, or the cut of a file at `offset`, has gone to the system, not yet to the disk."""
        name = self._name(path)
        if name is None:
            return
        if name not in self.files:
            self.files[name] = bytearray()
            self.unlinked.add(name)
        self.waiting.setdefault(name, []).append((offset, data))

    def sync(self, path: str, count: int) -> None:
        """The first `count` writes that waited for a file are on the disk; or the names of the files in the folder."""
        if path == str(self.folder):
            self.unlinked.clear()
        name = self._name(path)
        if name is not None:
            self._apply(self.files[name], self.waiting.get(name, [])[:count])
            del self.waiting.get(name, [])[:count]

    def count(self, path: str) -> int:
        """How many writes wait for a file."""
        return len(self.waiting.get(self._name(path) or "", ()))

    def after_power_loss(self, target: Path, chance: random.Random | None = None) -> Path:
        """Write what is left into a folder: all that was synced, and with `chance` some of what was not."""
        target.mkdir(parents=True)
        for name, content in self.files.items():
            if name in self.unlinked:
                continue
            left = bytearray(content)
            if chance is not None:
                self._apply(left, [one for one in self.waiting.get(name, []) if chance.random() < 0.5])
            (target / name).write_bytes(left)
        return target / "giaoban.db"

    def _name(self, path: str) -> str | None:
        found = Path(path)
        return (
            found.name
            if found.parent == self.folder and re.fullmatch(r"giaoban\.db(-wal|-journal)?", found.name)
            else None
        )

    @staticmethod
    def _apply(content: bytearray, writes: list[tuple[int, bytes | None]]) -> None:
        for offset, data in writes:
            if data is None:
                del content[offset:]
            else:
                content.extend(bytes(max(0, offset - len(content))))
                content[offset : offset + len(data)] = data


def replay(disk: Disk, recording: Path) -> Iterator[bytes]:
    """Do to the disk what the recording says; gives what was sent to anybody, at the moment when it was sent."""
    begun: dict[str, tuple[str, int]] = {}
    for line in recording.read_text("utf-8", "replace").splitlines():
        found = _LINE.match(line)
        if found is None:
            continue
        thread, text = found.groups()
        if _RESUMED.match(text) and thread in begun:
            disk.sync(*begun.pop(thread))
        call = _CALL.match(text)
        if call is None:
            continue
        name, path, rest = call.groups()
        if name == "pwrite64":
            data, place = _data(rest), _WRITE.search(rest)
            assert place is not None, line[:200]
            disk.note(path, int(place[2]), data[: int(place[1])])
        elif name == "ftruncate":
            size = _SIZE.search(rest)
            assert size is not None, line
            disk.note(path, int(size[1]), None)
        elif name in ("fsync", "fdatasync"):
            if rest.endswith("<unfinished ...>"):
                begun[thread] = path, disk.count(path)
            elif rest.endswith("= 0"):
                disk.sync(path, disk.count(path))
        else:
            yield b"".join(_bytes(part[1]) for part in _DATA.finditer(rest))


def _data(text: str) -> bytes:
    found = _DATA.search(text)
    assert found is not None and not found[2], "a write is recorded in part"
    return _bytes(found[1])


def _bytes(text: str) -> bytes:
    return bytes(ast.literal_eval(f'b"{text}"'))
