"""A call and the media nodes: moving to another, what the other side answers meanwhile, and nodes that die."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import msgspec
import pytest

from server.calls import dial_out
from server.calls import line as lines
from server.calls.rules import Outcome
from server.config import Settings
from server.media import protocol_calls as c
from server.meetings.line import away
from server.store import Store
from server.telephony.sip.call import Call, CallState
from tests.calls.making import HOST, Village, village
from tests.calls.making import telephone as with_telephone
from tests.calls.test_dial_in import live, logged, pin_of, seats
from tests.calls.test_dial_out import Desk
from tests.conftest import DistrictIds
from tests.telephony.sip.making import SDP
from tests.waiting import until

ELSEWHERE = SDP.replace(b"40002", b"50002").replace(b"c=IN IP4 192.0.2.1", b"c=IN IP4 192.0.2.50")


class Nodes:
    """Two media nodes: which ports are open at which, and what they refuse. New calls go to the `best`."""

    def __init__(self, line: Village) -> None:
        self.line = line
        self.best = 1
        self.open: list[tuple[int, str]] = []
        self.refused: set[type[Any]] = set()
        self.asked: list[tuple[int, Any]] = []
        self._ask = line.pool.ask_node
        line.pool.best = lambda: self.best  # type: ignore[method-assign]
        line.pool.ask_node = self.ask  # type: ignore[method-assign]

    async def ask(self, number: int, command: Any, kind: Any, seconds: float | None = None) -> Any:
        if type(command) in self.refused:
            raise away()
        self.asked.append((number, command))
        if isinstance(command, c.OpenCall):
            self.open.append((number, command.call))
        if isinstance(command, c.CloseCall):
            self.open.remove((number, command.call))
        return await self._ask(number, command, kind, seconds)

    def carry(self, number: int) -> None:
        """It carries every meeting."""
        self.line.pool.carrier = lambda room: number  # type: ignore[method-assign]

    def die(self, number: int, other: int) -> None:
        """It is gone, and with it its ports; the other one is there."""
        self.best = other
        self.carry(other)
        self.open = [one for one in self.open if one[0] != number]
        self.line.pool.on_lost(number)  # type: ignore[misc]

    def plays(self, number: int) -> list[str]:
        """What was played at a node."""
        told = [one.files for at, one in self.asked if at == number and isinstance(one, c.Play)]
        return [file.rsplit("/", 1)[-1].removesuffix(".opus") for files in told for file in files]


@pytest.fixture
def settings(settings: Settings) -> Settings:
    return msgspec.structs.replace(settings, telephone=with_telephone())


@pytest.fixture
async def line(settings: Settings, store: Store, district: DistrictIds) -> AsyncIterator[Village]:
    async with village(settings, store) as made:
        yield made


@pytest.fixture
def nodes(line: Village) -> Nodes:
    return Nodes(line)


# ---- what is agreed without our waiting for it


async def up(line: Village) -> tuple[Call, Call, int]:
    """A call that waits for a code: at the caller's, here, and how often terms were told."""
    theirs, name = await line.dial()
    await line.hears(name, "enter_pin")
    ours = line.exchange.lines[name].call
    assert ours is not None
    return theirs, ours, len(line.pool.of(c.SetTerms))


async def test_an_answer_in_the_ack_of_an_empty_invite_counts(line: Village) -> None:
    theirs, _ours, before = await up(line)
    acknowledge = theirs.agent.layer.send

    def with_answer(data: bytes, peer: Any) -> None:
        if data.startswith(b"ACK"):
            head = data.split(b"Content-Length")[0]
            data = b"%bContent-Type: application/sdp\r\nContent-Length: %d\r\n\r\n" % (head, len(ELSEWHERE)) + ELSEWHERE
        acknowledge(data, peer)

    theirs.agent.layer.send = with_answer  # type: ignore[method-assign]
    theirs.reinvite(b"", line.handsets.endpoint.now)
    await until(lambda: len(line.pool.of(c.SetTerms)) > before)
    terms = line.pool.of(c.SetTerms)[-1].terms
    assert (terms.host, terms.port) == ("192.0.2.50", 50_002)


async def test_the_answer_to_a_refresh_counts_where_it_says_something_new(line: Village) -> None:
    _theirs, ours, before = await up(line)
    line.handsets.on_offer = lambda call, description, now: ELSEWHERE  # type: ignore[method-assign]
    for _time in range(2):
        ours.reinvite(ours.description, line.exchange.now())
        await until(lambda: ours._asking is None)
    await until(lambda: len(line.pool.of(c.SetTerms)) > before)
    terms = line.pool.of(c.SetTerms)[-1].terms
    assert (terms.host, terms.port) == ("192.0.2.50", 50_002)
    await until(lambda: not ours.agent.layer.asking)
    assert len(line.pool.of(c.SetTerms)) == before + 1


async def test_an_answer_without_a_codec_in_common_changes_nothing(line: Village) -> None:
    theirs, ours, before = await up(line)
    line.handsets.on_offer = lambda call, description, now: SDP.replace(b"8 0 101", b"99")  # type: ignore[method-assign]
    ours.reinvite(ours.description, line.exchange.now())
    await until(lambda: b" 99\r\n" in (ours.mark.answered or b""))  # type: ignore[attr-defined]
    assert len(line.pool.of(c.SetTerms)) == before and theirs.state is CallState.UP


# ---- moving


