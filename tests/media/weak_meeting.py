"""A meeting over a bad link in virtual time: the node's own code from `paths` to `forward` between two simple browsers.

The sender's link is good. The receiver's way down is a `bandwidth.link.Link`; it answers with the feedback, NACKs and
PLIs of a browser, and counts what could be played: pictures whose references came, and 20 ms of voice each.
"""

from __future__ import annotations

import random
import struct
from collections.abc import Callable
from dataclasses import dataclass, field

from pylibsrtp import Policy

from server.media import red
from server.media.protocol import Event, LayersWanted, VoiceWanted, Want
from server.media.wire import rtcp
from server.media.wire.rtcp_build import build_nack, build_pli
from server.media.wire.rtp import RtpPacket, build_header, is_rtcp, unwrap
from server.media.wire.twcc import FeedbackBuilder
from server.media.wire.vp8 import Vp8
from tests.fuzz.stage import OPUS, PICTURE_SLOT, RED, RTX, RTX_OF_SLOT, VOICE_SLOT, VP8, Stage
from tests.media.bandwidth.link import Link
from tests.media.building import build_extensions
from tests.media.memory import session

STEP = 0.005  # s
PACKET = 1_100  # bytes of a picture
FPS = 20
KEY_WEIGHT = 4.0  # of a usual picture
LAYERS = {"f": (960, 1_200_000), "h": (480, 400_000), "q": (240, 120_000)}
SSRCS = {"voice": 10, "f": 31, "h": 32, "q": 33, "screen": 34}
PAGE = 80_000  # bytes of a turned page full of text, at the coarsest that encoders use
PAGE_EVERY = 8.0  # s
PATTERN = (
    (0, False),
    (2, True),
    (1, True),
    (2, False),
)  # temporal layers as libvpx has them, and whether they begin one
SHARES = (2.0, 0.5, 1.0, 0.5)  # how large they are: half of the rate is the base layer's
NACK_AGAIN = 0.1  # s
NACK_TIMES = 10
FEEDBACK_EVERY = 0.1  # s
PATIENCE = 0.12  # s that a picture without which others can be shown is waited for
STUCK = 1.0  # s without a picture until a key frame is asked for, where packets are missing
WAITED = 3.0  # s, where there are some that cannot be shown
BACK = 0.02  # s that feedback takes
IP_UDP = 28


