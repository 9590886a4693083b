"""Minutes of a meeting in which everybody sends nearly what browsers send: a fuzzer's inputs are too short for that.

Only so what is known of links, losses and clocks becomes rich enough to be led astray: numbers leap, feedback speaks of
what was sent but tells lies of it, layers come and go, and some packets are broken. Whatever happens, nothing is
raised, nobody's session ends, all that leaves can be read, and nothing grows without bound.
"""

from __future__ import annotations

import random
import struct
from collections import defaultdict
from collections.abc import Callable

import pytest

from server.media.bandwidth.rate import CEILING, FLOOR
from server.media.inward.asking import LARGEST_GAP, MOST_MISSING
from server.media.participant import Participant
from server.media.protocol import Want
from server.media.terms import PICTURES
from server.media.transport.ice import Address
from server.media.wire import rtcp, rtcp_build
from server.media.wire.rtp import build_header
from server.media.wire.twcc import FeedbackBuilder
from tests.fuzz.seeds import rtcp_seeds, vp8_seeds, vp9_seeds
from tests.fuzz.stage import ATTACKER, OPUS, RTX, VOICE, VP8, VP9, Stage
from tests.fuzz.targets.rtp import copying, screens
from tests.media.building import build_extensions, build_fir
from tests.media.endpoint import vp9_picture

STEPS = 1_500
LAYERS = {"f": 30, "h": 31, "q": 32}
LEAPS = (0, 2, 3, 5, 50, 99, 101, 500, 3_000, 30_000, 32_768, -1, -3, -50, -600)
PAUSES = (0.001, 0.005, 0.02, 0.1, 0.5, 3.0, 9.0)
LATE = (0, 250, 1_000, 5_000, 5_000, 60_000, -3_000)  # µs from one packet's arrival to the next


