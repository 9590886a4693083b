"""SRTP of a telephone that has counted on: another node has its key, but not how often its numbers ran over."""

from __future__ import annotations

import secrets
import time

import pytest
from pylibsrtp import Policy, Session

from server.media.phone.leg import Leg, Terms
from server.media.phone.srtp import PACKETS, PAUSE, PROFILES, TURNS, Keys
from server.media.transport.ice import Address
from server.media.wire.rtp import build_header
from server.telephony.sdes import SUITES

SUITE = "AES_CM_128_HMAC_SHA1_80"
SOUND = b"\xd5" * 160
HERE: Address = ("203.0.113.5", 4_000)
MINUTE = 60 * 50  # packets


class Telephone:
    """Its numbers begin at 1,000; `at` is the index of its next packet."""

    def __init__(self, suite: str = SUITE, ssrc: int = 77) -> None:
        self.keys = Keys(suite, secrets.token_bytes(SUITES[suite]), secrets.token_bytes(SUITES[suite]))
        policy = Policy(key=self.keys.theirs, ssrc_type=Policy.SSRC_ANY_OUTBOUND, srtp_profile=PROFILES[suite])
        self.out, self.ssrc, self.at = Session(policy), ssrc, 1_000
        self.out.protect(self.plain())

    def plain(self, extension: bytes = b"") -> bytes:
        header = bytearray(build_header(8, 0, self.at, self.at * 160, self.ssrc))
        header[0] |= 0x10 if extension else 0
        self.at += 1
        return bytes(header) + extension + SOUND

    def talk(self, packets: int) -> None:
        """To the node before."""
        end = self.at + packets
        while self.at < end:
            self.at = min(self.at + 0x4000, end) - 1  # libsrtp only has to see each turn
            self.packet()

    def packet(self, extension: bytes = b"") -> bytes:
        return self.out.protect(self.plain(extension))

    def other_node(self) -> Leg:
        return Leg(Terms("PCMA", 8, 8, named=HERE, keys=self.keys), lambda data, to: None, lambda key: None)


def hear(leg: Leg, telephone: Telephone, packets: int, begin: float = 0.0) -> int:
    """How many of them were heard."""
    before = leg.received
    for n in range(packets):
        leg.receive(telephone.packet(), HERE, begin + n * 0.02)
    return leg.received - before


@pytest.mark.parametrize("suite", SUITES)
@pytest.mark.parametrize("minutes", [1, 21, 23, 60, 24 * 60])
def test_who_has_talked_for_long_is_heard_at_another_node(suite: str, minutes: int) -> None:
    telephone = Telephone(suite)
    telephone.talk(minutes * MINUTE)
    leg = telephone.other_node()
    assert hear(leg, telephone, 100) >= 100 - PACKETS
    assert hear(leg, telephone, 500, 2.0) == 500


def test_and_goes_on_being_heard_over_the_next_turns_and_at_the_next_node() -> None:
    telephone = Telephone()
    telephone.talk(23 * MINUTE)
    leg = telephone.other_node()
    assert hear(leg, telephone, 50) >= 50 - PACKETS
    assert hear(leg, telephone, 0x20000, 1.0) == 0x20000
    assert hear(telephone.other_node(), telephone, 50) >= 50 - PACKETS


def test_with_an_extension_of_the_header_too() -> None:
    telephone = Telephone("AEAD_AES_128_GCM")
    telephone.talk(50 * MINUTE)
    leg = telephone.other_node()
    for n in range(50):
        leg.receive(telephone.packet(b"\xbe\xde\0\1\x10\x7f\0\0"), HERE, n * 0.02)
    assert leg.received >= 50 - PACKETS


def test_packets_that_change_places_are_heard_though_the_later_one_was_found_first() -> None:
    telephone = Telephone()
    telephone.talk(23 * MINUTE)
    packets = [telephone.packet() for _ in range(2 * PACKETS)]
    leg = telephone.other_node()
    for n, data in enumerate([*packets[PACKETS:], *packets]):
        leg.receive(data, HERE, n * 0.02)
    assert leg.received == 2 * PACKETS


def test_what_is_sent_once_more_makes_nobody_deaf() -> None:
    """Whoever recorded the call sends what was said before; it is of the key's holder and has the telephone's name."""
    telephone = Telephone()
    telephone.talk(23 * MINUTE)
    recorded = [telephone.packet() for _ in range(3)]
    telephone.talk(44 * MINUTE)
    later = [telephone.packet() for _ in range(3)]
    leg = telephone.other_node()
    for data in recorded:
        leg.receive(data, HERE, 0.0)
    assert hear(leg, telephone, 500, PAUSE) >= 500 - PACKETS
    received = leg.received
    for n, data in enumerate([*recorded, *later] * 2 * PACKETS):
        leg.receive(data, HERE, 20 + n * 0.02)
    assert leg.received == received
    assert hear(leg, telephone, 100, 1_000.0) == 100


def test_numbers_that_ran_on_while_nothing_came_are_followed() -> None:
    """A hold in which the telephone counts on: libsrtp alone guesses wrong after half a turn."""
    telephone = Telephone()
    leg = telephone.other_node()
    assert hear(leg, telephone, 50) == 50
    telephone.talk(45_000)
    assert hear(leg, telephone, 50, 900.0) >= 50 - PACKETS


def test_a_strangers_packets_cost_little_and_keep_the_telephone_from_nothing() -> None:
    telephone = Telephone()
    telephone.talk(70 * MINUTE)
    leg = telephone.other_node()
    strange = [build_header(8, 0, n & 0xFFFF, n, secrets.randbits(32)) + SOUND + bytes(10) for n in range(5_000)]
    begin = time.process_time()
    for data in strange:
        leg.receive(data, ("192.0.2.66", 9), 0.0)
    spent = (time.process_time() - begin) / len(strange)
    assert (leg.received, leg.malformed) == (0, 5_000)
    assert spent < 40e-6, f"{spent * 1e6:.0f} us a packet, where 15 are usual"
    for data in strange[: 2 * PACKETS]:
        leg.receive(data, ("192.0.2.66", 9), 1.0)
        leg.receive(telephone.packet(), HERE, 1.0)
    assert leg.received >= PACKETS


def test_a_telephone_that_jumps_on_and_on_is_followed_no_more_than_once_a_second() -> None:
    telephone = Telephone()
    leg = telephone.other_node()
    for n in range(100):
        telephone.talk(0x10000 + (n // 4 - telephone.at) % PACKETS)  # a number with which its turn is tried
        leg.receive(telephone.packet(), HERE, n * PAUSE / 50)
    assert 1 <= leg.received <= 3


def test_nor_over_more_turns_than_any_call_has() -> None:
    telephone = Telephone()
    telephone.talk((TURNS + 1) * 0x10000)
    assert hear(telephone.other_node(), telephone, 200) == 0
