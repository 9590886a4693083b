"""What cannot be handed over by a mistake of ours is set aside, and the rest goes on."""

from __future__ import annotations

import asyncio
from typing import Any

import msgspec
import pytest
import sqlalchemy as sa

from server.directives import service
from server.directives.model import handover_aside_table
from server.directives.rules import State
from server.directives.service import handover
from server.directives.shapes import WaiveInput
from server.store import Store
from server.store.events import since
from tests.conftest import As, Clock, DistrictIds
from tests.directives.helpers import POLICY, issue
from tests.directives.reform import Reform


@pytest.fixture
def reform(store: Store, district: DistrictIds, clock: Clock) -> Reform:
    return Reform(store, district, clock)


class Stuck:
    """Two directives to the unit that ends; what the first is told fails until `mend`, the second is as any other."""

    def __init__(self, reform: Reform, monkeypatch: pytest.MonkeyPatch) -> None:
        self.reform, self.bad = reform, reform.id
        self.good = issue(reform.store, reform.leader, [reform.old.unit_id]).id
        self.monkeypatch, self.honest = monkeypatch, handover.tell_issued
        self.spoil(RuntimeError("no words"))

    def spoil(self, error: Exception) -> None:
        def fail(tx: Any, policy: Any, directive: Any, *rest: Any) -> None:
            self.honest(tx, policy, directive, *rest)
            if directive.id == self.bad:
                raise error

        self.monkeypatch.setattr(handover, "tell_issued", fail)

    def mend(self) -> None:
        self.monkeypatch.setattr(handover, "tell_issued", self.honest)

    def aside(self) -> list[tuple[int, int]]:
        rows = self.reform.store.read_now(lambda tx: tx.all(sa.select(handover_aside_table)))
        return [(row.directive_id, row.tries) for row in rows]

    def heirs_have(self) -> list[int]:
        return [one for one in (self.bad, self.good) if self.reform.row(self.reform.heir.unit_id, one)]


@pytest.fixture
def stuck(reform: Reform, monkeypatch: pytest.MonkeyPatch) -> Stuck:
    return Stuck(reform, monkeypatch)


def test_one_that_fails_is_set_aside_whole_and_the_others_go_on(
    stuck: Stuck, reform: Reform, store: Store, caplog: pytest.LogCaptureFixture
) -> None:
    heard: list[int] = []
    store.listeners.append(lambda events, _notes: heard.extend(event.unit_id for event in events))
    assert reform.merge() == 2
    assert stuck.heirs_have() == [stuck.good]
    assert reform.row(reform.old.unit_id, stuck.bad).state == State.SENT
    assert stuck.aside() == [(stuck.bad, 1)]
    assert f"directive {stuck.bad}: its handing over failed (try 1)" in caplog.text
    assert "no words" in caplog.text
    stored = store.read_now(lambda tx: since(tx.connection, reform.heir.unit_id, 0))
    assert [msgspec.json.decode(event.body)["directive"] for event in stored] == [stuck.good]
    assert heard.count(reform.heir.unit_id) == 1
    assert reform.sweep() == 0  # not again at once


def test_what_was_set_aside_is_tried_again_later_and_later(stuck: Stuck, reform: Reform) -> None:
    reform.merge()
    for minutes in (1, 2, 4, 8, 16, 32, 60, 60):
        reform.clock.advance(seconds=minutes * 60 - 1)
        assert reform.sweep() == 0
        reform.clock.advance(seconds=1)
        assert reform.sweep() == 1
    assert stuck.aside() == [(stuck.bad, 9)]


def test_once_mended_it_goes_to_the_heirs(stuck: Stuck, reform: Reform) -> None:
    reform.merge()
    stuck.mend()
    reform.clock.advance(minutes=1)
    assert reform.sweep() == 1
    assert stuck.heirs_have() == [stuck.bad, stuck.good]
    assert stuck.aside() == []


def test_what_is_owed_no_more_is_set_aside_no_more(stuck: Stuck, reform: Reform, store: Store) -> None:
    reform.merge()
    bad = reform.row(reform.old.unit_id, stuck.bad).id
    store.write_now(service.waive, reform.leader, POLICY, bad, WaiveInput(note="Thôi."))
    assert reform.sweep() == 0
    assert stuck.aside() == []


def test_when_the_database_fails_no_directive_is_blamed(stuck: Stuck, reform: Reform) -> None:
    stuck.spoil(sa.exc.OperationalError("INSERT", {}, OSError("disk full")))
    with pytest.raises(sa.exc.OperationalError):
        reform.merge()
    assert stuck.aside() == []
    stuck.mend()
    assert reform.sweep() == 2
    assert stuck.heirs_have() == [stuck.bad, stuck.good]


async def test_an_administrator_sees_how_many_cannot_be_handed_over(stuck: Stuck, reform: Reform, as_: As) -> None:
    reform.merge()
    admin = await as_("quantri")  # the application's own sweeper has begun
    async with asyncio.timeout(30):
        while "giaoban_handover_set_aside 1.0" not in await (await admin.get("/metrics")).text():
            await asyncio.sleep(0.05)
