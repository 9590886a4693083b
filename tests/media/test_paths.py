"""Whose datagram is it: addresses opened by checks, taken from nobody, and what is refused at the door."""

from __future__ import annotations

import logging
from itertools import pairwise

import pytest
from aioice import stun

from server.media import participant
from server.media.inward.asking import KEY_FRAME_EVERY, LARGEST_GAP, MOST_MISSING
from server.media.inward.clocks import SenderClock
from server.media.outward.retransmission import Retransmission
from server.media.participant import NEVER_SECURED_AFTER, Participant
from server.media.protocol import SessionChanged
from server.media.switch import REPORTS_AT_ONCE, REPORTS_TURN
from server.media.transport import paths, policing
from server.media.transport.ice import LOST_AFTER, Address
from server.media.transport.paths import ADDRESS_IS_DEAD, KNOWN_ADDRESSES, LARGEST_DATAGRAM
from server.media.transport.policing import CHECKS_PER_SECOND, MOST_STREAMS, PACKETS_PER_MBIT, UPLINK_MBIT
from server.media.wire import rtcp_build
from server.media.wire.rtp import RtpPacket, build_header
from tests.fuzz.stage import ATTACKER, CAMERA, PICTURE_SLOT, VOICE, VP8, Hand, Stage
from tests.fuzz.targets.rtp import picture, voice

PACKETS_PER_SECOND = UPLINK_MBIT * PACKETS_PER_MBIT
ELSEWHERE: Address = ("192.0.2.66", 666)


def check(person: Participant, *, nominate: bool = True) -> bytes:
    """A valid check, as the participant's browser makes it."""
    message = stun.Message(stun.Method.BINDING, stun.Class.REQUEST)
    message.attributes["USERNAME"] = f"{person.path.credentials.ufrag}:x"
    if nominate:
        message.attributes["USE-CANDIDATE"] = None
    message.add_message_integrity(person.path.credentials.password.encode())
    return bytes(message)


def answers(stage: Stage) -> list[Address]:
    """Where checks were answered to since the last call."""
    found = [to for data, _, to, _ in stage.port.batches if data[:2] == b"\1\1"]
    stage.port.batches.clear()
    return found


def test_a_valid_check_from_a_new_address_moves_the_path(stage: Stage, hand: Hand) -> None:
    victim = stage.people[0]
    hand(check(victim), ELSEWHERE)
    assert victim.path.address == ELSEWHERE and answers(stage) == [ELSEWHERE]


def test_a_path_that_is_dead_gives_way_without_nomination(stage: Stage, hand: Hand) -> None:
    """A NAT with a new binding: the browser knows nothing of it, and has no reason to nominate its path again."""
    person = stage.people[0]
    for _ in range(3):
        stage.now += 2.5
        hand(check(person, nominate=False), ATTACKER)
    last = stage.now
    while person.path.address == ATTACKER and stage.now < last + 20:
        stage.now += 0.5
        hand(check(person, nominate=False), ELSEWHERE)
    assert person.path.address == ELSEWHERE
    assert ADDRESS_IS_DEAD < stage.now - last <= ADDRESS_IS_DEAD + 0.5
    hand(check(person, nominate=False), ATTACKER)
    assert person.path.address == ELSEWHERE, "two paths that are both alive do not take turns"


def test_a_path_that_carries_media_is_not_given_up_for_a_lost_check(stage: Stage, hand: Hand) -> None:
    """Chromium asks every 2.5 s, so that one lost check makes 5 s; and it asks its other paths, too, a relay's."""
    person = stage.people[0]
    hand(check(person), ATTACKER)
    for number in range(1, 36):
        stage.now += 0.1
        hand(voice(number, number), ATTACKER)
    hand(check(person, nominate=False), ELSEWHERE)
    assert person.path.address == ATTACKER
    for number in range(36, 70):
        stage.now += 0.1
        hand(voice(number, number), ELSEWHERE)
    hand(check(person, nominate=False), ELSEWHERE)
    assert person.path.address == ELSEWHERE, "which carries it now"


