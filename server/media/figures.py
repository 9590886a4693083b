"""The node's counters as its control process is told them (`protocol.Stats`): read only when asked for."""

from __future__ import annotations

import resource
from collections import Counter
from collections.abc import Iterable

from server.media import protocol as p
from server.media.allocation.allocator import STILL
from server.media.inward.source import Source
from server.media.outward.slots import Slot
from server.media.participant import Participant
from server.media.switch import Switch

LINES = (180, 360, 720, 1080, 2160)  # sizes of pictures that are told apart in the node's totals


def node_stats(switch: Switch, room: str | None, lag: float, now: float) -> p.Stats:
    """Everything, or with `room` the participants of that room only; `lag` in seconds."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    port, paths = switch.port, switch.paths
    everybody = list(switch.participants())
    return p.Stats(
        participants=[
            participant_stats(who, now, layers=room is not None) for who in everybody if room in (None, who.room)
        ],
        rooms=len(switch.rooms),
        packets_in=paths.received,
        packets_out=port.sent,
        bytes_in=switch.past_bytes_in + sum(who.uplink.bytes for who in everybody),
        bytes_out=switch.past_bytes_out + sum(who.downlink.bytes for who in everybody),
        dropped_video=port.dropped_video,
        dropped_audio=port.dropped_audio,
        retransmitted=switch.past_retransmitted + sum(who.downlink.retransmitted for who in everybody),
        given_up=switch.forwarder.given_up,
        shown=shown(slot for who in everybody for slot in who.pictures),
        cpu_seconds=used.ru_utime + used.ru_stime,
        refused=dict(paths.refused),
        lag_ms=1000 * lag,
    )


def participant_stats(participant: Participant, now: float, *, layers: bool) -> p.ParticipantStats:
    """One session's counters, with `layers` also what it sends and is shown."""
    up, down, back = participant.uplink, participant.downlink, participant.heard_back
    known = down.bandwidth
    return p.ParticipantStats(
        participant=participant.name,
        session=participant.session,
        state=participant.state,
        packets_in=up.packets,
        bytes_in=up.bytes,
        packets_out=down.packets,
        bytes_out=down.bytes,
        expected_in=up.expected,
        lost_in=up.lost,
        reported_out=known.received + known.lost,
        missing_out=known.lost,
        estimate_bps=round(down.estimate),
        queue_ms=known.queueing_ms,
        lost_out=back.lost,
        jitter_ms=up.jitter_ms(now),
        jitter_out_ms=1000 * back.jitter,
        rtt_ms=None if back.rtt is None else 1000 * back.rtt,
        nacks_in=back.nacks,
        nacks_out=up.nacks,
        plis_in=back.plis,
        plis_out=up.plis,
        retransmitted=down.retransmitted,
        dropped=down.dropped,
        rung=participant.view.ladder.rung,
        quality=participant.view.ladder.quality,
        sent=[_layer(source) for source in up.sources.values() if layers and source.is_video and source.live(now)],
        shown=[
            _layer(slot.segment.source, slot.number, STILL if slot.still else slot.segment.cap)
            for slot in participant.pictures
            if layers and slot.segment is not None
        ],
    )


def shown(slots: Iterable[Slot]) -> list[p.ShownCount]:
    """How many of the slots show what, by size and temporal layers."""
    counts: Counter[tuple[int, int]] = Counter()
    for slot in slots:
        if slot.still:
            counts[0, STILL] += 1
        elif slot.segment is not None:
            lines = min(slot.segment.source.width, slot.segment.source.height)
            counts[next((size for size in LINES if lines <= size), LINES[-1]), slot.segment.cap] += 1
    return [p.ShownCount(lines=lines, cap=cap, slots=count) for (lines, cap), count in sorted(counts.items())]


def _layer(source: Source, slot: int | None = None, cap: int | None = None) -> p.LayerStats:
    kind: p.Picture = "screen" if source.kind == "screen" else "camera"
    return p.LayerStats(kind=kind, rid=source.rid, width=source.width, height=source.height, slot=slot, cap=cap)
