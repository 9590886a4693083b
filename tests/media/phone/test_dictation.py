"""What a caller says is written whole, for as long as it may last, and nobody else hears it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import numpy as np
import pytest

from server.media import protocol_calls as c
from server.media.phone.dictation import Dictation
from server.media.phone.sounds import read
from tests.media.driving import NodeProcess
from tests.media.test_calls import beep, dial, heard, node, sound_of_telephone, talk
from tests.sounds import pitch, tone

__all__ = ["beep", "node"]


async def test_a_voice_between_silences_and_what_comes_too_late(tmp_path: Path) -> None:
    dictation = Dictation(tmp_path / "a.webm", longest=1.0)
    voice = tone(500, 1).reshape(-1, 160)
    for frame in [None] * 20 + list(voice):
        dictation.add(frame, 8_000)
    made = await dictation.close()
    assert (made.ms, made.spoken_ms) == (1_000, 600), "what is longer than allowed is not kept"
    sound = read(str(tmp_path / "a.webm")).at(48_000)
    assert abs(sound.size / 48_000 - 1) < 0.05
    assert abs(pitch(sound[24_000:44_000], 48_000) - 500) < 5
    assert np.abs(sound[:12_000]).max() < 500


async def test_another_rate_in_the_middle(tmp_path: Path) -> None:
    dictation = Dictation(tmp_path / "a.webm", longest=10.0)
    for rate in (8_000, 16_000, 48_000):
        for frame in tone(500, 0.5, rate).reshape(-1, rate // 50):
            dictation.add(frame, rate)
    assert (await dictation.close()).spoken_ms == 1_500
    assert abs(pitch(read(str(tmp_path / "a.webm")).at(48_000)[5_000:65_000], 48_000) - 500) < 5


async def test_a_file_is_never_written_over(tmp_path: Path) -> None:
    (tmp_path / "a.webm").write_bytes(b"an earlier answer")
    with pytest.raises(FileExistsError):
        Dictation(tmp_path / "a.webm", longest=1.0)
    assert (tmp_path / "a.webm").read_bytes() == b"an earlier answer"


async def test_a_call_dictates_while_another_waits(node: NodeProcess, tmp_path: Path) -> None:
    speaking, waiting = await dial(node, "c1", 400.0), await dial(node, "c2", 1_000.0)
    await node.control.do(c.DictateCall(call="c1", file=str(tmp_path / "a.webm"), longest=30))
    enough = lambda: speaking._number > 130  # noqa: E731
    await talk(speaking, waiting, until=enough)
    made = await node.control.call(c.EndDictation(call="c1"), c.Dictated)
    assert made.spoken_ms > 1_500 and made.ms >= made.spoken_ms
    sound = read(str(tmp_path / "a.webm")).at(48_000)
    assert abs(pitch(sound[24_000:84_000], 48_000) - 400) < 5, "the caller alone"
    said = [packet.payload for packet in waiting.heard[10:]]
    assert not said or heard(sound_of_telephone(waiting.heard[10:]), 8_000) == set()
    again = await node.control.call(c.EndDictation(call="c1"), c.Dictated)
    assert (again.ms, again.spoken_ms) == (0, 0)


@pytest.fixture
async def cut_off(node: NodeProcess, tmp_path: Path) -> AsyncIterator[Path]:
    speaking = await dial(node, "c1", 500.0)
    await node.control.do(c.DictateCall(call="c1", file=str(tmp_path / "a.webm"), longest=30))
    await talk(speaking, until=lambda: speaking._number > 100)
    await node.control.do(c.CloseCall(call="c1"))
    yield tmp_path / "a.webm"


async def test_a_call_that_ends_leaves_a_whole_file(cut_off: Path) -> None:
    async with asyncio.timeout(10):
        while read(str(cut_off)).at(8_000).size < 8_000:
            await asyncio.sleep(0.1)
    assert abs(pitch(read(str(cut_off)).at(48_000)[24_000:48_000], 48_000) - 500) < 5


async def test_two_calls_hear_each_other_and_no_third_does(node: NodeProcess) -> None:
    one, other, third = await dial(node, "c1", 400.0), await dial(node, "c2", 1_000.0), await dial(node, "c3", 700.0)
    await node.control.do(c.JoinCalls(call="c1", other="c2"))
    await talk(one, other, third, until=lambda: min(len(one.heard), len(other.heard)) > 100)
    assert heard(sound_of_telephone(one.heard[-60:]), 8_000) == {1_000}
    assert heard(sound_of_telephone(other.heard[-60:]), 8_000) == {400}
    assert heard(sound_of_telephone(third.heard[-60:]), 8_000) == set()
    await node.control.do(c.CloseCall(call="c2"))
    began = len(one.heard)
    await talk(one, until=lambda: len(one.heard) > began + 60)
    assert heard(sound_of_telephone(one.heard[-40:]), 8_000) == set()
