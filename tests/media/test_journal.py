"""The journal is readable at every moment, and its last line finds room."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from server.media.protocol import RecordingFile
from server.media.recording import journal
from server.media.recording.journal import RESERVE, Beat, Begun, Ended, Journal, Switched
from tests.media.material import WALL

FILE = RecordingFile(name="0001-audio.webm", bytes=12, sha256="ab", media_ms=1000)
BEGUN = Begun(recording="r1", segment=1, wall=WALL)
BEAT = Beat(media_ms=1000, wall=WALL, files=[FILE], voices=["Trần Thị \u202ebình\n"])
SWITCHED = Switched(media_ms=10, source=None, kind="camera")
ENDED = Ended(media_ms=1000, wall=WALL, files=[FILE], reason="disk_full", lost_packets=3)


def test_what_was_written_is_read(tmp_path: Path) -> None:
    path = tmp_path / "0001.journal"
    writing = Journal(path)
    for number, line in enumerate((BEGUN, SWITCHED, BEAT), start=1):
        writing.write(line)
        assert len(journal.read(path)) == number
    writing.close(ENDED)
    assert journal.read(path) == [BEGUN, SWITCHED, BEAT, ENDED]
    assert len(path.read_bytes().splitlines()) == 4


@pytest.mark.parametrize("damage", [b'{"line":"beat","media_ms":', b"\xff\xfe\n", b'{"line":"other"}\n', b"\n"])
def test_reading_stops_at_damage(tmp_path: Path, damage: bytes) -> None:
    path = tmp_path / "0001.journal"
    Journal(path).write(BEGUN)
    with path.open("ab") as file:
        file.write(damage)
    assert journal.read(path) == [BEGUN]


def test_the_reserve_has_no_name_and_is_given_back(tmp_path: Path) -> None:
    writing = Journal(tmp_path / "0001.journal")
    reserve = writing._reserve
    assert reserve is not None
    assert os.fstat(reserve).st_size == RESERVE
    assert [path.name for path in tmp_path.iterdir()] == ["0001.journal"]
    writing.close(ENDED)
    with pytest.raises(OSError, match="Bad file descriptor"):
        os.fstat(reserve)


def test_a_journal_is_never_overwritten(tmp_path: Path) -> None:
    Journal(tmp_path / "0001.journal").write(BEGUN)
    with pytest.raises(FileExistsError):
        Journal(tmp_path / "0001.journal")
    assert journal.read(tmp_path / "0001.journal") == [BEGUN]
