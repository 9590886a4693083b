"""The port: batches leave whole, a kernel that refuses segments is coped with, a full buffer costs pictures first."""

from __future__ import annotations

import asyncio
import errno
import socket
import time
from collections.abc import Iterator
from typing import Any

import pytest

from server.media.transport import udp
from server.media.transport.ice import Address
from server.media.transport.intake import MOST_DATAGRAMS
from server.media.transport.udp import GATHERING, MOST_TAKEN, UdpPort


class Collector:
    def __init__(self) -> None:
        self.got: list[tuple[bytes, Address]] = []
        self.bursts = self.unfinished = self.held = 0

    @property
    def holding(self) -> bool:
        return self.held > self.bursts

    def datagram(self, data: bytes, source: Address, now: float) -> None:
        self.got.append((data, source))

    def burst_ended(self, now: float) -> bool:
        self.bursts += 1
        return self.unfinished > self.bursts


class Refusing:
    """A socket that fails `sendmsg`, or everything, with an error; the rest is the real one's."""

    def __init__(self, real: socket.socket) -> None:
        self.real = real
        self.sendmsg_error: int | None = None
        self.full = False
        self.sent: list[bytes] = []

    def sendmsg(self, buffers: Any, ancillary: Any, flags: int, to: Address) -> int:
        if self.full:
            raise BlockingIOError
        if self.sendmsg_error is not None:
            raise OSError(self.sendmsg_error, "refused")
        return self.real.sendmsg(buffers, ancillary, flags, to)

    def sendto(self, data: Any, to: Address) -> int:
        if self.full:
            raise BlockingIOError
        self.sent.append(bytes(data))
        return self.real.sendto(data, to)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.real, name)


@pytest.fixture
def peer() -> Iterator[socket.socket]:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as bound:
        bound.bind(("127.0.0.1", 0))
        bound.settimeout(2)
        yield bound


@pytest.fixture
def refusing(monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[UdpPort, Refusing]]:
    port = UdpPort("127.0.0.1", 0)
    fake = Refusing(port._socket)
    monkeypatch.setattr(port, "_socket", fake)
    yield port, fake
    fake.real.close()


async def test_datagrams_are_delivered_with_their_source(peer: socket.socket) -> None:
    port, collector = UdpPort("127.0.0.1", 0), Collector()
    port.start(collector)
    for number in range(200):
        peer.sendto(bytes([number]), ("127.0.0.1", port.number))
    async with asyncio.timeout(30):
        while len(collector.got) < 200:
            await asyncio.sleep(0.01)
    assert [data[0] for data, _ in collector.got] == list(range(200))
    assert {source for _, source in collector.got} == {peer.getsockname()}
    port.close()


async def test_a_handler_that_fails_makes_no_port_deaf(peer: socket.socket) -> None:
    class Failing(Collector):
        def burst_ended(self, now: float) -> bool:
            left = super().burst_ended(now)
            if self.bursts == 1:
                raise ArithmeticError
            return left

    port, failing, reported = UdpPort("127.0.0.1", 0), Failing(), []
    asyncio.get_running_loop().set_exception_handler(lambda _loop, context: reported.append(context["exception"]))
    port.start(failing)
    for expected in (1, 2):
        peer.sendto(b"x", ("127.0.0.1", port.number))
        async with asyncio.timeout(5):
            while len(failing.got) < expected:
                await asyncio.sleep(0.01)
    assert [type(error) for error in reported] == [ArithmeticError]
    port.close()


async def test_what_has_arrived_together_is_one_burst(peer: socket.socket) -> None:
    port, collector = UdpPort("127.0.0.1", 0), Collector()
    port.start(collector)
    peer.sendto(b"a", ("127.0.0.1", port.number))
    peer.sendto(b"b", ("127.0.0.1", port.number))
    async with asyncio.timeout(5):
        while len(collector.got) < 2:
            await asyncio.sleep(0.01)
    assert collector.bursts == 1
    port.close()


async def test_what_is_held_is_looked_at_though_nothing_comes(peer: socket.socket) -> None:
    port, collector = UdpPort("127.0.0.1", 0), Collector()
    collector.held = 50
    port.start(collector)
    began = time.monotonic()
    peer.sendto(b"a", ("127.0.0.1", port.number))
    async with asyncio.timeout(5):
        while collector.bursts < 50:
            await asyncio.sleep(0.01)
    assert time.monotonic() - began > 40 * GATHERING, "it need not be looked at without a pause"
    await asyncio.sleep(20 * GATHERING)
    assert collector.bursts == 50 and len(collector.got) == 1
    port.close()


async def test_what_was_left_for_later_is_come_back_to_though_nothing_comes(peer: socket.socket) -> None:
    port, collector = UdpPort("127.0.0.1", 0), Collector()
    collector.unfinished = 5
    port.start(collector)
    peer.sendto(b"a", ("127.0.0.1", port.number))
    async with asyncio.timeout(5):
        while collector.bursts < 5:
            await asyncio.sleep(0.01)
    await asyncio.sleep(20 * GATHERING)
    assert collector.bursts == 5 and len(collector.got) == 1
    port.close()


