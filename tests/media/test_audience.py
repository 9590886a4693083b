"""Many slots at once: what array arithmetic and volleys make is what each slot would have got by itself."""

from __future__ import annotations

import socket
from collections.abc import Iterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from server.media.outward import sender
from server.media.outward.audience import audiences
from server.media.outward.downlink import Downlink
from server.media.outward.forward import Forwarder
from server.media.outward.ledger import Ledger
from server.media.outward.runs import BATCH_BYTES
from server.media.outward.sender import PART
from server.media.transport.udp import UdpPort
from server.media.transport.volley import MOST_MEMBERS
from server.media.wire.rtp import RtpPacket
from tests.media.endpoint import voice
from tests.media.memory import MemoryPort, Subscriber
from tests.media.test_forward import Camera

HERE = "127.0.0.1"


class Hall:
    """One camera and many subscribers, every fifth without transport-cc, at addresses of their own."""

    def __init__(self, count: int, port: UdpPort | MemoryPort | None = None) -> None:
        self.port = port or MemoryPort()
        self.forwarder = Forwarder(self.port)  # type: ignore[arg-type]
        self.camera = Camera("a")
        ledger = Ledger()
        self.subscribers = [Subscriber(None if n % 5 == 4 else 5, ledger) for n in range(count)]
        for number, subscriber in enumerate(self.subscribers):
            to = subscriber.downlink
            to.open((HERE, 1000 + number), to.session, to.tag_bytes)
        self.clock = 0.0

    def show(self) -> None:
        self.camera.feed(1, self.clock)
        self.forwarder.forward(self.camera.source, self.clock)
        for subscriber in self.subscribers:
            subscriber.picture.show(self.camera.source)

    def frame(self, sizes: list[int], key: bool = False) -> None:
        """A burst of packets, one picture each."""
        self.clock += 0.04
        for size in sizes:
            self.camera.feed(1, self.clock, key=key, size=size)
        self.forwarder.forward(self.camera.source, self.clock)
        while self.camera.source.joining:
            self.forwarder.join(self.camera.source, self.clock)

    def got(self) -> list[list[bytes]]:
        """What each subscriber was sent since the last call, decrypted."""
        assert isinstance(self.port, MemoryPort)
        found: list[list[bytes]] = [[] for _ in self.subscribers]
        for data, segment, (_, number), _ in self.port.batches:
            reader = self.subscribers[number - 1000]
            found[number - 1000] += [
                reader._in.unprotect(data[start : start + segment]) for start in range(0, len(data), segment)
            ]
        self.port.batches.clear()
        return found


def same_numbers(one: Hall, other: Hall) -> None:
    """The two began at random numbers; from here on the second counts as the first."""
    for a, b in zip(one.subscribers, other.subscribers, strict=True):
        for name in ("_next", "_last_timestamp", "_last_picture", "_last_tl0"):
            setattr(b.picture, name, getattr(a.picture, name))
        b.downlink.tcc = a.downlink.tcc


@settings(max_examples=40, deadline=None)
@given(
    bursts=st.lists(
        st.one_of(
            st.lists(st.sampled_from([60, 700, 900, 1100]), min_size=1, max_size=14),
            st.lists(st.sampled_from([898, 899, 900]), min_size=1, max_size=5),  # padded alike in one batch alone
        ),
        max_size=4,
    ),
    numbers=st.sampled_from([0, 0x3FFA, 0x7FFA, 0xFFF5]),
)
def test_many_get_what_each_would_have_got(bursts: list[list[int]], numbers: int) -> None:
    together, apart = Hall(PART + 3), Hall(PART + 3)
    for number, subscriber in enumerate(together.subscribers):
        subscriber.picture._next = subscriber.picture._last_picture = numbers + number
        subscriber.downlink.tcc = (numbers + 3 * number) & 0xFFFF
    same_numbers(together, apart)
    seen = []
    for hall, many in ((together, 2), (apart, 10**9)):
        sender.MANY = many
        hall.show()
        hall.frame([900], key=True)
        for sizes in bursts:
            hall.frame(sizes)
        seen.append(hall.got())
    sender.MANY = 24
    assert seen[0] == seen[1]
    assert all(len(packets) == 1 + sum(map(len, bursts)) for packets in seen[0])
    for one, other in zip(together.subscribers, apart.subscribers, strict=True):
        one.downlink.catch_up()
        other.downlink.catch_up()
        assert (one.picture.packets, one.picture.octets) == (other.picture.packets, other.picture.octets)
        assert (one.downlink.bytes, one.downlink.tcc) == (other.downlink.bytes, other.downlink.tcc)
        assert one.downlink.bandwidth.in_flight == other.downlink.bandwidth.in_flight


