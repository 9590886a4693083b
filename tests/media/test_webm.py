"""One track in a file: sums that are those of the disk, times that only grow, nothing after an error."""

from __future__ import annotations

import errno
import os
from hashlib import sha256
from pathlib import Path

import av
import pytest

from server.media.recording.webm import HashedFile, WebmFile
from tests.media.material import RED, hear, pictures, tone


def _times(path: Path) -> list[int]:
    with av.open(path) as file:
        return [packet.pts for packet in file.demux() if packet.pts is not None]


def test_a_file_can_be_read_while_it_is_written(tmp_path: Path) -> None:
    path = tmp_path / "a.webm"
    file = WebmFile(path, "opus")
    for number, packet in enumerate(tone(440, 4)):
        file.add(packet, number * 20, 20, True)
    assert hear(path).samples.size / 48_000 > 3.3
    state = file.state
    assert (state.bytes, state.sha256) == (path.stat().st_size, sha256(path.read_bytes()).hexdigest())
    closed = file.close()
    assert (closed.bytes, closed.sha256) == (path.stat().st_size, sha256(path.read_bytes()).hexdigest())
    assert closed.bytes > state.bytes
    assert closed.media_ms == 4000


def test_times_only_grow(tmp_path: Path) -> None:
    file = WebmFile(tmp_path / "v.webm", "vp8", 320, 180)
    for frame, at in zip(pictures([RED] * 5), (100, 140, 120, 120, 200), strict=True):
        file.add(frame, at, 33, at == 100)
    file.close()
    assert _times(tmp_path / "v.webm") == [100, 140, 141, 142, 200]


def test_a_master_is_never_overwritten(tmp_path: Path) -> None:
    (tmp_path / "a.webm").write_bytes(b"a master")
    with pytest.raises(FileExistsError):
        WebmFile(tmp_path / "a.webm", "opus")
    assert (tmp_path / "a.webm").read_bytes() == b"a master"


def test_after_an_error_nothing_is_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A disk that takes half of a write and then nothing: sum and size are those of what it took."""
    file, real = HashedFile(tmp_path / "a"), os.write
    file.write(b"whole ")

    def half(fd: int, data: bytes) -> int:
        if len(data) < 4:
            raise OSError(errno.ENOSPC, "full")
        return real(fd, data[: len(data) // 2])

    monkeypatch.setattr("server.media.recording.webm.os.write", half)
    assert file.write(b"cut off") == 7
    monkeypatch.undo()
    assert file.error is not None
    assert file.error.errno == errno.ENOSPC
    file.write(b"more")
    file.close()
    content = (tmp_path / "a").read_bytes()
    assert content == b"whole cut o"[: len(content)]
    assert len(content) > 6
    assert (file.bytes, file.sha256) == (len(content), sha256(content).hexdigest())


def test_an_error_while_writing_is_raised_where_frames_are_added(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = WebmFile(tmp_path / "a.webm", "opus")

    def full(_fd: int, _data: bytes) -> int:
        raise OSError(errno.ENOSPC, "full")

    monkeypatch.setattr("server.media.recording.webm.os.write", full)
    with pytest.raises(OSError, match="full"):
        for number, packet in enumerate(tone(440, 2)):
            file.add(packet, number * 20, 20, True)
    assert file.close().bytes == (tmp_path / "a.webm").stat().st_size
