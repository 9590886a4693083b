"""One word for a line, by a table; and the board that asks the node for it."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from server.errors import ConflictError, NotAllowedError, NotFoundError, UnavailableError
from server.media.protocol import GetStats, ParticipantStats, Quality, Stats
from server.meetings.board import LEAST_SECONDS, STALE_SECONDS, Board
from server.meetings.line import away
from server.meetings.quality import Line, line, quality, weakest_first
from server.meetings.service import plan
from server.meetings.service.plan import Plan
from server.store import Store
from tests.conftest import DistrictIds


@pytest.mark.parametrize(
    ("loss", "rtt_ms", "jitter_ms", "word"),
    [
        (0, 0, 0, "good"),
        (0.019, 299, 49, "good"),
        (0.02, 0, 0, "fair"),
        (0, 300, 0, "fair"),
        (0, 0, 50, "fair"),
        (0.079, 799, 149, "fair"),
        (0.08, 0, 0, "poor"),
        (0, 800, 0, "poor"),
        (0, 0, 150, "poor"),
        (1, 5000, 900, "poor"),
    ],
)
def test_the_word(loss: float, rtt_ms: float, jitter_ms: float, word: Quality) -> None:
    assert quality(loss, rtt_ms, jitter_ms) == word


def told(**values: Any) -> ParticipantStats:
    return ParticipantStats(**{"participant": "p7", "session": "s", "state": "connected", **values})


def test_a_line_is_the_difference_of_two_readings() -> None:
    before = told(expected_in=1000, lost_in=500, bytes_in=1_000_000, bytes_out=2_000_000, reported_out=50)
    after = told(
        expected_in=1200, lost_in=502, bytes_in=1_250_000, bytes_out=2_500_000, reported_out=250, missing_out=20,
        rtt_ms=84.6, jitter_ms=3.2, jitter_out_ms=7.9, estimate_bps=900_500, queue_ms=41.6,
        nacks_in=1, nacks_out=2, plis_in=3,
    )  # fmt: skip
    found = line(7, before, after, 2.0)
    assert found == Line(
        participant=7, quality="poor", loss_up=0.01, loss_down=0.1, rtt_ms=85, jitter_up_ms=3, jitter_down_ms=8,
        kbps_up=1000, kbps_down=2000, estimate_kbps=900, queue_ms=42, nacks=3, plis=3,
    )  # fmt: skip


def test_what_is_not_known_is_not_made_up() -> None:
    first = line(7, None, told(bytes_in=5), 2.0)
    assert (first.kbps_up, first.loss_up, first.loss_down, first.rtt_ms) == (None, None, None, None)
    assert first.quality == "good"
    other = line(7, told(session="old", bytes_in=9_000_000), told(bytes_in=5), 2.0)
    assert other.kbps_up is None, "a new connection counts from nought"
    few = line(7, told(), told(expected_in=10, lost_in=9), 2.0)
    assert few.loss_up is None, "ten packets tell nothing"
    assert line(7, told(), told(state="lost"), 2.0).quality == "lost"


def test_the_word_is_the_one_that_the_participant_s_page_shows() -> None:
    alone = line(7, told(), told(expected_in=100, rung="sound", quality="poor"), 2.0)
    assert (alone.loss_up, alone.quality, alone.rung) == (0.0, "poor", "sound"), (
        "60 kbit/s lose nothing and carry little"
    )
    losing = told(expected_in=100, lost_in=10)
    assert line(7, told(), losing, 2.0).quality == "poor", "or what the line loses, if that is worse"
    assert line(7, told(), told(state="lost", quality="poor"), 2.0).quality == "lost"


def test_the_weakest_stand_first() -> None:
    people = [
        told(),
        told(rung="one", quality="fair"),
        told(rung="sound", quality="poor"),
        told(rung="reduced"),
        told(rung="telephone", quality="poor"),
        told(state="lost"),
        told(),
    ]
    lines = [line(number, None, stats, 2.0) for number, stats in enumerate(people)]
    assert [one.participant for one in weakest_first(lines)] == [5, 4, 2, 1, 3, 0, 6]


def test_without_transport_feedback_the_receiver_report_tells() -> None:
    found = line(7, told(), told(packets_out=100, lost_out=0.25), 2.0)
    assert found.loss_down == 0.25
    assert line(7, told(), told(packets_out=3, lost_out=0.25), 2.0).loss_down is None


class Pool:
    """Counts questions, and answers with what stands in `people`."""

    def __init__(self) -> None:
        self.asked = 0
        self.people: list[ParticipantStats] = []
        self.away = False

    async def ask(self, room: str, command: GetStats, kind: type[Stats]) -> Stats:
        assert command.room == room
        if self.away:
            raise away()
        self.asked += 1
        await asyncio.sleep(0)
        return Stats(participants=self.people, packets_in=0, packets_out=0, cpu_seconds=0, refused={})


@pytest.fixture
def meeting(store: Store, district: DistrictIds) -> int:
    return store.write_now(plan.create, district.who("chutich"), Plan(title="Giao ban", units=[district.unit("19606")]))


class Desk:
    """A board with a clock of its own."""

    def __init__(self, store: Store) -> None:
        self.now = 1000.0
        self.pool = Pool()
        self.board = Board(store, self.pool, lambda: self.now)  # type: ignore[arg-type]


async def test_all_who_look_share_one_question(store: Store, district: DistrictIds, meeting: int) -> None:
    desk, chair, admin = Desk(store), district.who("chutich"), district.who("quantri")
    desk.pool.people = [told(bytes_in=0)]
    first = await asyncio.gather(*(desk.board.look(chair, meeting) for _ in range(5)))
    assert desk.pool.asked == 1
    assert first[0][0].kbps_up is None
    desk.now += LEAST_SECONDS
    desk.pool.people = [told(bytes_in=150_000)]
    second = await asyncio.gather(desk.board.look(chair, meeting), desk.board.look(admin, meeting))
    assert desk.pool.asked == 2
    assert [lines[0].kbps_up for lines in second] == [800, 800], "who asks a moment later gets the same rates"
    desk.now += STALE_SECONDS + 1
    assert (await desk.board.look(chair, meeting))[0].kbps_up is None, "a closed board begins anew"


async def test_the_board_begins_with_who_is_worst_off(store: Store, district: DistrictIds, meeting: int) -> None:
    desk = Desk(store)
    desk.pool.people = [
        told(participant="p2"),
        told(participant="p10"),
        told(participant="p3", rung="sound", quality="poor"),
    ]
    lines = await desk.board.look(district.who("chutich"), meeting)
    assert [(one.participant, one.quality, one.rung) for one in lines] == [
        (3, "poor", "sound"), (2, "good", "full"), (10, "good", "full")
    ]  # fmt: skip


async def test_who_may_look(store: Store, district: DistrictIds, meeting: int) -> None:
    desk = Desk(store)
    with pytest.raises(NotAllowedError):
        await desk.board.look(district.who("camthuy"), meeting)
    with pytest.raises(NotFoundError):
        await desk.board.look(district.who("camtuyen"), meeting)
    with pytest.raises(NotFoundError):
        await desk.board.look(district.who("quantri"), 9999)
    desk.pool.away = True
    with pytest.raises(UnavailableError):
        await desk.board.look(district.who("chutich"), meeting)
    store.write_now(plan.end, district.who("chutich"), meeting)
    with pytest.raises(ConflictError):
        await desk.board.look(district.who("quantri"), meeting)
    assert desk.pool.asked == 0
