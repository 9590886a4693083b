from __future__ import annotations

from pathlib import Path

import pytest

from server.media.phone.bridge import Ports
from server.media.phone.conference import Conference
from server.media.phone.lines import Lines
from server.media.protocol_calls import CallBroken, CallEvent
from tests.media.phone.test_bridge import HOST, Handset
from tests.media.test_room import Stage
from tests.waiting import until


def _fails(*_told: object, **_more: object) -> None:
    raise RuntimeError("a bug of ours")


@pytest.mark.parametrize("seated", [False, True])
async def test_a_call_that_breaks_off_is_over_and_told(
    seated: bool, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Its port is free, what it dictated is whole, its seat is left, and the call beside it goes on."""
    told: list[CallEvent] = []
    lines, room = Lines(Ports(HOST, 41_220, 41_229), told.append), Stage().room
    handset = Handset(400.0)
    for name in ("a", "b"):
        lines.open(name)
        lines.change(name, handset.terms)
        if seated:
            lines.seat(name, room, f"p {name}")
    lines.dictate("a", tmp_path / "a.webm", 5.0)
    made = lines._call("a")
    made.leg.give = _fails  # type: ignore[method-assign]
    await until(lambda: told)
    assert told == [CallBroken(call="a", room=room.name if seated else "")]
    assert [info.call for info in lines.infos()] == ["b"] and made.socket.fileno() == -1
    assert list(room.telephones) == (["p b"] if seated else [])
    await until(lambda: not lines._closing)
    assert (tmp_path / "a.webm").stat().st_size > 0
    sent = lines._call("b").leg.sent
    await until(lambda: lines._call("b").leg.sent > sent + 5)
    assert sum(one.levelname == "ERROR" for one in caplog.records) == 1
    lines.close_all()
    handset.socket.close()


async def test_the_last_call_of_a_room_may_break_off(caplog: pytest.LogCaptureFixture) -> None:
    told: list[CallEvent] = []
    lines, room = Lines(Ports(HOST, 41_230, 41_239), told.append), Stage().room
    lines.open("a")
    lines.seat("a", room, "p")
    lines._call("a").leg.give = _fails  # type: ignore[method-assign]
    await until(lambda: told)
    assert (len(lines), room.voice_sinks, room.telephones) == (0, [], {})
    assert sum(one.levelname == "ERROR" for one in caplog.records) == 1


async def test_a_voice_that_cannot_be_encoded_for_browsers_ends_its_call_alone(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    now, told = 1_000.0, []
    lines, stage = Lines(Ports(HOST, 41_240, 41_249), told.append, lambda: now), Stage()
    handsets = {name: Handset(400.0) for name in ("a", "b")}
    for name, handset in handsets.items():
        handset.port = lines.open(name)
        lines.change(name, handset.terms)
        lines.seat(name, stage.room, name)
        stage.room.set_publish(name, frozenset({"microphone"}), now)
    conference: Conference = lines._conferences[stage.room.name]
    conference.bridge.metronome.stop()
    monkeypatch.setattr(stage.room.telephones["a"], "packet", _fails)
    for _ in range(20):
        for handset in handsets.values():
            handset.say()
        now += 0.02
        conference.bridge.step(now)
    handsets["b"].listen()
    assert told == [CallBroken(call="a", room=stage.room.name)]
    assert len(handsets["b"].heard) == 20
    lines.close_all()
    for handset in handsets.values():
        handset.socket.close()
