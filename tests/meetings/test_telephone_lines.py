"""A telephone's line from its packets to the chair's board, in virtual time; only the node's socket is left out."""

from __future__ import annotations

from collections.abc import Iterator
from types import SimpleNamespace

import msgspec
import numpy as np
import pytest

from server.errors import NotAllowedError
from server.media.calls import Calls
from server.media.phone.bridge import Ports
from server.media.phone.codecs import codec
from server.media.phone.leg import PAUSE, Leg
from server.media.protocol import GetStats, Stats
from server.media.protocol_calls import CallTerms
from server.media.wire.rtcp import ReportBlock
from server.media.wire.rtcp_build import build_rr
from server.media.wire.rtp import build_header
from server.meetings.board import Board
from server.meetings.names import room_of
from server.meetings.quality import Line
from server.meetings.service import plan
from server.meetings.service.plan import Plan
from server.store import Store
from tests.conftest import DistrictIds
from tests.media.test_room import Stage

NAMED = ("127.0.0.1", 4_000)
TERMS = CallTerms(codec="PCMA", sending=8, receiving=8, events=101, host=NAMED[0], port=NAMED[1])
LOUD = codec("PCMA").encode(np.full(160, 8_000, np.int16))


class Desk:
    """A meeting with participant 7 on a telephone, and its board; the pool is a node of this process."""

    def __init__(self, store: Store, district: DistrictIds) -> None:
        self.store, self.district, self.now, self.number = store, district, 1_000.0, 0
        self.chair = district.who("chutich")
        self.meeting = store.write_now(plan.create, self.chair, Plan(title="Giao ban", units=[district.unit("19606")]))
        self.room = Stage().room
        self.room.name = room_of(self.meeting)
        switch = SimpleNamespace(announce=lambda event: None, rooms={self.room.name: self.room})
        self.calls = Calls(switch, Ports("127.0.0.1", 41_600, 41_699))  # type: ignore[arg-type]
        self.seat("c1", "p7")
        self.board = Board(store, self, lambda: self.now)  # type: ignore[arg-type]

    def seat(self, call: str, name: str) -> None:
        self.calls.lines.open(call)
        self.agree(TERMS, call)
        self.calls.lines.seat(call, self.room, name)

    def agree(self, terms: CallTerms, call: str = "c1") -> None:
        self.calls._set_terms(SimpleNamespace(call=call, terms=terms), self.now)  # type: ignore[arg-type]

    async def ask(self, room: str, command: GetStats, kind: type[Stats]) -> Stats:
        """As the node answers, there and back."""
        told = Stats(
            participants=[],
            telephones=self.calls.telephones(command.room, self.now),
            packets_in=0, packets_out=0, cpu_seconds=0, refused={},
        )  # fmt: skip
        return msgspec.json.decode(msgspec.json.encode(told), type=Stats)

    def leg(self, call: str = "c1") -> Leg:
        return self.calls.lines._call(call).leg

    def talk(self, seconds: float, kept: str = "1", late: str = "00") -> None:
        """Packets of the telephone by a pattern: which arrive, and how many hundredths of a second late."""
        for _ in range(round(seconds * 50)):
            n, self.number = self.number, self.number + 1
            self.now += 0.02
            if kept[n % len(kept)] == "1":
                data = build_header(8, 0, n, n * 160, 7) + LOUD
                self.leg().receive(data, NAMED, self.now + int(late[n % len(late)]) / 100)
            self.leg().give(LOUD)

    async def look(self) -> Line:
        (line,) = await self.board.look(self.chair, self.meeting)
        return line


@pytest.fixture
async def desk(store: Store, district: DistrictIds) -> Iterator[Desk]:  # type: ignore[misc]
    made = Desk(store, district)
    yield made
    made.calls.lines.close_all()


