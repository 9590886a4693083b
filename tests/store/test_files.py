"""The file store: by content, once, within its folder, whole or not at all."""

from __future__ import annotations

from hashlib import sha256
from io import BytesIO
from pathlib import Path

import pytest

from server.store.files import FileStore, FileTooLargeError


def test_a_file_stands_under_its_hash(tmp_path: Path) -> None:
    store = FileStore(tmp_path / "files")
    data = b"x" * 3_000_000
    stored = store.put(BytesIO(data), 3_000_000)
    assert (stored.sha256, stored.size) == (sha256(data).hexdigest(), len(data))
    assert store.path(stored.sha256).read_bytes() == data


def test_the_same_content_is_stored_once(tmp_path: Path) -> None:
    store = FileStore(tmp_path / "files")
    assert store.put(BytesIO(b"same"), 10) == store.put(BytesIO(b"same"), 10)
    assert len([path for path in (tmp_path / "files").rglob("*") if path.is_file()]) == 1


def test_too_large_a_file_leaves_nothing(tmp_path: Path) -> None:
    store = FileStore(tmp_path / "files")
    with pytest.raises(FileTooLargeError):
        store.put(BytesIO(b"12345"), 4)
    assert list((tmp_path / "files").iterdir()) == []


def test_a_source_that_breaks_leaves_nothing(tmp_path: Path) -> None:
    class Broken(BytesIO):
        def read(self, size: int | None = -1) -> bytes:
            raise OSError("gone")

    store = FileStore(tmp_path / "files")
    with pytest.raises(OSError, match="gone"):
        store.put(Broken(), 4)
    assert list((tmp_path / "files").iterdir()) == []


@pytest.mark.parametrize("name", ["", "../../etc/passwd", "a" * 63, "A" * 64, "g" * 64, "a" * 64 + "\n"])
def test_only_a_hash_is_a_path(tmp_path: Path, name: str) -> None:
    with pytest.raises(ValueError, match="SHA-256"):
        FileStore(tmp_path).path(name)