def test_an_overheard_check_moves_nobody(stage: Stage, hand: Hand) -> None:
    """The seal of a check is good for ever; so a check that has come already opens no other address."""
    victim = stage.people[0]
    overheard = [check(victim) for _ in range(5)]
    for data in overheard:
        hand(data, ATTACKER)
    assert answers(stage) == [ATTACKER] * 5
    for data in overheard:
        hand(data, ELSEWHERE)
    assert victim.path.address == ATTACKER
    assert not answers(stage)
    assert stage.switch.paths.refused["replayed_stun"] == 5
    hand(voice(1, 1), ELSEWHERE)
    assert stage.switch.paths.refused["stranger_media"] == 1


def test_an_overheard_check_does_not_bring_an_old_address_back(stage: Stage, hand: Hand) -> None:
    victim = stage.people[0]
    overheard = check(victim)
    hand(overheard, ATTACKER)
    hand(check(victim), ELSEWHERE)
    hand(overheard, ATTACKER)
    assert victim.path.address == ELSEWHERE
    assert answers(stage) == [ATTACKER, ELSEWHERE, ATTACKER], "a repeat whose answer was lost is answered"


def test_nobody_takes_another_s_live_address(stage: Stage, hand: Hand) -> None:
    """A participant with valid credentials sends a check under another's address."""
    attacker, victim = stage.people[0], stage.people[1]
    assert victim.path.address is not None
    hand(check(attacker), victim.path.address)
    assert stage.switch.paths.refused["taken_address"] == 1
    assert attacker.path.address == ATTACKER
    before = victim.uplink.packets
    hand(voice(1, 1), victim.path.address)
    assert victim.uplink.packets == before + 1
    stage.now += LOST_AFTER + 1
    hand(check(attacker), victim.path.address)
    assert attacker.path.address == victim.path.address, "a port that a NAT gives to the next is his"
    hand(check(attacker), ATTACKER)
    before = victim.uplink.packets
    hand(check(victim), victim.path.address)
    hand(voice(2, 2), victim.path.address)
    assert victim.uplink.packets == before + 1, "and whose it is again when he comes back"


def test_the_path_in_use_is_never_forgotten(stage: Stage, hand: Hand) -> None:
    person = stage.people[0]
    for number in range(3 * KNOWN_ADDRESSES):
        hand(check(person, nominate=False), ("192.0.2.1", 1000 + number))
    assert person.path.address == ATTACKER and ATTACKER in person.path.addresses
    assert len(person.path.addresses) == KNOWN_ADDRESSES
    hand(voice(1, 1), ATTACKER)
    assert person.uplink.packets == 1
    hand(voice(2, 2), ("192.0.2.1", 1000))
    assert person.uplink.packets == 1, "the oldest of the others was"


def test_ten_thousand_valid_checks_a_second_get_few_answers(stage: Stage, hand: Hand) -> None:
    person = stage.people[0]
    for _ in range(2_000):
        hand(check(person), ATTACKER)
        stage.now += 0.0001
    assert len(answers(stage)) <= 2 * CHECKS_PER_SECOND + 11
    assert stage.switch.paths.refused["policed_stun"] >= 1_800
    assert person.path.consent.silent_for(stage.now) < 0.01, "it is there nevertheless"
    stage.now += 1
    hand(check(person), ATTACKER)
    assert answers(stage) == [ATTACKER]


def test_a_handshake_that_is_never_finished_ends(stage: Stage, hand: Hand) -> None:
    """The browser checks the path, but DTLS leads to nothing: control must know, and the page may try again."""
    person = stage.people[0]
    person.close("left")
    again = stage.admit("p0")
    begin = stage.now
    while again.state == "connecting" and stage.now < begin + 60:
        stage.now += 1
        hand(check(again), ATTACKER)
        again.look(stage.now)
    assert again.state == "closed"
    assert NEVER_SECURED_AFTER <= stage.now - begin <= NEVER_SECURED_AFTER + 2
    last = stage.events[-1]
    assert isinstance(last, SessionChanged) and last.reason == "dtls_failed"


