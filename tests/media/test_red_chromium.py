"""Copies of voices in a real browser: taken from the node where the downlink loses, sent where the uplink does."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from tests.media.browsing import Meeting, Member, meeting_of_pages, until
from tests.media.lossy import Relay, at_random

FIGURES = """async () => {
  const all = [...(await connection.pc.getStats()).values()];
  const sum = (items, name) => items.reduce((total, x) => total + (x[name] ?? 0), 0);
  const of = (type, name) => sum(all.filter((x) => x.type === type && x.kind === 'audio'), name);
  return {
    concealed: of('inbound-rtp', 'concealedSamples') - of('inbound-rtp', 'silentConcealedSamples'),
    received: of('inbound-rtp', 'totalSamplesReceived'), packets: of('inbound-rtp', 'packetsReceived'),
    energy: of('inbound-rtp', 'totalAudioEnergy'), lost: of('inbound-rtp', 'packetsLost'),
    sent: of('outbound-rtp', 'packetsSent'), bytes: of('outbound-rtp', 'bytesSent'),
  };
}"""


@pytest.fixture
async def meeting(tmp_path: Path) -> AsyncIterator[Meeting]:
    async with meeting_of_pages(tmp_path) as meeting:
        yield meeting


async def figures(member: Member) -> dict[str, float]:
    found: dict[str, float] = await member.page.evaluate(FIGURES)
    return found


async def over(seconds: float, *members: Member) -> list[dict[str, float]]:
    """How much each one's figures grow."""
    before = [await figures(member) for member in members]
    await asyncio.sleep(seconds)
    return [
        {name: value - b[name] for name, value in (await figures(m)).items()}
        for m, b in zip(members, before, strict=True)
    ]


async def test_who_loses_a_tenth_hears_nearly_everything(meeting: Meeting) -> None:
    """Two listeners behind equally bad lines, one of whom did not negotiate RED."""
    relays = Relay(down=at_random(0.1, 1)), Relay(down=at_random(0.1, 1))
    await meeting.join("speaker", voice=True)
    with_red = await meeting.join("with", relay=relays[0])
    without = await meeting.join("without", relay=relays[1], red=False)
    assert "red/48000/2" in with_red.answer and "red/" not in without.answer

    async def copied() -> bool:
        return "r/with: voices with" in meeting.node.log

    await until(copied, "the node sends no copies")
    await asyncio.sleep(2)  # until what was lost before is played
    good, bad = await over(12, with_red, without)
    shares = [grown["concealed"] / grown["received"] for grown in (good, bad)]
    print(f"concealed at 10 % loss: {shares[0]:.1%} with copies, {shares[1]:.1%} without")
    assert good["energy"] > 0.01, "a voice is heard"
    assert shares[1] > 0.04
    assert shares[0] < shares[1] / 3
    for relay in relays:
        relay.close()


async def test_a_page_whose_uplink_loses_sends_copies_and_the_node_repairs(meeting: Meeting) -> None:
    relay = Relay(up=at_random(0.1, 2))
    speaker = await meeting.join("speaker", voice=True, relay=relay)
    listener = await meeting.join("listener")
    await until(lambda: speaker.page.evaluate("connection.voice.copies"), "the page does not begin to send copies")
    await asyncio.sleep(3)
    sent, heard = await over(10, speaker, listener)
    lost = heard["lost"] / (heard["packets"] + heard["lost"])
    print(f"lost behind the node: {lost:.1%}, sent {_bit_rate(sent):.0f} bit/s")
    assert relay.lost > 20
    assert lost < 0.04
    copied = _bit_rate(sent)
    await speaker.page.evaluate("connection.setVoice({ red: false })")
    await asyncio.sleep(2)
    (sent,) = await over(5, speaker)
    assert copied > 1.3 * _bit_rate(sent), "a copy in each packet, though the loss makes the browser save"
    await speaker.page.evaluate("connection.setVoice({ kbps: 16 })")
    await asyncio.sleep(2)
    (sent,) = await over(5, speaker)
    assert _bit_rate(sent) < 20_000
    relay.close()


def _bit_rate(sent: dict[str, Any]) -> float:
    return 8 * float(sent["bytes"]) / float(sent["sent"]) * 50
