"""The village line in `/metrics`."""

from __future__ import annotations

import msgspec
import pytest
from prometheus_client import CollectorRegistry, generate_latest

from server.app import make_app
from server.calls import patience
from server.calls.figures import CallFigures
from server.config import Settings
from server.metrics.feature import REGISTRY
from server.store import Store
from server.telephony.sip.registration import Standing
from tests.calls.making import telephone, village
from tests.calls.test_database_away import away
from tests.conftest import DistrictIds
from tests.metrics.test_metrics import value
from tests.waiting import until


@pytest.fixture
def settings(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Settings:
    monkeypatch.setattr(patience, "FIRST_PAUSE", 0.01)
    media = msgspec.structs.replace(settings.media, socket="media.sock")
    return msgspec.structs.replace(settings, telephone=telephone(), media=media)


async def test_the_figures_are_those_of_trunk_calls_and_entries(
    settings: Settings, store: Store, district: DistrictIds
) -> None:
    async with village(settings, store) as line:
        registry = CollectorRegistry()
        CallFigures(registry, line.exchange)

        def told(series: str) -> float:
            return value(generate_latest(registry).decode(), series)

        assert told("giaoban_telephone_open") == 1
        assert told('giaoban_calls{direction="in"}') == told("giaoban_calls_owed") == 0
        assert b"giaoban_trunk_up" not in generate_latest(registry), "there is none"
        line.exchange.trunk.standing = Standing(False, 403, "Forbidden")
        assert told("giaoban_trunk_up") == 0
        line.exchange.trunk.standing = Standing(True, 200, "OK")
        assert told("giaoban_trunk_up") == 1
        call, _name = await line.dial()
        line.exchange.new_line("0901234567")  # one of ours, before it rings
        assert (told('giaoban_calls{direction="in"}'), told('giaoban_calls{direction="out"}')) == (1, 1)
        assert told('giaoban_sip_messages_total{fate="refused"}') == 0
        with away(store):
            call.hang_up(line.handsets.endpoint.now)
            await until(lambda: told("giaoban_calls_owed") >= 1)  # and that it was answered, if that is not written yet
            assert b"0901234567" not in generate_latest(registry)
        await until(lambda: told("giaoban_calls_owed") == 0)
        assert told('giaoban_calls{direction="in"}') == 0


async def test_they_are_in_metrics_where_there_is_a_village_line(settings: Settings, store: Store) -> None:
    assert b"giaoban_calls{" in generate_latest(make_app(settings, store)[REGISTRY])
    without = msgspec.structs.replace(settings, telephone=telephone(address=""))
    assert b"giaoban_calls" not in generate_latest(make_app(without, store)[REGISTRY])
