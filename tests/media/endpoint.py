"""A WebRTC endpoint without a browser: one socket, ICE, DTLS-SRTP, RTP in and out; for tests and for load."""

from __future__ import annotations

import asyncio
import contextlib
import re
import secrets
import socket
import struct
import time
from dataclasses import dataclass, field

from aioice import stun

from server.errors import ProtocolError
from server.media.joining import sdp
from server.media.transport import ice
from server.media.transport.dtls import DtlsLink, Role, fingerprint, new_certificate
from server.media.transport.ice import Address, Credentials
from server.media.wire.rtp import RtpPacket, build_header, is_rtcp, transport_sequence
from server.media.wire.twcc import FeedbackBuilder
from tests.media.building import build_extensions

OPUS, VP8, RTX, VP9, VP9_RTX = 111, 96, 97, 98, 99
EXTENSIONS = {sdp.MID: 1, sdp.RID: 2, sdp.REPAIRED_RID: 3, sdp.AUDIO_LEVEL: 4, sdp.TRANSPORT_CC: 5}
CERTIFICATE = new_certificate()
CHECK_EVERY = 0.2  # s until the first answer
KEEP_ALIVE = 2.5  # s
FEEDBACK_EVERY = 0.05  # s


@dataclass
class Remote:
    """What the other side's SDP says."""

    ufrag: str
    pwd: str
    fingerprint: str
    address: Address
    setup: str

    @classmethod
    def of(cls, text: str) -> Remote:
        def value(pattern: str) -> re.Match[str]:
            match = re.search(pattern, text)
            assert match is not None, pattern
            return match

        candidate = value(r"a=candidate:\S+ 1 (?:udp|UDP) \S+ (\S+) (\d+) typ host")
        return cls(
            value(r"a=ice-ufrag:(\S+)")[1],
            value(r"a=ice-pwd:(\S+)")[1],
            value(r"a=fingerprint:sha-256 (\S+)")[1],
            (candidate[1], int(candidate[2])),
            value(r"a=setup:(\S+)")[1],
        )


@dataclass
class Media:
    """One section of our SDP: `ssrc` when it sends."""

    mid: str
    kind: str
    direction: str
    ssrc: int | None = None
    rids: tuple[str, ...] = ()


def meeting(slots: int = 2, *, rids: tuple[str, ...] = (), publish: bool = True) -> list[Media]:
    """The sections of a participant: microphone, camera, screen, three voices and `slots` pictures."""
    own = (secrets.randbits(31), None if rids else secrets.randbits(31)) if publish else (None, None)
    return [
        Media("0", "audio", "sendonly", own[0]),
        Media("1", "video", "sendonly", own[1], rids),
        Media("2", "video", "sendonly", secrets.randbits(31)),
        *(Media(str(3 + n), "audio", "recvonly") for n in range(3)),
        *(Media(str(6 + n), "video", "recvonly") for n in range(slots)),
    ]


