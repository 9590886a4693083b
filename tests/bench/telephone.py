"""A meeting of telephones: 85 calls of which 5 speak; what that costs, how late and how whole their sound arrives.

Every telephone sends a packet each 20 ms, as telephones do whether anybody speaks or not. One of the speakers says a
tone without a pause, another a short one each second, by whose beginning the way from mouth to ear is measured.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import socket
import tempfile
import time
from collections.abc import AsyncIterator
from pathlib import Path

import numpy as np

from server.media import protocol as p
from server.media import protocol_calls as c
from server.media.phone.codecs import codec
from server.media.phone.g711 import ALAW
from server.media.rtp import build_header
from tests.bench.figures import Figure, percentile
from tests.bench.load import cpu_seconds
from tests.media.driving import NodeProcess, node_process

SERVER_CORE, LOAD_CORE = "0", 1
HOST = "127.0.0.1"
TONE, BEEP = 400.0, 1_000.0  # Hz
BEEP_EVERY, BEEP_LENGTH = 50, 10  # packets
_SIZE = 160


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Options of this bench."""
    parser.add_argument("--calls", type=int, default=85)
    parser.add_argument("--speakers", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=60)


def _tone(hertz: float, packets: int) -> list[bytes]:
    at = np.arange(packets * _SIZE) / 8_000
    encoded = codec("PCMA").encode((8_000 * np.sin(2 * np.pi * hertz * at)).astype(np.int16))
    return [encoded[n * _SIZE : (n + 1) * _SIZE] for n in range(packets)]


class _Phone:
    """One telephone: what it says, in turn, and what it has heard with the time when that came."""

    def __init__(self, says: list[bytes]) -> None:
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind((HOST, 0))
        self.socket.setblocking(False)
        self.says, self.port, self.number = says, 0, 0
        self.heard: list[tuple[float, bytes]] = []
        self.keeps = False

    def say(self) -> None:
        n = self.number = self.number + 1
        header = build_header(8, 0, n & 0xFFFF, n * _SIZE, 5)
        self.socket.sendto(header + self.says[n % len(self.says)], (HOST, self.port))

    def read(self) -> None:
        while True:
            try:
                data = self.socket.recv(2_048)
            except BlockingIOError:
                return
            if self.keeps:
                self.heard.append((time.monotonic(), data[12:]))


async def _connect(node: NodeProcess, number: int, phone: _Phone, speaks: bool) -> None:
    call = f"c{number}"
    phone.port = (await node.control.call(c.OpenCall(call=call), c.CallOpened)).port
    host, port = phone.socket.getsockname()
    terms = c.CallTerms(codec="PCMA", sending=8, receiving=8, host=host, port=port)
    await node.control.do(c.SetTerms(call=call, terms=terms))
    await node.control.do(c.SeatCall(call=call, room="r", participant=f"p{number}"))
    await node.control.do(p.SetPublish(room="r", participant=f"p{number}", microphone=speaks))
    asyncio.get_running_loop().add_reader(phone.socket.fileno(), phone.read)


async def _talk(phones: list[_Phone], seconds: float, beeps: list[float]) -> None:
    """All say their packets, spread over each 20 ms; `beeps` notes when the beeps begin."""
    loop = asyncio.get_running_loop()
    due, groups = loop.time(), [phones[n::10] for n in range(10)]
    end = due + seconds
    while due < end:
        for group in groups:
            due += 0.002
            await asyncio.sleep(max(0.0, due - loop.time()))
            for phone in group:
                phone.say()
                if phone is phones[1] and phone.number % BEEP_EVERY == 0:
                    beeps.append(time.monotonic())


def _strength(samples: np.ndarray, hertz: float) -> float:
    at = np.arange(samples.size) / 8_000
    return float(abs(np.dot(samples, np.exp(-2j * np.pi * hertz * at)))) / samples.size


def _delays(heard: list[tuple[float, bytes]], beeps: list[float]) -> list[float]:
    """From the sending of a beep's first packet to the arrival of the first in which it is heard, in ms."""
    loud = [(at, _strength(ALAW.decode(data).astype(float), BEEP) > 400) for at, data in heard]
    begins = [at for (at, now), (_, before) in zip(loud[1:], loud, strict=False) if now and not before]
    found = []
    for beep in beeps:
        after = next((at for at in begins if at > beep), None)
        if after is not None and after - beep < 0.5:
            found.append(1_000 * (after - beep))
    return found


def _longest_gap(heard: list[tuple[float, bytes]]) -> float:
    """Of the tone that never pauses, in ms."""
    longest = gap = 0
    for _, data in heard:
        samples = ALAW.decode(data).astype(float)
        for piece in samples.reshape(-1, 40):
            gap = 0 if piece.std() > 300 else gap + 5
            longest = max(longest, gap)
    return float(longest)


async def run(options: argparse.Namespace) -> AsyncIterator[Figure]:
    """Cost, delay and gaps."""
    os.sched_setaffinity(0, {LOAD_CORE % (os.cpu_count() or 1)})
    says = [_tone(TONE, 50), _tone(BEEP, BEEP_LENGTH) + [bytes([0xD5]) * _SIZE] * (BEEP_EVERY - BEEP_LENGTH)]
    quiet = [bytes([0xD5]) * _SIZE]
    phones = [_Phone(says[min(n, 1)] if n < options.speakers else quiet) for n in range(options.calls)]
    with tempfile.TemporaryDirectory() as folder:
        async with node_process(Path(folder), "taskset", "-c", SERVER_CORE) as node:
            await node.control.do(p.OpenRoom(room="r"))
            for number, phone in enumerate(phones):
                await _connect(node, number, phone, number < options.speakers)
            await _talk(phones, 5, [])
            for phone in phones[-5:]:
                phone.keeps = True
            beeps: list[float] = []
            before, began = cpu_seconds(node.pid), time.monotonic()
            await _talk(phones, options.seconds, beeps)
            share = (cpu_seconds(node.pid) - before) / (time.monotonic() - began)
            stats = await node.control.call(p.GetStats(), p.Stats)
            await node.control.close()
    delays = [delay for phone in phones[-5:] for delay in _delays(phone.heard, beeps)]
    n = options.calls
    yield Figure("telephone.cpu_share", round(share, 3), "of a core", n)
    yield Figure("telephone.tick_max_ms", round(stats.calls_tick_ms, 2), "ms", n)
    yield Figure("telephone.mouth_to_ear_p50_ms", round(percentile(delays, 0.5), 1), "ms", len(delays))
    yield Figure("telephone.mouth_to_ear_p99_ms", round(percentile(delays, 0.99), 1), "ms", len(delays))
    yield Figure("telephone.longest_gap_ms", max(_longest_gap(phone.heard) for phone in phones[-5:]), "ms", 5)