def test_no_batch_is_larger_than_a_thin_link_drains_however_many_get_it() -> None:
    """20 ms of 2 Mbit/s, of a burst of 25 KB; and in hardly more batches than that takes."""
    hall = Hall(30)
    hall.show()
    hall.frame([900], key=True)
    for sizes in ([1100] * 23 + [300], [900] * 5, [900] * 4 + [800], [120] * 33, [1180] * 4):
        hall.got()
        hall.frame(sizes)
        batches = [data for data, _, to, _ in hall.port.batches if to[1] == 1000]  # type: ignore[union-attr]
        assert max(map(len, batches)) <= BATCH_BYTES == 2_000_000 / 8 * 0.02
        assert len(batches) <= -(-sum(map(len, batches)) // (BATCH_BYTES - 1200))
        assert {len(packets) for packets in hall.got()} == {len(sizes)}


def test_more_than_a_volley_holds_are_several() -> None:
    hall = Hall(MOST_MEMBERS + 7)
    hall.show()
    hall.frame([900], key=True)
    hall.frame([900] * 4)
    assert [len(audience) for audience in audiences(hall.camera.source.slots)[0]] == [MOST_MEMBERS, 7]
    assert {len(packets) for packets in hall.got()} == {5}


def test_who_moves_or_leaves_is_not_sent_to_at_the_old_place() -> None:
    hall = Hall(30)
    hall.show()
    hall.frame([900], key=True)
    moved, gone = hall.subscribers[3], hall.subscribers[4]
    moved.downlink.address = (HERE, 1999)
    moved.picture.renew()
    gone.downlink.close()
    gone.picture.renew()
    hall.port.batches.clear()  # type: ignore[union-attr]
    hall.frame([900])
    ports = {to[1] for _, _, to, _ in hall.port.batches}  # type: ignore[union-attr]
    assert ports == {1000 + n for n in range(30) if n not in (3, 4)} | {1999}
    gone.picture.show(None)
    hall.frame([900])
    assert gone.picture not in hall.camera.source.slots


def test_a_new_cap_and_copies_hold_from_the_next_burst_on() -> None:
    """What was put together is found anew when a slot is to get something else."""
    hall = Hall(30)
    speaker = hall.camera.uplink
    for number in range(2):
        speaker.receive(voice(1, number), hall.clock)
    source = speaker.source("microphone")
    assert source is not None
    hall.forwarder.forward(source, hall.clock)
    for subscriber in hall.subscribers:
        subscriber.voice.red_payload_type = 63
        subscriber.voice.show(source)
    for number in range(2, 4):
        speaker.receive(voice(1, number), hall.clock)
        hall.forwarder.forward(source, hall.clock)
    hall.got()
    hall.subscribers[7].voice.protect(1)
    speaker.receive(voice(1, 4), hall.clock)
    hall.forwarder.forward(source, hall.clock)
    kinds = [RtpPacket.parse(packet).payload_type for (packet,) in hall.got()]
    assert kinds == [63 if n == 7 else 111 for n in range(30)]


@pytest.mark.parametrize("number", [11, PART + 4])
def test_what_libsrtp_refuses_stops_nobody_else(number: int) -> None:
    """One subscriber's numbers jump far back in mid-run: its keys refuse them, the rest get their packets."""
    hall = Hall(PART + 9)
    hall.show()
    hall.frame([900], key=True)
    hall.frame([900] * 3)
    hall.got()
    unlucky = hall.subscribers[number]
    segment = unlucky.picture.segment
    assert segment is not None
    newest = hall.camera.number
    sent = newest + segment.sequence & 0xFFFF
    for ahead in (2, 3):  # of the next four packets these two have been sent already, whoever did that
        copy = bytearray(40)
        copy[0], copy[1] = 0x80, 96
        copy[2:4] = (sent + ahead & 0xFFFF).to_bytes(2, "big")
        copy[8:12] = unlucky.picture.ssrc.to_bytes(4, "big")
        unlucky._out.protect(bytes(copy))
    bandwidth = unlucky.downlink.bandwidth
    unlucky.downlink.catch_up()
    before, waiting = bandwidth.in_flight, unlucky.downlink.packets
    hall.frame([900] * 4)
    found = hall.got()
    assert [len(packets) for packets in found] == [2 if n == number else 4 for n in range(PART + 9)]
    assert unlucky.downlink.packets == waiting + 2 and unlucky.downlink.dropped == 2
    assert 2 * 900 < bandwidth.in_flight - before < 2 * 1000, "no feedback is expected of what never left"
    hall.frame([900])
    assert {len(packets) for packets in hall.got()} == {1}


@pytest.fixture
def port() -> Iterator[UdpPort]:
    made = UdpPort(HERE, 0)
    yield made
    made._socket.close()


def test_volleys_arrive(port: UdpPort) -> None:
    hall = Hall(30, port)
    sinks = [socket.socket(socket.AF_INET, socket.SOCK_DGRAM) for _ in hall.subscribers]
    try:
        for sink, subscriber in zip(sinks, hall.subscribers, strict=True):
            sink.bind((HERE, 0))
            sink.settimeout(2)
            subscriber.downlink.address = sink.getsockname()
        hall.show()
        hall.frame([900], key=True)
        hall.frame([900, 900, 400])
        hall.frame([900] * 8 + [400])
        for sink, subscriber in zip(sinks, hall.subscribers, strict=True):
            packets = [RtpPacket.parse(subscriber._in.unprotect(sink.recv(2048))) for _ in range(13)]
            first = packets[0].sequence
            assert [packet.sequence - first & 0xFFFF for packet in packets] == list(range(13))
            subscriber.downlink.catch_up()
            assert subscriber.downlink.packets == 13
        assert port.sent == 13 * 30
    finally:
        for sink in sinks:
            sink.close()


def test_an_address_that_cannot_be_reached_stops_nobody_else(port: UdpPort) -> None:
    hall = Hall(30, port)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sink:
        sink.bind((HERE, 0))
        sink.settimeout(2)
        for subscriber in hall.subscribers:
            subscriber.downlink.address = sink.getsockname()
        unreachable = hall.subscribers[5].downlink
        unreachable.address = ("255.255.255.255", 9)  # EACCES without SO_BROADCAST
        hall.show()
        hall.frame([900], key=True)
        assert len([sink.recv(2048) for _ in range(29)]) == 29
        assert (port.errors, port.sent, unreachable.packets, unreachable.dropped) == (1, 29, 0, 1)
        hall.frame([900] * 9)  # two batches for each
        assert (port.errors, port.sent, unreachable.packets, unreachable.dropped) == (3, 10 * 29, 0, 10)


def test_a_full_send_buffer_costs_pictures(port: UdpPort) -> None:
    hall = Hall(30, port)
    hall.show()
    hall.frame([900], key=True)
    port._congested = True
    sent = port.sent
    hall.frame([900, 900])
    assert (port.sent, port.dropped_video) == (sent, 60)
    assert sum(subscriber.downlink.dropped for subscriber in hall.subscribers) == 60


def test_a_kernel_without_segments_gets_single_packets(port: UdpPort) -> None:
    hall = Hall(30, port)
    port._segments = False
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sink:
        sink.bind((HERE, 0))
        sink.settimeout(2)
        for subscriber in hall.subscribers:
            subscriber.downlink.address = sink.getsockname()
        hall.show()
        hall.frame([900], key=True)
        for _ in range(30):
            sink.recv(2048)
        hall.frame([900, 900])
        assert {len(sink.recv(2048)) for _ in range(60)} == {len(sink_packet(hall))}


def sink_packet(hall: Hall) -> bytes:
    """A packet of a frame as it is on the wire."""
    newest = hall.camera.source.newest
    assert newest is not None
    return newest.template + bytes(16)


def test_a_downlink_that_sees_a_picture_twice_has_one_row_of_numbers() -> None:
    hall = Hall(30)
    hall.show()
    hall.frame([900], key=True)
    first = hall.subscribers[0]
    twin = type(first.picture)(1, 96, 90_000, 0xDDDD, first.downlink)
    twin.show(hall.camera.source)
    hall.frame([900], key=True)
    assert isinstance(first.downlink, Downlink)
    sizes = sorted(len(audience) for audience in audiences(hall.camera.source.slots)[0])
    assert sizes == [1, 30]
