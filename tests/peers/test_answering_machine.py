"""A telephone that is an answering machine (sipp): nothing is confirmed, and it is called again by the rules."""

from __future__ import annotations

from pathlib import Path

import msgspec
import numpy as np
import pytest

from server.calls import conversation
from server.calls.rules import Outcome
from server.config import Settings
from server.directives.rules import State
from server.reach import service as reach
from server.reach.rules import Channel, Reason
from server.store import Store
from tests.calls.directives.desk import desk
from tests.calls.making import telephone
from tests.conftest import Clock, DistrictIds
from tests.peers import pcap
from tests.peers.test_sipp import Sipp
from tests.waiting import until


async def test_it_is_called_once_more_and_then_a_person_is_told(
    settings: Settings,
    store: Store,
    district: DistrictIds,
    clock: Clock,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(conversation, "ANSWER_SECONDS", 0.05)
    pcap.write(tmp_path / "said.pcap", pcap.sound(np.zeros(8_000)))
    clock.advance(days=1)  # a working day
    settings = msgspec.structs.replace(settings, telephone=telephone())
    async with (
        Sipp("answering_machine.xml", "-m", "2", folder=tmp_path) as sipp,
        desk(settings, store, district, clock, sipp.port) as at,
    ):
        done = at.issue()
        await until(lambda: at.logged() == [Outcome.NO_KEY])
        await at.idle()
        clock.advance(minutes=2, seconds=59)
        assert not store.read_now(reach.something_due, Channel.PHONE)
        clock.advance(seconds=1)
        await until(lambda: at.logged() == [Outcome.NO_KEY] * 2)
        await sipp.succeeds(10)
        await at.idle()
        assert at.delivery(done.id).state is State.SENT
        (dead,) = store.read_now(reach.dead_letters)
        assert (dead.channel, dead.reason, dead.tries) == (Channel.PHONE, Reason.NO_KEY, 2)
