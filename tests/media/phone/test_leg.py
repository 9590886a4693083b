from __future__ import annotations

import itertools
from dataclasses import replace

import numpy as np
import pytest
from pylibsrtp import Policy, Session

from server.media.phone.codecs import codec
from server.media.phone.events import press
from server.media.phone.leg import KEY_HUSH, PAUSE, Leg, Terms
from server.media.phone.srtp import Keys
from server.media.transport.ice import Address
from server.media.wire.rtp import RtpPacket, build_header
from tests.media.phone.test_inband import pressed

NAMED, THIEF = ("203.0.113.5", 4_000), ("192.0.2.66", 9)
TERMS = Terms("PCMA", 8, 8, events=96, noise=13, named=NAMED)
LOUD = codec("PCMA").encode(np.full(160, 8_000, np.int16))


class Line:
    """A leg and the telephone at its other end."""

    def __init__(self, terms: Terms = TERMS) -> None:
        self.sent: list[tuple[bytes, Address]] = []
        self.keys: list[str] = []
        self.leg = Leg(terms, lambda data, to: self.sent.append((data, to)), self.keys.append)
        self.number = 65_530

    def say(self, payload: bytes, now: float, kind: int = 8, source: Address = NAMED, at: int | None = None) -> None:
        self.leg.receive(self.packet(payload, kind, at), source, now)

    def packet(self, payload: bytes, kind: int = 8, at: int | None = None) -> bytes:
        self.number += 1
        timestamp = self.number * 160 if at is None else at
        return build_header(kind, 0, self.number, timestamp, 7) + payload

    def listen(self, seconds: float, begin: float = 0.0, source: Address = NAMED) -> int:
        """Frames heard of sound that comes all the time."""
        heard = 0
        for n in range(round(seconds * 50)):
            self.say(LOUD, begin + n * 0.02, source=source)
            heard += self.leg.take(begin + n * 0.02 + 0.001) is not None
        return heard


def test_sound_is_heard_only_with_the_floor() -> None:
    line = Line()
    assert line.listen(1) == 0
    line.leg.talk(True)
    assert line.listen(1, 1.0) > 45
    line.leg.talk(False)
    assert line.listen(1, 2.0) == 0
    assert line.leg.received == 150


def test_keys_are_told_without_the_floor_too_and_hush_the_sound() -> None:
    line = Line()
    line.leg.talk(True)
    line.listen(0.5)
    for n in range(5):
        line.say(press("9", 160 * n, n == 4), 0.5 + n * 0.02, kind=96, at=5_000)
    assert line.keys == ["9"]
    before = line.leg._playout._newest
    line.say(LOUD, 0.58 + KEY_HUSH / 2)
    assert line.leg._playout._newest == before
    line.leg.talk(False)
    line.say(press("#", 160, False), 1.0, kind=96, at=50_000)
    assert line.keys == ["9", "#"]


@pytest.mark.parametrize("floor", [False, True])
def test_keys_are_told_under_either_number(floor: bool) -> None:
    """Ours, as RFC 3264 §6.1 has it, or that of their answer, as some send them."""
    line = Line(replace(TERMS, events=101, their_events=96))
    line.leg.talk(floor)
    line.say(press("1", 160, False), 0.0, kind=101, at=160)
    line.say(press("2", 160, False), 0.1, kind=96, at=8_000)
    assert (line.keys, line.leg.malformed) == (["1", "2"], 0)


def test_keys_of_a_stream_that_takes_over_count_whatever_its_clock_says() -> None:
    """A call that a PBX transfers: another SSRC, with timestamps of its own (RFC 3550 §5.1)."""
    line, number = Line(), itertools.count(1)

    def strike(key: str, at: int, ssrc: int) -> None:
        packet = build_header(96, 1, next(number), at, ssrc) + press(key, 160, False)
        line.leg.receive(packet, NAMED, next(number) * 0.02)

    for n in range(16):
        strike("1", 90_000 + n * 4_000, 7)
    for n, key in enumerate("*9*6"):
        strike(key, 80_000 + n * 100, 8)
        strike(key, 80_000 + n * 100, 8)
    strike("1", 90_000 + 15 * 4_000, 7)  # late, of the first stream: known
    assert "".join(line.keys) == "1" * 16 + "*9*6"


