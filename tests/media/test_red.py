"""Redundant audio in virtual time: what a scripted loss takes, both ways, and what the copies bring back."""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from itertools import pairwise

import pytest

from server.errors import ProtocolError
from server.media import red
from server.media.inward.packet import PAYLOAD, Packet
from server.media.inward.source import Source
from server.media.inward.uplink import Arrived, Uplink, UplinkPlan
from server.media.outward.forward import Forwarder
from server.media.red import (
    LARGEST_BLOCK,
    LARGEST_PAYLOAD,
    MOST_BLOCKS,
    ONE_LESS_AFTER,
    Block,
    Redundancy,
    build,
    parse,
)
from server.media.wire.rtp import RtpPacket, build_header
from tests.media.building import build_extensions
from tests.media.endpoint import picture
from tests.media.memory import MemoryPort, Subscriber

OPUS, RED = 111, 63
PLAN = UplinkPlan(
    kinds={"0": "microphone", "1": "camera"},
    ssrcs={1: "0", 2: "1"},
    payload_types=frozenset({OPUS, RED, 96}),
    red={RED: OPUS},
    level_id=4,
)


def word(number: int) -> bytes:
    """What the packet of this number says."""
    return b"\x78" + number.to_bytes(4, "big") + bytes(75)


@dataclass
class Speaker:
    """A publisher of one packet each 20 ms, with so many copies in each, as Chromium sends them."""

    copies: int = 0
    number: int = 0
    uplink: Uplink = field(default_factory=lambda: Uplink("a", PLAN))

    def say(self) -> bytes:
        """The next packet."""
        number, self.number = self.number, self.number + 1
        block = build_extensions({4: bytes([30])})
        copies = [number - back for back in range(min(self.copies, number), 0, -1)]
        payload = word(number)
        if self.copies:
            heads = [(0x80 | OPUS, (number - copy) * 960 << 10 | len(word(copy))) for copy in copies]
            payload = b"".join(bytes([first]) + rest.to_bytes(3, "big") for first, rest in heads)
            payload += bytes([OPUS]) + b"".join(word(copy) for copy in copies) + word(number)
        return build_header(RED if self.copies else OPUS, 0, number, number * 960, 1, block) + payload

    def hear(self, data: bytes, now: float = 0.0) -> list[Packet]:
        """What is new with this packet at the node."""
        arrived = self.uplink.receive(data, now)
        return [] if arrived is None else [*arrived.repaired, arrived.packet]

    @property
    def source(self) -> Source:
        source = self.uplink.source("microphone")
        assert source is not None
        return source


# ---- the format ----------------------------------------------------------------------------------------------------


def test_a_payload_is_taken_apart() -> None:
    speaker = Speaker(copies=2, number=7)
    payload = RtpPacket.parse(speaker.say()).payload
    assert parse(payload) == [Block(OPUS, 1920, word(5)), Block(OPUS, 960, word(6)), Block(OPUS, 0, word(7))]
    assert parse(bytes([OPUS]) + b"alone") == [Block(OPUS, 0, b"alone")]


@pytest.mark.parametrize(
    "payload",
    [
        b"",
        b"\xef",
        b"\xef\x0f\x00\x01",
        b"\xef\x0f\x00\x01\x6f",
        b"\xef\x0f\x00\x09\x6fabc",
        b"\xef\x0f\x00\x00" * 33 + b"\x6fabc",
    ],
)
def test_what_is_malformed_is_refused(payload: bytes) -> None:
    with pytest.raises(ProtocolError):
        parse(payload)


def test_red_without_a_voice_in_it_is_refused() -> None:
    speaker = Speaker()
    with pytest.raises(ProtocolError):
        speaker.hear(build_header(RED, 0, 1, 960, 1) + bytes([8]) + b"pcma")
    speaker.uplink.receive(picture(2, 1, 1, key=True), 0.0)
    with pytest.raises(ProtocolError):
        speaker.hear(build_header(RED, 0, 2, 960, 2) + bytes([OPUS]) + word(1))


# ---- on the way in -------------------------------------------------------------------------------------------------