@pytest.mark.parametrize("pause", [0.0, 0.02])
async def test_many_datagrams_and_few_all_arrive(peer: socket.socket, pause: float) -> None:
    """The port changes between looking by itself and being woken; neither loses anything."""
    port, collector = UdpPort("127.0.0.1", 0), Collector()
    port.start(collector)
    for number in range(60):
        peer.sendto(bytes([number]), ("127.0.0.1", port.number))
        await asyncio.sleep(pause if number % 20 == 0 else 0)
    async with asyncio.timeout(5):
        while len(collector.got) < 60:
            await asyncio.sleep(0.01)
    assert [data[0] for data, _ in collector.got] == list(range(60))
    port.close()


def test_all_that_waits_is_one_burst_but_not_without_an_end(peer: socket.socket) -> None:
    port, collector = UdpPort("127.0.0.1", 0), Collector()
    taken: list[tuple[int, bool]] = []
    port._intake.take = lambda number: [(b"x", ("127.0.0.1", 1))] * MOST_DATAGRAMS  # type: ignore[method-assign]
    port._look_again = lambda handler, came, more, took: taken.append((came, more))  # type: ignore[method-assign]
    port._take(collector)
    assert taken == [(MOST_TAKEN, True)] and collector.bursts == 1
    waiting = [MOST_DATAGRAMS, MOST_DATAGRAMS, 3]
    port._intake.take = lambda number: [(b"x", ("127.0.0.1", 1))] * waiting.pop(0)  # type: ignore[method-assign]
    port._take(collector)
    assert taken[1:] == [(2 * MOST_DATAGRAMS + 3, False)] and collector.bursts == 2
    port._socket.close()


def test_a_batch_arrives_as_single_datagrams(peer: socket.socket) -> None:
    port = UdpPort("127.0.0.1", 0)
    batch = b"a" * 1000 + b"b" * 1000 + b"c" * 300
    assert port.send_segments(memoryview(batch), 1000, peer.getsockname(), True) == 3
    assert [peer.recv(2048) for _ in range(3)] == [b"a" * 1000, b"b" * 1000, b"c" * 300]
    assert port.sent == 3
    port.close()


@pytest.mark.parametrize("error", [errno.EINVAL, errno.EIO, errno.EMSGSIZE])
def test_without_segmentation_each_packet_is_sent(
    refusing: tuple[UdpPort, Refusing], peer: socket.socket, error: int
) -> None:
    port, fake = refusing
    fake.sendmsg_error = error
    for _ in range(10):
        assert port.send_segments(memoryview(b"xxyyz"), 2, peer.getsockname(), True) == 3
    assert fake.sent == [b"xx", b"yy", b"z"] * 10
    fake.sendmsg_error = None
    port.send_segments(memoryview(b"xxyy"), 2, peer.getsockname(), True)
    assert fake.sent[-2:] == [b"xx", b"yy"], "after some refusals segmentation is not tried again"


async def test_a_full_buffer_costs_pictures_and_keeps_voices(
    refusing: tuple[UdpPort, Refusing], peer: socket.socket
) -> None:
    port, fake = refusing
    port.start(Collector())
    fake.full = True
    assert port.send_segments(memoryview(b"ppqq"), 2, peer.getsockname(), True) == 0
    assert port.send_segments(memoryview(b"voice"), 5, peer.getsockname(), False) == 0
    fake.full = False
    assert port.send_segments(memoryview(b"pp"), 2, peer.getsockname(), True) == 0, "no picture before the voices"
    await asyncio.sleep(0.05)
    assert peer.recv(100) == b"voice"
    assert (port.dropped_video, port.dropped_audio) == (3, 0)
    assert port.send_segments(memoryview(b"pp"), 2, peer.getsockname(), True) == 1


def test_an_unreachable_address_is_counted_not_raised(refusing: tuple[UdpPort, Refusing]) -> None:
    port, fake = refusing
    fake.sendmsg_error = errno.ENETUNREACH
    assert port.send_segments(memoryview(b"aabb"), 2, ("127.0.0.1", 9), True) == 0
    assert port.errors == 1


async def test_where_nothing_comes_the_port_is_not_looked_at(peer: socket.socket) -> None:
    port, collector = UdpPort("127.0.0.1", 0), Collector()
    port.start(collector)
    for expected in (1, 2):  # and it is woken again
        peer.sendto(b"x", ("127.0.0.1", port.number))
        async with asyncio.timeout(5):
            while len(collector.got) < expected or port._next_take is not None:
                await asyncio.sleep(0.01)
    assert len(collector.got) == 2
    port.close()


def test_more_than_fits_one_burst_is_looked_at_at_once(peer: socket.socket, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(udp, "MOST_TAKEN", MOST_DATAGRAMS)
    pauses: list[float] = []

    class Loop:
        def remove_reader(self, number: int) -> None: ...

        def call_later(self, pause: float, call: object, handler: object) -> None:
            pauses.append(pause)

    port, collector = UdpPort("127.0.0.1", 0, clock=lambda: 1.0), Collector()
    monkeypatch.setattr(asyncio, "get_running_loop", Loop)
    for _ in range(MOST_DATAGRAMS + 1):
        peer.sendto(b"x", ("127.0.0.1", port.number))
    port._take(collector)
    port._take(collector)
    assert len(collector.got) == MOST_DATAGRAMS + 1 and pauses == [0.0, GATHERING]
    port._socket.close()
