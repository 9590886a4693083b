"""Counters that a node tells of itself and of each session (`protocol.GetStats`)."""

from __future__ import annotations

import msgspec

from server.media.protocol_calls import CallStats
from server.media.terms import Message, Picture, Quality, Rung, SessionState, Sound


class LayerStats(msgspec.Struct, frozen=True, kw_only=True):
    """One encoding of a picture: of what a participant sends, or what one of its slots shows.

    Of the latter `slot` is set, and `cap` to the highest temporal layer that goes out (2 is all of them, -1 a still
    picture).
    """

    kind: Picture
    rid: str
    width: int
    height: int
    slot: int | None = None
    cap: int | None = None


class ShownCount(msgspec.Struct, frozen=True, kw_only=True):
    """How many slots of a node show a picture of up to so many `lines` (its shorter side) up to temporal layer `cap`.

    Still pictures have 0 lines, and -1 as `cap`.
    """

    lines: int
    cap: int
    slots: int


class ParticipantStats(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Counters of one session since its start; rates and shares are the reader's difference of two readings.

    `in` is what it sends to us, `out` what we send to it. `expected_in` counts what should have come, lost or not;
    `reported_out` what its transport-cc feedback spoke of, `missing_out` those of them that did not arrive. `lost_out`
    is the share that its last receiver report told, for a receiver without such feedback. Jitter and `rtt_ms` are as
    of the last report; NACKs and PLIs `in` are its own, `out` ours to it. `estimate_bps` is what its downlink carries,
    `queue_ms` how long packets wait on the way there. `rung` and `quality` say how well it takes part (`ladder`), as
    its page was told. `sound` is of a telephone: whether its sound arrives. Of telephones `session` is one call at one
    node, and what nobody tells or measures is None.
    `sent` and `shown` are told when a room is asked for; `shown` has the size and layer of each slot's picture.
    """

    participant: str
    session: str = ""
    state: SessionState
    packets_in: int = 0
    bytes_in: int = 0
    packets_out: int = 0
    bytes_out: int = 0
    expected_in: int = 0
    lost_in: int = 0
    reported_out: int = 0
    missing_out: int = 0
    lost_out: float | None = 0.0
    jitter_ms: float | None = 0.0
    jitter_out_ms: float | None = 0.0
    rtt_ms: float | None = None
    nacks_in: int = 0
    nacks_out: int = 0
    plis_in: int = 0
    plis_out: int = 0
    retransmitted: int = 0
    dropped: int = 0
    estimate_bps: int | None = None
    queue_ms: float | None = 0.0
    rung: Rung = "full"
    quality: Quality = "good"
    sound: Sound | None = None
    sent: list[LayerStats] = []
    shown: list[LayerStats] = []


class Stats(Message, frozen=True, tag="stats"):
    """The node's counters; `refused` counts what was dropped by reason (bad STUN, bad RTP, strangers...).

    `lag_ms` is how late the event loop was of late at its worst: what packets wait for an overloaded node. Dropped
    packets are those that a full send buffer did not take. `calls_tick_ms` is how much CPU the slowest 20 ms of a
    room's telephones took in the last minute, `calls_tick_p99_ms` how much 99 of 100 took at most. `calls_ticks`
    counts the ticks of rooms that are there, ever, by how many whole twentieths of a millisecond each took.
    `retransmitted` are packets that were asked for again; `given_up` those of pictures that an overloaded node left
    out, each for each slot. `telephones` are participants, too, but no sessions: they count for no load.
    """

    participants: list[ParticipantStats]
    packets_in: int
    packets_out: int
    cpu_seconds: float
    refused: dict[str, int]
    rooms: int = 0
    bytes_in: int = 0
    bytes_out: int = 0
    dropped_video: int = 0
    dropped_audio: int = 0
    retransmitted: int = 0
    given_up: int = 0
    shown: list[ShownCount] = msgspec.field(default_factory=list)
    lag_ms: float = 0.0
    calls: list[CallStats] = msgspec.field(default_factory=list)
    telephones: list[ParticipantStats] = msgspec.field(default_factory=list)
    calls_tick_ms: float = 0.0
    calls_tick_p99_ms: float = 0.0
    calls_ticks: dict[int, int] = msgspec.field(default_factory=dict)