class Story:
    """What three people do, as chance has it."""

    def __init__(self, seed: int) -> None:
        self.chance = random.Random(seed)
        self.stage = Stage()
        self._counters: defaultdict[tuple[str, str], int] = defaultdict(lambda: self.chance.randrange(1 << 16))
        self._media: tuple[Callable[[Participant], bytes], ...] = (
            self.voice,
            self.voice,
            *4 * (self.layer,),
            self.screen,
        )

    def run(self) -> None:
        """All of it."""
        for step in range(STEPS):
            person = self.stage.people[self.chance.choice((0, 0, 0, 1, 2))]
            what = self.chance.random()
            if what < 0.75:
                self.hand(person, self.chance.choice(self._media)(person))
            elif what < 0.93:
                self.hand(person, b"".join(self.report(person) for _ in range(self.chance.randint(1, 4))))
            elif what < 0.95:
                self.decide(person)
            else:
                self.stage.now += self.chance.choice(PAUSES)
                self.stage.switch.tick(self.stage.now, self.stage.now)
            if step % 100 == 99:
                self.check()

    def check(self) -> None:
        """Everything is as it should be."""
        self.stage.tick()
        self.stage.read()
        for person in self.stage.people:
            assert person.state in ("connected", "lost")
            assert FLOOR <= person.downlink.bandwidth.estimate <= CEILING
            for source in person.uplink.sources.values():
                assert len(source.losses.missing) <= 2 * (MOST_MISSING + LARGEST_GAP)
                assert len(source.fresh) < 1_000

    def hand(self, person: Participant, data: bytes) -> None:
        """A datagram comes, broken or not."""
        if self.chance.random() < 0.1:
            data = self.broken(data)
        address: Address = (ATTACKER[0], self.stage.people.index(person) + 1)
        if data:
            self.stage.switch.paths.datagram(data, address, self.stage.now)
        if self.chance.random() < 0.5:
            self.stage.switch.paths.burst_ended(self.stage.now)
        self.stage.now += self.chance.choice((0.0, 0.0, 0.001, 0.005, 0.02))

    def broken(self, data: bytes) -> bytes:
        """Some octets are others, fewer or more."""
        at, chance = self.chance.randrange(len(data) + 1), self.chance
        made = (data[:at], data + chance.randbytes(9), data[:at] + chance.randbytes(4) + data[at + 4 :])
        return chance.choice((*made, data[:at] + chance.randbytes(4) + data[at:]))

    def next(self, person: Participant, what: str, step: int = 1) -> int:
        """The next number of a kind of somebody's, which leaps now and then."""
        leap = step * self.chance.choice(LEAPS) if self.chance.random() < 0.04 else step
        self._counters[person.name, what] += leap
        return self._counters[person.name, what]

    def elements(self, person: Participant, others: dict[int, bytes]) -> bytes:
        return build_extensions({**others, 5: (self.next(person, "transport") & 0xFFFF).to_bytes(2, "big")})

    # ---- media -----------------------------------------------------------------------------------------------------

    def voice(self, person: Participant) -> bytes:
        number, timestamp = self.next(person, "voice"), self.next(person, "sound", 960)
        if self.chance.random() < 0.1:
            return copying(number & 0xFFFF, self.chance.randint(1, 10))
        elements = self.elements(person, {4: bytes((self.chance.choice((5, 20, 60, 127)),))})
        return build_header(OPUS, 0, number, timestamp, VOICE, elements) + b"\x78" + self.chance.randbytes(60)

    def layer(self, person: Participant) -> bytes:
        """A packet of a camera: a layer's own, one that comes again over RTX, or padding."""
        chance, rid = self.chance, self.chance.choice("fhq")
        ssrc = LAYERS[rid] + 100 * (chance.random() < 0.01)
        number, timestamp = self.next(person, rid), self.next(person, f"{rid} time", chance.choice((0, 3_000)))
        key, names = chance.random() < 0.08, {1: b"1", 2: rid.encode()}
        if chance.random() < 0.05:
            return build_header(VP8, 0, number, timestamp, ssrc, self.elements(person, names))
        body = self._frame(timestamp // 3_000, key)
        if chance.random() < 0.1:
            lost = number - chance.randint(0, 300) & 0xFFFF
            names = self.elements(person, {1: b"1", 3: rid.encode()})
            return build_header(RTX, 0, number, timestamp, ssrc + 20, names) + lost.to_bytes(2, "big") + body
        marker = int(chance.random() < 0.7)
        return build_header(VP8, marker, number, timestamp, ssrc, self.elements(person, names)) + body

    def _frame(self, picture: int, key: bool) -> bytes:
        chance = self.chance
        layer = 0 if key else chance.choice((0, 0, 1, 2)) << 6 | chance.choice((0, 0x20))
        begins = 0x90 if key or chance.random() < 0.6 else 0x80
        head = bytes((begins, 0xE0, 0x80 | picture >> 8 & 0x7F, picture & 0xFF, picture >> 1 & 0xFF, layer))
        if not key:
            return head + b"\x11\x02\x00" + chance.randbytes(chance.choice((3, 300, 1_000)))
        return head + bytes.fromhex("1002009d012a") + struct.pack("<HH", *chance.choice(((320, 180), (1280, 720))))

    def screen(self, person: Participant) -> bytes:
        number = self.next(person, "screen") & 0xFFFF
        if self.chance.random() < 0.1:
            return screens(number, self.chance.choice((VP8, VP9)), self.chance.choice(vp8_seeds() + vp9_seeds()))
        return screens(number, VP9, vp9_picture(41, number, number, key=self.chance.random() < 0.1)[12:])

    # ---- reports ---------------------------------------------------------------------------------------------------

    def report(self, person: Participant) -> bytes:
        """One RTCP packet, mostly about what the person gets."""
        chance, slot = self.chance, self.chance.choice(person.pictures + person.voices)
        ntp = chance.choice((rtcp.ntp_time(self.stage.now), chance.getrandbits(64)))
        block = rtcp.ReportBlock(slot.ssrc, chance.randrange(256), 3, 4, *(chance.getrandbits(32) for _ in range(3)))
        match chance.choice(("feedback",) * 4 + ("nack",) * 2 + ("sr", "rr", "pli", "fir", "other")):
            case "feedback":
                return self.feedback(person)
            case "nack":
                newest = slot.newest(1) or [chance.randrange(1 << 16)]
                asked = range(0, chance.choice((1, 3, 20, 200)), chance.choice((1, 7)))
                return rtcp_build.build_nack(1, slot.ssrc, [newest[0] - back & 0xFFFF for back in asked])
            case "sr":
                ssrc, timestamp = chance.choice((VOICE, *LAYERS.values(), 41)), chance.getrandbits(32)
                return rtcp_build.build_sr(ssrc, ntp, timestamp, 5, 6, [block])
            case "rr":
                told = block._replace(lsr=rtcp.middle(ntp), dlsr=chance.randrange(70_000))
                return rtcp_build.build_rr(1, [told, block])
            case "pli":
                return rtcp_build.build_pli(1, slot.ssrc)
            case "fir":
                return build_fir(1, slot.ssrc, chance.randrange(256))
        return chance.choice(rtcp_seeds())

    def feedback(self, person: Participant) -> bytes:
        """What became of the packets sent last, for all that the receiver says."""
        chance, builder = self.chance, FeedbackBuilder(1, person.voices[0].ssrc)
        first, share = person.downlink.tcc - chance.randint(0, 80), chance.choice((1.0, 1.0, 0.9, 0.3))
        arrival = round(1e6 * self.stage.now) + chance.choice((0, 0, 0, 0, -1_000_000, 10_000_000, 10**12))
        for number in range(first, first + chance.choice((1, 5, 20, 70, 200))):
            if chance.random() < share:
                builder.record(number & 0xFFFF, arrival)
            arrival += chance.choice(LATE)
        return b"".join(builder.build())

    # ---- what else happens -----------------------------------------------------------------------------------------

    def decide(self, person: Participant) -> None:
        """The chair, the person or the link does something."""
        chance, room, now = self.chance, self.stage.room, self.stage.now
        names = [one.name for one in self.stage.people]
        match chance.choice(("show", "floor", "publish", "move", "overload", "copies")):
            case "show":
                wants = [
                    Want(slot=slot, source=chance.choice((None, *names)), kind=chance.choice(PICTURES), width=width)
                    for slot, width in enumerate(chance.choices((64, 320, 1280), k=2))
                ]
                room.show(person, wants, now)
            case "floor":
                room.set_floor(chance.choice((None, names[:1], names[1:], [])), now)
            case "publish":
                allowed = chance.sample(("microphone", "camera", "screen"), chance.randint(0, 3))
                room.set_publish(chance.choice(names), frozenset(allowed), now)  # type: ignore[arg-type]
            case "move" if person.path.address is not None:
                person.move(person.path.address, now)
            case "overload":
                self.stage.switch.overload.level = chance.randint(0, 6)
            case _:
                for slot in person.voices:
                    slot.protect(chance.randint(0, 2))


@pytest.mark.parametrize("seed", range(3))
def test_a_meeting_of_nonsense(seed: int) -> None:
    Story(seed).run()
