"""Reports between two legs that face each other, in virtual time: round trip, loss, and what is not believed."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from server.errors import ProtocolError
from server.media.phone.codecs import codec
from server.media.phone.leg import Leg, Terms
from server.media.phone.reports import EVERY, LEAST, STALE, Reports
from server.media.phone.srtp import Keys
from server.media.transport.ice import Address
from server.media.wire.rtcp import Other, ReceiverReport, ReportBlock, SenderReport, parse
from server.media.wire.rtcp_build import build_rr, build_sr
from server.media.wire.rtp import is_rtcp

HERE, THERE, STRANGER = ("192.0.2.1", 4_000), ("192.0.2.2", 4_002), ("192.0.2.66", 9)
LOUD = codec("PCMA").encode(np.full(160, 8_000, np.int16))
TERMS = Terms("PCMA", 8, 8, reports=True)
SUITES = {
    "": 0,
    "AES_CM_128_HMAC_SHA1_80": 30,
    "AES_CM_128_HMAC_SHA1_32": 30,
    "AEAD_AES_128_GCM": 28,
    "AEAD_AES_256_GCM": 44,
}


class Pair:
    """Ours and theirs, `delay` s apart each way. Of their ears one of `loses` packets of sound does not come."""

    def __init__(self, ours: Terms, theirs: Terms, delay: float = 0.06, loses: int = 0) -> None:
        self.now, self.delay, self.loses, self.number = 1_000.0, delay, loses, 0
        self.on_way: list[tuple[float, bytes, Leg, Address]] = []
        self.rtcp: list[bytes] = []  # of ours
        self.ours = Leg(replace(ours, named=THERE), self._from_ours, lambda key: None)
        self.theirs = Leg(replace(theirs, named=HERE), self._from_theirs, lambda key: None)

    def _from_ours(self, data: bytes, to: Address) -> None:
        if is_rtcp(data):
            self.rtcp.append(data)
        else:
            self.number += 1
            if self.loses and self.number % self.loses == 0:
                return
        self.on_way.append((self.now + self.delay, data, self.theirs, HERE))

    def _from_theirs(self, data: bytes, to: Address) -> None:
        self.on_way.append((self.now + self.delay, data, self.ours, THERE))

    def run(self, seconds: float) -> None:
        for _ in range(round(seconds * 50)):
            for leg in (self.ours, self.theirs):
                leg.give(LOUD)
            if round(self.now * 50) % 250 == 0:
                self.ours.report(self.now)
            if round(self.now * 50) % 250 == 100:
                self.theirs.report(self.now)
            self.now += 0.02
            due = [one for one in self.on_way if one[0] <= self.now]
            self.on_way = [one for one in self.on_way if one[0] > self.now]
            for at, data, leg, source in due:
                leg.receive(data, source, at)


def keyed(suite: str, mki: int = 0) -> tuple[Terms, Terms]:
    if not suite:
        return TERMS, TERMS
    one, other = bytes(range(SUITES[suite])), bytes(range(9, 9 + SUITES[suite]))
    return replace(TERMS, keys=Keys(suite, one, other, mki)), replace(TERMS, keys=Keys(suite, other, one))


@pytest.mark.parametrize("suite", SUITES)
@pytest.mark.parametrize("floor", [False, True])
def test_round_trip_and_what_is_lost_there(suite: str, floor: bool) -> None:
    pair = Pair(*keyed(suite), delay=0.06, loses=10)
    pair.ours.talk(floor)
    pair.run(1)
    assert pair.ours.reports.told(pair.now) is None
    pair.run(20)
    told = pair.ours.reports.told(pair.now)
    assert told is not None and told.rtt is not None
    assert told.rtt == pytest.approx(0.12, abs=0.002)
    assert told.lost == pytest.approx(0.1, abs=0.01)
    assert told.jitter < 0.002
    back = pair.theirs.reports.told(pair.now)
    assert back is not None and back.lost == 0 and back.rtt == pytest.approx(0.12, abs=0.002)
    assert pair.ours.malformed == pair.theirs.malformed == 0


@pytest.mark.parametrize(("suite", "after"), [("AES_CM_128_HMAC_SHA1_32", 10), ("AEAD_AES_128_GCM", 0)])
def test_theirs_with_an_identifier_of_the_key(suite: str, after: int) -> None:
    """It stands before SRTCP's tag, which has ten octets with either suite of CM; with GCM behind all."""
    pair = Pair(*keyed(suite, mki=4))
    tag = {"AES_CM_128_HMAC_SHA1_32": 4}.get(suite, 0)

    def send(data: bytes, to: Address) -> None:
        end = len(data) - (after if is_rtcp(data) else tag)
        pair._from_theirs(data[:end] + b"\0\0\0\1" + data[end:], to)

    pair.theirs._send = send
    pair.run(15)
    assert pair.ours.reports.told(pair.now) is not None
    assert pair.ours.malformed == 0


