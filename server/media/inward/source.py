"""A source: one incoming stream (a microphone, or one layer of a camera or screen) and its recent packets.

It brings order into what arrives (gaps, copies, late packets), remembers what a retransmission may need, asks for
key frames without flooding the publisher.

A picture's temporal layers (RFC 7741 §4.2, TID) can be capped: whoever gets only those up to a cap must see numbers
without holes. So each packet carries how much was left out before it, for each cap: `Packet.number` and
`Packet.picture_number` are numbers of the capped stream, still the same for all its subscribers.
"""

from __future__ import annotations

from itertools import accumulate
from operator import attrgetter
from typing import TYPE_CHECKING

from server.media.inward.asking import KeyFrames, Losses
from server.media.inward.packet import NOTHING_SKIPPED, PAYLOAD, TOP_LAYER, Packet, Skipped
from server.media.inward.reception import Reception
from server.media.protocol import Kind
from server.media.terms import Codec
from server.media.transport.policing import Bucket
from server.media.voices import HEADERS
from server.media.wire.opus import RATE
from server.media.wire.rtp import SRTP_TAG, VIDEO_CLOCK

if TYPE_CHECKING:
    from server.media.outward.audience import Audience
    from server.media.outward.slots import Slot

VIDEO_RING = 512  # packets, about four seconds of 1 Mbit/s
VOICE_RING = 64
ONSET = 4800  # ticks of 48 kHz: how much of a voice from before the decision that it is heard is passed on
_CONTINUOUS = 2880  # ticks between two packets of a voice; a longer step is a pause of DTX
HELD_UP = 0.25  # s by which a packet's arrival may differ from what its sender's clock says, for that to count

RATES_EVERY = 1.0  # s over which bit rates are counted
FIRST_RATES = 0.25  # s until the first are known
PAGE_SMOOTHING = 0.15  # share of the newest second in the rates of a screen

STOPPED = 0.5  # s
JUST_BEGUN = 0.15  # s from a key frame in which who comes begins with it: about as long as another would take
LIVE_FOR: dict[Kind, float] = {"microphone": 5.0, "camera": 2.0, "screen": 3.0}  # s without packets; DTX is silent