def test_who_runs_to_and_fro_is_followed_so_often_and_does_not_fill_the_log(
    stage: Stage, hand: Hand, caplog: pytest.LogCaptureFixture
) -> None:
    person = stage.people[0]
    stood = [person.path.address]
    with caplog.at_level(logging.INFO):
        for turn in range(2_000):
            hand(check(person), ELSEWHERE if turn % 2 == 0 else ATTACKER)
            stood.append(person.path.address)
            stage.now += 0.05
    moves = [before != after for before, after in pairwise(stood)]
    assert all(moves[: int(policing.MOVES_AT_ONCE)])
    assert sum(moves) <= policing.MOVES_AT_ONCE + 100 * policing.MOVES_PER_SECOND + 1
    assert len(caplog.records) == participant.LOGGED_MOVES
    stage.now += 1 / policing.MOVES_PER_SECOND
    elsewhere = ATTACKER if person.path.address == ELSEWHERE else ELSEWHERE
    hand(check(person), elsewhere)
    assert person.path.address == elsewhere, "who stays is followed soon"


@pytest.mark.parametrize("first", [0, 1, 20, 63, 64, 128, 191, 192, 255])
def test_giant_and_tiny_datagrams(stage: Stage, hand: Hand, first: int) -> None:
    for size in (1, 2, 3, 4, 11, 12, 13, 19, 20, LARGEST_DATAGRAM):
        hand(bytes((first,)).ljust(size, b"\xff"), ATTACKER)
    assert stage.switch.paths.refused["giant"] == 0
    for size in (LARGEST_DATAGRAM + 1, 2048):
        hand(bytes((first,)).ljust(size, b"\xff"), ATTACKER)
    assert stage.switch.paths.refused["giant"] == 2
    stage.tick()