@dataclass
class Endpoint:
    """`packets` are the RTP packets that came and could be decrypted; `reports` the RTCP ones."""

    media: list[Media]
    host: str = "127.0.0.1"
    controlling: bool = True
    extensions: dict[str, int] = field(default_factory=lambda: dict(EXTENSIONS))
    packets: list[RtpPacket] = field(default_factory=list)
    reports: list[bytes] = field(default_factory=list)
    loss: frozenset[int] = frozenset()

    def __post_init__(self) -> None:
        self.credentials = Credentials.new()
        self.connected = asyncio.Event()
        self.first_media = asyncio.Event()
        self.ended = ""
        self.remote: Remote | None = None
        self.link: DtlsLink | None = None
        self._checked = asyncio.Event()
        self._tasks: list[asyncio.Task[None]] = []
        self._arrivals = FeedbackBuilder(1)
        self._feedback: asyncio.TimerHandle | None = None
        self._open()

    def _open(self) -> None:
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.setblocking(False)
        self.socket.bind((self.host, 0))
        self.address: Address = self.socket.getsockname()
        asyncio.get_running_loop().add_reader(self.socket.fileno(), self._readable)

    # ---- negotiation -----------------------------------------------------------------------------------------------

    def description(self, setup: str = "actpass") -> str:
        """Our offer or answer."""
        lines = ["v=0", "o=- 1 1 IN IP4 127.0.0.1", "s=-", "t=0 0"]
        lines.append("a=group:BUNDLE " + " ".join(m.mid for m in self.media))
        for media in self.media:
            lines += self._section(media, setup)
        return "\r\n".join(lines) + "\r\n"

    def _section(self, media: Media, setup: str) -> list[str]:
        video = media.kind == "video"
        lines = [
            f"m={media.kind} 9 UDP/TLS/RTP/SAVPF {f'{VP8} {RTX}' if video else OPUS}",
            f"c=IN IP4 {self.host}",
            f"a=mid:{media.mid}",
            f"a=ice-ufrag:{self.credentials.ufrag}",
            f"a=ice-pwd:{self.credentials.password}",
            f"a=fingerprint:sha-256 {fingerprint(CERTIFICATE)}",
            f"a=setup:{setup}",
            "a=rtcp-mux",
            "a=rtcp-rsize",
            f"a={media.direction}",
            f"a=candidate:1 1 udp 2130706431 {self.host} {self.address[1]} typ host",
            *(f"a=extmap:{number} {uri}" for uri, number in self.extensions.items()),
        ]
        if video:
            lines += [f"a=rtpmap:{VP8} VP8/90000", f"a=rtpmap:{RTX} rtx/90000", f"a=fmtp:{RTX} apt={VP8}"]
            lines += [f"a=rtcp-fb:{VP8} {name}" for name in ("nack", "nack pli", "ccm fir", "transport-cc")]
        else:
            lines += [f"a=rtpmap:{OPUS} opus/48000/2", f"a=rtcp-fb:{OPUS} transport-cc"]
        if media.rids:
            lines += [f"a=rid:{rid} send" for rid in media.rids] + ["a=simulcast:send " + ";".join(media.rids)]
        if media.ssrc is not None:
            lines += [f"a=msid:s t{media.mid}", f"a=ssrc:{media.ssrc} cname:x"]
        return lines

    async def connect(self, description: str, timeout: float = 10) -> None:
        """ICE and DTLS with the other side's description."""
        self.begin(description)
        await asyncio.wait_for(self.connected.wait(), timeout)

    def begin(self, description: str) -> None:
        """Start connecting."""
        self.remote = remote = Remote.of(description)
        role: Role = "server" if remote.setup == "active" else "client"
        self.link = DtlsLink(CERTIFICATE, [("sha-256", remote.fingerprint)], self._send, role)
        self._tasks.append(asyncio.create_task(self._check()))
        self._tasks.append(asyncio.create_task(self._secure(self.link)))

    async def _secure(self, link: DtlsLink) -> None:
        await self._checked.wait()
        link.start(self.connected.set, self._over)

    def _over(self, reason: str) -> None:
        self.ended = reason

    async def _check(self) -> None:
        while True:
            self.check()
            await asyncio.sleep(KEEP_ALIVE if self._checked.is_set() else CHECK_EVERY)

    def check(self) -> None:
        """Send one connectivity check."""
        assert self.remote is not None
        request = stun.Message(stun.Method.BINDING, stun.Class.REQUEST)
        request.attributes["USERNAME"] = f"{self.remote.ufrag}:{self.credentials.ufrag}"
        request.attributes["PRIORITY"] = 1
        if self.controlling:
            request.attributes["ICE-CONTROLLING"] = 1
            request.attributes["USE-CANDIDATE"] = None
        else:
            request.attributes["ICE-CONTROLLED"] = 1
        request.add_message_integrity(self.remote.pwd.encode())
        self._send(bytes(request))

    # ---- datagrams -------------------------------------------------------------------------------------------------

    def _send(self, data: bytes) -> None:
        assert self.remote is not None
        with contextlib.suppress(BlockingIOError):
            self.socket.sendto(data, self.remote.address)

    def _readable(self) -> None:
        for _ in range(64):
            try:
                data, source = self.socket.recvfrom(2048)
            except BlockingIOError:
                return
            self.datagram(data, source)

    def datagram(self, data: bytes, source: Address) -> None:
        """What came from the network."""
        if data[0] < 4:
            self._stun(data, source)
        elif 20 <= data[0] < 64 and self.link is not None:
            self.link.datagram(data)
        elif data[0] >= 128 and self.link is not None and self.link.connected:
            self._media(self.link, data)

    def _stun(self, data: bytes, source: Address) -> None:
        if data[0] == 1:
            self._checked.set()
            return
        try:
            self.socket.sendto(ice.answer(data, source, self.credentials.password).response, source)
        except ProtocolError:
            return

    def _media(self, link: DtlsLink, data: bytes) -> None:
        if is_rtcp(data):
            self.reports.append(link.unprotect_rtcp(data))
            return
        self.first_media.set()
        packet = RtpPacket.parse(link.unprotect(data))
        self._feed_back(packet)
        if packet.sequence not in self.loss or packet.payload_type == RTX:
            self.packets.append(packet)

    def _feed_back(self, packet: RtpPacket) -> None:
        """Tell when packets arrived (transport-cc), as browsers do: what is shown to us rests on it."""
        number = packet.extensions.get(self.extensions.get(sdp.TRANSPORT_CC, 0))
        if number is None:
            return
        self._arrivals.record(transport_sequence(number), int(time.monotonic() * 1e6))
        if self._feedback is None:
            self._feedback = asyncio.get_running_loop().call_later(FEEDBACK_EVERY, self._tell_arrivals)

    def _tell_arrivals(self) -> None:
        self._feedback = None
        if self.socket.fileno() >= 0:
            for report in self._arrivals.build():
                self.send_rtcp(report)

    # ---- sending ---------------------------------------------------------------------------------------------------

    def send_rtp(self, plain: bytes) -> None:
        """Protect and send one RTP packet."""
        assert self.link is not None
        self._send(self.link.protect(plain))

    def send_rtcp(self, plain: bytes) -> None:
        """Protect and send RTCP."""
        assert self.link is not None
        self._send(self.link.protect_rtcp(plain))

    def move(self) -> None:
        """Go to another socket, as a telephone does that changes networks."""
        self.close_socket()
        self._open()

    def close_socket(self) -> None:
        """Stop reading and close the socket."""
        asyncio.get_running_loop().remove_reader(self.socket.fileno())
        self.socket.close()

    def release(self) -> int:
        """Give the socket to somebody else: its descriptor, no longer read or checked here."""
        asyncio.get_running_loop().remove_reader(self.socket.fileno())
        for task in [*self._tasks, *([self._feedback] if self._feedback else [])]:
            task.cancel()
        return self.socket.fileno()

    async def close(self) -> None:
        """End."""
        for task in [*self._tasks, *([self._feedback] if self._feedback else [])]:
            task.cancel()
        if self.link is not None:
            self.link.close()
            await asyncio.sleep(0)
        self.close_socket()