class Source:
    """State of one incoming stream in one codec. `fresh` holds packets not yet passed on; `slots` those who get them.

    `waiting` are slots that take it at its next key frame, of them `joining` those that may still take it at the last
    one; `changing` are those that wish for another cap. `rates` are the
    bit/s that a slot costs with each cap (UDP payload; 0 until known) without key frames, which are rare, `frame_rate`
    the pictures a second of all layers; both are of the last second in which packets came. What is `allowed` to come
    is bytes on the links of those who get it.
    """

    def __init__(
        self, owner: str, kind: Kind, rid: str, ssrc: int, codec: Codec = "vp8", allowed: Bucket | None = None
    ) -> None:
        self.owner = owner
        self.kind: Kind = kind
        self.rid = rid
        self.ssrc = ssrc
        self.is_video = kind != "microphone"
        self.codec: Codec = codec  # of pictures
        self.has_numbers = self.is_video and codec == "vp8"  # in its payload, which differ between slots
        self.clock_rate = VIDEO_CLOCK if self.is_video else RATE
        self.allowed = allowed
        self.width = self.height = 0
        self.newest: Packet | None = None
        self.passed_on: Packet | None = None  # the newest that its slots have got
        self.last_arrival = float("-inf")
        self.fresh: list[Packet] = []
        self.slots: set[Slot] = set()
        self.waiting: set[Slot] = set()
        self.joining: set[Slot] = set()
        self.changing: set[Slot] = set()
        self.audiences: tuple[list[Audience], list[Slot]] | None = None  # of `slots`; None: to be found anew
        self.rates = (0.0,) * (TOP_LAYER + 1)
        self.frame_rate = 0.0
        self.resumes = False  # whether its newest packet came after a pause, or is the first
        self.top_layer = 0  # highest temporal layer since the last key frame
        self.losses = Losses(kind == "screen")
        self.key_frames = KeyFrames(kind == "screen")
        self._unheard_from = 0  # packets below this index were in a slot, or were to be heard by nobody
        self._ring: list[Packet | None] = [None] * (VIDEO_RING if self.is_video else VOICE_RING)
        self._skipped = NOTHING_SKIPPED
        self._open = 0  # the layer of the picture that arrives now, if it is above the base
        self._key_frame = 0  # index of the last key frame's first packet
        self._key_picture = -1  # its picture
        self._counted = [0] * (TOP_LAYER + 1)  # bytes of each layer since the last rates
        self._counted_pictures = 0
        self._counted_since = 0.0
        self.report = Reception(self.clock_rate)
        self.clock: tuple[float, int] | None = None  # server time and RTP timestamp of one instant, from its SR
        self.goes_since = 0  # index of a voice's first packet since its timestamps last stood, or seemed to
        self._doubted: tuple[float, int] | None = None  # the clock until then

    # ---- packets ---------------------------------------------------------------------------------------------------

    def index_of(self, sequence: int) -> int:
        """The unwrapped number of a 16-bit one: the nearest to the newest."""
        if self.newest is None:
            return sequence + 0x10000  # never negative, however late an earlier one comes
        newest = self.newest.index
        return newest + ((sequence - newest + 0x8000) & 0xFFFF) - 0x8000

    def accept(self, packet: Packet) -> bool:
        """Remember a packet; false for a copy, one so late that nobody waits for it, or one that is not allowed."""
        index, ring, newest = packet.index, self._ring, self.newest
        held = ring[index % len(ring)]
        if newest is not None and (index <= newest.index - len(ring) or (held is not None and held.index == index)):
            return False
        octets = len(packet.template) - PAYLOAD + HEADERS
        if self.allowed is not None and not self.allowed.take(octets, packet.arrival):
            return False
        if newest is None or index > newest.index:
            if newest is not None and index > newest.index + 1 and self.is_video:
                self.key_frames.wanted |= not self.losses.note(newest.index + 1, index, packet.arrival)
            if newest is not None and not self.is_video:
                self._look_at_clock(newest, packet)
            self._place(packet)
            self.newest = packet
        else:
            self.losses.found(index, packet.arrival)
            packet.late, packet.skipped = True, self.skipped_before(index)
        ring[index % len(ring)] = packet
        self.losses.came += 1
        if packet.key_frame:
            self.key_frames.begins(packet.arrival)
        if self.is_video:
            self._count(packet)
        self.last_arrival = packet.arrival
        self.fresh.append(packet)
        return True

    def take_fresh(self, most: int | None) -> list[Packet]:
        """The oldest fresh packets, which are passed on now."""
        taken = self.fresh[:most]
        del self.fresh[:most]
        newest = max(taken, key=attrgetter("index"), default=None) if self.fresh else self.newest
        if newest is not None and (self.passed_on is None or newest.index > self.passed_on.index):
            self.passed_on = newest
        return taken

    def recent(self, index: int) -> Packet | None:
        """The packet of this number, while it is remembered."""
        held = self._ring[index % len(self._ring)]
        return held if held is not None and held.index == index else None

    # ---- temporal layers -------------------------------------------------------------------------------------------

    def _place(self, packet: Packet) -> None:
        """Note what caps leave out before this packet, which is in order; what is missing counts as let through."""
        if self._open and self.newest is not None and packet.picture > self.newest.picture:
            self._skip(self._open, 0, 1)
            self._open = 0
        packet.skipped = self._skipped
        if packet.tid:
            self._open = packet.tid
            self._skip(packet.tid, 1, 0)
        elif packet.key_frame:
            self.top_layer, self._key_frame = 0, packet.index

    def _skip(self, tid: int, packets: int, pictures: int) -> None:
        before = self._skipped
        self._skipped = tuple((p + packets, n + pictures) if tid > cap else (p, n) for cap, (p, n) in enumerate(before))

    def top_layer_at(self, packet: Packet) -> int:
        """The highest layer since the last key frame, for all that is known: nobody misses what is above it."""
        return self.top_layer if packet.index >= self._key_frame and not self.losses.missing else TOP_LAYER

    def skipped_before(self, index: int) -> Skipped:
        """What was left out before this index, present or missing: a gap has what the packet behind it has."""
        end = index if self.newest is None else self.newest.index + 1
        behind = (packet.skipped for n in range(index, end) if (packet := self.recent(n)) is not None)
        return next(behind, self._skipped)

    def find(self, number: int, cap: int) -> Packet | None:
        """The packet whose `Packet.number` under `cap` is this, while it is remembered.

        Numbers grow at most as fast as indices, so stepping down by the difference never jumps over the answer.
        """
        if self.newest is None:
            return None
        skipped = self.newest.skipped[cap][0]
        index = min(self.newest.index, number + skipped)
        beyond = 1 if skipped else index - number
        while beyond > 0 and index > self.newest.index - len(self._ring):
            beyond = index - self.skipped_before(index)[cap][0] - number
            index -= beyond
        packet = self.recent(index) if beyond == 0 else None
        return packet if packet is not None and packet.passes(cap) else None

    # ---- rates -----------------------------------------------------------------------------------------------------

    def _count(self, packet: Packet) -> None:
        now = packet.arrival
        self.resumes = now - self.last_arrival > STOPPED
        if not self.live(now):  # it begins, or begins again: the time without packets is no low rate
            self._restart_count(now)
        span = now - self._counted_since
        if span >= (RATES_EVERY if self.frame_rate else FIRST_RATES):
            counted = (8 * octets / span for octets in accumulate(self._counted))
            self.rates = tuple(map(self._smoothed, self.rates, counted))
            self.frame_rate = self._counted_pictures / span
            self._restart_count(now)
        if packet.key_frame:
            self._key_picture = packet.picture
        if packet.picture == self._key_picture:
            if not packet.padding:
                self.key_frames.goes_on(now)
        else:
            self._counted[packet.tid] += len(packet.template) + SRTP_TAG
        self._counted_pictures += packet.starts
        self.top_layer = max(self.top_layer, packet.tid)

    def _smoothed(self, before: float, counted: float) -> float:
        """A turned page comes at once, but need not be sent at once (`pacing`): a screen costs its mean."""
        return before + PAGE_SMOOTHING * (counted - before) if self.kind == "screen" and before else counted

    def _restart_count(self, now: float) -> None:
        self._counted = [0] * (TOP_LAYER + 1)
        self._counted_pictures = 0
        self._counted_since = now

    def since(self, first: int) -> list[Packet]:
        """What is remembered from this number on of what was passed on, in order."""
        end = first if self.passed_on is None else self.passed_on.index + 1
        return [packet for index in range(max(first, end - len(self._ring)), end) if (packet := self.recent(index))]

    def live(self, now: float) -> bool:
        """Whether packets arrive (a voice may be silent for a while, a shared page may stand still)."""
        return now - self.last_arrival < LIVE_FOR[self.kind]

    def stopped(self, now: float) -> bool:
        """Whether no picture of a camera has come for so long that nobody needs what is missing of the last ones."""
        return self.kind == "camera" and self.newest is not None and now - self.newest.arrival > STOPPED

    def end(self) -> None:
        """No more packets: free the memory, and let the slots go."""
        for slot in [*self.slots, *self.waiting]:
            slot.show(None)
        self._ring = [None] * len(self._ring)
        self.fresh.clear()
        self.losses.missing.clear()

    # ---- who gets it -----------------------------------------------------------------------------------------------

    def wait(self, slot: Slot, *, anew: bool = False) -> None:
        """`slot` takes this source at the next key frame, which may just have come (a voice: at the next packet).

        One that was passed on a moment ago serves, too, but not for who was sent it and begins `anew`.
        """
        self.waiting.add(slot)
        if any(packet.key_frame for packet in self.fresh):
            return
        if self.kind == "camera" and not anew and self._just_begun():
            self.joining.add(slot)
        else:
            self.want_key_frame()

    def opening(self, packets: list[Packet]) -> list[Packet]:
        """What of a picture those who are `joining` get first, when these packets are passed on; the others wait."""
        number = next((packet.index for packet in packets if packet.key_frame), None)
        if number is not None:
            self.joining |= self.waiting
            return self.since(number)  # when it is late, what followed has been passed on already
        opening = self._just_begun() if self.joining else []
        if not opening:
            self.joining.clear()
        if len(self.waiting) > len(self.joining):
            self.want_key_frame()  # the one that was asked for may have been given up
        return opening

    def _just_begun(self) -> list[Packet]:
        """What was passed on from the last key frame on, if that was a moment ago."""
        first = self.recent(self._key_frame)
        begun = first is not None and first.key_frame and self.last_arrival - first.arrival < JUST_BEGUN
        return self.since(self._key_frame) if begun else []

    def stop_waiting(self, slot: Slot) -> None:
        """`slot` no longer wishes for this source."""
        self.waiting.discard(slot)
        self.joining.discard(slot)

    def wish_cap(self, slot: Slot, wished: bool) -> None:
        """`slot`, which shows this, wishes for another cap, or no longer does."""
        (self.changing.add if wished else self.changing.discard)(slot)

    def take(self, slot: Slot) -> None:
        """`slot` shows this source from now on."""
        self.stop_waiting(slot)
        self.slots.add(slot)
        self.audiences = None

    def stop_taking(self, slot: Slot) -> None:
        """`slot` shows something else."""
        self.slots.discard(slot)
        self.changing.discard(slot)
        self.audiences = None
        if not self.slots and self.newest is not None:
            self._unheard_from = self.newest.index + 1

    def withhold(self) -> None:
        """What is fresh may be heard by nobody, later neither."""
        self.fresh.clear()
        if self.newest is not None:
            self._unheard_from = self.newest.index + 1

    def onset(self, packet: Packet) -> list[Packet]:
        """Packets of a voice just before this one that nobody got, as it was not loud yet: how its word began."""
        found: list[Packet] = []
        if self.is_video or self.slots:
            return found
        before, first = self.recent(packet.index - 1), packet
        while before is not None and before.index >= self._unheard_from:
            step = first.timestamp - before.timestamp & 0xFFFF_FFFF
            total = packet.timestamp - before.timestamp & 0xFFFF_FFFF
            if step > _CONTINUOUS or total > ONSET or before.padding:
                break
            found.append(before)
            first, before = before, self.recent(before.index - 1)
        return found[::-1]

    def want_key_frame(self) -> None:
        """Ask the sender for a key frame at the next occasion."""
        self.key_frames.wanted = self.is_video

    # ---- clocks ----------------------------------------------------------------------------------------------------

    def timestamp_at(self, now: float) -> int | None:
        """The RTP timestamp of what is captured at `now` on the server's clock; None before the first packet."""
        if self.clock is not None:
            at, timestamp = self.clock
        elif self.newest is not None:
            at, timestamp = self.newest.arrival, self.newest.timestamp
        else:
            return None
        return timestamp + round((now - at) * self.clock_rate)

    def _look_at_clock(self, before: Packet, packet: Packet) -> None:
        """Chromium's stands while a microphone is off; or packets were held up, until one is as early as it says."""
        if packet.held_up((before.arrival, before.timestamp), self.clock_rate) > HELD_UP:
            self.goes_since = packet.index
            self._doubted, self.clock = self.clock or self._doubted, None
        elif self._doubted is not None and abs(packet.held_up(self._doubted, self.clock_rate)) <= HELD_UP:
            self._doubted, self.clock = None, self.clock or self._doubted

    def placed(self, packet: Packet) -> float:
        """When a packet would have come had nothing held it up; when it came, as long as its sender's clock is unknown.

        Voice and pictures of a participant that are placed like this belong together.
        """
        return packet.arrival - min(max(self.held_up(packet), -HELD_UP), HELD_UP)

    def held_up(self, packet: Packet) -> float:
        """Seconds by which it came later than the quickest of late; 0 as long as its sender's clock is unknown."""
        return 0.0 if self.clock is None else packet.held_up(self.clock, self.clock_rate)