def test_ours_is_whole() -> None:
    """A sender report, a block about theirs, and the name that each compound has (RFC 3550 §6.1)."""
    pair = Pair(TERMS, TERMS)
    pair.run(12)
    sender, other = parse(pair.rtcp[-1])
    assert isinstance(sender, SenderReport) and other == Other(202, 1)
    (block,) = sender.reports
    assert (sender.ssrc, block.ssrc) == (pair.ours.ssrc, pair.theirs.ssrc)
    assert block.lost == 0 and block.lsr != 0
    assert 300 <= sender.packets <= pair.ours.sent and sender.octets == 160 * sender.packets
    assert len({parse(data)[0].packets for data in pair.rtcp}) == len(pair.rtcp)  # type: ignore[union-attr]


def test_without_an_agreement_nothing_is_told_or_believed() -> None:
    pair = Pair(replace(TERMS, reports=False), TERMS)
    pair.run(15)
    assert pair.rtcp == [] and pair.ours.reports.told(pair.now) is None
    assert pair.ours.malformed == 0


def test_nothing_is_told_on_hold_and_what_was_told_is_forgotten() -> None:
    pair = Pair(TERMS, TERMS)
    pair.run(15)
    assert pair.ours.reports.told(pair.now) is not None
    pair.ours.change(replace(pair.ours.terms, sends=False))
    before = len(pair.rtcp)
    pair.theirs.change(replace(pair.theirs.terms, reports=False))
    pair.run(STALE + EVERY)
    assert len(pair.rtcp) == before and pair.ours.reports.told(pair.now) is None


def block(ssrc: int, **values: int) -> ReportBlock:
    return ReportBlock(**{"ssrc": ssrc, "fraction_lost": 64, "lost": 0, "highest": 9, "jitter": 80, "lsr": 0, "dlsr": 0,
                          **values})  # fmt: skip


def test_only_what_is_about_our_sound_counts_and_only_from_where_theirs_comes() -> None:
    pair = Pair(TERMS, TERMS)
    pair.run(1)
    ours = pair.ours
    ours.receive(build_rr(5, [block(ours.ssrc + 1)]), THERE, pair.now)
    ours.receive(build_rr(5, [block(ours.ssrc)]), STRANGER, pair.now + LEAST)
    assert ours.reports.told(pair.now) is None
    ours.receive(build_rr(5, [block(ours.ssrc)]), THERE, pair.now + 2 * LEAST)
    assert ours.reports.told(pair.now + 1) == (0.25, 0.01, None), "a receiver that had no time of ours"


def test_a_round_trip_is_by_a_time_of_ours() -> None:
    """A telephone that names a time which we never told says nothing of the way."""
    reports = Reports(7)
    sent = parse(reports.build(None, 0, 1, 160, 100.0))[0]
    assert isinstance(sent, SenderReport) and sent.reports == ()
    lsr = sent.ntp >> 16 & 0xFFFF_FFFF
    for named, rtt in ((lsr, 0.5), (lsr - 9_000, None), (0, None)):
        reports.hear(build_rr(5, [block(7, lsr=named)]), 8_000, 100.5)
        told = reports.told(100.5)
        assert told is not None and told.rtt == pytest.approx(rtt, abs=0.001)


def test_who_sends_very_many_gets_some_of_them_read() -> None:
    pair = Pair(TERMS, TERMS)
    heard: list[ReceiverReport] = []
    pair.ours.reports.hear = lambda *told: heard.append(told)  # type: ignore[method-assign,assignment,arg-type,return-value]
    for n in range(1_000):
        pair.ours.receive(build_rr(5, [block(pair.ours.ssrc)]), THERE, n * 0.001)
    assert len(heard) == round(1 / LEAST)


def test_what_cannot_be_read_is_counted() -> None:
    pair = Pair(TERMS, TERMS)
    for n, data in enumerate((b"\x80\xc9", build_sr(5, 1, 2, 3, 4, [block(1)])[:-4], b"\x81\xc9\0\1\0\0\0\1")):
        pair.ours.receive(data, THERE, n * 1.0)
    assert pair.ours.malformed == 3
    with pytest.raises(ProtocolError):
        Reports(7).hear(b"\x80\xc8\0\0", 8_000, 0.0)


def test_srtcp_of_an_unknown_source_is_not_remembered() -> None:
    """Libsrtp keeps all that were proved; a source of reports is one whose sound was."""
    pair = Pair(*keyed("AES_CM_128_HMAC_SHA1_80"))
    pair.run(1)
    out = pair.theirs._out
    assert out is not None
    for ssrc in range(1, 50):
        pair.ours.receive(out.protect_rtcp(build_rr(ssrc, [block(pair.ours.ssrc)])), THERE, 2_000.0 + ssrc)
    assert pair.ours.malformed == 49 and pair.ours.reports.told(2_050.0) is None
