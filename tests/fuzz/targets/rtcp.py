"""RTCP of one participant: compound packets, feedback on what it gets, reports of what it sends."""

from __future__ import annotations

from server.errors import ProtocolError
from server.media.wire import rtcp, rtcp_build, twcc
from tests.fuzz.seeds import rtcp_seeds, twcc_seeds
from tests.fuzz.stage import CAMERA, PICTURE_SLOT, VOICE, VOICE_SLOT, Stage, joined, pieces
from tests.fuzz.targets.rtp import picture, voice
from tests.media.building import build_fir
from tests.media.reading import parse_feedback


def one(data: bytes) -> None:
    """Each piece is read by itself; then all are played while the participant sends and gets media."""
    for _kind, piece in pieces(data):
        try:
            _read(piece)
        except ProtocolError:
            continue
    stage = Stage()
    for number in range(4):
        for port in (1, 2, 3):
            _speak(stage, port, number)
    stage.tick()
    stage.play(data)


def _speak(stage: Stage, port: int, number: int) -> None:
    """So that the participant has something to report, and gets something to complain of."""
    for packet in (voice(number, number * 960), picture(number, number * 3000, key=True)):
        stage.switch.paths.datagram(packet, ("10.0.0.1", port), stage.now)
    stage.switch.paths.burst_ended(stage.now)


def _read(piece: bytes) -> None:
    for message in rtcp.parse(piece):
        if isinstance(message, rtcp.TransportFeedback):
            _read_feedback(message.fci)
        elif isinstance(message, rtcp.Nack):
            assert 0 < len(message.lost) <= rtcp.LARGEST_NACK
            assert all(0 <= number <= 0xFFFF for number in message.lost)


def _read_feedback(fci: bytes) -> None:
    try:
        arrivals = parse_feedback(fci, 10**9)
    except ProtocolError:
        return
    assert len(arrivals) <= twcc.LARGEST_STATUS_COUNT
    report = twcc.read_report(fci)
    assert (report.told, len(report.ticks)) == (len(arrivals), sum(at is not None for _, at in arrivals))


def seeds() -> list[bytes]:
    """Compound packets of every kind, about the streams of the stage too."""
    block = rtcp.ReportBlock(PICTURE_SLOT, 20, 3, 70_000, 90, 0x1234, 0x100)
    reports = rtcp_build.build_sr(CAMERA, 1 << 62, 90_000, 5, 6, [block]) + rtcp_build.build_rr(VOICE, [block] * 2)
    asking = rtcp_build.build_nack(1, PICTURE_SLOT, [1, 2, 9]) + rtcp_build.build_pli(1, PICTURE_SLOT)
    voices = rtcp_build.build_nack(1, VOICE_SLOT, [5]) + build_fir(1, PICTURE_SLOT, 4)
    feedback = [rtcp_build.build_transport_feedback(1, PICTURE_SLOT, fci) for fci in twcc_seeds()]
    padded = bytes((0xA0,)) + rtcp_build.build_pli(1, 2)[1:3] + b"\x03" + bytes(8) + b"\0\0\0\4"
    whole = [reports, asking, voices, padded, reports + asking + voices, *rtcp_seeds(), *feedback]
    return [joined([(1, each)]) for each in whole] + [joined([(3, each) for each in whole[:5]])]
