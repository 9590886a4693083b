"""A publisher behind a thin way out, in virtual time: the node's `Uplink` and the page's rules between them decide.

The browser between the two is a simple one: its estimate follows losses and delays as slowly as Chromium's, and what
the node says (REMB) at once; its camera takes what the voice leaves. Answers to NACKs are sent before anything else.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from server.media.inward.uplink import Uplink, UplinkPlan
from server.media.joining import sdp
from server.media.wire import rtcp
from server.media.wire.rtp import build_header
from tests.media.bandwidth.link import Link
from tests.media.building import build_extensions
from tests.media.endpoint import EXTENSIONS, picture

STEP = 0.005  # s
TICK = 0.1  # s between two looks of the node
LOOK = 0.5  # s between two of the page
BACK = 0.02  # s that feedback takes
VOICE, CAMERA, RTX_OF_CAMERA = 10, 20, 30
HEADERS = 64  # bytes of each voice packet
PACKET = 1000  # bytes of a picture
PLAN = UplinkPlan(
    kinds={"0": "microphone", "1": "camera"},
    ssrcs={VOICE: "0", CAMERA: "1"},
    rtx_ssrcs={RTX_OF_CAMERA: CAMERA},
    payload_types=frozenset({111, 96}),
    rtx={97: 96},
    transport_cc_id=EXTENSIONS[sdp.TRANSPORT_CC],
)


@dataclass(frozen=True)
class Advice:
    """What the page makes of a look: the form of the voice, and whether the camera rests."""

    kbps: int
    frame_ms: int
    rests: bool


Page = Callable[[float | None, float, float], Awaitable[Advice]]  # bit/s, share of the voice that is lost, seconds


class Browser:
    """Sends voice and camera, and estimates its way out (`estimate`, bit/s)."""

    most = 1_200_000.0  # bit/s of the camera

    def __init__(self) -> None:
        self.advice = Advice(32, 20, False)
        self.estimate = 1_500_000.0
        self.bound = float("inf")
        self._numbers = dict.fromkeys((VOICE, CAMERA, RTX_OF_CAMERA), 0)
        self._transport = self._frame = 0
        self._voice_at = self._owed = 0.0
        self._again: deque[int] = deque()
        self._cut_at = 0.0

    def packets(self, now: float) -> list[bytes]:
        """What leaves in this step."""
        found = []
        if now >= self._voice_at:
            self._voice_at += self.advice.frame_ms / 1000
            found.append(self._packet(VOICE, 111, bytes(self.advice.kbps * self.advice.frame_ms // 8)))
        voice = 1000 * self.advice.kbps + HEADERS * 8000 / self.advice.frame_ms
        room = min(self.estimate, self.bound) - voice
        self._owed += STEP * max(0.0, min(self.most, room))
        while self._owed >= 8 * PACKET:
            self._owed -= 8 * PACKET
            if self._again:
                number = self._again.popleft()
                found.append(self._packet(RTX_OF_CAMERA, 97, number.to_bytes(2, "big") + self._picture(number)))
            elif not self.advice.rests:
                found.append(self._packet(CAMERA, 96, self._picture(self._numbers[CAMERA])))
        return found

    def _picture(self, number: int) -> bytes:
        return picture(CAMERA, number, number, key=number == 0, size=PACKET)[12:]

    def _packet(self, ssrc: int, payload_type: int, payload: bytes) -> bytes:
        number = self._numbers[ssrc]
        self._numbers[ssrc] += 1
        extension = build_extensions({EXTENSIONS[sdp.TRANSPORT_CC]: (self._transport & 0xFFFF).to_bytes(2, "big")})
        self._transport += 1
        timestamp = number * 48 * self.advice.frame_ms if ssrc == VOICE else number * 3000
        return build_header(payload_type, 1, number & 0xFFFF, timestamp, ssrc, extension) + payload

    def hear(self, message: object) -> None:
        """RTCP from the node."""
        if isinstance(message, rtcp.Remb):
            self.bound = float(message.bitrate)
        elif isinstance(message, rtcp.Nack):
            self._again.extend(message.lost)

    def probe(self, rate: float) -> None:
        """A camera that begins is a reason to look for more: a short burst shows what the way carries."""
        self.estimate = max(self.estimate, min(0.85 * rate, 2e6))

    def estimate_anew(self, came: float, lost: float, queue: float, now: float) -> None:
        """Once a second at most cut, else grown by a twelfth: `came` in bit/s, `queue` in seconds."""
        if (lost > 0.1 or queue > 0.1) and now - self._cut_at >= 1.0:
            self._cut_at = now
            self.estimate = max(30_000.0, min(self.estimate * (1 - lost / 2), self.estimate * 0.85))
        elif lost <= 0.1 and queue <= 0.1:
            self.estimate = min(self.estimate * (1 + 0.08 * TICK), max(self.estimate, 1.5 * came + 10_000), 2e6)


@dataclass
class WayOut:
    """A meeting of one: `link` is the publisher's way out. `rests` holds when the camera went (True) or came back."""

    link: Link
    page: Page
    browser: Browser = field(default_factory=Browser)
    uplink: Uplink = field(default_factory=lambda: Uplink("a", PLAN))
    rests: list[tuple[float, bool]] = field(default_factory=list)
    heard: set[int] = field(default_factory=set)  # voice packets that came, by number
    sent: list[tuple[float, int]] = field(default_factory=list)
    now: float = 0.0

    def __post_init__(self) -> None:
        self._answers: deque[tuple[float, bytes]] = deque()
        self._steps = 0
        self._before = (0, 0, 0)
        self._missed = 0.0

    async def run(self, seconds: float) -> None:
        """Let time pass."""
        for _ in range(round(seconds / STEP)):
            self._steps += 1
            self.now = self._steps * STEP
            self._step(self.now)
            if self._steps % round(LOOK / STEP) == 0:
                before = self.browser.advice
                carries = min(self.browser.estimate, self.browser.bound)
                self.browser.advice = advice = await self.page(carries, self._missed, self.now)
                if advice.rests != before.rests:
                    self.rests.append((self.now, advice.rests))
                    if not advice.rests:
                        self.browser.probe(self.link.rate)

    def voice(self, begin: float, end: float) -> float:
        """Share of the voice packets of a time that came."""
        numbers = [number for at, number in self.sent if begin <= at < end]
        return sum(number in self.heard for number in numbers) / len(numbers)

    def _step(self, now: float) -> None:
        for data in self.browser.packets(now):
            if int.from_bytes(data[8:12], "big") == VOICE:
                self.sent.append((now, int.from_bytes(data[2:4], "big")))
            self.link.send(now, len(data) + 40, lambda at, data=data: self._arrive(data, at))
        self.link.run(now)
        while self._answers and self._answers[0][0] <= now:
            for message in rtcp.parse(self._answers.popleft()[1]):
                self.browser.hear(message)
        if self._steps % round(TICK / STEP) == 0:
            self._tick(now)

    def _arrive(self, data: bytes, at: float) -> None:
        self.uplink.receive(data, at)
        if int.from_bytes(data[8:12], "big") == VOICE:
            self.heard.add(int.from_bytes(data[2:4], "big"))

    def _tick(self, now: float) -> None:
        uplink = self.uplink
        packets = [*uplink.look_at_way(now), *uplink.requests(now), *uplink.transport_feedback(now)]
        if round(now / TICK) % 10 == 0:
            packets += uplink.reports(now)
        self._answers.extend((now + BACK, packet) for packet in packets)
        sent, came, octets = self.browser._transport, uplink.packets, uplink.bytes
        before = self._before
        if round(now / TICK) % 5 == 0:
            self._before = (sent, came, octets)
            lost = max(0.0, 1 - (came - before[1]) / max(1, sent - before[0]))
            self._missed = (self._missed + lost) / 2
            self.browser.estimate_anew(8 * (octets - before[2]) / (5 * TICK), lost, self.link.queue_ms / 1000, now)


__all__ = ["Advice", "Browser", "Page", "WayOut"]
