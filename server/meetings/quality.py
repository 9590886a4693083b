"""How good a participant's line is: one word, and the figures behind it. Pure.

The word is never better than the one that the participant's own page shows (`media.allocation.ladder`), and worse where
the line loses or delays what no picture shows. Thresholds follow what people notice (ITU-T G.114: 400 ms one way is the
limit for talking; Opus with FEC hides some 2 % of loss, hardly 8 %).
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal

import msgspec

from server.media.protocol import QUALITIES, RUNGS, LayerStats, ParticipantStats, Quality, Rung, Sound, worst
from server.meetings.health import Health

LEAST_PACKETS = 20
"""Fewer in the time between two readings tell nothing about loss."""


class Line(msgspec.Struct, frozen=True, kw_only=True):
    """One participant's line; `up` is from the place to us. Shares are 0 to 1; None is not known yet.

    `quality` is "lost" for one that is not there; `rung` is what its link carries of the meeting (`media.ladder`).
    What stands between `freezes` and `cpu_short` the participant's page tells, of its last minute (`health.Health`).
    `sound` is of a telephone: whether its sound arrives. What its line does not tell is None.
    """

    participant: int
    quality: Quality | Literal["lost"]
    rung: Rung = "full"
    loss_up: float | None = None
    loss_down: float | None = None
    rtt_ms: int | None = None
    jitter_up_ms: int | None = 0
    jitter_down_ms: int | None = 0
    kbps_up: int | None = None
    kbps_down: int | None = None
    estimate_kbps: int | None = None
    queue_ms: int | None = 0
    nacks: int = 0
    plis: int = 0
    freezes: int | None = None
    frozen_s: float | None = None
    concealed: float | None = None
    cpu: float | None = None
    cpu_short: float | None = None
    sound: Sound | None = None
    sent: list[LayerStats] = []
    shown: list[LayerStats] = []


def quality(loss: float, rtt_ms: float, jitter_ms: float) -> Quality:
    """The word for the worst of both directions."""
    if loss >= 0.08 or rtt_ms >= 800 or jitter_ms >= 150:
        return "poor"
    if loss >= 0.02 or rtt_ms >= 300 or jitter_ms >= 50:
        return "fair"
    return "good"


def loss_up(before: ParticipantStats, after: ParticipantStats) -> float | None:
    """Share of what the place has sent between two readings and we did not get at the first try."""
    return _share(after.lost_in - before.lost_in, after.expected_in - before.expected_in)


def loss_down(before: ParticipantStats, after: ParticipantStats) -> float | None:
    """Share of what we have sent and the place did not get: by its transport-cc feedback, else by its report."""
    reported = after.reported_out - before.reported_out
    if reported >= LEAST_PACKETS:
        return _share(after.missing_out - before.missing_out, reported)
    return after.lost_out if after.packets_out - before.packets_out >= LEAST_PACKETS else None


def kbps(before: int, after: int, seconds: float) -> int:
    """Bytes counted at two readings as a rate."""
    return round(8 * max(0, after - before) / seconds / 1000)


def line(
    participant: int,
    before: ParticipantStats | None,
    after: ParticipantStats,
    seconds: float,
    health: Health | None = None,
) -> Line:
    """A line between two readings of one session, so many seconds apart; a first reading has no rates yet.

    `health` is what the participant's page tells of itself.
    """
    if before is not None and (before.session != after.session or seconds <= 0):
        before = None
    up = loss_up(before, after) if before else None
    down = loss_down(before, after) if before else None
    jitter = max(after.jitter_ms or 0.0, after.jitter_out_ms or 0.0)
    word = quality(max(up or 0.0, down or 0.0), after.rtt_ms or 0.0, jitter)
    return Line(
        participant=participant,
        quality=worst(word, after.quality) if after.state == "connected" else "lost",
        rung=after.rung,
        loss_up=up,
        loss_down=down,
        rtt_ms=_whole(after.rtt_ms),
        jitter_up_ms=_whole(after.jitter_ms),
        jitter_down_ms=_whole(after.jitter_out_ms),
        kbps_up=kbps(before.bytes_in, after.bytes_in, seconds) if before else None,
        kbps_down=kbps(before.bytes_out, after.bytes_out, seconds) if before else None,
        estimate_kbps=None if after.estimate_bps is None else after.estimate_bps // 1000,
        queue_ms=_whole(after.queue_ms),
        nacks=after.nacks_in + after.nacks_out,
        plis=after.plis_in + after.plis_out,
        freezes=health.freezes if health else None,
        frozen_s=round(health.frozen, 1) if health else None,
        concealed=health.concealed if health else None,
        cpu=health.cpu if health else None,
        cpu_short=health.cpu_short if health else None,
        sound=after.sound,
        sent=after.sent,
        shown=after.shown,
    )


def weakest_first(lines: Iterable[Line]) -> list[Line]:
    """By the word, then by the rung; alike ones stay in their order."""

    def place(one: Line) -> tuple[int, int]:
        return len(QUALITIES) if one.quality == "lost" else QUALITIES.index(one.quality), RUNGS.index(one.rung)

    return sorted(lines, key=place, reverse=True)


def _whole(ms: float | None) -> int | None:
    return None if ms is None else round(ms)


def _share(lost: int, of: int) -> float | None:
    return max(0.0, min(1.0, lost / of)) if of >= LEAST_PACKETS else None
