"""The demo's finished meeting: held by real steps, its recording on disk, its record on the way."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

from server.records import demo, finding, keeping, service, verifying
from server.records.sending import inside
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


async def test_the_archiver_seals_it_at_the_start(store: Store, district: Any, root: Path, app_client: Any) -> None:
    await store.write(demo.seed, root)
    who = district.who("vanthu")
    for _try in range(200):
        info = await store.read(finding.get, who, 1)
        if info.sealed_at:
            break
        await asyncio.sleep(0.05)
    assert (info.state, info.problem, info.duration_ms, info.gaps) == ("ready", "", 40_000, [])
    assert [(c.start_ms, c.kind) for c in info.chapters] == [(0, "agenda"), (10_000, "speaker"), (20_000, "agenda")]
    sealed = await store.read(keeping.to_verify, who, 1)
    assert verifying.verify(root, sealed, inside).intact
