"""A server that calls people about directives, on a working day."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import timedelta

import msgspec
import pytest

from server.config import Settings
from server.store import Store
from tests.calls.directives.desk import Desk, desk
from tests.calls.making import telephone
from tests.conftest import START, Clock, DistrictIds


@pytest.fixture
def clock() -> Clock:
    """A working day."""
    return Clock(START + timedelta(days=1))


@pytest.fixture
def settings(settings: Settings) -> Settings:
    return msgspec.structs.replace(settings, telephone=telephone())


@pytest.fixture
async def at(settings: Settings, store: Store, district: DistrictIds, clock: Clock) -> AsyncIterator[Desk]:
    async with desk(settings, store, district, clock) as made:
        yield made
