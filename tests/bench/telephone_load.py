"""Telephones for the `telephone` bench: what each says every 20 ms, and what each has heard, looked at each second."""

from __future__ import annotations

import secrets
import socket
import struct
import time
from base64 import b64encode
from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from functools import cache

import msgspec
import numpy as np
from numpy.typing import NDArray
from pylibsrtp import Policy, Session

from server.media import protocol as p
from server.media import protocol_calls as c
from server.media.phone.codecs import codec
from server.media.phone.g711 import ALAW
from server.media.wire.rtp import build_header
from server.telephony.sdes import SUITES
from tests.media.driving import NodeProcess
from tests.sounds import tone

HOST = "127.0.0.1"
TONE, BEEPS = 400.0, (1_000.0, 1_400.0, 1_800.0, 2_200.0)  # Hz; of whole periods in a piece: none is taken for another
BEEP_EVERY, BEEP_LENGTH = 50, 8  # packets
BEEP_APART = BEEP_EVERY // len(BEEPS)  # packets from one speaker's beep to the next one's: they do not mix
FRAME = 0.02  # s
_TIMESTAMPS = 35  # SO_TIMESTAMPNS, which Python has no name for: when the kernel got a packet, whenever it is read
_TIME = struct.Struct("=qq")
_SIZE = 160  # samples of a packet
_PIECE = 40  # samples that are looked at
_PIECE_MS = 5
_LOUD = 500.0
_WAVES = np.exp(-2j * np.pi * np.outer(np.arange(_PIECE) / 8_000, (TONE, *BEEPS))) / _PIECE


@dataclass(frozen=True)
class Kind:
    """Of telephone: its codec with payload type and the ticks of a packet, and the suite of SRTP, empty without."""

    codec: c.Codec
    payload_type: int
    ticks: int = _SIZE
    suite: str = ""


PLAIN = Kind("PCMA", 8)
WIDE = Kind("G722", 9)
BEST = Kind("OPUS", 107, 960)
SECRET = Kind("PCMA", 8, suite="AES_CM_128_HMAC_SHA1_80")
_KEY_SIZE = SUITES[SECRET.suite]


class Says(Enum):
    """What a telephone says: of the speakers the first a steady tone, the others beeps, the rest nothing."""

    STEADY = "steady"
    BEEPS = "beeps"
    NOTHING = "nothing"


