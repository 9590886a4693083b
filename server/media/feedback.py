"""RTCP both ways between the node and a participant: what its messages make us do, and what we report."""

from __future__ import annotations

from server.media.inward.uplink import OUR_SSRC
from server.media.outward.forward import Forwarder
from server.media.outward.slots import Slot
from server.media.participant import Participant
from server.media.room import Room
from server.media.wire import rtcp
from server.media.wire.rtcp_build import build_dlrr, build_sr

MOST_TIMES = 4  # of a participant's SSRCs, of which browsers use one


def received(participant: Participant, data: bytes, room: Room, forwarder: Forwarder, now: float, wall: float) -> None:
    """A decrypted RTCP packet came; `wall` is Unix time. Raises ProtocolError when malformed."""
    back = participant.heard_back
    for message in rtcp.parse(data):
        if not participant.allowance.hears(message, now):
            continue
        match message:
            case rtcp.ReceiverReport(reports=blocks):
                _blocks(participant, blocks, wall)
            case rtcp.SenderReport(reports=blocks):
                participant.uplink.sender_report(message, now)
                _blocks(participant, blocks, wall)
            case rtcp.TransportFeedback(fci=fci):
                downlink = participant.downlink
                if downlink.bandwidth.feedback(fci, now, downlink):
                    participant.judge_link(room.voice_form.present, now)
                    room.follow(participant, now)
            case rtcp.Nack(ssrc=ssrc, lost=lost):
                back.nacks += 1
                slot = participant.by_ssrc.get(ssrc)
                if slot is not None:
                    forwarder.rtx.answer(slot, lost, now)
            case rtcp.Pli(ssrc=ssrc) | rtcp.Fir(ssrc=ssrc):
                back.plis += 1
                slot = participant.by_ssrc.get(ssrc)
                if slot is not None:
                    _key_frame(slot, room, now)
            case rtcp.ReferenceTime(ssrc=ssrc, ntp=ntp) if ssrc in back.times or len(back.times) < MOST_TIMES:
                back.times[ssrc] = rtcp.middle(ntp), now
            case _:
                pass


def _blocks(participant: Participant, blocks: tuple[rtcp.ReportBlock, ...], wall: float) -> None:
    ours = [block for block in blocks if block.ssrc in participant.by_ssrc]
    if not ours:
        return
    back = participant.heard_back
    back.lost = max(block.fraction_lost for block in ours) / 256
    back.jitter = max(block.jitter / participant.by_ssrc[block.ssrc].clock_rate for block in ours)
    for block in ours:
        rtt = rtcp.round_trip(block, rtcp.ntp_time(wall))
        if rtt is not None:
            back.rtt = rtt
            participant.downlink.bandwidth.rtt(rtt)


def _key_frame(slot: Slot, room: Room, now: float) -> None:
    """The subscriber misses a picture; but where that is only on its way yet, a key frame would make it come later."""
    if slot.downlink.pacer.delays(slot, now):
        return
    source = slot.awaiting or slot.showing
    if source is not None:
        source.want_key_frame()
        room.ask_for_key_frames([source], now)


def reports(participant: Participant, now: float, wall: float) -> list[bytes]:
    """Once a second: receiver reports about what it sends, a sender report for each slot that shows something.

    Who told its time gets it back and so knows the round trip, by which it waits for what is lost and asks again.
    """
    packets = participant.uplink.reports(now)
    times = participant.heard_back.times
    if times:
        told = [(ssrc, last, int((now - at) * 65536)) for ssrc, (last, at) in times.items()]
        packets.append(build_dlrr(OUR_SSRC, told))
        times.clear()
    ntp = rtcp.ntp_time(wall)
    for slot in participant.by_ssrc.values():
        segment = slot.segment
        at = segment.source.timestamp_at(now) if segment is not None else None
        if segment is not None and at is not None:
            timestamp = at + segment.timestamp & 0xFFFFFFFF
            packets.append(build_sr(slot.ssrc, ntp, timestamp, slot.packets, slot.octets))
    return packets
