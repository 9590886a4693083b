"""Files that people hand in, kept under the SHA-256 of their content: no name that they chose ever reaches the disk."""

from __future__ import annotations

import contextlib
import os
import re
import secrets
import tempfile
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path
from typing import BinaryIO

import msgspec

_HASH = re.compile(r"[0-9a-f]{64}")
_BLOCK = 1 << 20


class FileTooLargeError(Exception):
    """More bytes than allowed; nothing was kept."""


class StoredFile(msgspec.Struct, frozen=True):
    """A file that is safely on the disk."""

    sha256: str
    size: int
    path: Path


class FileStore:
    """A folder of files by content. The same content is stored once; a stored file never changes."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def path(self, digest: str) -> Path:
        """Where the file with this SHA-256 (64 hex digits) stands. Raises ValueError for anything else."""
        if not _HASH.fullmatch(digest):
            raise ValueError("not a SHA-256")
        return self.folder / digest[:2] / digest

    def put(self, source: BinaryIO, limit: int) -> StoredFile:
        """Copy `source` in blocks to the disk and sync it. Raises FileTooLargeError over `limit` bytes, OSError."""
        self.folder.mkdir(parents=True, exist_ok=True)
        digest, size = sha256(), 0
        descriptor, temporary = tempfile.mkstemp(dir=self.folder, prefix="new-")
        try:
            with os.fdopen(descriptor, "wb") as target:
                while block := source.read(_BLOCK):
                    size += len(block)
                    if size > limit:
                        raise FileTooLargeError
                    digest.update(block)
                    target.write(block)
                target.flush()
                os.fsync(target.fileno())
            path = self.path(digest.hexdigest())
            path.parent.mkdir(exist_ok=True)
            Path(temporary).replace(path)
            for folder in (path.parent, self.folder):
                _sync(folder)
        except BaseException:
            Path(temporary).unlink(missing_ok=True)
            raise
        return StoredFile(digest.hexdigest(), size, path)


def kept_secret(path: Path, make: Callable[[], bytes]) -> bytes:
    """The content of a file that only this server may read; made at the first start, by whichever process comes first.

    It appears under its name only when it is complete: a crash must not leave an empty key that anybody can guess.
    """
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        draft = path.with_name(f"{path.name}.{secrets.token_hex(4)}")
        with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            file.write(make())
            os.fsync(file.fileno())
        with contextlib.suppress(FileExistsError):  # another process was quicker: its key counts
            path.hardlink_to(draft)
        draft.unlink()
    return path.read_bytes()


def _sync(folder: Path) -> None:
    """Make the folder's entry for a new file survive a power cut."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
