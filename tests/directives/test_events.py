"""Receipts of devices: gathered, written together, not lost when the database fails for a moment."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from server.config import ROOT
from server.directives import events, service
from server.directives.events import ANNOUNCEMENTS, Receipts, board_watch
from server.store import Store
from tests.conftest import DistrictIds
from tests.directives.helpers import POLICY, issue
from tests.waiting import until


class Recorder:
    """Stands for the store: notes each batch, and fails as often as told."""

    def __init__(self, failures: int = 0) -> None:
        self.batches: list[dict[int, int]] = []
        self.failures = failures

    async def write(self, _work: Callable[..., Any], batch: dict[int, int]) -> int:
        if self.failures:
            self.failures -= 1
            raise OSError("disk")
        self.batches.append(batch)
        return len(batch)


async def test_many_acknowledgements_are_one_transaction(district: DistrictIds) -> None:
    recorder = Recorder()
    receipts = Receipts(recorder)  # type: ignore[arg-type]
    one, two = district.who("camthuy"), district.who("camhieu")
    for seq in (1, 3, 2):
        receipts.note(one, seq)
    receipts.note(two, 7)
    await until(lambda: recorder.batches)
    assert recorder.batches == [{one.unit_id: 3, two.unit_id: 7}]
    receipts.note(one, 4)
    await receipts.close()
    assert recorder.batches[1:] == [{one.unit_id: 4}]
    await receipts.close()
    assert len(recorder.batches) == 2


async def test_a_failed_write_is_tried_again(
    district: DistrictIds, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(events, "RETRY_SECONDS", 0.01)
    recorder = Recorder(failures=2)
    receipts = Receipts(recorder)  # type: ignore[arg-type]
    who = district.who("camthuy")
    receipts.note(who, 5)
    await until(lambda: recorder.batches)
    assert recorder.batches == [{who.unit_id: 5}]
    assert caplog.text.count("trying again") == 2
    await receipts.close()


async def test_only_the_issuer_watches_a_board(store: Store, district: DistrictIds) -> None:
    clerk, cadre = district.who("vanthu"), district.who("camthuy")
    made = issue(store, district.who("chutich"), [cadre.unit_id])
    may_watch = board_watch(store)
    assert await may_watch(clerk, f"board:{made.id}")
    assert not await may_watch(cadre, f"board:{made.id}")
    for room in ("board:", "board:x", "board:-1", "board:999999999999999999999", "board:²"):
        assert not await may_watch(clerk, room)


async def test_the_inbox_is_the_units_own(store: Store, district: DistrictIds) -> None:
    issue(store, district.who("chutich"), [district.unit("19606")])
    assert store.read_now(service.inbox, district.who("camhieu"), POLICY).deliveries == []


def test_pages_listen_to_all_that_is_announced() -> None:
    scripts = "".join(path.read_text("utf-8") for path in (ROOT / "web" / "static" / "js").glob("*.js"))
    assert [one.name for one in ANNOUNCEMENTS if f'"{one.name}"' not in scripts] == []
