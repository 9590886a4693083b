from __future__ import annotations

import asyncio
import socket
import time
from collections import Counter
from dataclasses import replace

import numpy as np
import pytest

from server.media.phone.arrivals import MOST, Arrival, Arrivals
from server.media.phone.bridge import REPORTS, UNHEARD, Bridge, NoPortError, Ports
from server.media.phone.codecs import codec
from server.media.phone.events import press
from server.media.phone.leg import Terms
from server.media.phone.sounds import Player, Sound
from server.media.phone.srtp import Keys
from server.media.wire.rtp import RtpPacket, build_header, is_rtcp
from tests.sounds import pitch, tone
from tests.waiting import until

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
        self._sound = tone(hertz, 10)
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
        """Root mean square of what is within 20 Hz."""
        sound = np.concatenate([self.codec.decode(packet.payload) for packet in self.heard[20:]])
        spectrum = np.abs(np.fft.rfft(sound * np.hanning(sound.size))) / sound.size * np.sqrt(16 / 3)
        width, at = round(20 * sound.size / 8_000), round(hertz * sound.size / 8_000)
        return float(np.sqrt((spectrum[at - width : at + width] ** 2).sum()))


async def test_telephones_hear_each_other_and_their_keys_are_told() -> None:
    """Two seconds on real sockets, by the test's own clock: what is heard must not depend on what else runs here."""
    now = 1_000.0
    keys: list[tuple[str, str]] = []
    told = lambda call, key: keys.append((call, key))  # noqa: E731
    bridge = Bridge(Ports(HOST, 41_000, 41_099), told, clock=lambda: now, ticking=False)
    handsets = {name: Handset(hertz) for name, hertz in (("a", 400.0), ("b", 700.0), ("c", 1_000.0))}
    for name, handset in handsets.items():
        handset.port = bridge.open(name, handset.terms)
        assert handset.port % 2 == 0
    bridge.talk(["a", "b"])
    for _ in range(100):
        for handset in handsets.values():
            handset.say()
        now += 0.02
        bridge.step(now)
        for handset in handsets.values():
            handset.listen()
    handsets["c"].press("9")
    bridge.step(now)
    assert keys == [("c", "9")]
    for name, heard in (("a", {700}), ("b", {400}), ("c", {400, 700})):
        assert len(handsets[name].heard) == 100
        for hertz in (400, 700, 1_000):
            strong = handsets[name].hears(hertz)
            assert strong > 1_500 if hertz in heard else strong < 150, (name, hertz, strong)
    for handset in handsets.values():
        handset.socket.close()
    bridge.close_all()


async def test_each_call_gets_a_report_every_five_seconds_and_not_all_at_once() -> None:
    now = 1_000.0
    bridge = Bridge(Ports(HOST, 41_100, 41_119), lambda call, key: None, clock=lambda: now, ticking=False)
    handsets = [Handset(400.0) for _ in range(3)]
    for number, handset in enumerate(handsets):
        handset.port = bridge.open(str(number), replace(handset.terms, reports=number < 2))
    reported: list[list[int]] = [[], [], []]
    for tick in range(2 * REPORTS):
        now += 0.02
        bridge.step(now)
        for handset, ticks in zip(handsets, reported, strict=True):
            ticks += [tick for _ in range(_rtcp(handset))]
    assert [len(ticks) for ticks in reported] == [2, 2, 0]
    assert not set(reported[0]) & set(reported[1])
    assert {ticks[1] - ticks[0] for ticks in reported[:2]} == {REPORTS}
    for handset in handsets:
        handset.socket.close()
    bridge.close_all()


def _rtcp(handset: Handset) -> int:
    """How many reports have come; sound is thrown away."""
    count = 0
    while True:
        try:
            count += is_rtcp(handset.socket.recv(2_048))
        except BlockingIOError:
            return count