def test_a_copy_stands_in_for_what_was_lost_and_what_comes_late_is_then_a_copy() -> None:
    speaker = Speaker(copies=1)
    speaker.hear(speaker.say(), 0.00)
    lost = speaker.say()
    repaired, packet = speaker.hear(speaker.say(), 0.04)
    assert (repaired.index + 1, repaired.timestamp) == (packet.index, 960)
    assert repaired.template[PAYLOAD:] == word(1)
    assert speaker.hear(lost, 0.05) == []
    assert [p.template[PAYLOAD:] for p in speaker.source.fresh] == [word(0), word(1), word(2)]


def test_what_comes_out_of_order_brings_only_what_is_still_missing() -> None:
    speaker = Speaker(copies=1)
    first, _lost, third, fourth = (speaker.say() for _ in range(4))
    assert len(speaker.hear(first)) == 1
    assert [p.timestamp for p in speaker.hear(fourth)] == [1920, 2880]
    assert [p.timestamp for p in speaker.hear(third)] == [960], "itself a copy, with a copy of what nobody has"


def test_the_level_of_a_repaired_packet_is_that_of_its_carrier() -> None:
    speaker = Speaker(copies=1)
    speaker.hear(speaker.say())
    speaker.say()
    arrived = speaker.uplink.receive(speaker.say(), 0.04)
    assert isinstance(arrived, Arrived)
    assert (len(arrived.repaired), arrived.level) == (1, 97)


def test_a_copy_of_a_packet_that_is_there_under_another_number_repairs_nothing() -> None:
    """A sender that leaves numbers out between its packets."""
    speaker = Speaker(copies=1)
    speaker.hear(speaker.say())
    data = bytearray(speaker.say())
    data[2:4] = (5).to_bytes(2, "big")
    assert len(speaker.hear(bytes(data))) == 1


