"""The programme of a room: the one picture that whoever has a single screen should see, and its way to recordings."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence

from server.media.inward.packet import Packet
from server.media.inward.source import Source
from server.media.outward.downlink import Downlink
from server.media.outward.slots import Segment, Slot
from server.media.protocol import Picture
from server.media.sides import RoomSink
from server.media.wire.rtp import VIDEO_CLOCK

SHOWN_AT_LEAST = 2.0  # s between two changes of the programme's speaker
SEEK_EVERY = 10.0  # s between key frames of a recorded picture, so that a player can seek


class Programme:
    """What one screen should show: the shared screen first, else who speaks, else who spoke last."""

    def __init__(self) -> None:
        self.source: str | None = None
        self.kind: Picture = "camera"
        self._candidate: str | None = None
        self._candidate_since = 0.0

    def choose(self, screens: Sequence[str], cameras: Collection[str], speaker: str | None, now: float) -> bool:
        """Decide from who shares, who has a camera on and who speaks loudest; true when the programme changed."""
        before = (self.source, self.kind)
        if screens:
            if not (self.kind == "screen" and self.source in screens):
                self.source, self.kind = screens[0], "screen"
        else:
            self._choose_camera(cameras, speaker, now)
        return (self.source, self.kind) != before

    def _choose_camera(self, cameras: Collection[str], speaker: str | None, now: float) -> None:
        if speaker is None or speaker not in cameras:
            self._candidate = None
        elif speaker != self._candidate:
            self._candidate, self._candidate_since = speaker, now
        showing = self.kind == "camera" and self.source in cameras
        steady = self._candidate is not None and now - self._candidate_since >= SHOWN_AT_LEAST
        if showing and not steady:
            return
        self.kind = "camera"
        self.source = self._candidate or (self.source if self.source in cameras else min(cameras, default=None))


class Screening:
    """Shows the programme to the room's `sinks`: one continuous stream, switched at key frames.

    `best` finds the best layer that arrives of somebody's picture, `ask` asks its sender for a key frame.
    """

    def __init__(
        self,
        programme: Programme,
        sinks: list[RoomSink],
        best: Callable[[str, Picture, float], Source | None],
        ask: Callable[[list[Source], float], None],
    ) -> None:
        self._programme, self._sinks = programme, sinks
        self._best, self._ask = best, ask
        self._slot = Slot(0, 96, VIDEO_CLOCK, 0, Downlink(), codecs={"vp8": (96, None), "vp9": (98, None)})
        self._begun: Segment | None = None  # of which sinks have got the beginning
        self._key_frame_at = 0.0

    def begin(self, sink: RoomSink, now: float) -> None:
        """From now on `sink` gets the programme, which begins with a key frame."""
        self._sinks.append(sink)
        self._key_frame_at = 0.0
        sink.on_programme(self._programme.source, self._programme.kind)
        self.show(now)

    def end(self, sink: RoomSink, now: float) -> None:
        """`sink` gets nothing more."""
        self._sinks.remove(sink)
        self.show(now)

    @property
    def shown(self) -> tuple[str, Picture] | None:
        """Whose picture sinks are to see; None without sinks, or where there is none."""
        owner = self._programme.source if self._sinks else None
        return (owner, self._programme.kind) if owner else None

    def changed(self) -> None:
        """The programme is another: tell whoever it is shown to."""
        for sink in self._sinks:
            sink.on_programme(self._programme.source, self._programme.kind)

    def show(self, now: float) -> None:
        """Go over to the best that arrives of it, if that is another source, and keep what is recorded seekable."""
        shown = self.shown
        source = self._best(*shown, now) if shown else None
        self._slot.show(source)
        vp8 = source is not None and source.codec == "vp8"  # of VP9 the recorder makes key frames itself (`translator`)
        if vp8 and now - self._key_frame_at >= SEEK_EVERY:
            self.refresh(now)

    def refresh(self, now: float) -> None:
        """Ask for a key frame of what is shown."""
        source = self._slot.awaiting or self._slot.showing
        if source is not None:
            self._key_frame_at = now
            source.want_key_frame()
            self._ask([source], now)

    def pass_on(self, source: Source, packets: list[Packet]) -> None:
        """These were passed on to everybody else: to the sinks, too, if they are of what is shown."""
        segment = self._slot.segment
        if segment is None or segment.source is not source:
            return
        if segment is not self._begun:  # its key frame may have come late, when what follows had been passed on already
            self._begun, packets = segment, source.since(segment.first)
        for packet in packets:
            if packet.index < segment.first or packet.padding:
                continue
            payload = segment.payload(packet)
            timestamp = packet.timestamp + segment.timestamp & 0xFFFFFFFF
            sequence = packet.index + segment.sequence & 0xFFFF
            for sink in self._sinks:
                sink.on_video(payload, timestamp, bool(packet.marker), sequence, source.placed(packet), source.codec)