async def test_a_call_moves_to_the_node_of_its_meeting_and_its_old_port_is_closed(
    line: Village, nodes: Nodes, district: DistrictIds
) -> None:
    live(line, district)
    nodes.carry(2)
    call, name = await line.dial()
    await line.press(name, pin_of(line, district, "thon1.camthuy"))
    await line.hears(name, "joined")
    assert nodes.open == [(2, name)]
    call.hang_up(line.handsets.endpoint.now)
    await until(lambda: not line.exchange.lines)
    assert nodes.open == []


async def test_a_telephone_that_refuses_to_move_is_told_so_and_no_port_stays_open(
    line: Village, nodes: Nodes, district: DistrictIds, monkeypatch: pytest.MonkeyPatch
) -> None:
    number = live(line, district)
    nodes.carry(2)
    call, name = await line.dial()
    await line.hears(name, "enter_pin")
    line.handsets.on_offer = lambda call, description, now: None  # type: ignore[method-assign]
    monkeypatch.setattr(lines, "UP_SECONDS", 0.2)
    await line.press(name, pin_of(line, district, "thon1.camthuy"))
    await line.ended(call)
    await until(lambda: not line.exchange.lines)
    assert nodes.plays(1)[-2:] == ["busy", "goodbye"], "said where the telephone still listens"
    assert nodes.open == []
    assert logged(line).outcome is Outcome.NO_NODE
    assert seats(line, number)[-1].left_at is not None


async def test_who_hangs_up_while_moving_leaves_no_port_open(
    line: Village, nodes: Nodes, district: DistrictIds
) -> None:
    live(line, district)
    nodes.carry(2)
    call, name = await line.dial()
    await line.hears(name, "enter_pin")
    line.handsets.on_offer = lambda call, description, now: None  # type: ignore[method-assign]
    await line.press(name, pin_of(line, district, "thon1.camthuy"))
    await until(lambda: (2, name) in nodes.open)
    call.hang_up(line.handsets.endpoint.now)
    await until(lambda: not line.exchange.lines)
    assert nodes.open == []
    assert logged(line).outcome is Outcome.GAVE_UP


# ---- no node


async def test_who_never_got_a_seat_at_a_node_has_not_met(line: Village, nodes: Nodes, district: DistrictIds) -> None:
    number = live(line, district)
    nodes.refused = {c.SeatCall}
    call, name = await line.dial()
    await line.press(name, pin_of(line, district, "thon1.camthuy"))
    await line.ended(call)
    await until(lambda: not line.exchange.lines)
    assert line.pool.heard(name)[-2:] == ["busy", "goodbye"]
    assert logged(line).outcome is Outcome.NO_NODE
    assert seats(line, number)[-1].left_at is not None


async def test_a_node_that_dies_while_a_code_is_dialled_is_replaced(
    line: Village, nodes: Nodes, district: DistrictIds
) -> None:
    live(line, district)
    pin = pin_of(line, district, "thon1.camthuy")
    _call, name = await line.dial()
    await line.hears(name, "enter_pin")
    await line.press(name, pin[:5])
    nodes.die(1, other=2)
    await until(lambda: "enter_pin" in nodes.plays(2))
    await line.press(name, pin)
    await line.hears(name, "joined")
    assert nodes.open == [(2, name)]
    assert "wrong_pin" not in line.pool.heard(name) and logged(line).wrong_pins == 0


async def test_nodes_that_die_one_after_the_other_end_the_call_in_the_end(line: Village, nodes: Nodes) -> None:
    call, name = await line.dial()
    await line.hears(name, "enter_pin")
    for dies in (1, 2, 1):
        await until(lambda dies=dies: "enter_pin" in nodes.plays(dies))  # type: ignore[misc]
        nodes.asked.clear()
        nodes.die(dies, other=3 - dies)
    await line.ended(call)
    await until(lambda: not line.exchange.lines)
    assert logged(line).outcome is Outcome.NO_NODE


@pytest.fixture
async def desk(settings: Settings, store: Store, district: DistrictIds) -> AsyncIterator[Desk]:
    async with village(settings, store) as line:
        trunk = f"{HOST}:{line.handsets.endpoint.port('udp')}"
        trunked = with_telephone(trunk=trunk, user="02333873100", most_calls_out=2)
        line.exchange.settings = msgspec.structs.replace(settings, telephone=trunked)
        line.exchange.trunk._settings = trunked
        yield Desk(line, district)


async def test_a_node_that_dies_during_an_invitation_is_replaced(desk: Desk) -> None:
    nodes = Nodes(desk.line)
    desk.dialler.call([desk.job])
    name = await until(lambda: next(iter(desk.line.exchange.lines), None))
    await desk.line.hears(name, "invitation")
    nodes.die(1, other=2)
    await until(lambda: "invitation" in nodes.plays(2))
    await desk.line.press(name, "1")
    await desk.line.hears(name, "joined")
    assert len(desk.rang) == 1


async def test_who_could_not_be_connected_for_want_of_a_node_is_called_again(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dial_out, "ANSWER_SECONDS", 0.5)
    nodes = Nodes(desk.line)
    nodes.refused = {c.SeatCall}
    desk.dialler.call([desk.job])
    for rung in (1, 2, 3):
        await until(lambda rung=rung: len(desk.rang) == rung)  # type: ignore[misc]
        name = await until(lambda: next(iter(desk.line.exchange.lines), None))
        await desk.line.press(name, "1")
        await until(lambda name=name: name not in desk.line.exchange.lines)  # type: ignore[misc]
    assert await desk.done() == [Outcome.NO_NODE] * 3
    assert desk.pauses == [30.0, 30.0]
