from __future__ import annotations

import asyncio
import socket
import time

import numpy as np
import pytest

from server.media.phone.bridge import Bridge, NoPortError, Ports
from server.media.phone.codecs import codec
from server.media.phone.events import press
from server.media.phone.leg import Keys, Terms
from server.media.rtp import RtpPacket, build_header
from tests.media.phone.test_codecs import tone

HOST = "127.0.0.1"


class Handset:
    """A telephone on a socket of its own, which says a tone."""

    def __init__(self, hertz: float) -> None:
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind((HOST, 0))
        self.socket.setblocking(False)
        self.address = self.socket.getsockname()
        self.codec = codec("PCMA")
        self.port = 0
        self._sound = tone(8_000, 10, hertz)
        self._number = 0
        self.heard: list[RtpPacket] = []

    @property
    def terms(self) -> Terms:
        return Terms("PCMA", 8, 8, events=101, named=self.address)

    def say(self) -> None:
        n, self._number = self._number, self._number + 1
        payload = self.codec.encode(self._sound[n * 160 : n * 160 + 160])
        self.socket.sendto(build_header(8, 0, n, n * 160, 5) + payload, (HOST, self.port))

    def press(self, key: str) -> None:
        self.socket.sendto(build_header(101, 1, 60_000, 77, 5) + press(key, 160, True), (HOST, self.port))

    def listen(self) -> None:
        while True:
            try:
                self.heard.append(RtpPacket.parse(self.socket.recv(2_048)))
            except BlockingIOError:
                return

    def hears(self, hertz: float) -> float:
        """Root mean square of what is within 20 Hz; the test's own clock is not the best."""
        sound = np.concatenate([self.codec.decode(packet.payload) for packet in self.heard[20:]])
        spectrum = np.abs(np.fft.rfft(sound * np.hanning(sound.size))) / sound.size * np.sqrt(16 / 3)
        width, at = round(20 * sound.size / 8_000), round(hertz * sound.size / 8_000)
        return float(np.sqrt((spectrum[at - width : at + width] ** 2).sum()))


async def test_telephones_hear_each_other_and_their_keys_are_told() -> None:
    keys: list[tuple[str, str]] = []
    bridge = Bridge(Ports(HOST, 41_000, 41_099), lambda call, key: keys.append((call, key)))
    handsets = {name: Handset(hertz) for name, hertz in (("a", 400.0), ("b", 700.0), ("c", 1_000.0))}
    for name, handset in handsets.items():
        handset.port = bridge.open(name, handset.terms)
        assert handset.port % 2 == 0
    bridge.talk(["a", "b"])
    began = time.monotonic()
    for n in range(1, 101):
        for handset in handsets.values():
            handset.say()
            handset.listen()
        await asyncio.sleep(began + n * 0.02 - time.monotonic())
    handsets["c"].press("9")
    await asyncio.sleep(0.05)
    assert keys == [("c", "9")]
    assert 85 < len(handsets["c"].heard) < 130
    for name, heard in (("a", {700}), ("b", {400}), ("c", {400, 700})):
        for hertz in (400, 700, 1_000):
            strong = handsets[name].hears(hertz)
            assert strong > 1_500 if hertz in heard else strong < 150, (name, hertz, strong)
    assert bridge.skipped == 0
    bridge.close_all()
    count = len(handsets["c"].heard)
    await asyncio.sleep(0.1)
    handsets["c"].listen()
    assert len(handsets["c"].heard) - count < 10
    assert len(bridge) == 0
    for handset in handsets.values():
        handset.socket.close()


async def test_ports_run_out_and_come_back() -> None:
    bridge = Bridge(Ports(HOST, 41_100, 41_103), lambda call, key: None)
    ports = {bridge.open(name, Terms("PCMA", 8, 8)) for name in ("a", "b")}
    assert ports == {41_100, 41_102}
    with pytest.raises(NoPortError):
        bridge.open("c", Terms("PCMA", 8, 8))
    bridge.close("a")
    assert bridge.open("c", Terms("PCMA", 8, 8)) == 41_100
    bridge.close_all()


async def test_keys_that_do_not_fit_leave_no_port_open() -> None:
    bridge = Bridge(Ports(HOST, 41_110, 41_111), lambda call, key: None)
    with pytest.raises(ValueError, match="AEAD"):
        bridge.open("a", Terms("PCMA", 8, 8, keys=Keys("AEAD_AES_128_GCM", b"x", b"y")))
    assert bridge.open("a", Terms("PCMA", 8, 8)) == 41_110
    bridge.close_all()


async def test_a_clock_that_stood_still_makes_up_for_nothing() -> None:
    bridge = Bridge(Ports(HOST, 41_120, 41_121), lambda call, key: None)
    bridge.open("a", Terms("PCMA", 8, 8))
    steps: list[float] = []
    bridge.on_speech = lambda speakers, now: steps.append(now)
    await asyncio.sleep(0.1)
    time.sleep(0.6)
    await asyncio.sleep(0.1)
    assert len(steps) < 15
    assert 25 <= bridge.skipped <= 35
    bridge.close_all()
