"""Whoever can reach the media port sends whatever he likes, beside a meeting of two pages: the meeting goes on.

That voices get through the node within 20 ms (99th percentile) beside 10,000 STUN requests a second from strangers is
asserted in `tests/bench/test_flood.py`, with a core for the node alone. Here the flood, which is half of that, shares
the machine with two browsers that encode and decode, so that how many pictures they show says little of the node. What
is asserted: both sessions stay as they are, pictures never stop (`FEWEST_PER_SECOND`), and every kind of datagram that
was refused is counted by its reason.
"""

from __future__ import annotations

import asyncio
import random
import re
import socket
import struct
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from aioice import stun
from playwright.sync_api import Browser, Page

from server.media import protocol as p
from tests.e2e.harness import App, chromium, running
from tests.e2e.rooms import enter, figures, sees, start_meeting
from tests.media.driving import Control
from tests.privileges import require_root

pytestmark = pytest.mark.timeout(180)
FLOOD_PER_SECOND = 5000
FLOOD_SECONDS = 3
FEWEST_PER_SECOND = 4  # frames of the other page that each page shows in any second, on a busy machine
Address = tuple[str, int]


class Eavesdropper:
    """Hears what goes to the media port over the loopback device, and can send under any address."""

    def __init__(self, port: int) -> None:
        require_root("Packets are overheard and sent under another's address")
        self.port = port
        self._heard = socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM, socket.htons(0x0800))
        self._heard.bind(("lo", 0))
        self._heard.settimeout(0.2)
        self._forging = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_RAW)
        self._own = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)

    def listen(self, seconds: float) -> list[tuple[Address, bytes]]:
        """Datagrams to the port with who sent them."""
        found: dict[bytes, Address] = {}
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            try:
                packet = self._heard.recv(65_535)
            except TimeoutError:
                continue
            start = (packet[0] & 0x0F) * 4
            if packet[9] != socket.IPPROTO_UDP:
                continue
            source, target = struct.unpack("!HH", packet[start : start + 4])
            if target == self.port:
                found[packet[start + 8 :]] = (socket.inet_ntoa(packet[12:16]), source)
        return [(address, data) for data, address in found.items()]

    def send(self, data: bytes) -> None:
        """From an address of our own."""
        self._own.sendto(data, ("127.0.0.1", self.port))

    def send_as(self, source: Address, data: bytes) -> None:
        """From another's address."""
        addresses = socket.inet_aton(source[0]) + socket.inet_aton("127.0.0.1")
        udp = struct.pack("!HHHH", source[1], self.port, 8 + len(data), 0)
        ip = struct.pack("!BBHHHBBH", 0x45, 0, 28 + len(data), 0, 0, 64, socket.IPPROTO_UDP, 0) + addresses
        self._forging.sendto(ip + udp + data, ("127.0.0.1", 0))

    def close(self) -> None:
        for each in (self._heard, self._forging, self._own):
            each.close()


class Meeting:
    """Two pages, and whoever is in between."""

    def __init__(self, app: App, browser: Browser) -> None:
        self.app = app
        number = start_meeting(app, "Họp bị quấy rối")
        self.pages: tuple[Page, Page] = (
            enter(app, browser, number, "chutich"),
            enter(app, browser, number, "camthuy"),
        )
        self.seats = [int(figures(page)["me"]) for page in self.pages]
        self.sessions = [figures(page)["session"] for page in self.pages]
        found = re.findall(r"on UDP port (\d+)", app.log())
        self.attacker = Eavesdropper(int(found[-1]))
        for page, other in zip(self.pages, reversed(self.seats), strict=True):
            sees(page, other)

    def frames(self) -> list[int]:
        """What each page has shown of the other."""
        return [
            int(figures(page)["video"][f"{other}/camera"]["frames"])
            for page, other in zip(self.pages, reversed(self.seats), strict=True)
        ]

    def goes_on(self, seconds: float = 2) -> None:
        """Each page goes on showing the other, in the same session."""
        before = self.frames()
        self.pages[0].wait_for_timeout(1000 * seconds)
        grown = [after - first for first, after in zip(before, self.frames(), strict=True)]
        assert min(grown) >= FEWEST_PER_SECOND * seconds, grown
        assert [figures(page)["session"] for page in self.pages] == self.sessions
        assert [figures(page)["media"] for page in self.pages] == ["connected", "connected"]

    def refused(self) -> dict[str, int]:
        """The node's counters; control is killed for it, since a node answers to one control process."""

        async def ask() -> dict[str, int]:
            control = await Control.connect(self.app.socket)
            stats = await control.call(p.GetStats(), p.Stats)
            await control.close()
            return dict(stats.refused)

        with ThreadPoolExecutor(1) as beside:  # this thread has the browser's loop
            return beside.submit(lambda: asyncio.run(ask())).result()


@pytest.fixture(scope="module")
def meeting(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Meeting]:
    folder: Path = tmp_path_factory.mktemp("abuse")
    with running(folder) as app, chromium() as browser:
        made = Meeting(app, browser)
        yield made
        made.attacker.close()


def test_random_bytes_of_every_kind(meeting: Meeting) -> None:
    rng = random.Random(1)
    for first in range(256):
        for length in (0, 1, 3, 19, 20, 60, 200, 1400):
            meeting.attacker.send(bytes((first,)) + rng.randbytes(length))
    meeting.goes_on()


