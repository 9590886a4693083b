"""The demo's finished meeting: held by real steps, its recording on disk, its record on the way."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from server.records import demo, finding, service
from server.store import Store


def test_the_demo_has_one_finished_meeting(store: Store, district: Any, root: Path, clock: Any) -> None:
    store.write_now(demo.seed, root)
    assert store.read_now(service.unfinished) == [1]
    info = store.read_now(finding.get, district.who("vanthu"), 1)
    assert len(info.units) == 8
    assert [unit.name for unit in info.units if not unit.present] == ["Cam Nghĩa"]
    assert [item.title for item in info.facts.agenda if item.started_at] == [item.title for item in info.facts.agenda]
    assert [speech.unit_name for speech in info.facts.speeches] == ["Cam Thủy"]
    assert info.ended_at < clock()
    made = root / info.facts.recordings[0].directory
    assert {path.name for path in made.iterdir()} == {"0001-audio.webm", "0001-video.webm", "0001.journal"}
    assert sum(path.stat().st_size for path in made.iterdir()) < 2 << 20