async def test_a_flood_to_one_port_is_taken_in_parts_and_keeps_nobody_else_waiting() -> None:
    now = 1_000.0
    bridge = Bridge(Ports(HOST, 41_160, 41_169), lambda call, key: None, clock=lambda: now, ticking=False)
    flooded, other, stranger = Handset(400.0), Handset(700.0), Handset(1_000.0)
    for name, handset in (("a", flooded), ("b", other)):
        handset.port = bridge.open(name, handset.terms)
    stranger.port = flooded.port
    flooded.say()
    bridge.step(now)
    for _ in range(3 * MOST):
        stranger.say()
    other.say()
    bridge.step(now)
    assert bridge.leg("a").strangers == MOST
    assert bridge.leg("b").received == 1
    for handset in (flooded, other, stranger):
        handset.socket.close()
    bridge.close_all()


@pytest.mark.parametrize(("name", "kind"), [("PCMU", 0), ("G722", 9), ("OPUS", 107)])
async def test_a_sound_is_played_by_every_codec(name: str, kind: int) -> None:
    now, ended = 1_000.0, []
    bridge = Bridge(Ports(HOST, 41_140, 41_149), lambda call, key: None, clock=lambda: now, ticking=False)
    handset = Handset(400.0)
    handset.port = bridge.open("a", Terms(name, kind, kind, named=handset.address))
    bridge["a"].play(Player([Sound(tone(850, 1, 48_000))]), lambda: ended.append(now))
    for _ in range(60):
        now += 0.02
        bridge.step(now)
        handset.listen()
    there = codec(name)
    heard = [there.decode(packet.payload) for packet in handset.heard[:48]]
    sound = np.concatenate([samples for samples in heard if samples is not None])
    assert pitch(sound[there.rate // 4 :], there.rate) == pytest.approx(850, abs=10)
    assert len(ended) == 1 and ended[0] == pytest.approx(1_001, abs=0.05)
    bridge.close_all()
    handset.socket.close()


async def test_its_clock_ends_with_the_last_call() -> None:
    bridge = Bridge(Ports(HOST, 41_130, 41_139), lambda call, key: None)
    handset = Handset(400.0)
    handset.port = bridge.open("a", handset.terms)
    handset.say()
    async with asyncio.timeout(5):
        while len(handset.heard) < 5:
            await asyncio.sleep(0.02)
            handset.listen()
    bridge.close_all()
    assert len(bridge) == 0
    handset.listen()
    handset.heard.clear()
    await asyncio.sleep(0.1)
    handset.listen()
    assert handset.heard == []
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


async def test_ports_of_those_who_may_not_be_heard_are_looked_at_less_often(monkeypatch: pytest.MonkeyPatch) -> None:
    """Which loses nothing of theirs: packets wait, and keys are told."""
    looks: Counter[int] = Counter()

    class Counting(Arrivals):
        def take_timed(self, descriptor: int) -> list[Arrival]:
            looks[descriptor] += 1
            return super().take_timed(descriptor)

    monkeypatch.setattr("server.media.phone.bridge.Arrivals", Counting)
    keys: list[tuple[str, str]] = []
    bridge = Bridge(Ports(HOST, 41_170, 41_179), lambda call, key: keys.append((call, key)))
    handsets = {name: Handset(400.0) for name in ("heard", "silent")}
    for name, handset in handsets.items():
        handset.port = bridge.open(name, handset.terms)
    bridge.talk(["heard"])
    for _ in range(5):
        handsets["silent"].say()
    handsets["silent"].press("9")
    heard, silent = (bridge[name].socket.fileno() for name in ("heard", "silent"))
    await until(lambda: looks[silent] >= 5)
    assert looks[heard] == pytest.approx(UNHEARD * looks[silent], abs=UNHEARD)
    assert keys == [("silent", "9")]
    assert bridge.leg("silent").received == 6
    bridge.close_all()
    for handset in handsets.values():
        handset.socket.close()


@pytest.mark.parametrize("stood", [True, False])
async def test_a_machine_that_stood_takes_no_line_for_a_slow_one(stood: bool) -> None:
    now = time.monotonic()
    bridge = Bridge(Ports(HOST, 41_180, 41_189), lambda call, key: None, clock=lambda: now)
    handset = Handset(400.0)
    handset.port = bridge.open("a", handset.terms)
    bridge.metronome.stop()
    bridge.talk(["a"])
    handset.say()
    for _ in bridge._read(now + 0.001):
        pass
    before = bridge.leg("a").playout.delay
    now += 0.15
    for _ in range(4):
        handset.say()
    for _ in bridge._read(now - 0.13 if stood else now + 0.001):
        pass
    after = bridge.leg("a").playout.delay
    assert after == before if stood else after > before + 0.05
    bridge.close_all()
    handset.socket.close()


class Group:
    """Three telephones on a bridge by the test's own clock."""

    def __init__(self, first: int, keys: Keys | None = None) -> None:
        self.now = 1_000.0
        self.broken: list[str] = []
        ports = Ports(HOST, first, first + 9)
        self.bridge = Bridge(ports, lambda call, key: None, self.broken.append, clock=lambda: self.now, ticking=False)
        self.handsets = {name: Handset(hertz) for name, hertz in (("a", 400.0), ("b", 700.0), ("c", 1_000.0))}
        for name, handset in self.handsets.items():
            terms = replace(handset.terms, keys=keys) if name == "a" else handset.terms
            handset.port = self.bridge.open(name, terms)
        self.bridge.talk(self.handsets)

    def heard(self, ticks: int = 10) -> dict[str, int]:
        """How many packets each gets in so many ticks, in which all say something."""
        for handset in self.handsets.values():
            handset.heard.clear()
        for _ in range(ticks):
            for handset in self.handsets.values():
                handset.say()
            self.now += 0.02
            self.bridge.step(self.now)
        for handset in self.handsets.values():
            handset.listen()
        return {name: len(handset.heard) for name, handset in self.handsets.items()}

    def close(self) -> None:
        self.bridge.close_all()
        for handset in self.handsets.values():
            handset.socket.close()


async def test_a_strangers_long_datagrams_to_a_secure_call_keep_nobody_from_being_heard() -> None:
    group = Group(41_190, Keys("AES_CM_128_HMAC_SHA1_80", bytes(30), bytes(30)))
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as stranger:
        for _ in range(20):
            stranger.sendto(build_header(8, 0, 1, 160, 5) + bytes(2_000), (HOST, group.handsets["a"].port))
            group.heard(1)
    assert [group.bridge.leg(name).received for name in ("b", "c")] == [20, 20]
    assert group.bridge.leg("a").malformed == 40
    assert group.broken == []
    group.close()


def _fails(*_told: object, **_more: object) -> None:
    raise RuntimeError("a bug of ours")


@pytest.mark.parametrize("where", ["receive", "take", "give"])
async def test_a_call_that_breaks_off_ends_alone(
    where: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """An error of ours in one call: it is logged once, the call's owner is told, and all others go on."""
    group = Group(41_200)
    assert group.heard() == {"a": 10, "b": 10, "c": 10}
    monkeypatch.setattr(group.bridge.leg("a"), where, _fails)
    heard = group.heard()
    assert (heard["b"], heard["c"]) == (10, 10)
    assert heard["a"] == 0
    assert (group.broken, len(group.bridge)) == (["a"], 2)
    (record,) = (one for one in caplog.records if one.levelname == "ERROR")
    assert "a" in record.getMessage() and record.exc_info is not None
    group.close()


async def test_a_sound_that_cannot_be_played_ends_the_call_to_which_it_is_played(
    caplog: pytest.LogCaptureFixture,
) -> None:
    group = Group(41_210)
    player = Player([Sound(tone(850, 1, 48_000))])
    player.frame = _fails  # type: ignore[assignment, method-assign]
    group.bridge["a"].play(player)
    heard = group.heard()
    assert (heard["b"], heard["c"], group.broken) == (10, 10, ["a"])
    assert sum(one.levelname == "ERROR" for one in caplog.records) == 1
    group.close()
