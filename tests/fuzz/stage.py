"""A meeting in memory on which a fuzzer plays one participant: the node's own code from `paths` to `forward`.

Only the keys are missing: the fuzzed participant's datagrams are taken as decrypted. The others have real ones, and
read what they get.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from pylibsrtp import Error, Policy, Session

from server.media.inward.uplink import Uplink, UplinkPlan
from server.media.outward.downlink import Downlink
from server.media.outward.slots import Slot
from server.media.participant import Participant
from server.media.protocol import Codec, Event, SessionChanged, Want
from server.media.switch import Switch
from server.media.transport.ice import Address, Consent, Credentials
from server.media.transport.paths import Path
from server.media.wire.rtp import RtpPacket, is_rtcp
from tests.media.memory import KEY, PROFILE, TAG, MemoryPort, session

OPUS, RED, VP8, RTX, VP9, VP9_RTX = 111, 63, 96, 97, 98, 99
VOICE, CAMERA, RTX_OF_CAMERA = 10, 20, 21
VOICE_SLOT, PICTURE_SLOT, RTX_OF_SLOT = 100, 200, 300
ATTACKER = ("10.0.0.1", 1)
Hand = Callable[[bytes, Address], None]  # lets a datagram arrive from an address
PLAN = UplinkPlan(
    kinds={"0": "microphone", "1": "camera", "2": "screen"},
    rids={"1": ("f", "h", "q")},
    ssrcs={VOICE: "0", CAMERA: "1"},
    rtx_ssrcs={RTX_OF_CAMERA: CAMERA},
    payload_types=frozenset((OPUS, RED, VP8, VP9)),
    vp9=VP9,
    rtx={RTX: VP8, VP9_RTX: VP9},
    red={RED: OPUS},
    mid_id=1,
    rid_id=2,
    repaired_rid_id=3,
    level_id=4,
    transport_cc_id=5,
)


class OpenLink:
    """A link that is up and takes what comes as decrypted."""

    started = True

    def __init__(self) -> None:
        policy = Policy(key=KEY, ssrc_type=Policy.SSRC_ANY_OUTBOUND, srtp_profile=PROFILE)
        policy.allow_repeat_tx = True  # as aiortc sets it: a number used twice goes out, and the reader sees it
        self.out = Session(policy)
        self.session: Any = self.out._srtp[0]
        self.tag_bytes = TAG

    def unprotect(self, data: bytes) -> bytes:
        return data

    unprotect_rtcp = unprotect

    def protect_rtcp(self, data: bytes) -> bytes:
        return self.out.protect_rtcp(data)

    def datagram(self, data: bytes) -> None:
        """DTLS has its own target."""

    def close(self) -> None:
        self.session = None


class Recorder:
    """A sink, as the recorder is one: it must get whole payloads only."""

    def on_audio(self, participant: str, payload: bytes, rtp_timestamp: int, arrival: float) -> None:
        assert payload

    def on_video(
        self, payload: bytes, rtp_timestamp: int, marker: bool, sequence: int, arrival: float, codec: Codec = "vp8"
    ) -> None:
        assert len(payload) > (4 if codec == "vp8" else 1)
        assert 0 <= sequence <= 0xFFFF
        assert 0 <= rtp_timestamp <= 0xFFFF_FFFF

    def on_programme(self, source: str | None, kind: str) -> None:
        """Nothing can be wrong with it."""


class Stage:
    """The attacker and two listeners in a room that is recorded."""

    def __init__(self) -> None:
        self.now = 1000.0
        self.port = MemoryPort()
        self.switch = Switch(self.port, lambda: self.now)  # type: ignore[arg-type]
        self.events: list[Event] = []
        self.switch.tell = self.events.append
        self.room = self.switch.open_room("r")
        self._reading: dict[Any, Any] = {}
        self.people = [self._enter(f"p{number}", number) for number in range(3)]
        self.room.screening.begin(Recorder(), self.now)
        for slot in self.people[1].voices:
            slot.protect(2)
        for slot in self.people[2].pictures:
            slot.codecs = {"vp8": (VP8, RTX), "vp9": (VP9, VP9_RTX)}
        for person in self.people[1:]:
            wants = [Want(slot=0, source="p0", width=320), Want(slot=1, source="p0", kind="screen")]
            self.room.show(person, wants, self.now)
        self.room.show(self.people[0], [Want(slot=0, source="p1")], self.now)

    def admit(self, name: str) -> Participant:
        """A session that is not secured yet."""
        downlink = Downlink(5)
        pictures = [Slot(n, VP8, 90_000, PICTURE_SLOT + n, downlink, RTX_OF_SLOT + n, RTX) for n in range(2)]
        voices = [Slot(n, OPUS, 48_000, VOICE_SLOT + n, downlink, red_payload_type=RED) for n in range(3)]
        slots = (voices, pictures)
        link: Any = OpenLink()
        uplink, send = Uplink(name, PLAN), self.port.send
        path = Path(Credentials.new(), Consent(self.now), self.now)
        person = Participant(name, name, "r", path, link, uplink, downlink, slots, send, self.now)
        self.switch.admit(person, self.now)
        return person

    def _enter(self, name: str, number: int) -> Participant:
        person = self.admit(name)
        address = (ATTACKER[0], number + 1)
        self.switch.paths._remember(person, address)
        person.move(address, self.now)
        person.path.consent.heard(self.now)
        person.secured()
        self._reading[address] = session(Policy.SSRC_ANY_INBOUND)
        return person

    def play(self, data: bytes) -> None:
        """One packet, or a leap of the clock, or a turn of another person."""
        for kind, piece in pieces(data):
            self.now += (kind >> 4) ** 3 / 1000
            if piece:
                self.switch.paths.datagram(piece, ATTACKER, self.now)
            if kind & 1:
                self.switch.paths.burst_ended(self.now)
            if kind & 2:
                self.tick()
        self.tick()
        self.read()

    def tick(self) -> None:
        """A second of the node's clock; nobody goes away meanwhile."""
        while self.switch.paths.burst_ended(self.now):
            pass
        for person in self.people:
            person.path.consent.heard(self.now)
        for _ in range(10):
            self.now += 0.1
            self.switch.tick(self.now, self.now)

    def read(self) -> None:
        """All that was sent can be decrypted and read, and no number was used twice (AES-GCM allows it to nobody)."""
        for batch, segment, to, _video in self.port.batches:
            for start in range(0, len(batch), segment):
                self._read(batch[start : start + segment], self._reading[to])
        self.port.batches.clear()
        ended = [event.reason for event in self.events if isinstance(event, SessionChanged)]
        assert "failed" not in ended, "a fault of the node was met, and logged"

    @staticmethod
    def _read(data: bytes, reading: Any) -> None:
        if is_rtcp(data):
            reading.unprotect_rtcp(data)
            return
        try:
            RtpPacket.parse(reading.unprotect(data))
        except Error as error:
            assert "too old" in str(error), error


def pieces(data: bytes) -> Iterator[tuple[int, bytes]]:
    """Cut a fuzzer's octets: one that says what goes with a packet, two of length, the packet."""
    at = 0
    while at + 3 <= len(data):
        end = at + 3 + (data[at + 1] << 8 | data[at + 2])
        yield data[at], data[at + 3 : end]
        at = end


def joined(packets: list[tuple[int, bytes]]) -> bytes:
    """The reverse of `pieces`."""
    return b"".join(bytes((kind,)) + len(packet).to_bytes(2, "big") + packet for kind, packet in packets)
