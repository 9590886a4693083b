"""Streams of a participant told apart, whatever browsers name them by."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable
from dataclasses import replace
from itertools import pairwise

import pytest

from server.errors import ProtocolError
from server.media.inward.packet import PAYLOAD
from server.media.inward.source import Source
from server.media.inward.strain import LASTS
from server.media.inward.uplink import (
    BEGUN_AT_ONCE,
    BEGUN_PER_SECOND,
    MOST_REPAIRS,
    VOICE_SECONDS,
    VOICE_SHARE,
    Uplink,
    UplinkPlan,
)
from server.media.transport.policing import BYTES_PER_MBIT, UPLINK_MBIT
from server.media.voices import HEADERS
from server.media.wire import rtcp
from server.media.wire.rtp import build_header
from tests.media.building import build_extensions
from tests.media.endpoint import picture, voice

PLAN = UplinkPlan(
    kinds={"0": "microphone", "1": "camera"},
    rids={"1": ("f", "q")},
    ssrcs={10: "0"},
    payload_types=frozenset({111, 96}),
    rtx={97: 96},
    mid_id=1,
    rid_id=2,
    repaired_rid_id=3,
    level_id=4,
    transport_cc_id=5,
)


def named(ssrc: int, number: int, payload_type: int = 96, **elements: str) -> bytes:
    """A frame of the camera whose stream is named by its extensions: mid, rid, repaired."""
    ids = {"mid": 1, "rid": 2, "repaired": 3}
    block = build_extensions({ids[name]: value.encode() for name, value in elements.items()})
    body = picture(ssrc, number, number, key=True)[12:]
    if payload_type == 97:
        body = number.to_bytes(2, "big") + body
    return build_header(payload_type, 1, number, number * 3000, ssrc, block) + body


def test_layers_are_learned_from_their_first_packets_and_kept() -> None:
    uplink = Uplink("a", PLAN)
    for ssrc, rid in ((20, "f"), (21, "q")):
        assert uplink.receive(named(ssrc, 1, mid="1", rid=rid), 0.0) is not None
        assert uplink.receive(named(ssrc, 2), 0.1) is not None
    assert sorted(uplink.sources) == [("camera", "f"), ("camera", "q")]
    assert [source.ssrc for source in uplink.of_kind("camera")] == [20, 21]


def test_a_declared_ssrc_needs_no_extension() -> None:
    uplink = Uplink("a", PLAN)
    arrived = uplink.receive(voice(10, 1, level=30), 0.0)
    assert arrived is not None and arrived.source.kind == "microphone" and arrived.level == 97


@pytest.mark.parametrize(
    "data",
    [
        named(20, 1),
        named(20, 1, mid="9"),
        named(20, 1, mid="1", rid="x"),
        named(20, 1, payload_type=98, mid="1"),
        build_header(96, 0, 1, 0, 20, build_extensions({1: b"1"})) + b"\x90",
    ],
)
def test_streams_that_were_not_negotiated_are_refused(data: bytes) -> None:
    uplink = Uplink("a", PLAN)
    with pytest.raises(ProtocolError):
        uplink.receive(data, 0.0)


def test_a_new_ssrc_of_a_layer_replaces_the_old_one() -> None:
    uplink = Uplink("a", PLAN)
    uplink.receive(named(20, 1, mid="1", rid="f"), 0.0)
    before = uplink.source("camera", "f")
    uplink.receive(named(30, 500, mid="1", rid="f"), 1.0)
    after = uplink.source("camera", "f")
    assert before is not None and after is not None and after.ssrc == 30
    assert before.recent(1 + 0x10000) is None, "its memory is free"


def test_rtx_is_paired_by_its_repaired_rid_and_fills_the_gap() -> None:
    uplink = Uplink("a", PLAN)
    uplink.receive(named(20, 1, mid="1", rid="f"), 0.0)
    uplink.receive(named(20, 3), 0.0)
    assert uplink.requests(0.5)[0][1] == rtcp.RTPFB
    arrived = uplink.receive(named(40, 2, payload_type=97, mid="1", repaired="f"), 0.6)
    assert arrived is not None and arrived.source.ssrc == 20
    assert uplink.receive(named(40, 2, payload_type=97), 0.7) is None, "a copy"


def test_reports_count_losses_and_feedback_tells_arrivals() -> None:
    uplink = Uplink("a", PLAN)
    for number in (1, 2, 3, 5, 6):
        uplink.receive(voice(10, number, transport=number), number * 0.02)
    (report,) = rtcp.parse(b"".join(uplink.reports(0.2)))
    assert isinstance(report, rtcp.ReceiverReport)
    (block,) = report.reports
    assert (block.ssrc, block.lost, block.highest & 0xFFFF) == (10, 1, 6)
    assert block.fraction_lost == pytest.approx(256 / 6, abs=1)
    (feedback,) = rtcp.parse(b"".join(uplink.transport_feedback(0.2)))
    assert isinstance(feedback, rtcp.TransportFeedback)
    assert feedback.ssrc == 10, "browsers ignore what is said about a stream that is not theirs"
    assert uplink.transport_feedback(0.2) == []


def test_what_has_stopped_loses_nothing_any_more() -> None:
    """Whose camera and microphone are off is not called weak for what was lost before."""
    uplink = Uplink("a", PLAN)
    for second in range(5):
        for number in range(0, 50, 2):
            uplink.receive(voice(10, 50 * second + number), second + number / 50)
        uplink.reports(second + 1.0)
    assert uplink.loss > 0.4
    for second in range(10, 20):
        assert uplink.reports(float(second)) == []
    assert uplink.loss < 0.01


def test_voices_and_pictures_share_one_clock() -> None:
    """Two sender reports of one moment give timestamps of one moment, though one report was held up on the way."""
    uplink = Uplink("a", PLAN)
    uplink.receive(voice(10, 1), 0.0)
    uplink.receive(named(20, 1, mid="1", rid="f"), 0.0)
    ntp = rtcp.ntp_time(1_000_000.0)
    uplink.sender_report(rtcp.SenderReport(10, ntp, 48_000, 1, 1), 100.0)
    uplink.sender_report(rtcp.SenderReport(20, ntp, 90_000, 1, 1), 100.2)
    sound, sight = uplink.source("microphone"), uplink.source("camera", "f")
    assert sound is not None and sight is not None
    heard, seen = sound.timestamp_at(101.0), sight.timestamp_at(101.0)
    assert heard == pytest.approx(96_000, abs=160)
    assert seen / 90_000 == pytest.approx(heard / 48_000, abs=0.0001)


def test_a_layer_that_the_browser_stopped_is_left_soon() -> None:
    uplink = Uplink("a", PLAN)
    for ssrc, rid in ((20, "f"), (21, "q")):
        uplink.receive(named(ssrc, 1, mid="1", rid=rid), 0.0)
    for number in range(2, 12):
        uplink.receive(named(21, number), number / 20)
        if number < 4:
            uplink.receive(named(20, number), number / 20)
    assert [source.rid for source in uplink.layers("camera", 0.55)] == ["f", "q"]
    uplink.receive(named(21, 12), 0.7)
    assert [source.rid for source in uplink.layers("camera", 0.7)] == ["q"]
    assert [source.rid for source in uplink.layers("camera", 2.0)] == ["q"], "a cut line stops no layer by itself"
    assert uplink.layers("camera", 2.8) == []
    uplink.receive(named(20, 4), 2.8)
    assert [source.rid for source in uplink.layers("camera", 2.8)] == ["f"]


def test_a_layer_that_was_stopped_is_asked_for_a_key_frame_when_it_goes_on() -> None:
    uplink = Uplink("a", PLAN)
    uplink.receive(named(20, 1, mid="1", rid="f"), 0.0)
    source = uplink.source("camera", "f")
    assert source is not None
    source.want_key_frame()
    assert uplink.requests(0.1) != []
    assert all(uplink.requests(tick / 10) == [] for tick in range(10, 100)), "nobody would answer"
    uplink.receive(picture(20, 2, 2), 10.0)
    assert uplink.requests(10.0) != []


def test_rtx_under_a_media_ssrc_is_told_apart_by_its_payload_type() -> None:
    uplink = Uplink("a", PLAN)
    for number in (1, 3):
        uplink.receive(named(20, number, mid="1", rid="f"), 0.0)
    arrived = uplink.receive(named(20, 2, payload_type=97, mid="1", repaired="f"), 0.1)
    assert arrived is not None and arrived.packet.index & 0xFFFF == 2
    arrived = uplink.receive(named(20, 4), 0.2)
    assert arrived is not None and arrived.source.ssrc == 20 and arrived.packet.index & 0xFFFF == 4
    assert uplink.lost == 1, "a repair is not an arrival"


def test_two_streams_under_one_ssrc_are_one() -> None:
    """The number was learned first; what comes under it later is of that stream, whatever it is called."""
    uplink = Uplink("a", PLAN)
    uplink.receive(named(20, 1, mid="1", rid="f"), 0.0)
    arrived = uplink.receive(named(20, 2, mid="1", rid="q"), 0.1)
    assert arrived is not None and arrived.source.rid == "f"
    assert sorted(uplink.sources) == [("camera", "f")]
    with pytest.raises(ProtocolError):
        uplink.receive(build_header(98, 0, 3, 3, 20) + b"\x10\x01", 0.2)


def test_repairing_streams_without_end_take_no_memory() -> None:
    uplink = Uplink("a", PLAN)
    uplink.receive(named(20, 1, mid="1", rid="f"), 0.0)
    for ssrc in range(1000, 3000):
        uplink.receive(named(ssrc, 1, payload_type=97, mid="1", repaired="f"), 0.1)
    assert len(uplink._by_rtx_ssrc) == MOST_REPAIRS


def test_two_streams_that_claim_one_layer_in_turn_cost_only_who_sends_them() -> None:
    """The newest has it, and nothing of the other stays; but all who watch follow it only so often."""
    uplink = Uplink("a", PLAN)
    had: list[Source | None] = []
    for number in range(1000):
        with contextlib.suppress(ProtocolError):
            uplink.receive(named(20 + number % 2, number, mid="1", rid="f"), number / 50)
        had.append(uplink.source("camera", "f"))
    assert len(uplink.sources) == len(uplink._by_ssrc) == len(uplink._pictures) == 1
    changes = sum(before is not after for before, after in pairwise(had))
    assert BEGUN_AT_ONCE / 2 - 1 <= changes <= BEGUN_AT_ONCE + 20 * BEGUN_PER_SECOND


def test_a_layer_that_comes_back_again_and_again_is_not_followed_each_time() -> None:
    uplink = Uplink("a", PLAN)
    begun = 0
    for number in range(100):
        arrived = uplink.receive(named(20, number, mid="1", rid="f"), 0.6 * number)
        assert arrived is not None
        begun += arrived.source.resumes
    assert BEGUN_AT_ONCE <= begun <= BEGUN_AT_ONCE + 60 * BEGUN_PER_SECOND + 1


def heard(uplink: Uplink, voices: Iterable[tuple[bytes, float]]) -> tuple[int, int]:
    """Packets of a voice that are passed on, with what they repair, and their bytes on a link."""
    packets = octets = 0
    for data, now in voices:
        arrived = uplink.receive(data, now)
        for packet in (*arrived.repaired, arrived.packet) if arrived is not None else ():
            packets, octets = packets + 1, octets + len(packet.template) - PAYLOAD + HEADERS
    return packets, octets


def test_a_voice_that_floods_is_passed_on_only_as_far_as_a_voice_goes() -> None:
    """It leaves to everybody who hears it at once, whatever their links carry, before all pictures."""
    most = (10 + VOICE_SECONDS) * VOICE_SHARE * UPLINK_MBIT * BYTES_PER_MBIT
    for size in (1, 40, 800):
        flood = [(voice(10, number & 0xFFFF, level=1) + bytes(size), number / 1000) for number in range(10_000)]
        _, octets = heard(Uplink("a", PLAN), flood)
        assert 0.9 * most - 1000 <= octets <= most


def test_copies_that_a_voice_brings_along_count_too() -> None:
    plan = replace(PLAN, payload_types=PLAN.payload_types | {63}, red={63: 111})
    heads = b"".join(bytes((0x80 | 111,)) + (back * 300 << 10 | 3).to_bytes(3, "big") for back in range(10, 0, -1))
    payload = heads + bytes((111,)) + b"\x78ab" * 11
    flood = [
        (build_header(63, 0, 40 * number & 0xFFFF, 40_000 * number, 10) + payload, number / 500)
        for number in range(5_000)
    ]
    packets, octets = heard(Uplink("a", plan), flood)
    assert packets > 1000
    assert octets <= (10 + VOICE_SECONDS) * VOICE_SHARE * UPLINK_MBIT * BYTES_PER_MBIT


def test_a_voice_of_good_quality_is_passed_on_whole_also_when_it_was_held_up() -> None:
    """64 kbit/s in packets of 10 ms, of which those of two seconds come at once."""
    voices = [(voice(10, number), number / 100) for number in range(2_000)]
    voices = [(data, 12.0 if 10.0 < now < 12.0 else now) for data, now in voices]
    assert heard(Uplink("a", PLAN), voices)[0] == 2_000


def test_layers_are_left_out_when_all_that_comes_has_waited_for_long() -> None:
    """A voice alone shows it: from the fifth second on the queue on its way is full."""
    uplink = Uplink("a", PLAN)
    left_out = {}
    for number in range(15 * 50):
        sent = number / 50
        arrival = sent + (0.3 if sent >= 5 else 0.02)
        if sent < 5 or number % 20:  # it drops what does not fit
            uplink.receive(voice(10, number, transport=number), arrival)
        if number % 50 == 0:
            report = rtcp.SenderReport(10, rtcp.ntp_time(1_000_000 + sent), number * 960, 1, 1)
            uplink.sender_report(report, arrival)
        if number % 5 == 0:
            uplink.look_at_way(arrival + 0.01)
            left_out[sent] = uplink.left_out
    assert left_out[5 + LASTS - 0.5] == 0
    assert left_out[5 + LASTS + 0.5] == 1
    assert left_out[max(left_out)] == 2