class Sender:
    """A camera in layers and a voice, perhaps a shared page; obeys what the node wishes of them."""

    def __init__(self, seed: int, screen: bool = False) -> None:
        self.active = frozenset(LAYERS)
        self.turned: list[float] = []  # when pages were turned
        self._shares = screen
        self.kbps, self.frame_ms = 32, 20
        self._random = random.Random(seed)
        self._numbers = dict.fromkeys(("voice", "screen", *LAYERS), 1000)
        self._key_wanted = {"screen", *LAYERS}
        self._pictures = 0
        self._tl0 = 0
        self._voice_at = self._picture_at = 0.0
        self._timestamp = 0

    def hear(self, event: Event) -> None:
        """What the node tells its page."""
        if isinstance(event, LayersWanted) and event.kind == "camera":
            self._key_wanted |= set(event.rids) - self.active
            self.active = frozenset(event.rids)
        elif isinstance(event, VoiceWanted):
            self.kbps = event.kbps
            self.frame_ms = getattr(event, "frame_ms", 20)

    def asked(self, ssrc: int) -> None:
        """A PLI came."""
        self._key_wanted |= {name for name in ("screen", *LAYERS) if SSRCS[name] == ssrc}

    def packets(self, now: float) -> list[bytes]:
        """What it sends at this moment."""
        found: list[bytes] = []
        if now >= self._voice_at:
            self._voice_at = max(self._voice_at, now - STEP) + self.frame_ms / 1000
            found.append(self._voice())
        if now >= self._picture_at:
            self._picture_at = max(self._picture_at, now - STEP) + 1 / FPS
            for rid in sorted(self.active):
                found += self._picture(rid, now)
            if self._shares:
                found += self._page(now)
            self._pictures += 1
        return found

    def _head(self, name: str, payload_type: int, marker: int, timestamp: int, mid: bytes, rid: str = "") -> bytes:
        self._numbers[name] += 1
        elements = {1: mid} | ({2: rid.encode()} if rid else {4: bytes([20])})
        return build_header(
            payload_type, marker, self._numbers[name], timestamp, SSRCS[name], build_extensions(elements)
        )

    def _voice(self) -> bytes:
        self._timestamp += 48 * self.frame_ms
        return self._head("voice", OPUS, 0, self._timestamp, b"0") + bytes(self.kbps * self.frame_ms // 8)

    def _page(self, now: float) -> list[bytes]:
        """A pointer that moves about, and now and then another page; a key frame is as large as that."""
        place = self._pictures % len(PATTERN)
        turns = PATTERN[place][0] == 0 and (not self.turned or now - self.turned[-1] >= PAGE_EVERY)
        key = PATTERN[place][0] == 0 and "screen" in self._key_wanted
        if turns:
            self.turned.append(now)
        if key:
            self._key_wanted.discard("screen")
        return self._cut("screen", PAGE if turns or key else 400, 1920, key, now)

    def _picture(self, rid: str, now: float) -> list[bytes]:
        place = self._pictures % len(PATTERN)
        tid = PATTERN[place][0]
        key = tid == 0 and rid in self._key_wanted
        self._tl0 += tid == 0 and rid == max(self.active)
        width, rate = LAYERS[rid]
        size = int(rate / 8 / FPS * SHARES[place] * self._random.uniform(0.7, 1.3) * (KEY_WEIGHT if key else 1))
        if key:
            self._key_wanted.discard(rid)
        return self._cut(rid, size, width, key, now)

    def _cut(self, rid: str, size: int, width: int, key: bool, now: float) -> list[bytes]:
        """Packets of a picture."""
        tid, sync = PATTERN[self._pictures % len(PATTERN)]
        count = -(-size // PACKET)
        packets = []
        for number in range(count):
            start = number == 0
            picture_id = (0x8000 | self._pictures & 0x7FFF).to_bytes(2, "big")
            descriptor = bytes([0x80 | start << 4, 0xE0]) + picture_id
            descriptor += bytes([self._tl0 & 0xFF, tid << 6 | sync << 5])
            size_in_key = struct.pack("<HH", width, width * 9 // 16)
            data = b"\x10\0\0\x9d\x01\x2a" + size_in_key if key and start else b"\x11"
            lines = (b"2", "") if rid == "screen" else (b"1", rid)
            head = self._head(rid, VP8, number == count - 1, int(now * 90_000), *lines)
            packets.append(head + descriptor + data.ljust(size // count, b"p"))
        return packets


@dataclass(frozen=True)
class _Packet:
    timestamp: int
    marker: int
    frame: Vp8


@dataclass
class _Stream:
    """One slot's picture at the receiver."""

    ssrc: int
    highest: int | None = None
    next: int | None = None  # the first packet that was not played
    packets: dict[int, _Packet] = field(default_factory=dict)
    missing: dict[int, tuple[float, int, float]] = field(default_factory=dict)  # last asked, times, noticed
    played_at: float = 0.0
    asked_at: float = 0.0
    has_key: bool = False


@dataclass
class Second:
    """What came of one second; rates in kbit/s."""

    estimate: float
    sent: float
    carried: float
    queue_ms: float
    pictures: int
    voice: float  # share of the voice that could be played
    width: int

    def __str__(self) -> str:
        return (
            f"estimate {self.estimate:.0f}, sent {self.sent:.0f}, carried {self.carried:.0f} kbit/s, "
            f"queue {self.queue_ms:.0f} ms, {self.pictures} pictures of {self.width}, voice {100 * self.voice:.0f} %"
        )


class Receiver:
    """Reads what arrives, answers, and counts what can be played."""

    def __init__(self, answer: Callable[[bytes], None]) -> None:
        self.pictures = 0
        self.width = 0
        self.pages: list[float] = []  # when large pictures were played
        self.voice: set[int] = set()  # 20 ms each, by number
        self.bytes = 0
        self._answer = answer
        self._reading = session(Policy.SSRC_ANY_INBOUND)
        self._arrivals = FeedbackBuilder(1)
        self._streams: dict[int, _Stream] = {}
        self._feedback_at = 0.0

    def take(self, data: bytes, now: float) -> None:
        """A datagram arrived."""
        self.bytes += len(data) + IP_UDP
        if is_rtcp(data):
            return
        packet = RtpPacket.parse(self._reading.unprotect(data))
        self._arrivals.record(int.from_bytes(packet.extensions[5], "big"), int(now * 1e6))
        if VOICE_SLOT <= packet.ssrc < VOICE_SLOT + 3:
            self._hear(packet)
        elif packet.payload_type == RTX and len(packet.payload) > 2:
            original = int.from_bytes(packet.payload[:2], "big")
            self._see(packet.ssrc - RTX_OF_SLOT + PICTURE_SLOT, original, packet, packet.payload[2:], now)
        elif packet.payload_type == VP8:
            self._see(packet.ssrc, packet.sequence, packet, packet.payload, now)

    def _hear(self, packet: RtpPacket) -> None:
        blocks = [(0, packet.payload)]
        if packet.payload_type == RED:
            blocks = [(block.back, block.payload) for block in red.parse(packet.payload)]
        for back, payload in blocks:
            self.voice.add((packet.timestamp - back & 0xFFFFFFFF) // 960)
            self.frame = len(payload)

    def _see(self, ssrc: int, sequence: int, packet: RtpPacket, payload: bytes, now: float) -> None:
        stream = self._streams.setdefault(ssrc, _Stream(ssrc))
        number = sequence if stream.highest is None else unwrap(sequence, stream.highest)
        if stream.highest is None:
            stream.highest = stream.next = number
        if number > stream.highest + 1:
            stream.missing.update((n, (0.0, 0, now)) for n in range(stream.highest + 1, number))
        stream.highest = max(stream.highest, number)
        stream.missing.pop(number, None)
        if stream.next is not None and number >= stream.next:
            stream.packets[number] = _Packet(packet.timestamp, packet.marker, Vp8.parse(payload))

    def step(self, now: float) -> None:
        """Play what can be played, ask for what is missing."""
        for stream in self._streams.values():
            while self._play(stream, now):
                pass
            self._ask(stream, now)
        if now >= self._feedback_at:
            self._feedback_at = now + FEEDBACK_EVERY
            for report in self._arrivals.build():
                self._answer(report)

    def _whole(self, stream: _Stream, first: int) -> int | None:
        """The last packet of the picture that begins with this one, if it is complete."""
        packet = stream.packets.get(first)
        if packet is None or not packet.frame.starts_frame:
            return None
        last = first
        while not stream.packets[last].marker:
            last += 1
            if last not in stream.packets:
                return None
        return last

    def _play(self, stream: _Stream, now: float) -> bool:
        if stream.next is None or stream.highest is None:
            return False
        first = stream.next
        last = self._whole(stream, first)
        if last is None or not (stream.has_key or stream.packets[first].frame.key_frame):
            found = self._beyond(stream, now)
            if found is None:
                return False
            first, last = found
        frame = stream.packets[first].frame
        if frame.key_frame:
            stream.has_key, self.width = True, frame.width
        if last - first >= PAGE // PACKET // 2:
            self.pages.append(now)
        stream.next = last + 1
        stream.packets = {n: packet for n, packet in stream.packets.items() if n > last}
        stream.missing = {n: gap for n, gap in stream.missing.items() if n > last}
        stream.played_at = now
        self.pictures += 1
        return True

    def _beyond(self, stream: _Stream, now: float) -> tuple[int, int] | None:
        """A complete picture behind a gap that needs nothing of the gap: a key frame, or all that is missing is of a
        layer above the base, and has been waited for."""
        assert stream.next is not None
        waited = min((gap[2] for gap in stream.missing.values()), default=now)
        tl0 = None
        for number in sorted(stream.packets):
            frame = stream.packets[number].frame
            last = self._whole(stream, number)
            if last is None:
                tl0 = frame.tl0 if (frame.tid or 0) == 0 else tl0
                continue
            if frame.key_frame:
                return number, last
            if stream.has_key and tl0 is None and frame.tid == 0 and now - waited > PATIENCE:
                before = [stream.packets[n].frame.tl0 for n in stream.packets if n < number]
                if before and frame.tl0 is not None and before[-1] == (frame.tl0 - 1) & 0xFF:
                    return number, last
        return None

    def _ask(self, stream: _Stream, now: float) -> None:
        due = []
        for number, (asked, times, noticed) in list(stream.missing.items()):
            if times >= NACK_TIMES:
                del stream.missing[number]
            elif now - asked >= NACK_AGAIN:
                stream.missing[number] = now, times + 1, noticed
                due.append(number & 0xFFFF)
        if due:
            self._answer(build_nack(1, stream.ssrc, due))
        idle = now - max(stream.played_at, stream.asked_at)
        if (stream.missing and idle > STUCK) or (stream.packets and idle > WAITED):
            stream.asked_at = now
            self._answer(build_pli(1, stream.ssrc))


class WeakMeeting:
    """p0 sends, p1 receives over `link`; `run` lets time pass and tells of each second."""

    def __init__(self, link: Link, width: int = 960, seed: int = 1, screen: bool = False) -> None:
        self.link = link
        self.stage = Stage()
        self.seconds: list[Second] = []
        self._begin = self.stage.now
        self.sender = Sender(seed, screen)
        self.receiver = Receiver(self._back)
        self._answers: list[tuple[float, bytes]] = []
        self._ticked = self._begin
        self._random = random.Random(seed)
        self.sent = 0
        stage = self.stage
        stage.room.screening.end(stage.room.sinks[0], stage.now)
        stage.people.pop().close("left")
        stage.people[0].link.protect_rtcp = bytes  # type: ignore[method-assign] # to be read here
        stage.room.show(stage.people[0], [], stage.now)
        wants = [Want(slot=0, source="p0", width=width)]
        if screen:
            wants = [Want(slot=0, source="p0", kind="screen", width=1920), Want(slot=1, source="p0", width=width)]
        stage.room.show(stage.people[1], wants, stage.now)
        for slot in stage.people[1].voices:
            slot.protect(0)
        stage.port.batches.clear()

    @property
    def now(self) -> float:
        return self.stage.now - self._begin

    def _back(self, report: bytes) -> None:
        self._answers.append((self.stage.now + BACK, report))

    def run(self, seconds: float) -> list[Second]:
        """The seconds that passed."""
        first = len(self.seconds)
        for _ in range(round(seconds)):
            self._second()
        return self.seconds[first:]

    def _second(self) -> None:
        receiver = self.receiver
        sent, carried, pictures = self.sent, receiver.bytes, receiver.pictures
        receiver.voice.clear()
        queues = []
        for _ in range(round(1 / STEP)):
            self._step()
            queues.append(self.link.queue_ms if self.link.rate else 0.0)
        estimate = self.stage.people[1].downlink.estimate / 1000
        self.seconds.append(
            Second(
                estimate,
                (self.sent - sent) * 8 / 1000,
                (receiver.bytes - carried) * 8 / 1000,
                sum(queues) / len(queues),
                receiver.pictures - pictures,
                len(receiver.voice) / (1000 / self.sender.frame_ms),
                receiver.width,
            )
        )

    def _step(self) -> None:
        stage = self.stage
        stage.now += STEP
        now = stage.now
        for data in self.sender.packets(now):
            stage.switch.paths.datagram(data, stage.people[0].path.address, now)
        while self._answers and self._answers[0][0] <= now:
            stage.switch.paths.datagram(self._answers.pop(0)[1], stage.people[1].path.address, now)
        stage.switch.paths.burst_ended(now)
        if now - self._ticked >= 0.1:
            self._ticked = now
            for person in stage.people:
                person.path.consent.heard(now)
            stage.switch.tick(now, now)
        for event in stage.events:
            if getattr(event, "participant", "") == "p0":
                self.sender.hear(event)
        stage.events.clear()
        self._send(now)
        self.link.run(now)
        self.receiver.step(now)

    def _send(self, now: float) -> None:
        people = {person.path.address: person for person in self.stage.people}
        for batch, segment, to, _ in self.stage.port.batches:
            for start in range(0, len(batch), segment):
                data = batch[start : start + segment]
                if people.get(to) is self.stage.people[1]:
                    self.sent += len(data) + IP_UDP
                    self.link.send(now, len(data) + IP_UDP, lambda at, data=data: self.receiver.take(data, at))
                elif is_rtcp(data):
                    self._asked(data)
        self.stage.port.batches.clear()

    def _asked(self, data: bytes) -> None:
        for message in rtcp.parse(data):
            if isinstance(message, rtcp.Pli):
                self.sender.asked(message.ssrc)
