"""The emulated link does what it is told: rate, queue, delay, jitter, loss in ones and in bursts, outage."""

from __future__ import annotations

import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field

import pytest

from tests.bench.load import cpu_seconds
from tests.e2e.harness import until
from tests.peers.link import Link, Way, emulated

HEADERS = 28  # IPv4 and UDP
_ECHO = """
import socket, sys
far = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
far.bind((sys.argv[1], 4000))
print("ready", flush=True)
while True:
    data, sender = far.recvfrom(2048)
    far.sendto(data, sender)
"""


@dataclass
class Echoes:
    """What comes back from the far side: the number of each datagram and its round-trip time in seconds."""

    link: Link
    numbers: list[int] = field(default_factory=list)
    times: list[float] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.bind((self.link.near, 0))
        self._sent: dict[int, float] = {}
        threading.Thread(target=self._read, daemon=True).start()

    def send(self, count: int, size: int, pause: float) -> None:
        """Send datagrams so large as IP packets, one each pause, and wait until nothing more comes back."""
        begin = time.perf_counter()
        for number in range(count):
            time.sleep(max(0.0, begin + number * pause - time.perf_counter()))
            self._sent[number] = time.perf_counter()
            self._socket.sendto(number.to_bytes(4, "big").ljust(size - HEADERS, b"."), (self.link.far, 4000))
        last = -1
        while len(self.times) > last:
            last = len(self.times)
            time.sleep(0.8)

    def close(self) -> None:
        self._socket.close()

    def _read(self) -> None:
        while True:
            try:
                data = self._socket.recv(2048)
            except OSError:
                return  # closed
            number = int.from_bytes(data[:4], "big")
            self.times.append(time.perf_counter() - self._sent[number])
            self.numbers.append(number)


@pytest.fixture
def echoes() -> Iterator[Echoes]:
    with emulated(seed=7) as link:
        command = link.command(sys.executable, "-c", _ECHO, link.far)
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as far:
            assert far.stdout is not None and far.stdout.readline() == "ready\n"
            made = Echoes(link)
            yield made
            made.close()
            far.kill()


# Times are taken in Python on a machine that may be busy: they can only be too long, so the lower quartile counts.


def _quartile(values: list[float]) -> float:
    return sorted(values)[len(values) // 4]


def _blast(link: Link, count: int) -> None:
    """So many datagrams to a port of the far side where nobody is; back when all are in the link."""
    first = link.counters()["down"].packets_in
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as there:
        for number in range(count):
            there.sendto(b"x" * 20, (link.far, 4001))
            if number % 50 == 49:
                until(lambda number=number: link.counters()["down"].packets_in - first > number, what="all went in")


def test_without_settings_it_passes_everything_at_once(echoes: Echoes) -> None:
    before = cpu_seconds(echoes.link.pid)
    echoes.send(1000, 1200, 0.001)
    assert echoes.numbers == list(range(1000))
    assert _quartile(echoes.times) < 0.002
    assert cpu_seconds(echoes.link.pid) - before < 0.2, "20 % of a core at 2,000 packets/s"


def test_the_delay_is_right_within_two_milliseconds(echoes: Echoes) -> None:
    echoes.link.set(down=Way(delay=0.120), up=Way(delay=0.030))
    echoes.send(200, 200, 0.005)
    assert len(echoes.times) == 200
    assert min(echoes.times) >= 0.150
    assert _quartile(echoes.times) < 0.152


def test_the_rate_is_right_within_five_per_cent_and_the_queue_bounded(echoes: Echoes) -> None:
    echoes.link.set(down=Way(rate=300_000, queue=0.2))
    echoes.send(250, 1000, 0.010)  # 800 kbit/s
    found = echoes.link.counters()["down"]
    assert found.packets_in == 250 and found.packets + found.queue_dropped == 250
    assert found.bytes * 8 == pytest.approx(300_000 * (2.5 + 0.2), rel=0.05)  # what waits at the end arrives too
    full = sorted(echoes.times)[len(echoes.times) // 2]
    assert 0.195 < full < 0.245, "a queue of 0.2 s, and the packet itself"


def test_a_slow_wire_still_holds_a_few_packets(echoes: Echoes) -> None:
    echoes.link.set(down=Way(rate=64_000, queue=0.05, least=6000))
    echoes.send(10, 1000, 0)
    assert echoes.numbers == list(range(7)), "the last one on top of a queue that is not quite full any more"


def test_loss_in_ones(echoes: Echoes) -> None:
    echoes.link.set(down=Way(loss=0.1))
    _blast(echoes.link, 6000)
    found = echoes.link.counters()["down"]
    assert found.lost == pytest.approx(600, rel=0.15)
    assert found.lost / found.gaps == pytest.approx(1 / 0.9, rel=0.1)


def test_loss_in_bursts(echoes: Echoes) -> None:
    echoes.link.set(down=Way(loss=0.1, burst=5))
    _blast(echoes.link, 20_000)
    found = echoes.link.counters()["down"]
    assert found.lost == pytest.approx(2000, rel=0.2)
    assert found.lost / found.gaps == pytest.approx(5, rel=0.15)


def test_the_same_seed_loses_the_same_packets(echoes: Echoes) -> None:
    with emulated(seed=7) as other:
        for link in (echoes.link, other):
            link.set(down=Way(loss=0.3))
            _blast(link, 500)
        found = [link.counters()["down"] for link in (echoes.link, other)]
    assert found[0].lost == found[1].lost > 100
    assert found[0].gaps == found[1].gaps > 50


def test_jitter_in_order(echoes: Echoes) -> None:
    echoes.link.set(down=Way(jitter=0.1))
    echoes.send(400, 100, 0.005)
    assert echoes.numbers == list(range(400))
    assert max(echoes.times) - min(echoes.times) > 0.05
    assert _quartile(echoes.times) < 0.1


def test_jitter_that_reorders(echoes: Echoes) -> None:
    echoes.link.set(down=Way(delay=0.02, jitter=0.1, reorder=True))
    echoes.send(400, 100, 0.005)
    assert sorted(echoes.numbers) == list(range(400)) != echoes.numbers
    assert min(echoes.times) >= 0.02
    assert _quartile(echoes.times) == pytest.approx(0.045, abs=0.015)


def test_an_outage_begins_and_ends_at_run_time(echoes: Echoes) -> None:
    def cut() -> None:
        echoes.link.set(down=Way(outage=True))
        time.sleep(0.5)
        echoes.link.set(down=Way())

    timer = threading.Timer(0.5, cut)
    timer.start()
    echoes.send(300, 100, 0.005)
    timer.join()
    assert echoes.link.counters()["down"].outage_dropped == pytest.approx(100, abs=20)
    assert echoes.numbers[0] == 0 and echoes.numbers[-1] == 299


def test_what_it_does_not_understand_ends_it(echoes: Echoes) -> None:
    with pytest.raises(RuntimeError, match="has ended"):
        echoes.link._ask("down speed=7")