def test_the_tone_that_began_before_its_event_is_not_heard_either() -> None:
    line = Line()
    line.leg.talk(True)
    line.listen(0.5)
    for n in range(3):  # three packets of the key's tone wait to be played when its first event comes
        line.say(LOUD, 0.5 + n * 0.001)
    line.say(press("5", 160, False), 0.504, kind=96, at=1)
    assert [line.leg.take(0.505 + n * 0.02) for n in range(5)] == [None] * 5
    assert line.keys == ["5"]


@pytest.mark.parametrize("floor", [False, True])
def test_keys_that_are_nothing_but_sound_are_told_and_not_heard(floor: bool) -> None:
    line = Line(replace(TERMS, events=None))
    line.leg.talk(floor)
    sound = np.concatenate([pressed("1"), np.zeros(2_400, np.int16), pressed("6#", length=0.2)])
    heard = 0.0
    for n in range(sound.size // 160):
        line.say(codec("PCMA").encode(sound[n * 160 : n * 160 + 160]), n * 0.02)
        frame = line.leg.take(n * 0.02 + 0.001)
        heard += 0.02 * (frame is not None and float(frame.astype(float).std()) > 200)
    assert line.keys == ["1", "6", "#"]
    assert heard <= 0.02


def test_a_telephone_that_tells_keys_is_not_listened_to_for_them() -> None:
    line = Line()
    for n in range(50):
        line.say(codec("PCMA").encode(pressed("1", length=1)[n * 160 : n * 160 + 160]), n * 0.02)
    assert line.keys == []
    line.leg.change(replace(TERMS, events=None))
    for n in range(50, 100):
        line.say(codec("PCMA").encode(pressed("1", length=1)[(n - 50) * 160 : (n - 49) * 160]), n * 0.02)
    assert line.keys == ["1"]


def test_what_it_hears_is_numbered_and_goes_where_it_is() -> None:
    line = Line()
    for _ in range(3):
        line.leg.give(LOUD)
    line.leg.give(b"")
    line.leg.give(LOUD)
    packets = [RtpPacket.parse(data) for data, _ in line.sent]
    assert {to for _, to in line.sent} == {NAMED}
    steps = [(b.sequence - a.sequence) & 0xFFFF for a, b in itertools.pairwise(packets)]
    assert steps == [1, 1, 1], "numbers count what is sent (RFC 3550 §5.1); a hole is a packet that is lost"
    assert [(b.timestamp - a.timestamp) for a, b in itertools.pairwise(packets)] == [160, 160, 320]
    assert [bool(packet.marker) for packet in packets] == [True, False, False, True], "RFC 3551 §4.1"
    assert {(packet.payload_type, packet.payload, packet.ssrc) for packet in packets} == {(8, LOUD, packets[0].ssrc)}


def test_a_telephone_that_named_no_address_is_sent_to_when_it_is_heard() -> None:
    line = Line(Terms("PCMA", 8, 8))
    line.leg.give(LOUD)
    assert line.sent == []
    line.listen(0.2, source=THIEF)
    line.leg.give(LOUD)
    assert line.sent[0][1] == THIEF


def test_a_telephone_that_says_nothing_for_an_hour_is_still_talked_to_and_listened_to() -> None:
    """No packet and no key: some telephones and trunks send nothing while nobody speaks."""
    line = Line()
    line.leg.talk(True)
    line.say(LOUD, 0.0)
    for n in range(3_600 * 50):
        assert line.leg.take(n * 0.02) is None or n < 50
        line.leg.give(LOUD)
    assert len(line.sent) == 3_600 * 50
    assert {to for _, to in line.sent[-50:]} == {NAMED}
    line.say(press("9", 160, True), 3_600.0, kind=96, at=7)
    assert line.keys == ["9"]
    assert line.listen(1, 3_600.5) > 45


def test_third_parties_are_not_heard() -> None:
    line = Line()
    line.leg.talk(True)
    line.listen(0.2)
    for n in range(50):
        line.say(press("1", 160, False), 0.2 + n * 0.001, kind=96, source=THIEF, at=n * 9_000)
    assert (line.keys, line.leg.strangers) == ([], 50)
    line.leg.give(LOUD)
    assert line.sent[-1][1] == NAMED


def test_on_hold_nothing_is_sent_and_afterwards_time_has_passed() -> None:
    line = Line()
    line.leg.give(LOUD)
    line.leg.change(Terms("PCMA", 8, 8, named=NAMED, sends=False))
    for _ in range(9):
        line.leg.give(LOUD)
    line.leg.change(TERMS)
    line.leg.give(LOUD)
    first, second = (RtpPacket.parse(data) for data, _ in line.sent)
    assert second.timestamp - first.timestamp == 1_600


def scripted(line: Line, numbers: range, begin: float, kept: str = "1", late: str = "0") -> None:
    """Sound of which a pattern says, over and over, what arrives and how many ms late."""
    for n in numbers:
        data = line.packet(LOUD)
        if kept[n % len(kept)] == "1":
            line.leg.receive(data, NAMED, begin + n * 0.02 + int(late[n % len(late)]) / 1_000)


@pytest.mark.parametrize("floor", [False, True])
@pytest.mark.parametrize("events", [96, None])
def test_its_line_is_measured_whether_it_is_heard_or_not(floor: bool, events: int | None) -> None:
    line = Line(replace(TERMS, events=events))
    line.leg.talk(floor)
    scripted(line, range(1_000), 0.0, kept="1111011111", late="08")
    tally = line.leg.tally
    assert (tally.expected, tally.lost, tally.bytes) == (1_000, 100, 900 * 172)
    assert tally.jitter == pytest.approx(0.008, rel=0.2)
    for _ in range(3):
        line.leg.receive(line.packet(LOUD), THIEF, 21.0)
    assert tally.expected == 1_000, "nothing of a stranger is its line's"


def test_srtp_counts_what_was_proved() -> None:
    keys, out, _back = keyed("AES_CM_128_HMAC_SHA1_80", 30)
    line = Line(replace(TERMS, keys=keys))
    for n in range(100):
        data = out.protect(line.packet(LOUD))
        if n % 4:
            line.leg.receive(data, NAMED, n * 0.02)
            line.leg.receive(data, NAMED, n * 0.02)
    assert (line.leg.tally.expected, line.leg.tally.lost, line.leg.tally.bytes) == (99, 24, 75 * 182)


def test_keys_are_part_of_the_line() -> None:
    """Five seconds of one key: the same timestamp all the time (RFC 4733 §2.2), which is no jitter."""
    line = Line()
    scripted(line, range(50), 0.0)
    for n in range(250):
        line.say(press("9", 160 * n, n == 249), 1.0 + n * 0.02, kind=96, at=line.number * 160 - n * 160)
    scripted(line, range(50), 6.0)
    assert (line.leg.tally.expected, line.leg.tally.lost) == (350, 0)
    assert line.leg.tally.jitter == pytest.approx(0, abs=1e-6)


def test_comfort_noise_and_the_pause_after_it_are_no_loss() -> None:
    line = Line()
    for n in range(40):
        line.say(b"\x40", n * 3.0, kind=13, at=n * 24_000)
    assert (line.leg.tally.expected, line.leg.tally.lost) == (40, 0)
    assert line.leg.tally.jitter == pytest.approx(0, abs=1e-6)


def test_a_hold_is_no_loss_whatever_its_numbers_do() -> None:
    """Some PBXs number what they play elsewhere meanwhile."""
    line = Line()
    scripted(line, range(100), 0.0)
    line.leg.change(replace(TERMS, sends=False, receives=False))
    line.number += 900
    line.leg.change(TERMS)
    scripted(line, range(100), 20.0)
    assert (line.leg.tally.expected, line.leg.tally.lost) == (200, 0)
    line.leg.change(replace(TERMS, named=THIEF))
    line.number += 10
    line.say(LOUD, 22.0, source=THIEF)
    assert (line.leg.tally.expected, line.leg.tally.lost) == (211, 10), "another address is the same line"


def test_whether_its_sound_arrives() -> None:
    line = Line(replace(TERMS, noise=None))
    assert line.leg.sound(0.0) == "missing", "nothing yet"
    line.say(LOUD, 1.0)
    assert (line.leg.sound(1.0 + PAUSE - 0.01), line.leg.sound(1.0 + PAUSE)) == ("comes", "missing")
    line.leg.change(TERMS)
    assert line.leg.sound(100.0) == "pauses", "who has comfort noise may be silent"
    line.leg.change(replace(TERMS, sends=False, receives=False))
    assert line.leg.sound(100.0) == "held"
    line.leg.change(replace(TERMS, noise=None, receives=False))
    assert line.leg.sound(100.0) == "pauses", "it only listens"
    assert Line().leg.sound(9.0) == "missing", "but some of it must come once"


def test_another_codec_and_address() -> None:
    line = Line()
    line.leg.talk(True)
    line.listen(0.3)
    line.leg.change(Terms("G722", 9, 9, named=THIEF))
    assert line.leg.rate == 16_000
    assert line.leg.address == THIEF
    g722 = codec("G722")
    for n in range(30):
        line.say(g722.encode(np.full(320, 8_000, np.int16)), 1 + n * 0.02, kind=9, source=THIEF)
        frame = line.leg.take(1 + n * 0.02 + 0.001)
    assert frame is not None and frame.size == 320


def keyed(suite: str, size: int) -> tuple[Keys, Session, Session]:
    ours, theirs = bytes(range(size)), bytes(range(1, size + 1))
    profile = {
        "AES_CM_128_HMAC_SHA1_80": Policy.SRTP_PROFILE_AES128_CM_SHA1_80,
        "AES_CM_128_HMAC_SHA1_32": Policy.SRTP_PROFILE_AES128_CM_SHA1_32,
        "AEAD_AES_128_GCM": Policy.SRTP_PROFILE_AEAD_AES_128_GCM,
        "AEAD_AES_256_GCM": Policy.SRTP_PROFILE_AEAD_AES_256_GCM,
    }[suite]
    out = Session(Policy(key=theirs, ssrc_type=Policy.SSRC_ANY_OUTBOUND, srtp_profile=profile))
    back = Session(Policy(key=ours, ssrc_type=Policy.SSRC_ANY_INBOUND, srtp_profile=profile))
    return Keys(suite, ours, theirs), out, back


@pytest.mark.parametrize(
    ("suite", "size"),
    [
        ("AES_CM_128_HMAC_SHA1_80", 30),
        ("AES_CM_128_HMAC_SHA1_32", 30),
        ("AEAD_AES_128_GCM", 28),
        ("AEAD_AES_256_GCM", 44),
    ],
)
def test_srtp(suite: str, size: int) -> None:
    keys, out, back = keyed(suite, size)
    line = Line(Terms("PCMA", 8, 8, events=96, keys=keys))
    line.leg.talk(True)
    for n in range(20):
        line.leg.receive(out.protect(line.packet(LOUD)), THIEF, n * 0.02)
    assert line.leg.received == 17
    assert line.leg.address == THIEF, "a source that proves itself is followed like any other"
    line.leg.give(LOUD)
    assert RtpPacket.parse(back.unprotect(line.sent[0][0])).payload == LOUD
    line.leg.receive(line.packet(press("1", 1, False), 96, 9), THIEF, 1.0)
    assert (line.keys, line.leg.malformed) == ([], 1)


@pytest.mark.parametrize(
    ("suite", "size", "after"),
    [
        ("AES_CM_128_HMAC_SHA1_80", 30, 10),
        ("AES_CM_128_HMAC_SHA1_32", 30, 4),
        ("AEAD_AES_128_GCM", 28, 0),
        ("AEAD_AES_256_GCM", 44, 0),
    ],
)
def test_srtp_with_an_identifier_of_the_key_in_each_packet(suite: str, size: int, after: int) -> None:
    """It stands before the tag (RFC 3711 §3.1), with GCM behind all (RFC 7714 §8.2). Our packets have none."""
    keys, out, back = keyed(suite, size)
    line = Line(Terms("PCMA", 8, 8, named=NAMED, keys=replace(keys, mki=4)))
    line.leg.talk(True)
    for n in range(20):
        data = out.protect(line.packet(LOUD))
        end = len(data) - after
        line.leg.receive(data[:end] + b"\0\0\0\1" + data[end:], NAMED, n * 0.02)
    assert (line.leg.received, line.leg.malformed) == (20, 0)
    for size_ in (0, 3, 12, 15, 16, 26, 27):
        line.leg.receive(line.packet(LOUD)[:size_], NAMED, 1.0)
    assert line.leg.malformed == 7
    line.leg.give(LOUD)
    assert RtpPacket.parse(back.unprotect(line.sent[0][0])).payload == LOUD


def test_a_call_of_very_many_sources_costs_no_more_than_another() -> None:
    """Libsrtp keeps all that were proved and looks for one in a row: ten thousand would hold up everybody."""
    keys, _out, _back = keyed("AES_CM_128_HMAC_SHA1_80", 30)
    line = Line(Terms("PCMA", 8, 8, named=NAMED, keys=keys))

    def protected(ssrc: int, sequence: int) -> bytes:
        return keyed(keys.suite, 30)[1].protect(build_header(8, 0, sequence, 160, ssrc) + LOUD)

    first = protected(1, 1)
    for ssrc in range(1, 100):
        line.leg.receive(protected(ssrc, 1), NAMED, ssrc * 0.02)
        line.leg.receive(protected(ssrc, 1), NAMED, ssrc * 0.02)
    assert (line.leg.received, line.leg.malformed) == (99, 99), "what comes twice is not taken twice"
    line.leg.receive(protected(99, 2), NAMED, 2.0)
    line.leg.receive(protected(98, 2), NAMED, 2.0)
    assert line.leg.received == 101
    line.leg.receive(first, NAMED, 2.1)
    assert line.leg.received == 102, "the first of so many is forgotten"


def test_a_way_whose_key_stays_goes_on() -> None:
    """After 65,536 packets a session that begins anew would use the same key stream once more."""
    keys, _out, back = keyed("AES_CM_128_HMAC_SHA1_80", 30)
    line = Line(Terms("PCMA", 8, 8, named=NAMED, keys=keys))
    for _ in range(65_600):
        line.leg.give(LOUD)
    for data, _address in line.sent:
        back.unprotect(data)
    line.leg.change(Terms("PCMA", 8, 8, named=NAMED, keys=Keys(keys.suite, keys.ours, bytes(range(2, 32)))))
    line.leg.give(LOUD)
    assert RtpPacket.parse(back.unprotect(line.sent[-1][0])).payload == LOUD


@pytest.mark.parametrize("minutes", [12, 18, 21])
def test_after_a_long_hold_the_telephone_can_read_what_it_hears(minutes: int) -> None:
    """SRTP guesses half of a packet's index from the numbers before: in a hold those must not run on."""
    keys, _out, back = keyed("AES_CM_128_HMAC_SHA1_80", 30)
    terms = Terms("PCMA", 8, 8, named=NAMED, keys=keys)
    line = Line(terms)
    for _ in range(15 * 60 * 50):
        line.leg.give(LOUD)
    for data, _address in line.sent:
        back.unprotect(data)
    line.leg.change(replace(terms, sends=False))
    for _ in range(minutes * 60 * 50):
        line.leg.give(LOUD)
    line.leg.change(terms)
    line.sent.clear()
    for _ in range(50):
        line.leg.give(LOUD)
    assert [RtpPacket.parse(back.unprotect(data)).payload for data, _address in line.sent] == [LOUD] * 50


def test_keys_that_do_not_fit_change_nothing() -> None:
    with pytest.raises(ValueError, match="AEAD"):
        Line(Terms("PCMA", 8, 8, keys=Keys("AEAD_AES_128_GCM", b"short", b"short")))
    line = Line()
    with pytest.raises(ValueError, match="F8"):
        line.leg.change(Terms("PCMU", 0, 0, keys=Keys("F8", bytes(30), bytes(30))))
    assert line.leg.terms == TERMS


def test_what_is_no_rtp_is_counted() -> None:
    line = Line()
    for data in (b"", b"x" * 11, bytes(40), b"\x80\x08" + bytes(3), b"\x80\x7f" + bytes(30), b"\xbf\x08" + bytes(30)):
        line.leg.receive(data, NAMED, 0.0)
    line.say(b"\1", 0.1, kind=96)
    line.leg.receive(b"\x80\xc8" + bytes(30), NAMED, 0.0)  # RTCP
    assert line.leg.malformed == 7
    assert line.keys == []


@pytest.mark.parametrize("suite", ["", "AES_CM_128_HMAC_SHA1_80"])
def test_what_is_longer_than_any_packet_is_counted(suite: str) -> None:
    """Sockets take 2,048 octets, of anybody; libsrtp's binding has room for 1,500."""
    line = Line(replace(TERMS, keys=keyed(suite, 30)[0]) if suite else TERMS)
    for size in (1_500, 1_501, 2_048):
        line.leg.receive(line.packet(bytes(size - 12)), THIEF, 0.0)
    assert line.leg.malformed + line.leg.strangers == 3
    assert line.leg.malformed >= 2


def test_who_may_not_be_heard_is_known_and_kept_from_strangers_all_the_same() -> None:
    line = Line()
    for n in range(10):
        line.say(LOUD, n * 0.02)
    assert (line.leg.received, line.leg.heard_at) == (10, 9 * 0.02)
    line.say(LOUD, 0.2, source=THIEF)
    assert (line.leg.received, line.leg.strangers, line.leg.address) == (10, 1, NAMED)
    odd = bytearray(line.packet(LOUD))
    odd[0] |= 0x0F  # says that it has 15 sources, which it has
    line.leg.receive(bytes(odd), NAMED, 0.22)
    line.say(LOUD, 0.24, kind=77)
    assert (line.leg.received, line.leg.malformed) == (11, 1)