def test_random_bytes_under_a_participant_s_address(meeting: Meeting) -> None:
    rng = random.Random(2)
    victims = {source for source, _data in meeting.attacker.listen(0.5)}
    assert len(victims) >= 2
    for victim in victims:
        for first in range(0, 256, 3):
            for length in (0, 3, 40, 1200):
                meeting.attacker.send_as(victim, bytes((first,)) + rng.randbytes(length))
    meeting.goes_on()


def test_truncated_and_forged_dtls(meeting: Meeting) -> None:
    hello = bytes.fromhex("16fefd0000000000000000") + struct.pack("!H", 200) + bytes((1, 0, 0, 188)) + bytes(60)
    alert = bytes.fromhex("15fefd00000000000000000002") + bytes((2, 40))  # fatal: handshake_failure
    goodbye = bytes.fromhex("15fefd00000000000000000002") + bytes((1, 0))  # close_notify
    sealed = bytes.fromhex("15fefd0001000000000005001a") + bytes(26)  # an encrypted alert with a wrong seal
    for victim in {source for source, _data in meeting.attacker.listen(0.5)}:
        for data in (
            hello,
            hello[:11],
            hello[:13],
            hello[:20],
            alert,
            goodbye,
            sealed,
            sealed[:15],
            b"\x17",
            b"\x14\xfe",
        ):
            meeting.attacker.send_as(victim, data)
            meeting.attacker.send(data)
    meeting.goes_on(3)


def test_checks_with_wrong_credentials(meeting: Meeting) -> None:
    """The attacker knows both names (they are sent in clear), but not the password."""
    names = set()
    for _source, data in meeting.attacker.listen(4):
        if data[0] < 2:
            names.add(str(stun.parse_message(data).attributes.get("USERNAME", "")))
    assert len(names - {""}) >= 2
    for name in names - {""}:
        for key in (b"wrong", b"x" * 24, b""):
            for nominated in (True, False):
                request = stun.Message(message_method=stun.Method.BINDING, message_class=stun.Class.REQUEST)
                request.attributes["USERNAME"] = name
                request.attributes["PRIORITY"] = 1
                request.attributes["ICE-CONTROLLING"] = 1
                if nominated:
                    request.attributes["USE-CANDIDATE"] = None
                request.add_message_integrity(key)
                request.add_fingerprint()
                meeting.attacker.send(bytes(request))
                meeting.attacker.send(bytes(request)[:-12])
    meeting.goes_on(3)


def test_replayed_packets(meeting: Meeting) -> None:
    heard = [(source, data) for source, data in meeting.attacker.listen(1.0) if 128 <= data[0] < 192]
    assert len(heard) > 30
    for source, data in heard:
        meeting.attacker.send_as(source, data)
        meeting.attacker.send(data)
        meeting.attacker.send_as(source, data[:-1] + bytes((data[-1] ^ 1,)))
        meeting.attacker.send_as(source, data[:20])
    meeting.goes_on()


def test_overheard_checks_from_elsewhere(meeting: Meeting) -> None:
    """A check is sealed and good for ever; sent again from another address it must not take the path along."""
    heard = [data for _source, data in meeting.attacker.listen(6) if data[:2] == b"\0\1"]
    assert len(heard) >= 2
    for _ in range(20):
        for data in heard:
            meeting.attacker.send(data)
        meeting.pages[0].wait_for_timeout(100)
    meeting.goes_on(3)


def flood(meeting: Meeting, make: Callable[[int], bytes]) -> list[int]:
    """5,000 datagrams a second for three seconds; gives the frames that each page showed meanwhile."""
    before, begin = meeting.frames(), time.monotonic()
    for number in range(FLOOD_PER_SECOND * FLOOD_SECONDS):
        meeting.attacker.send(make(number))
        if number % 50 == 49:
            time.sleep(max(0, begin + number / FLOOD_PER_SECOND - time.monotonic()))
    took = time.monotonic() - begin
    grown = [after - first for first, after in zip(before, meeting.frames(), strict=True)]
    print(f"\n{number + 1} datagrams in {took:.1f} s; frames shown meanwhile: {grown}")
    return grown


def test_floods(meeting: Meeting) -> None:
    rng = random.Random(3)
    noise = [rng.randbytes(1200) for _ in range(256)]
    checks = [b"\0\x01\0\x08\x21\x12\xa4\x42" + rng.randbytes(12) + b"\0\x06\0\x04abcd" for _ in range(64)]
    for make in (
        lambda n: noise[n % 256],
        lambda n: b"\x90\x60" + noise[n % 256][2:],
        lambda n: checks[n % 64],
    ):
        assert min(flood(meeting, make)) >= FEWEST_PER_SECOND * FLOOD_SECONDS
    meeting.goes_on()


def test_all_of_it_was_counted_and_nothing_was_an_error(meeting: Meeting) -> None:
    meeting.app.kill_control()
    refused = meeting.refused()
    print(f"\n{refused}")
    for reason in (
        "unknown",
        "stranger_media",
        "stranger_stun",
        "stranger_dtls",
        "bad_stun",
        "bad_srtp",
        "replayed_stun",
    ):
        assert refused.get(reason, 0) > 0, (reason, refused)
    assert refused["stranger_media"] > FLOOD_PER_SECOND
    for reason in ("policed", "policed_stun", "policed_feedback", "too_many_streams", "taken_address"):
        assert not refused.get(reason), "two browsers stay below every bound"
    said = meeting.app.media_log()
    assert "Traceback" not in said
    assert " ERROR " not in said
    assert said.count("\n") < 200, "one line a bad packet would fill the disk"
