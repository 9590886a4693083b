"""RTP of one telephone: header, latching, keys in both ways, any codec, a playout that is taken from all the time."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from server.media.phone.codecs import codec
from server.media.phone.events import KEYS, press
from server.media.phone.leg import Leg, Terms
from server.media.wire.rtp import build_header
from tests.fuzz.stage import joined, pieces
from tests.peers.pcap import sound, tones_of_keys

NAMED, OTHER = ("203.0.113.5", 4_000), ("192.0.2.66", 9)
CODECS = {"PCMA": 8, "PCMU": 0, "G722": 9, "OPUS": 107}
EVENTS, NOISE = 101, 13


def one(data: bytes) -> None:
    """The first octet says the codec and whether keys are told; each piece is a datagram, its kind by whom and when."""
    first, now = data[0] if data else 0, 100.0
    name = list(CODECS)[first & 3]
    keys: list[str] = []
    kind = CODECS[name]
    terms = Terms(name, kind, kind, events=EVENTS if first & 4 else None, noise=NOISE, named=NAMED)
    leg = Leg(terms, lambda data, to: None, keys.append)
    leg.talk(bool(first & 8))
    arrived = 0
    for how, piece in pieces(data[1:]):
        leg.receive(piece, OTHER if how & 1 else NAMED, now)
        arrived += 1
        for _ in range((how >> 4) ** 2 // 4 + 1):
            samples = leg.take(now)
            assert samples is None or samples.size == round(leg.rate * 0.02)
            leg.give(b"x")
            now += 0.02
    assert set(keys) <= set(KEYS)
    assert leg.received + leg.malformed + leg.strangers <= 2 * arrived
    assert leg.playout.delay <= 0.2


def _packets(kind: int, payloads: Iterable[bytes], step: int = 160) -> list[tuple[int, bytes]]:
    return [(0, build_header(kind, 0, n, n * step, 7) + payload) for n, payload in enumerate(payloads)]


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
        made.append(bytes((number | 8,)) + joined([(0xF0, words[0][1]), (1, words[1][1]), *words[3:], *words[:2]]))
    tones = _packets(8, [payload for _, payload, _ in sound(tones_of_keys("1", 0.06, 0.04))])
    return [*made, b"\0" + joined(tones), b"\x0d" + joined([(0, b"\x80"), (0x71, b"\x80\x08\0\1" + bytes(8))])]