def test_the_largest_packets_fit_the_forwarder_s_memory(stage: Stage, hand: Hand) -> None:
    """A burst of them is laid end to end where libsrtp writes behind each: an octet too many is somebody else's."""
    for number in range(40):
        hand(picture(number, number * 3000).ljust(LARGEST_DATAGRAM - number % 4, b"p"), ATTACKER)
    stage.switch.paths.burst_ended(stage.now)
    got = [batch for batch in stage.port.batches if batch[3]]
    assert sum(-(-len(batch[0]) // batch[1]) for batch in got) == 2 * 40
    largest = max(batch[1] for batch in got)
    assert LARGEST_DATAGRAM < largest <= stage.switch.forwarder._sender._arena.size


def test_a_publisher_of_fifty_megabits_is_policed_and_the_others_are_not(stage: Stage, hand: Hand) -> None:
    people, number = stage.people, 0
    for tick in range(500):
        stage.now += 0.01
        for _ in range(52):
            hand(picture(number, tick * 900, key=number == 0).ljust(1200, b"p"), ATTACKER)
            number += 1
        if tick % 2 == 0:
            hand(voice(tick, tick * 480), ("10.0.0.1", 2))
        stage.switch.paths.burst_ended(stage.now)
        stage.port.batches.clear()
    assert people[0].uplink.packets <= 6 * PACKETS_PER_SECOND
    assert people[0].uplink.bytes * 8 <= 6 * 8_200_000
    assert stage.switch.paths.refused["policed"] == number - people[0].uplink.packets
    assert people[1].uplink.packets == 250


def test_a_participant_of_many_streams(stage: Stage, hand: Hand) -> None:
    """Each new number replaces its stream and takes room in libsrtp, so there is an end to it."""
    for ssrc in range(1, 2_000):
        stage.now += 0.01
        hand(picture(1, 1, "f", ssrc=1000 + ssrc), ATTACKER)
        stage.switch.paths.burst_ended(stage.now)
    uplink = stage.people[0].uplink
    assert stage.switch.paths.refused["too_many_streams"] == 1_999 - MOST_STREAMS
    assert len(uplink.sources) == len(uplink._by_ssrc) == len(uplink._pictures) == 1
    stage.tick()


def test_a_claimed_ssrc_of_another_is_one_s_own(stage: Stage, hand: Hand) -> None:
    """Streams are told apart by whose keys they came under; a number says nothing of the sender."""
    for number in range(5):
        hand(picture(number, number * 3000, key=number == 0), ("10.0.0.1", 2))
        hand(picture(900 + number, number * 3000, key=number == 0), ATTACKER)
        stage.switch.paths.burst_ended(stage.now)
        stage.now += 0.03
    mine, other = stage.people[0].uplink, stage.people[1].uplink
    assert mine.packets == other.packets == 5
    (ours,), (theirs,) = mine.sources.values(), other.sources.values()
    assert ours is not theirs and ours.ssrc == theirs.ssrc == CAMERA
    assert (ours.owner, theirs.owner) == ("p0", "p1")
    assert theirs.newest is not None and theirs.newest.index & 0xFFFF == 4
    stage.read()


def test_key_frames_are_asked_for_once_an_interval_whoever_asks(stage: Stage, hand: Hand) -> None:
    hand(picture(1, 1), ATTACKER)
    stage.switch.paths.burst_ended(stage.now)
    stage.tick()
    stage.port.batches.clear()
    pli = rtcp_build.build_pli(1, PICTURE_SLOT)
    asked = 0
    for number in range(2, 302):
        hand(picture(number, number * 3000), ATTACKER)  # who is stopped is not asked
        for port in (2, 3):
            hand(pli * 3, ("10.0.0.1", port))
        stage.switch.paths.burst_ended(stage.now)
        stage.now += 0.01
        asked += sum(to == ATTACKER for _, _, to, _ in stage.port.batches)
        stage.port.batches.clear()
    assert 1 <= asked <= 3.0 / KEY_FRAME_EVERY + 1
    assert stage.switch.paths.refused["policed_feedback"] > 0


def test_a_flood_of_nacks_is_bounded_in_work_and_in_answers(stage: Stage, hand: Hand) -> None:
    for number in range(20):
        hand(picture(number, number * 3000, key=number == 0), ATTACKER)
    stage.switch.paths.burst_ended(stage.now)
    subscriber = stage.people[1]
    slot = subscriber.by_ssrc[PICTURE_SLOT]
    located: list[int] = []
    locate, kind = slot.locate, type(slot)
    stage.port.batches.clear()
    nack = rtcp_build.build_nack(1, PICTURE_SLOT, range(5_000))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(kind, "locate", lambda self, sequence: located.append(sequence) or locate(sequence))
        for _ in range(300):
            hand(nack, ("10.0.0.1", 2))
            stage.switch.paths.burst_ended(stage.now)
            stage.now += 1 / 300
    assert len(located) <= 4 * policing.ASKED_PER_SECOND
    assert stage.switch.paths.refused["policed_feedback"] > 200


def test_a_nack_ends_where_nothing_more_may_be_repeated(stage: Stage, hand: Hand) -> None:
    for number in range(400):
        hand(picture(number, number * 3000, key=number == 0) + bytes(900), ATTACKER)
        stage.switch.paths.burst_ended(stage.now)
        stage.now += 0.01
    slot = stage.people[1].by_ssrc[PICTURE_SLOT]
    newest, located, locate = slot.newest(300), [], slot.locate
    assert len(newest) == 300
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(type(slot), "locate", lambda self, sequence: located.append(sequence) or locate(sequence))
        for part in range(0, 300, 100):
            hand(rtcp_build.build_nack(1, PICTURE_SLOT, newest[part : part + 100]), ("10.0.0.1", 2))
        stage.switch.paths.burst_ended(stage.now)
    repeated = stage.people[1].downlink.retransmitted
    assert 0 < repeated < 100
    assert len(located) <= repeated + 3


def test_sender_reports_without_end_take_little_time(stage: Stage, hand: Hand) -> None:
    for number in range(64):
        hand(voice(number, number * 960), ATTACKER)
    report = rtcp_build.build_sr(VOICE, 1 << 62, 64 * 960, 1, 1)
    looked: list[int] = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(SenderClock, "report", lambda self, source, ntp, at, now: looked.append(at))
        for _ in range(300):
            hand(report * 50, ATTACKER)
            stage.switch.paths.burst_ended(stage.now)
            stage.now += 1 / 300
    assert 0 < len(looked) <= 3 * policing.CLOCKS_PER_SECOND


def test_reports_that_take_long_leave_a_turn_to_the_next_burst(stage: Stage, hand: Hand) -> None:
    answered: list[int] = []

    def slowly(self: Retransmission, slot: object, lost: list[int], now: float) -> None:
        answered.extend(lost)
        stage.now += REPORTS_TURN

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Retransmission, "answer", slowly)
        for number in range(6):
            hand(rtcp_build.build_nack(1, PICTURE_SLOT, [number]), ("10.0.0.1", 2))
        assert stage.switch.paths.burst_ended(stage.now)
        assert 1 <= len(answered) <= 2
        while stage.switch.paths.burst_ended(stage.now):
            pass
    assert answered == list(range(6))


def test_a_word_does_not_wait_for_reports(stage: Stage, hand: Hand) -> None:
    """Many subscribers' reports come at one instant: they are worked off between bursts, in their order."""
    nacks = [rtcp_build.build_nack(1, PICTURE_SLOT, [number]) for number in range(2 * REPORTS_AT_ONCE + 1)]
    asked: list[int] = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Retransmission, "answer", lambda self, slot, lost, now: asked.extend(lost))
        for nack in nacks:
            hand(nack, ("10.0.0.1", 2))
        hand(voice(1, 960), ATTACKER)
        stage.port.batches.clear()
        assert stage.switch.paths.burst_ended(stage.now)
        assert len(stage.port.batches) > 0, "the voice has left"
        assert asked == list(range(REPORTS_AT_ONCE))
        assert stage.switch.paths.burst_ended(stage.now)
        assert not stage.switch.paths.burst_ended(stage.now)
    assert asked == list(range(len(nacks)))