async def test_a_good_line(desk: Desk) -> None:
    desk.talk(1)
    first = await desk.look()
    assert (first.participant, first.quality, first.kbps_up) == (7, "good", None), "a rate needs two readings"
    desk.talk(3)
    assert await desk.look() == Line(
        participant=7, quality="good", sound="comes", loss_up=0, kbps_up=69, kbps_down=69,
        loss_down=None, rtt_ms=None, jitter_up_ms=0, jitter_down_ms=None, queue_ms=None,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("kept", "late", "word"),
    [
        ("1" * 99 + "0", "0", "good"),
        ("1" * 24 + "0", "0", "fair"),
        ("1" * 9 + "0", "0", "poor"),
        ("1", "04", "good"),
        ("1", "06", "fair"),
        ("1", "00009", "good"),
    ],
)
async def test_the_word_is_by_the_thresholds_of_all(desk: Desk, kept: str, late: str, word: str) -> None:
    desk.talk(3, kept, late)
    await desk.look()
    desk.talk(3, kept, late)
    line = await desk.look()
    assert line.quality == word
    assert line.loss_up == pytest.approx(kept.count("0") / len(kept), abs=0.004)


async def test_loss_is_that_of_the_last_interval(desk: Desk) -> None:
    desk.talk(3, "01")
    await desk.look()
    desk.talk(3)
    assert (await desk.look()).loss_up == 0


async def test_a_telephone_that_falls_silent(desk: Desk) -> None:
    desk.talk(3)
    await desk.look()
    desk.now += PAUSE
    line = await desk.look()
    assert (line.quality, line.sound, line.loss_up, line.jitter_up_ms) == ("lost", "missing", None, None)
    desk.talk(3)
    line = await desk.look()
    assert (line.quality, line.sound, line.loss_up) == ("good", "comes", 0), "what it did not send is not lost"


async def test_on_hold(desk: Desk) -> None:
    desk.talk(3)
    await desk.look()
    desk.agree(msgspec.structs.replace(TERMS, sends=False, receives=False))
    desk.now += 60
    await desk.look()
    desk.now += 3
    line = await desk.look()
    assert (line.quality, line.sound, line.loss_up, line.kbps_up) == ("good", "held", None, 0)
    desk.agree(TERMS)
    desk.talk(3)
    assert (await desk.look()).loss_up == 0


async def test_what_the_other_side_reports(desk: Desk) -> None:
    desk.agree(msgspec.structs.replace(TERMS, reports=True))
    desk.talk(3)
    desk.leg().report(desk.now)
    (asked,) = desk.leg().reports._sent
    desk.now += 0.35
    block = ReportBlock(desk.leg().ssrc, 26, 40, 9, 40, asked, 0)
    desk.leg().receive(build_rr(7, [block]), NAMED, desk.now)
    await desk.look()
    desk.talk(3)
    line = await desk.look()
    assert (line.quality, line.rtt_ms, line.jitter_down_ms) == ("poor", 350, 5)
    assert line.loss_down == pytest.approx(0.1, abs=0.005)


async def test_a_call_that_another_replaces_counts_from_nought(desk: Desk) -> None:
    desk.talk(3)
    await desk.look()
    desk.seat("c2", "p7")
    desk.now += 3
    line = await desk.look()
    assert (line.sound, line.kbps_up) == ("missing", None)


async def test_a_call_at_another_node_counts_from_nought(desk: Desk) -> None:
    desk.talk(3)
    await desk.look()
    desk.calls.lines.close("c1")
    desk.seat("c1", "p7")
    desk.talk(3)
    assert (await desk.look()).kbps_up is None


async def test_only_who_sits_in_the_room_has_a_line(desk: Desk) -> None:
    desk.calls.lines.open("c2")
    desk.calls.lines.seat("c2", Stage().room, "p8")
    desk.calls.lines.open("c3")
    assert (await desk.look()).participant == 7
    assert {one.participant for one in desk.calls.telephones(None, desk.now)} == {"p7", "p8"}
    assert desk.calls.telephones("", desk.now) == []
    desk.room.depart_telephone("p7", desk.now)  # a browser takes its place; the call is about to end
    desk.now += 3
    assert await desk.board.look(desk.chair, desk.meeting) == []


async def test_nobody_else_sees_it(desk: Desk) -> None:
    with pytest.raises(NotAllowedError):
        await desk.board.look(desk.district.who("camthuy"), desk.meeting)