@cache
def _said(what: Says, name: str, beep: int) -> list[bytes]:
    """A second of it as packets, which then begins anew. A line on which nobody speaks has noise of -57 dBov, as rooms
    and old lines do.
    """
    encoder = codec(name)
    if what is Says.STEADY:
        samples = tone(TONE, 1, encoder.rate)
    elif what is Says.BEEPS:
        sound = tone(BEEPS[beep], BEEP_LENGTH * FRAME, encoder.rate)
        samples = np.pad(sound, (0, encoder.rate - sound.size))
        samples = np.roll(samples, beep * BEEP_APART * encoder.rate // BEEP_EVERY)
    else:
        samples = np.random.default_rng(3).normal(0, 45, encoder.rate).astype(np.int16)
    return [encoder.encode(frame) for frame in samples.reshape(BEEP_EVERY, -1)]


class Ear:
    """What one telephone hears: `gap` is the longest hole in the steady tone and `pause` the longest time without a
    packet, in ms; `begins` when beeps of each pitch began.
    """

    def __init__(self, turn: int) -> None:
        """It looks at what it heard once a second, at its turn of 50: all at once would make the load late."""
        self.gap = self.pause = 0.0
        self.begins: list[list[float]] = [[] for _ in BEEPS]
        self._waiting: list[tuple[float, bytes]] = []
        self._look_at = 1 + turn % BEEP_EVERY
        self._hole = 0
        self._strong = np.full((2, len(BEEPS) + 1), np.inf)  # of the last two pieces, each pitch
        self._times = np.zeros(2)
        self._before: float | None = None

    def hear(self, at: float, payload: bytes) -> None:
        """A packet came."""
        if self._before is not None:
            self.pause = max(self.pause, 1_000 * (at - self._before))
        self._before = at
        self._waiting.append((at, payload))
        if len(self._waiting) == self._look_at:
            self._look()
            self._look_at = BEEP_EVERY

    def _look(self) -> None:
        pieces = ALAW.decode(b"".join(payload for _, payload in self._waiting)).reshape(-1, _PIECE)
        strong = np.concatenate((self._strong, np.abs(pieces @ _WAVES)))
        within = np.arange(_SIZE // _PIECE) * _PIECE_MS / 1_000
        came = np.array([at for at, _ in self._waiting])
        times = np.concatenate((self._times, np.add.outer(came, within).ravel()))
        self._find_holes(strong[2:, 0] > _LOUD)
        self._find_beeps(strong[:, 1:], times)
        self._strong, self._times = strong[-2:], times[-2:]
        self._waiting.clear()

    def _find_holes(self, steady: NDArray[np.bool_]) -> None:
        for one in steady.tolist():
            self._hole = 0 if one else self._hole + _PIECE_MS
            self.gap = max(self.gap, self._hole)

    def _find_beeps(self, strong: NDArray[np.float64], times: NDArray[np.float64]) -> None:
        """One begins within the first of two pieces in a row, by the share that it has of the second's strength; the
        edge of another beep has something of every pitch, for one piece.
        """
        loud = strong > _LOUD
        for n, pitch in np.argwhere(~loud[:-2] & loud[1:-1] & loud[2:]).tolist():
            share = min(strong[n + 1, pitch] / strong[n + 2, pitch], 1.0)
            self.begins[pitch].append(float(times[n + 1] + (1 - share) * _PIECE_MS / 1_000))


class Phone:
    """One telephone; it hears what it says itself not, so the one with the tone has no ear. `heard` counts packets.

    `beep` is the number of its pitch, and of its turn in each second.
    """

    def __init__(self, says: Says, kind: Kind = PLAIN, beep: int = 0) -> None:
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind((HOST, 0))
        self.socket.setblocking(False)
        self.socket.setsockopt(socket.SOL_SOCKET, _TIMESTAMPS, 1)
        self.says, self.kind, self.to, self.number, self.beep = says, kind, (HOST, 9), 0, beep
        self.ear: Ear | None = None
        self.heard = 0
        self._packets = _said(says, kind.codec, beep)
        self._out: Session | None = None
        self._in: Session | None = None

    def terms(self) -> c.CallTerms:
        """What is agreed with the node, with keys of its own if it is a secret one."""
        kind, (host, port) = self.kind, self.socket.getsockname()
        plain = c.CallTerms(
            codec=kind.codec, sending=kind.payload_type, receiving=kind.payload_type, host=host, port=port
        )
        if not kind.suite:
            return plain
        ours, theirs = secrets.token_bytes(_KEY_SIZE), secrets.token_bytes(_KEY_SIZE)
        profile = Policy.SRTP_PROFILE_AES128_CM_SHA1_80
        self._in = Session(Policy(key=ours, ssrc_type=Policy.SSRC_ANY_INBOUND, srtp_profile=profile))
        self._out = Session(Policy(key=theirs, ssrc_type=Policy.SSRC_ANY_OUTBOUND, srtp_profile=profile))
        keys = {"our_key": b64encode(ours).decode(), "their_key": b64encode(theirs).decode()}
        return msgspec.structs.replace(plain, suite=kind.suite, **keys)

    @property
    def begins(self) -> bool:
        """Whether what it says next begins a beep."""
        return self.says is Says.BEEPS and (self.number + 1 - self.beep * BEEP_APART) % BEEP_EVERY == 0

    def say(self) -> None:
        """20 ms."""
        n = self.number = self.number + 1
        header = build_header(self.kind.payload_type, 0, n & 0xFFFF, n * self.kind.ticks & 0xFFFF_FFFF, 5)
        data = header + self._packets[n % BEEP_EVERY]
        self.socket.sendto(self._out.protect(data) if self._out is not None else data, self.to)

    def read(self, offset: float) -> None:
        """Whatever came; `offset` is the monotonic clock less the time of day."""
        while True:
            try:
                data, ancillary, _flags, _source = self.socket.recvmsg(2_048, 64)
            except BlockingIOError:
                return
            self.heard += 1
            if self._in is not None:
                data = self._in.unprotect(data)
            if self.ear is not None:
                seconds, nanoseconds = _TIME.unpack(ancillary[0][2])
                self.ear.hear(seconds + nanoseconds / 1e9 + offset, data[12:])


class Phones:
    """All of them. `beeps` are the times at which the first sample of a beep was said, by pitch; `late` is how late the
    load itself was at its worst, and `pause` the longest time for which it did not say the tone, in ms.
    """

    def __init__(self, calls: int, speakers: int, kinds: Sequence[Kind] = (PLAIN,)) -> None:
        """The kinds are taken by turns."""
        says = [Says.STEADY, *[Says.BEEPS] * (speakers - 1), *[Says.NOTHING] * (calls - speakers)]
        self.phones = [
            Phone(one, kinds[n % len(kinds)], (n - 1) % len(BEEPS) if one is Says.BEEPS else 0)
            for n, one in enumerate(says)
        ]
        self.beeps: list[list[float]] = [[] for _ in BEEPS]
        self.late = self.pause = 0.0
        self._tone_at: float | None = None

    async def connect(self, node: NodeProcess, room: str) -> None:
        """Calls that sit in a room of the node; who says something may."""
        for number, phone in enumerate(self.phones):
            call, who = f"c{number}", f"p{number}"
            phone.to = (HOST, (await node.control.call(c.OpenCall(call=call), c.CallOpened)).port)
            await node.control.do(c.SetTerms(call=call, terms=phone.terms()))
            await node.control.do(c.SeatCall(call=call, room=room, participant=who))
            speaks = phone.says is not Says.NOTHING
            await node.control.do(p.SetPublish(room=room, participant=who, microphone=speaks))

    async def leave(self, node: NodeProcess) -> None:
        """All hang up: the node has nothing of them any more."""
        for number in range(len(self.phones)):
            await node.control.do(c.CloseCall(call=f"c{number}"))

    def turn_to_each_other(self) -> None:
        """Each says its packets to the next one, without a node: the same load on our side."""
        for phone, other in zip(self.phones, [*self.phones[1:], self.phones[0]], strict=True):
            phone.to = other.socket.getsockname()

    def listen(self) -> None:
        """From now on, with new ears."""
        self.beeps = [[] for _ in BEEPS]
        self.late = self.pause = 0.0
        for turn, phone in enumerate(self.phones[1:]):
            phone.heard = 0
            phone.ear = Ear(turn) if phone.kind.codec == PLAIN.codec else None

    def talk(self, seconds: float) -> None:
        """All say their packets, spread over each 20 ms, and read. It blocks."""
        groups = [self.phones[n::10] for n in range(10)]
        due = time.monotonic()
        end = due + seconds
        while due < end:
            wall = time.time()  # asked anew, for it may be set meanwhile; what stops us after it makes the way longer
            offset = time.monotonic() - wall
            for group in groups:
                due += FRAME / len(groups)
                time.sleep(max(0.0, due - time.monotonic()))
                self.late = max(self.late, 1_000 * (time.monotonic() - due))
                self._say(group)
                for phone in group:
                    phone.read(offset)

    def _say(self, group: list[Phone]) -> None:
        """When is noted before: what stops us in between makes the way longer and not shorter."""
        for phone in group:
            if phone.says is Says.STEADY:
                now = time.monotonic()
                if self._tone_at is not None:
                    self.pause = max(self.pause, 1_000 * (now - self._tone_at))
                self._tone_at = now
            elif phone.begins:
                self.beeps[phone.beep].append(time.monotonic() - FRAME)
            phone.say()

    def delays(self) -> list[float]:
        """From mouth to ear, in ms, of each beep at each ear that says nothing."""
        found = []
        for phone in self.phones[1:]:
            if phone.ear is not None and phone.says is Says.NOTHING:
                for beeps, begins in zip(self.beeps, phone.ear.begins, strict=True):
                    for beep in beeps:
                        heard = next((at for at in begins if at > beep), None)
                        if heard is not None and heard - beep < 0.5:
                            found.append(1_000 * (heard - beep))
        return found

    @property
    def wanted(self) -> int:
        """How many of them there should be: two speakers' beeps, who are heard beside the tone, at all ears that say
        nothing.
        """
        silent = sum(phone.says is Says.NOTHING and phone.ear is not None for phone in self.phones[1:])
        speakers = sum(phone.says is Says.BEEPS for phone in self.phones)
        return silent * sum(map(len, self.beeps)) * min(2, speakers) // max(1, speakers)

    @property
    def ears(self) -> list[Ear]:
        """All that listened."""
        return [phone.ear for phone in self.phones if phone.ear is not None]

    def close(self) -> None:
        """Put them away."""
        for phone in self.phones:
            phone.socket.close()
