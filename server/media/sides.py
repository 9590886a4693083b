"""Who a room deals with: those who send, and those in the node itself who get what it hears and sees."""

from __future__ import annotations

from typing import Protocol

from server.media.inward.source import Source
from server.media.protocol import Codec, Kind, Picture


class VoiceSink(Protocol):
    """Somebody in the node itself who gets what the room hears (telephones).

    `arrival` is when a packet would have come had nothing held it up (`Source.placed`).
    """

    def on_audio(self, participant: str, payload: bytes, rtp_timestamp: int, arrival: float) -> None:
        """An Opus packet of somebody who holds the floor and is not muted; all voices, 48 kHz timestamps."""


class RoomSink(VoiceSink, Protocol):
    """And what it sees (recorder)."""

    def on_video(
        self, payload: bytes, rtp_timestamp: int, marker: bool, sequence: int, arrival: float, codec: Codec = "vp8"
    ) -> None:
        """An RTP payload of the programme: one continuous stream, switched at key frames, 90 kHz."""

    def on_programme(self, source: str | None, kind: Picture) -> None:
        """The programme shows this from now on."""


class Member(Protocol):
    """Whoever sends: a participant's session, or a telephone."""

    name: str
    allowed: frozenset[Kind]


class Caller(Member, Protocol):
    """A telephone, whose voice is a source as a browser's is; `call` is its name where it comes from."""

    call: str
    source: Source
