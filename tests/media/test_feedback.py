"""What RTCP makes the node do, and what it reports of itself."""

from __future__ import annotations

from server.media import feedback
from server.media.feedback import MOST_TIMES
from server.media.outward.forward import Forwarder
from server.media.wire import rtcp
from server.media.wire.rtcp_build import build_rr
from tests.media.test_room import Stage


def reference(ssrc: int, ntp: int) -> bytes:
    """An extended report with a receiver's time (RFC 3611 §4.4)."""
    return bytes.fromhex("80cf0004") + ssrc.to_bytes(4, "big") + bytes.fromhex("04000002") + ntp.to_bytes(8, "big")


def hear(stage: Stage, data: bytes, now: float) -> None:
    who = stage["b"].participant
    feedback.received(who, data, stage.room, Forwarder(stage.port), now, 0.0)  # type: ignore[arg-type]


def times_told(stage: Stage, now: float) -> list[tuple[int, int, int]]:
    """SSRC, time and delay of each block that gives a time back."""
    for packet in feedback.reports(stage["b"].participant, now, 0.0):
        if packet[1] == rtcp.XR:
            return [rtcp.LAST_REFERENCE.unpack_from(packet, at) for at in range(12, len(packet), 12)]
    return []


def test_a_receiver_gets_its_newest_time_back_once() -> None:
    stage = Stage("b")
    hear(stage, build_rr(1) + reference(1, 0x1111_2222_3333_4444), 10.0)
    hear(stage, reference(1, 0x5555_6666_7777_8888), 10.5)
    assert times_told(stage, 11.25) == [(1, 0x6666_7777, int(0.75 * 65536))]
    assert times_told(stage, 12.25) == [], "until it tells another"


def test_times_of_many_streams_are_not_kept() -> None:
    stage = Stage("b")
    for ssrc in range(100):
        hear(stage, reference(ssrc, 1 << 40), 10.0)
    assert len(times_told(stage, 11.0)) == MOST_TIMES
