"""A server that calls people about directives: outbox, exchange and SIP are real; the node is a list of commands."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import msgspec

from server.calls import log, numbers
from server.calls.dial_out import Dialler
from server.calls.errands import Errands
from server.calls.means import Means
from server.calls.rules import Outcome, Purpose
from server.config import ROOT, Settings
from server.directives import service
from server.directives.policy import load_policy
from server.directives.shapes import Delivery, DirectiveDone
from server.reach.rules import Channel
from server.store import Store
from server.store.files import FileStore
from server.telephony.sip.incoming import IncomingCall
from tests.calls.making import HOST, Village, village
from tests.calls.making import telephone as with_telephone
from tests.conftest import Clock, DistrictIds
from tests.directives.helpers import WEEK, draft
from tests.waiting import until

NUMBER, CLERK_NUMBER = "0912000111", "02333873114"
POLICY = load_policy(ROOT / "config", ZoneInfo("Asia/Ho_Chi_Minh"), 5 << 20, {Channel.PHONE, Channel.SMS})


class Desk:
    """A commune that issues to a village whose head has a telephone and no device."""

    def __init__(self, line: Village, district: DistrictIds, clock: Clock, folder: Path) -> None:
        self.line, self.district, self.clock = line, district, clock
        self.store, self.pool = line.store, line.pool
        self.leader, self.clerk = district.who("chutich.camthuy"), district.who("vanthu.camthuy")
        self.head, self.village = district.who("thon1.camthuy"), district.unit("19606.01")
        line.exchange.on_dropped.clear()
        line.exchange.voice.able = False
        self.files = FileStore(folder / "files")
        self.means = Means(line.exchange, Dialler(line.exchange), POLICY, self.files, folder / "answers")
        self.errands = Errands(self.means, pause=0.02)
        self.store.write_now(numbers.give, self.head.account_id, NUMBER)

    @property
    def rang(self) -> list[IncomingCall]:
        return self.line.handsets.incoming

    def issue(self, **changes: Any) -> DirectiveDone:
        """To the village, due in a week; it is called at once."""
        made = draft([self.village], deadline=self.clock() + WEEK, **changes)
        done = self.store.write_now(service.create_and_issue, self.leader, POLICY, made)
        self.call(done.id)
        return done

    def call(self, directive: int) -> None:
        """The clerk's button."""
        self.store.write_now(service.call_unit, self.leader, POLICY, self.delivery(directive).id)

    def delivery(self, directive: int) -> Delivery:
        opened = self.store.read_now(service.open_directive, self.leader, POLICY, directive)
        assert opened.board is not None
        return self.store.read_now(service.open_delivery, self.leader, POLICY, opened.board[0].id)[1]

    async def up(self) -> str:
        """The newest call has been answered and greeted: its name."""
        lines = self.line.exchange.lines
        name = await until(lambda: next(reversed(lines), None))
        await self.line.hears(name, "press_to_hear")
        return name

    def logged(self, purpose: Purpose = Purpose.DIRECTIVE) -> list[Outcome]:
        """What became of calls, the first one first."""
        return [one.outcome for one in self.store.read_now(log.latest, 50) if one.purpose is purpose][::-1]

    async def idle(self) -> None:
        """Every call is over, and settled."""
        await until(lambda: not self.line.exchange.lines and not self.line.exchange._tasks)


@asynccontextmanager
async def desk(
    settings: Settings, store: Store, district: DistrictIds, clock: Clock, port: int = 0
) -> AsyncIterator[Desk]:
    """It runs; its trunk leads to the handsets, or to a `port` that is another program's."""
    async with village(settings, store) as line:
        port = port or line.handsets.endpoint.port("udp")
        trunked = with_telephone(trunk=f"{HOST}:{port}", user="02333873100", most_directive_calls=2)
        line.exchange.settings = msgspec.structs.replace(settings, telephone=trunked)
        line.exchange.trunk._settings = trunked
        made = Desk(line, district, clock, settings.path(settings.storage.data))
        await made.errands.start()
        try:
            yield made
        finally:
            await made.errands.close()