def test_reports_of_one_who_has_left_are_forgotten(stage: Stage, hand: Hand) -> None:
    hand(rtcp_build.build_nack(1, PICTURE_SLOT, [1]), ("10.0.0.1", 2))
    hand(b"\x81\xc9\0\0", ("10.0.0.1", 2))
    stage.people[1].close("left")
    assert not stage.switch.paths.burst_ended(stage.now)
    assert not stage.switch.paths.refused["bad_rtp"]


def test_numbers_that_leap_do_not_spoil_the_others(stage: Stage, hand: Hand) -> None:
    leaps = [0, 1, 2, 20_000, 20_001, 50_000, 50_001, 12_000, 12_001, 11_000, 65_535, 0, 1, 32_769, 32_768, 2]
    for turn, number in enumerate(leaps * 4):
        hand(picture(number, (turn * 0x4000_0000) & 0xFFFF_FFFF), ATTACKER)
        hand(voice(turn, turn * 960), ("10.0.0.1", 2))
        stage.switch.paths.burst_ended(stage.now)
        stage.now += 0.05
        if turn % 10 == 0:
            stage.tick()
        stage.read()
    assert stage.people[1].uplink.packets == len(leaps) * 4
    assert len(stage.people[0].uplink.sources) == 1
    (source,) = stage.people[0].uplink.sources.values()
    assert len(source.losses.missing) <= 100


@pytest.mark.parametrize("step", [2, 3, 50, 99, 100, 101, 5_000, 32_767])
def test_gaps_without_end_are_little_work(stage: Stage, hand: Hand, step: int) -> None:
    """What is missing is gone through with every burst, so its number is bounded, and what we ask for with it."""
    asked = 0
    for turn in range(1_200):
        hand(picture(turn * step & 0xFFFF, turn * 3000), ATTACKER)
        stage.switch.paths.burst_ended(stage.now)
        (source,) = stage.people[0].uplink.sources.values()
        assert len(source.losses.missing) <= MOST_MISSING + LARGEST_GAP
        asked += sum(len(data) for data, _, to, _ in stage.port.batches if to == ATTACKER)
        stage.port.batches.clear()
        stage.now += 1 / 1_200
    assert asked <= 60_000, "bytes of NACKs in a second"


def test_malformed_packets_count_against_their_sender_too(stage: Stage, hand: Hand) -> None:
    """They were decrypted, and that is what costs."""
    junk = build_header(VP8, 0, 1, 1, CAMERA) + b"\x90"
    for _ in range(2 * PACKETS_PER_SECOND):
        hand(junk, ATTACKER)
    assert stage.switch.paths.refused["bad_rtp"] == PACKETS_PER_SECOND
    assert stage.switch.paths.refused["policed"] == PACKETS_PER_SECOND


def test_the_bound_of_a_datagram_is_above_what_browsers_send() -> None:
    assert paths.LARGEST_DATAGRAM >= 1_472, "an Ethernet frame's worth"
    assert RtpPacket.parse(voice(1, 1)).payload