def test_copies_of_what_never_was_cost_no_more_than_a_look_around(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each of them was looked for at every number near by: 700 µs a packet, of which 1,200 a second may come."""
    source, looked, recent = Source("a", "microphone", "", 1), [], Source.recent
    monkeypatch.setattr(Source, "recent", lambda self, index: looked.append(index) or recent(self, index))
    copies = [Block(OPUS, 960 * back, b"\x78") for back in range(MOST_BLOCKS, 0, -1)]
    found = red.restore(source, copies, OPUS, 1_000, 960_000, 1.0)
    assert [packet.index for packet in found] == list(range(1_000 - MOST_BLOCKS, 1_000))
    assert len(looked) <= 3 * MOST_BLOCKS
    with pytest.raises(ProtocolError):
        parse((b"\x80" + bytes(3)) * (MOST_BLOCKS + 1) + b"\0")


def lossy(share: float, seed: int) -> frozenset[int]:
    """Which of a minute's 3,000 packets are lost; half of the losses are pairs, as on a bad radio link."""
    chance, lost = random.Random(seed), set[int]()
    for place in range(1, 2998):
        if chance.random() < share / 1.5:
            lost |= {place, place + 1} if chance.random() < 0.5 else {place}
    return frozenset(lost)


def beyond_repair(lost: frozenset[int], copies: int) -> int:
    """How many of them are lost with all that carry their copies."""
    return sum(all(place + back in lost for back in range(1, copies + 1)) for place in lost)


@pytest.mark.parametrize(("copies", "lacking"), [(0, 0.12), (1, 0.05), (2, 0.01)])
def test_ten_percent_of_loss_upstream(copies: int, lacking: float) -> None:
    """A minute of speech: what the source has in the end, each packet once and with its own words."""
    lost = lossy(0.1, 3)
    speaker, got = Speaker(copies), list[Packet]()
    for tick in range(3000):
        data = speaker.say()
        if tick not in lost:
            got += speaker.hear(data, tick / 50)
    numbers = [packet.timestamp // 960 for packet in got]
    assert numbers == sorted(set(numbers)), "in order: a copy comes before what it came with"
    assert all(packet.template[PAYLOAD:] == word(packet.timestamp // 960) for packet in got)
    assert 3000 - len(got) == beyond_repair(lost, copies) <= lacking * 3000
    assert speaker.source.report.lost == len(lost), "the publisher is told what its link loses"


# ---- on the way out ------------------------------------------------------------------------------------------------


class Listener:
    """A subscriber that negotiated RED, and what it can play: payloads by timestamp."""

    def __init__(self, copies: int, codec: int = OPUS) -> None:
        self.port = MemoryPort()
        self.forwarder = Forwarder(self.port)  # type: ignore[arg-type]
        self.subscriber = Subscriber()
        slot = self.subscriber.voice
        slot.payload_type = slot.codec_payload_type = codec
        slot.red_payload_type = codec - 1
        slot.protect(copies)
        self.packets: list[RtpPacket] = []
        self.played: dict[int, bytes] = {}

    def receive(self, lost: frozenset[int] = frozenset()) -> None:
        """Read what was sent; `lost` are places in the stream, from 0, that never arrive."""
        for packet in self.subscriber.read(self.port):
            self.packets.append(packet)
            if len(self.packets) - 1 in lost:
                continue
            slot = self.subscriber.voice
            redundant = packet.payload_type == slot.red_payload_type
            for block in parse(packet.payload) if redundant else [Block(slot.codec_payload_type, 0, packet.payload)]:
                assert block.payload_type == slot.codec_payload_type
                self.played.setdefault(packet.timestamp - block.back & 0xFFFFFFFF, block.payload)


def deliver(speaker: Speaker, listener: Listener, count: int, lost: frozenset[int] = frozenset()) -> None:
    for _ in range(count):
        now = speaker.number / 50
        speaker.hear(speaker.say(), now)
        listener.forwarder.forward(speaker.source, now)
        listener.receive(lost)


def begun(listener: Listener) -> Speaker:
    speaker = Speaker()
    speaker.hear(speaker.say())
    speaker.source.withhold()
    listener.subscriber.voice.show(speaker.source)
    return speaker


@pytest.mark.parametrize(("copies", "lacking"), [(0, 0.17), (1, 0.07), (2, 0.02)])
def test_fifteen_percent_of_loss_downstream(copies: int, lacking: float) -> None:
    lost, listener = lossy(0.15, 7), Listener(copies)
    speaker = begun(listener)
    deliver(speaker, listener, 3000, lost)
    assert all((b.sequence - a.sequence) & 0xFFFF == 1 for a, b in pairwise(listener.packets))
    assert all((b.timestamp - a.timestamp) & 0xFFFFFFFF == 960 for a, b in pairwise(listener.packets))
    said = sorted(int.from_bytes(payload[1:5], "big") for payload in listener.played.values())
    assert said == sorted(set(said)), "no word twice"
    assert 3000 - len(said) == beyond_repair(lost, copies) <= lacking * 3000


def test_copies_begin_and_end_in_the_midst_of_speech() -> None:
    listener = Listener(0, codec=109)
    speaker = begun(listener)
    for copies in (0, 1, 2, 0):
        listener.subscriber.voice.protect(copies)
        deliver(speaker, listener, 5)
    assert [p.payload_type for p in listener.packets] == [109] * 5 + [108] * 10 + [109] * 5
    parts = [len(parse(p.payload)) for p in listener.packets[5:15]]
    assert parts == [2] * 5 + [3] * 5
    assert len(listener.played) == 20
    assert all((b.sequence - a.sequence) & 0xFFFF == 1 for a, b in pairwise(listener.packets))


def test_a_slot_that_takes_a_voice_gets_no_copies_from_before() -> None:
    listener = Listener(2)
    speaker = begun(listener)
    deliver(speaker, listener, 4)
    assert [len(parse(p.payload)) for p in listener.packets] == [1, 2, 3, 3]


def test_who_did_not_negotiate_red_gets_none() -> None:
    listener = Listener(0)
    slot = listener.subscriber.voice
    slot.red_payload_type = None
    slot.protect(2)
    speaker = begun(listener)
    deliver(speaker, listener, 3)
    assert (slot.redundancy, {p.payload_type for p in listener.packets}) == (0, {OPUS})


def test_copies_are_built_once_for_all(monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[int] = []

    def counted(source: Source, packet: Packet, copies: int, payload_type: int) -> Packet:
        calls.append(copies)
        return build(source, packet, copies, payload_type)

    monkeypatch.setattr(red, "build", counted)
    port, speaker = MemoryPort(), Speaker()
    forwarder = Forwarder(port)  # type: ignore[arg-type]
    speaker.hear(speaker.say())
    speaker.source.withhold()
    people = [Subscriber() for _ in range(20)]
    for number, person in enumerate(people):
        person.voice.red_payload_type = RED
        person.voice.protect(number % 3)
        person.voice.show(speaker.source)
    for tick in range(4):
        calls.clear()
        speaker.hear(speaker.say(), tick / 50)
        forwarder.forward(speaker.source, tick / 50)
    assert sorted(calls) == [1, 2]
    assert port.sent == 4 * 20


def _held(source: Source, *packets: tuple[int, int, int]) -> Packet:
    """Packets of (index, timestamp, bytes) in the source; the last."""
    for index, timestamp, size in packets:
        source.accept(Packet(index, timestamp, 0, bytes(PAYLOAD) + bytes([1]) * size, 0.0))
    assert source.newest is not None
    return source.newest


@pytest.mark.parametrize(
    ("packets", "backs"),
    [
        ([(8, 0, 80), (9, 960, 80), (10, 1920, 80)], [1920, 960]),
        ([(8, 0, 80), (10, 1920, 80)], [1920]),  # a hole in the source
        ([(9, 0, 80), (10, 19_200, 80)], []),  # DTX: 400 ms do not fit 14 bits
        ([(9, 0, LARGEST_BLOCK + 1), (10, 960, 80)], []),
        ([(8, 0, 400), (9, 960, 600), (10, 1920, 500)], [960]),  # no larger than a datagram should be
        ([(9, 0xFFFF_FFFF, 80), (10, 959, 80)], [960]),  # timestamps wrap
    ],
)
def test_a_copy_that_does_not_fit_is_left_out(packets: list[tuple[int, int, int]], backs: list[int]) -> None:
    source = Source("a", "microphone", "", 1)
    made = build(source, _held(source, *packets), 2, OPUS)
    blocks = parse(made.template[PAYLOAD:])
    assert [block.back for block in blocks] == [*backs, 0]
    assert len(blocks[-1].payload) == packets[-1][2]
    assert len(made.template) - PAYLOAD <= LARGEST_PAYLOAD
    assert (made.index, made.timestamp) == packets[-1][:2]


# ---- when ----------------------------------------------------------------------------------------------------------


class Link:
    """Feedback ten times a second of 50 packets a second, of which a share is lost."""

    def __init__(self) -> None:
        self.redundancy = Redundancy()
        self.now = 100.0
        self.changes = 0
        self._chance = random.Random(11)

    def run(self, seconds: float, loss: float) -> int:
        for _ in range(round(seconds * 10)):
            self.now += 0.1
            missing = sum(self._chance.random() < loss for _ in range(5))
            self.changes += self.redundancy.note(5 - missing, missing, self.now)
        return self.redundancy.copies


def test_a_good_link_gets_no_copies() -> None:
    link = Link()
    assert link.run(60, 0.002) == 0
    assert link.changes == 0


def test_a_link_that_begins_to_lose_gets_copies_within_two_seconds() -> None:
    link = Link()
    link.run(20, 0)
    assert link.run(2, 0.1) == 1
    assert link.run(5, 0.3) == 2


def test_copies_end_ten_calm_seconds_after_the_loss_and_one_at_a_time() -> None:
    link = Link()
    link.run(10, 0.3)
    assert link.run(ONE_LESS_AFTER, 0) == 2
    assert link.run(ONE_LESS_AFTER, 0) == 1
    assert link.run(ONE_LESS_AFTER, 0) == 0
    assert link.changes == 3, "up at once, down one by one"


def test_a_loss_near_the_threshold_does_not_flap() -> None:
    link = Link()
    link.run(600, 0.02)
    assert link.changes <= 30, "at most one change in twenty seconds"


def test_a_few_packets_say_nothing() -> None:
    redundancy = Redundancy()
    assert not redundancy.note(5, 5, 1.0)
    assert redundancy.loss == 0


def test_a_link_without_room_gets_no_more_than_it_may() -> None:
    link = Link()
    link.redundancy.most = 1
    assert link.run(5, 0.4) == 1
    link.redundancy.most = 0
    assert link.run(0.1, 0.4) == 0