def voice(
    ssrc: int, number: int, *, level: int = 30, transport: int = 0, payload: bytes = b"\x78" + b"v" * 79
) -> bytes:
    """An Opus packet of 20 ms; `level` is in -dBov."""
    elements = {EXTENSIONS[sdp.AUDIO_LEVEL]: bytes([level]), EXTENSIONS[sdp.TRANSPORT_CC]: transport.to_bytes(2, "big")}
    return build_header(OPUS, 0, number, number * 960, ssrc, build_extensions(elements)) + payload


def picture(ssrc: int, number: int, frame: int, *, key: bool = False, size: int = 900, width: int = 640) -> bytes:
    """One VP8 packet that is a whole frame, with picture id and TL0PICIDX; its data holds number and frame."""
    descriptor = bytes([0x90, 0xC0, 0x80 | frame >> 8 & 0x7F, frame & 0xFF, frame & 0xFF])
    head = bytes([0x10, 0, 0, 0x9D, 0x01, 0x2A]) + struct.pack("<HH", width, width * 9 // 16) if key else bytes([0x11])
    data = descriptor + head + struct.pack("!II", number, frame)
    return build_header(VP8, 1, number, frame * 6000, ssrc) + data.ljust(size, b"p")


def vp9_picture(ssrc: int, number: int, frame: int, *, key: bool = False, size: int = 900) -> bytes:
    """One VP9 packet that is a whole frame of 640×360, with picture id and layer as browsers send them."""
    descriptor = bytes([0xAC if key else 0xEC, 0x80 | frame >> 8 & 0x7F, frame & 0xFF, 0x00, frame & 0xFF])
    data = (
        descriptor + (bytes.fromhex("82 498342 00 27f0 1670") if key else b"\x86") + struct.pack("!II", number, frame)
    )
    return build_header(VP9, 1, number, frame * 6000, ssrc) + data.ljust(size, b"p")
