"""Joins that lead to nothing: offers without a check, handshakes begun and left. The node keeps none of it."""

from __future__ import annotations

import asyncio
import gc
import weakref
from pathlib import Path

import pytest

from server.media import protocol as p
from server.media.commands import MOST_PARTICIPANTS
from server.media.joining.negotiation import Negotiation
from server.media.switch import Switch
from server.media.transport.dtls import new_certificate
from tests.bench.load import resident_mb
from tests.media.driving import NodeProcess, node_process
from tests.media.endpoint import Endpoint, meeting
from tests.media.memory import MemoryPort

NAMES = 50
MOST_GROWTH = 6  # MB, over some thousand sessions


async def _offer(slots: int) -> str:
    endpoint = Endpoint(meeting(slots))
    await endpoint.close()
    return endpoint.description()


async def _join(node: NodeProcess, number: int, offer: str) -> str:
    joined = await node.control.call(p.Join(room="r", participant=f"p{number % NAMES}", offer=offer), p.Joined)
    return joined.answer


async def test_joins_that_are_never_completed_leave_nothing_behind(tmp_path: Path) -> None:
    async with node_process(tmp_path) as node:
        await node.control.do(p.OpenRoom(room="r"))
        offer = await _offer(12)
        for number in range(1_000):
            await _join(node, number, offer)
        before = resident_mb(node.pid)
        for number in range(4_000):
            await _join(node, number, offer)
        grown = resident_mb(node.pid) - before
        stats = await node.control.call(p.GetStats(), p.Stats)
        print(f"\n{before:.0f} MB, then {grown:.1f} more")
        assert len(stats.participants) == NAMES
        assert grown < MOST_GROWTH


async def test_handshakes_that_are_left_leave_nothing_behind(tmp_path: Path) -> None:
    async with node_process(tmp_path) as node:
        await node.control.do(p.OpenRoom(room="r"))

        async def leave_halfway(number: int) -> None:
            endpoint = Endpoint(meeting(12))
            endpoint.begin(await _join(node, number, endpoint.description()))
            while not endpoint._checked.is_set():
                await asyncio.sleep(0.005)
            await asyncio.sleep(0.01)  # the hello is on its way
            assert endpoint.link is not None
            endpoint.link._pipe.close()  # it goes without a word
            await endpoint.close()

        for number in range(0, 200, 20):
            await asyncio.gather(*(leave_halfway(number + more) for more in range(20)))
        before = resident_mb(node.pid)
        for number in range(0, 600, 20):
            await asyncio.gather(*(leave_halfway(number + more) for more in range(20)))
        grown = resident_mb(node.pid) - before
        print(f"\n{before:.0f} MB, then {grown:.1f} more")
        assert grown < MOST_GROWTH
        one = Endpoint(meeting(1))
        await one.connect(await _join(node, 0, one.description()))
        await one.close()
        assert "Traceback" not in node.log


async def test_a_full_node_refuses_the_next_and_keeps_the_others(tmp_path: Path) -> None:
    async with node_process(tmp_path) as node:
        await node.control.do(p.OpenRoom(room="r"))
        offer = await _offer(1)
        for number in range(MOST_PARTICIPANTS):
            await node.control.call(p.Join(room="r", participant=f"n{number}", offer=offer), p.Joined)
        failed = await node.control.call(p.Join(room="r", participant="one more", offer=offer), p.Failed)
        assert failed.code == "full"
        await node.control.call(p.Join(room="r", participant="n0", offer=offer), p.Joined)


@pytest.mark.parametrize("begun", [False, True])
async def test_a_closed_session_is_freed_without_a_collection(begun: bool) -> None:
    """The node's collector looks rarely; so nothing of a session may be in a cycle."""
    port = MemoryPort()
    switch = Switch(port, lambda: 0.0)  # type: ignore[arg-type]
    switch.open_room("r")
    endpoint = Endpoint(meeting(3))
    negotiation = Negotiation(new_certificate(), [("127.0.0.1", 9)], port.send)
    participant, _, _ = negotiation.accept("a", "r", endpoint.description(), 0.0)
    await endpoint.close()
    switch.admit(participant, 0.0)
    if begun:
        participant.link.start(participant.secured, participant.close)
        await asyncio.sleep(0.05)
    parts = (participant, participant.link, participant.link._transport, participant.uplink, participant.downlink)
    left = [weakref.ref(part) for part in parts if hasattr(type(part), "__weakref__")]
    assert len(left) >= 4
    gc.disable()
    try:
        participant.close("left")
        del participant, parts
        await asyncio.sleep(0.05)
        assert [ref() for ref in left if ref() is not None] == []
    finally:
        gc.enable()
