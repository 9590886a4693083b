"""RTP of one telephone: header, latching, keys in both ways, any codec, a playout that is taken from all the time.

With SRTP what the telephone sends is protected by its key, as far as that can be; what strangers send is not.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

import numpy as np
from pylibsrtp import Error, Policy, Session

from server.media.phone.codecs import codec
from server.media.phone.events import KEYS, press
from server.media.phone.leg import Leg, Terms
from server.media.phone.srtp import BEHIND_MKI, PROFILES, Keys
from server.media.wire.rtp import build_header
from server.telephony.sdes import SUITES
from tests.fuzz.stage import joined, pieces
from tests.peers.pcap import sound, tones_of_keys

NAMED, OTHER = ("203.0.113.5", 4_000), ("192.0.2.66", 9)
CODECS = {"PCMA": 8, "PCMU": 0, "G722": 9, "OPUS": 107}
EVENTS, NOISE = 101, 13
SECURE, LONG, RAW, HOLD = 16, 128, 2, 4


class Secure:
    """The telephone's end of SRTP, and its keys for ours. `mki`: octets by which its packets name the key."""

    def __init__(self, suite: str, mki: int) -> None:
        size = SUITES[suite]
        self.keys = Keys(suite, bytes(range(size)), bytes(range(1, size + 1)), mki)
        self._out, self._back = (
            Session(Policy(key=key, ssrc_type=kind, srtp_profile=PROFILES[suite]))
            for key, kind in (
                (self.keys.theirs, Policy.SSRC_ANY_OUTBOUND),
                (self.keys.ours, Policy.SSRC_ANY_INBOUND),
            )
        )

    def protect(self, data: bytes) -> bytes:
        """What cannot be protected stays as it is."""
        try:
            made = self._out.protect(data)
        except (Error, ValueError):
            return data
        end = len(made) - BEHIND_MKI.get(self.keys.suite, 0)
        return made[:end] + bytes(self.keys.mki) + made[end:]

    def hear(self, data: bytes) -> None:
        """Whatever is sent can be read. Raises Error."""
        self._back.unprotect(data)


def one(data: bytes) -> None:
    """The first octet says the codec, whether keys are told, and what of SRTP; each piece is a datagram, its kind by
    whom, whether protected, whether it goes on hold, and when.
    """
    first, now = data[0] if data else 0, 100.0
    name = list(CODECS)[first & 3]
    keys: list[str] = []
    kind = CODECS[name]
    secure = Secure(list(SUITES)[first >> 5 & 3], 4 if first & LONG else 0) if first & SECURE else None
    terms = Terms(name, kind, kind, events=EVENTS if first & 4 else None, noise=NOISE, named=NAMED)
    terms = replace(terms, keys=secure.keys if secure is not None else None)
    sent: list[bytes] = []
    leg = Leg(terms, lambda data, to: sent.append(data), keys.append)
    leg.talk(bool(first & 8))
    arrived = 0
    for how, piece in pieces(data[1:]):
        source = OTHER if how & 1 else NAMED
        leg.receive(piece if secure is None or how & RAW else secure.protect(piece), source, now)
        arrived += 1
        leg.change(replace(terms, sends=not how & HOLD))
        for _ in range((how >> 4) ** 2 // 4 + 1):
            samples = leg.take(now)
            assert samples is None or samples.size == round(leg.rate * 0.02)
            leg.give(b"x")
            now += 0.02
    assert set(keys) <= set(KEYS)
    assert leg.received + leg.malformed + leg.strangers <= 2 * arrived
    assert leg.playout.delay <= 0.2
    assert len(sent) == leg.sent
    for packet in sent if secure is not None else ():
        secure.hear(packet)


def _packets(kind: int, payloads: Iterable[bytes], step: int = 160) -> list[tuple[int, bytes]]:
    return [(0, build_header(kind, 0, n, n * step, 7) + payload) for n, payload in enumerate(payloads)]


def _secured(number: int, packets: list[tuple[int, bytes]]) -> list[bytes]:
    """Every suite, one with an identifier of the key; a stranger's packet, a long one, a piece of one, one twice."""
    strange = [(RAW | 1, packets[0][1]), (RAW, packets[1][1]), (1, bytes(2_000)), (HOLD, bytes(1_400)), (RAW, b"\x80")]
    return [
        bytes((number | 12 | SECURE | suite << 5 | (LONG if suite == number else 0),))
        + joined([packets[0], *strange, *packets[1:], packets[1]])
        for suite in (range(len(SUITES)) if number == 0 else (number,))
    ]


def seeds() -> list[bytes]:
    """Some words in each codec, keys in both ways, losses, another source, leaps of time."""
    made = []
    for number, (name, kind) in enumerate(CODECS.items()):
        there = codec(name)
        step = there.clock // 50
        spoken = (4_000 * np.sin(np.arange(5 * there.rate // 50))).astype(np.int16).reshape(5, -1)
        words = _packets(kind, [there.encode(piece) for piece in spoken], step)
        key = _packets(EVENTS, [press("5", step * n, n == 3) for n in (1, 2, 3)], 0)
        made.append(bytes((number | 12,)) + joined([*words, *key]))
        made += _secured(number, [*words, *key])
        made.append(bytes((number | 8,)) + joined([(0xF0, words[0][1]), (1, words[1][1]), *words[3:], *words[:2]]))
    tones = _packets(8, [payload for _, payload, _ in sound(tones_of_keys("1", 0.06, 0.04))])
    return [*made, b"\0" + joined(tones), b"\x0d" + joined([(0, b"\x80"), (0x71, b"\x80\x08\0\1" + bytes(8))])]
