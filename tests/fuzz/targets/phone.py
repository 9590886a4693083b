"""RTP of one telephone: header, latching, keys in both ways, any codec, a playout that is taken from all the time; and
reports both ways (RTCP) at the same port.

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
from server.media.wire import rtcp
from server.media.wire.rtcp_build import build_rr, build_sr
from server.media.wire.rtp import build_header, is_rtcp
from server.telephony.sdes import SUITES
from tests.fuzz.stage import joined, pieces
from tests.media.building import build_bye
from tests.peers.pcap import sound, tones_of_keys

NAMED, OTHER = ("203.0.113.5", 4_000), ("192.0.2.66", 9)
CODECS = {"PCMA": 8, "PCMU": 0, "G722": 9, "OPUS": 107}
EVENTS, NOISE = 101, 13
SECURE, LONG, RAW, HOLD, REPORT = 16, 128, 2, 4, 8
RTCP_TAG = 10  # octets behind the MKI of SRTCP, where anything is (RFC 4568 §6.2)
OURS = b"ours"  # in a report: the SSRC of what the telephone hears, which is another each time


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
        control = is_rtcp(data)
        try:
            made = self._out.protect_rtcp(data) if control else self._out.protect(data)
        except (Error, ValueError):
            return data
        tag = BEHIND_MKI.get(self.keys.suite, 0)
        end = len(made) - (RTCP_TAG if tag and control else tag)
        return made[:end] + bytes(self.keys.mki) + made[end:]

    def hear(self, data: bytes) -> None:
        """Whatever is sent can be read. Raises Error."""
        (self._back.unprotect_rtcp if is_rtcp(data) else self._back.unprotect)(data)


def one(data: bytes) -> None:
    """The first octet says the codec, whether keys are told, and what of SRTP; each piece is a datagram, its kind by
    whom, whether protected, whether it goes on hold, whether a report of ours follows, and when.
    """
    first, now = data[0] if data else 0, 100.0
    name = list(CODECS)[first & 3]
    keys: list[str] = []
    kind = CODECS[name]
    secure = Secure(list(SUITES)[first >> 5 & 3], 4 if first & LONG else 0) if first & SECURE else None
    terms = Terms(name, kind, kind, events=EVENTS if first & 4 else None, noise=NOISE, named=NAMED, reports=True)
    terms = replace(terms, keys=secure.keys if secure is not None else None)
    sent: list[bytes] = []
    control: list[bytes] = []
    leg = Leg(terms, lambda data, to: (control if is_rtcp(data) else sent).append(data), keys.append)
    leg.talk(bool(first & 8))
    arrived = 0
    for how, piece in pieces(data[1:]):
        source = OTHER if how & 1 else NAMED
        if is_rtcp(piece):
            piece = piece.replace(OURS, leg.ssrc.to_bytes(4, "big"))
        leg.receive(piece if secure is None or how & RAW else secure.protect(piece), source, now)
        arrived += 1
        leg.change(replace(terms, sends=not how & HOLD))
        for _ in range((how >> 4) ** 2 // 4 + 1):
            samples = leg.take(now)
            assert samples is None or samples.size == round(leg.rate * 0.02)
            leg.give(b"x")
            now += 0.02
        if how & REPORT:
            leg.report(now)
    assert set(keys) <= set(KEYS)
    assert leg.received + leg.malformed + leg.strangers <= 2 * arrived
    assert leg.playout.delay <= 0.2
    assert len(sent) == leg.sent
    told = leg.reports.told(now)
    assert told is None or (told.lost < 1 and (told.rtt is None or 0 <= told.rtt <= now - 100))
    for packet in [*sent, *control] if secure is not None else ():
        secure.hear(packet)
    for packet in control if secure is None else ():
        rtcp.parse(packet)


def _packets(kind: int, payloads: Iterable[bytes], step: int = 160) -> list[tuple[int, bytes]]:
    return [(0, build_header(kind, 0, n, n * step, 7) + payload) for n, payload in enumerate(payloads)]


def _reports() -> list[tuple[int, bytes]]:
    """The telephone's, as a sender and as one who only hears, about what left it and about what is nobody's."""
    ours = int.from_bytes(OURS, "big")
    first = rtcp.middle(rtcp.ntp_time(100.08))  # when ours has left after four packets of 20 ms
    blocks = [
        rtcp.ReportBlock(ours, 25, 3, 1 << 16 | 7, 160, first, 65_536 // 50),
        rtcp.ReportBlock(5, 0, 0, 1, 2, 0, 0),
    ]
    return [
        (0xF0 | REPORT, build_sr(7, rtcp.ntp_time(1e9), 640, 4, 640, blocks)),
        (0xF0, build_rr(7, blocks) + build_bye([7])),
        (0xF0 | REPORT, build_rr(9, blocks)),
    ]


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
    made += [bytes((first,)) + joined([*words[:3], (REPORT, words[3][1]), *_reports()]) for first in (8, 8 | SECURE)]
    return [*made, b"\0" + joined(tones), b"\x0d" + joined([(0, b"\x80"), (0x71, b"\x80\x08\0\1" + bytes(8))])]
