"""Ended meetings and sealed records for the tests of the archive."""

from __future__ import annotations

import io
from datetime import UTC, datetime, timedelta
from fractions import Fraction
from functools import lru_cache
from hashlib import sha256
from pathlib import Path
from typing import Any

import av

from server.demo_recording import FRAMES_PER_SECOND, HEIGHT, SAMPLE_RATE, WIDTH, encoded
from server.records import service
from server.records.facts import AgendaFacts, EndedMeeting, PersonFacts, RecordingFacts, UnitFacts
from server.records.service import Archived
from server.records.verifying import merkle_root
from server.records.views import ChapterLine, FileLine, GapLine
from server.store import Store

BEGIN = datetime(2026, 11, 24, 7, 0, tzinfo=UTC)
CONTENT = bytes(range(256)) * 40


def ended(district: Any, number: int = 1, title: str = "Giao ban tuần 47", **changes: Any) -> EndedMeeting:
    """A meeting of the district with Cam Thủy, 40 s long."""
    huyen, cam_thuy = district.unit("468"), district.unit("19606")
    start = changes.pop("started_at", BEGIN)
    facts: dict[str, Any] = {
        "id": number,
        "title": title,
        "started_at": start,
        "ended_at": start + timedelta(seconds=40),
        "unit_id": huyen,
        "unit_name": "UBND huyện Cam Lộ",
        "chair": "Nguyễn Văn An",
        "recordings": [RecordingFacts(id="r1", directory=f"rec-{number}", started_at=start)],
        "units": [UnitFacts(id=huyen, name="UBND huyện Cam Lộ"), UnitFacts(id=cam_thuy, name="Xã Cam Thủy")],
        "people": [PersonFacts(name="Trần Thị Bình", unit_id=cam_thuy)],
        "agenda": [AgendaFacts(title="Phòng chống bão số 5", started_at=start, ended_at=start + timedelta(seconds=20))],
    }
    return EndedMeeting(**{**facts, **changes})


def file_line(root: Path, name: str, content: bytes, role: str = "master", **changes: Any) -> FileLine:
    """A file on disk with its sums."""
    path = root / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    facts = {"segment": 1 if role == "master" else None, "media_ms": 40_000, "recovered": False, **changes}
    return FileLine(name=name, role=role, bytes=len(content), sha256=sha256(content).hexdigest(), **facts)


def archived(root: Path, number: int = 1, content: bytes = CONTENT, **changes: Any) -> Archived:
    """Two masters and a playable file, a chapter of each kind and a gap."""
    masters = [
        file_line(root, f"rec-{number}/seg-1-video.webm", content + b"v"),
        file_line(root, f"rec-{number}/seg-1-audio.webm", content + b"a"),
    ]
    playable = file_line(root, f"record-{number}/programme.webm", content, "derivative")
    facts: dict[str, Any] = {
        "playable": playable.name,
        "media_type": "video/webm",
        "duration_ms": 40_000,
        "merkle_root": merkle_root(masters),
        "files": [*masters, playable],
        "chapters": [
            ChapterLine(start_ms=0, title="Phòng chống bão số 5", kind="agenda"),
            ChapterLine(start_ms=20_000, title="Xã Cam Thủy · Trần Thị Bình", kind="speaker"),
        ],
        "gaps": [
            GapLine(
                at_ms=12_000,
                started_at=BEGIN + timedelta(seconds=12),
                ended_at=BEGIN + timedelta(seconds=13.8),
                reason="crash",
            )
        ],
    }
    return Archived(**{**facts, **changes})


def make_record(store: Store, root: Path, meeting: EndedMeeting, **changes: Any) -> int:
    """A sealed record; gives its id."""
    record_id = store.write_now(service.create_record, meeting)
    assert record_id is not None
    store.write_now(service.seal, record_id, archived(root, meeting.id, **changes))
    return record_id


@lru_cache
def demo_webm(seconds: int = 30) -> bytes:
    """The demo's picture and sound as one playable file with cues."""
    file = io.BytesIO()
    with av.open(file, "w", format="webm") as container:
        video = container.add_mux_stream("vp8", rate=FRAMES_PER_SECOND, width=WIDTH, height=HEIGHT)
        audio = container.add_stream("libopus", rate=SAMPLE_RATE, layout="mono")
        streams = {"video": video, "audio": audio}
        for frame in encoded(seconds):
            packet = av.Packet(frame.data)
            packet.stream, packet.time_base = streams[frame.kind], Fraction(1, 1000)
            packet.pts = packet.dts = frame.ms
            packet.is_keyframe = frame.is_key
            container.mux(packet)
    return file.getvalue()
