"""Telephone calls in a real node process, over its socket: ports, terms, keys, what is played, rooms, figures."""

from __future__ import annotations

import asyncio
import base64
import os
import wave
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import numpy as np
import pytest

from server.media import protocol as p
from server.media import protocol_calls as c
from server.media.wire.opus import RATE
from tests.media.driving import NodeProcess, node_process
from tests.media.endpoint import Endpoint, meeting
from tests.media.phone.test_bridge import Handset
from tests.media.phone.test_conference import heard, sound_of_telephone
from tests.sounds import tone


@pytest.fixture
async def node(tmp_path: Path) -> AsyncIterator[NodeProcess]:
    async with node_process(tmp_path) as running:
        await running.control.do(p.OpenRoom(room="r"))
        yield running
        await running.control.close()
    assert "Traceback" not in running.log, running.log


@pytest.fixture
def beep(tmp_path: Path) -> str:
    """A file of half a second."""
    with wave.open(str(tmp_path / "beep.wav"), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(RATE)
        file.writeframes(tone(850, 0.5, RATE).astype("<i2").tobytes())
    return str(tmp_path / "beep.wav")


def terms(handset: Handset, **changes: object) -> c.CallTerms:
    host, port = handset.address
    told = {"codec": "PCMA", "sending": 8, "receiving": 8, "events": 101, "host": host, "port": port, **changes}
    return c.CallTerms(**told)  # type: ignore[arg-type]


async def dial(node: NodeProcess, call: str, hertz: float = 400.0) -> Handset:
    handset = Handset(hertz)
    handset.port = (await node.control.call(c.OpenCall(call=call), c.CallOpened)).port
    await node.control.do(c.SetTerms(call=call, terms=terms(handset)))
    return handset


async def talk(*handsets: Handset, until: Callable[[], bool], listeners: tuple[Handset, ...] = ()) -> None:
    """Real time: each says its tone, over and over, until something is true."""
    async with asyncio.timeout(20):
        while not until():
            for handset in handsets:
                if handset._number == 450:
                    handset._number = 50
                handset.say()
            await asyncio.sleep(0.02)
            for handset in (*handsets, *listeners):
                handset.listen()


async def test_a_caller_hears_a_prompt_and_its_keys_are_told(node: NodeProcess, beep: str) -> None:
    handset = await dial(node, "c1")
    await node.control.do(c.Play(call="c1", number=7, files=[beep, beep]))
    await talk(handset, until=lambda: len(handset.heard) >= 50)
    assert heard(sound_of_telephone(handset.heard[5:45]), 8_000) == {850}
    played = await node.control.event(c.Played, timeout=20)
    assert (played.call, played.number) == ("c1", 7)
    handset.press("9")
    pressed = await node.control.event(c.KeyPressed, timeout=20)
    assert (pressed.call, pressed.key, pressed.room) == ("c1", "9", "")
    handset.socket.close()


async def test_a_seated_call_is_heard_when_it_may_be_and_keys_name_its_room(node: NodeProcess) -> None:
    one, other = await dial(node, "c1", 400), await dial(node, "c2", 700)
    await node.control.do(c.SeatCall(call="c1", room="r", participant="p1"))
    await node.control.do(c.SeatCall(call="c2", room="r", participant="p2"))
    browser = Endpoint(meeting(0, publish=False))
    joined = await node.control.call(p.Join(room="r", participant="p3", offer=browser.description()), p.Joined)
    await browser.connect(joined.answer)
    await node.control.do(p.SetPublish(room="r", participant="p1"))

    def all_hear() -> bool:
        voices = [packet for packet in browser.packets if packet.payload_type == 111]
        return (
            len(voices) > 60 and len(other.heard) > 60 and heard(sound_of_telephone(other.heard[-40:]), 8_000) != set()
        )

    await talk(one, listeners=(other,), until=all_hear)
    assert heard(sound_of_telephone(other.heard[-40:]), 8_000) == {400}
    one.press("6")
    assert (await node.control.event(c.KeyPressed, timeout=20)).room == "r"
    stats = await node.control.call(p.GetStats(), p.Stats)
    figures = {call.call: call for call in stats.calls}
    assert figures["c1"].packets_in > 50 and figures["c2"].packets_out > 50
    assert figures["c1"].strangers == 0 and figures["c1"].silent_for is not None
    line = {one.participant: one for one in stats.telephones}["p1"]
    assert (line.sound, line.state) == ("comes", "connected")
    assert 50 < line.expected_in < line.packets_in and line.lost_in == 0, "its key is numbered from elsewhere"
    assert line.bytes_in == 172 * (line.packets_in - 1) + 16 and line.jitter_ms is not None, "a key is shorter"
    for room, count in (("r", 2), ("other", 0), (None, 2)):
        assert len((await node.control.call(p.GetStats(room=room), p.Stats)).telephones) == count
    assert stats.calls_tick_ms >= stats.calls_tick_p99_ms > 0
    assert max(stats.calls_ticks) == int(stats.calls_tick_ms / 0.05)
    one.socket.close()
    other.socket.close()


async def test_calls_outlive_control_and_their_room(node: NodeProcess) -> None:
    handset = await dial(node, "c1")
    await node.control.do(c.SeatCall(call="c1", room="r", participant="p1"))
    welcome = await node.control.call(p.Hello(), p.Welcome)
    assert welcome.calls == [c.CallInfo(call="c1", room="r", participant="p1")]
    await node.control.do(p.CloseRoom(room="r"))
    welcome = await node.control.call(p.Hello(), p.Welcome)
    assert welcome.calls == [c.CallInfo(call="c1")]
    await node.control.do(c.CloseCall(call="c1"))
    await node.control.do(c.CloseCall(call="c1"))
    assert (await node.control.call(p.Hello(), p.Welcome)).calls == []
    handset.socket.close()


async def test_a_second_call_of_a_participant_takes_its_place(node: NodeProcess) -> None:
    handsets = [await dial(node, "c1"), await dial(node, "c2")]
    for call in ("c1", "c2"):
        await node.control.do(c.SeatCall(call=call, room="r", participant="p1"))
    welcome = await node.control.call(p.Hello(), p.Welcome)
    assert welcome.calls == [c.CallInfo(call="c2", room="r", participant="p1")]
    for handset in handsets:
        handset.socket.close()


async def test_srtp_by_keys_of_the_description(node: NodeProcess) -> None:
    handset = await dial(node, "c1")
    ours, theirs = (base64.b64encode(os.urandom(30)).decode() for _ in range(2))
    keys = {"suite": "AES_CM_128_HMAC_SHA1_80", "our_key": ours, "their_key": theirs}
    await node.control.do(c.SetTerms(call="c1", terms=terms(handset, **keys)))
    handset.say()
    async with asyncio.timeout(20):
        while not (await node.control.call(p.GetStats(), p.Stats)).calls[0].malformed:
            handset.say()  # plain, where keys were agreed
            await asyncio.sleep(0.02)
    assert (await node.control.call(p.GetStats(), p.Stats)).calls[0].packets_in == 0
    handset.socket.close()


@pytest.mark.parametrize(
    ("command", "code"),
    [
        (c.SetTerms(call="c9", terms=c.CallTerms(codec="PCMA", sending=8, receiving=8)), "no_call"),
        (c.SetTerms(call="c1", terms=c.CallTerms(codec="PCMA", sending=8, receiving=8, suite="ROT13")), "bad_terms"),
        (
            c.SetTerms(
                call="c1",
                terms=c.CallTerms(
                    codec="PCMA", sending=8, receiving=8, suite="AEAD_AES_128_GCM", our_key="?", their_key="?"
                ),
            ),
            "bad_terms",
        ),
        (c.SeatCall(call="c1", room="s", participant="p"), "no_room"),
        (c.SeatCall(call="c9", room="r", participant="p"), "no_call"),
        (c.Play(call="c9"), "no_call"),
        (c.DictateCall(call="c9", file="answer.webm", longest=3), "no_call"),
        (c.DictateCall(call="c1", file="/no such folder/answer.webm", longest=3), "cannot_write"),
        (c.EndDictation(call="c9"), "no_call"),
        (c.JoinCalls(call="c1", other="c9"), "no_call"),
        (c.Play(call="c1", files=["/nowhere.opus"]), "cannot_read"),
        (c.Announce(room="s", file="/nowhere.opus"), "no_room"),
        (c.Announce(room="r", file="/nowhere.opus"), "cannot_read"),
    ],
)
async def test_what_cannot_be_done_is_refused_and_harms_nothing(
    node: NodeProcess, command: p.Command, code: str
) -> None:
    await node.control.call(c.OpenCall(call="c1"), c.CallOpened)
    assert (await node.control.call(command, p.Failed)).code == code
    assert (await node.control.call(p.Hello(), p.Welcome)).calls == [c.CallInfo(call="c1")]


async def test_an_announcement_reaches_the_telephones_of_a_room(node: NodeProcess, beep: str) -> None:
    handset = await dial(node, "c1")
    await node.control.do(p.OpenRoom(room="empty"))
    await node.control.do(c.Announce(room="empty", file=beep))
    await node.control.do(c.SeatCall(call="c1", room="r", participant="p1"))
    await node.control.do(c.Announce(room="r", file=beep))

    def announced() -> bool:
        return len(handset.heard) > 20 and bool(heard(sound_of_telephone(handset.heard[-20:]), 8_000))

    await talk(handset, until=announced)
    assert np.abs(sound_of_telephone(handset.heard)).max() > 2_000
    handset.socket.close()
