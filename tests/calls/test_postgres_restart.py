"""PostgreSQL ends, or stands still, under people on the telephone, and is back: who stays stays, who goes is gone."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path

import msgspec
import pytest

from server.calls import in_meeting, log
from server.calls.rules import Outcome
from server.config import Settings
from server.store import Store, silence
from server.telephony.sip.call import CallState
from tests.calls.making import telephone as with_telephone
from tests.calls.making import village
from tests.calls.test_dial_in import live, pin_of, seats
from tests.conftest import Clock, DistrictIds
from tests.directives.dying import make_district
from tests.postgres import ended, folder_of, frozen, new_database, postgres_cluster
from tests.waiting import until

pytestmark = pytest.mark.sqlite_only  # it has a PostgreSQL of its own


@pytest.fixture
def postgres(clock: Clock) -> Iterator[Store]:
    with postgres_cluster() as cluster:
        store = Store(new_database(cluster, "calls"), clock=clock)
        make_district(store)
        with store.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            # Committed is committed: the operating system outlives what happens here.
            connection.exec_driver_sql("ALTER DATABASE calls SET synchronous_commit = on")
        store.engine.dispose()
        yield store
        store.close()


@pytest.mark.parametrize("away", [ended, frozen])
async def test_who_stays_stays_and_who_goes_is_gone(
    settings: Settings,
    postgres: Store,
    monkeypatch: pytest.MonkeyPatch,
    away: Callable[[Path], AbstractContextManager[None]],
) -> None:
    monkeypatch.setattr(silence, "PING", 0.5)
    monkeypatch.setattr(silence, "CONNECT", 2)
    monkeypatch.setattr(in_meeting, "LOOK_EVERY", 0.1)
    district, folder = DistrictIds(postgres), folder_of(postgres.engine.url)
    async with village(msgspec.structs.replace(settings, telephone=with_telephone()), postgres) as line:
        meeting, calls = live(line, district), []
        for who in ("thon1.camthuy", "camthuy"):
            call, name = await line.dial()
            await line.press(name, pin_of(line, district, who))
            await line.hears(name, "joined")
            calls.append((call, name))
        (stays, hers), (goes, his) = calls
        gone = away(folder)
        await asyncio.to_thread(gone.__enter__)
        waits = line.handsets.call(line.port)
        await line.press(hers, "*9")
        await line.hears(hers, "not_now")
        goes.hang_up(line.handsets.endpoint.now)
        await until(lambda: his not in line.exchange.lines)
        await asyncio.to_thread(gone.__exit__, None, None, None)
        await until(lambda: waits in line.handsets.ups)
        await until(lambda: not line.exchange.owed._left)
        await line.press(hers, "*9")
        await line.hears(hers, "hand_up")
        _chair, her_seat, his_seat = seats(line, meeting)
        assert stays.state is CallState.UP
        assert (her_seat.left_at, his_seat.left_at is None) == (None, False)
        outcomes = [one.outcome for one in postgres.read_now(log.latest, 9)]
        assert outcomes == [Outcome.RUNNING, Outcome.MET, Outcome.RUNNING]
