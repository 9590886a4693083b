"""How soon a picture is there: in virtual time, on links of 40 ms there and back, of cameras that answer in 50 ms.

The node's own code from `paths` to `forward`. Measured is until the last packet of the first key frame has arrived.
"""

from __future__ import annotations

import heapq
import itertools
from collections.abc import Callable
from functools import partial

import pytest
from pylibsrtp import Policy, Session

from server.media.inward.asking import KEY_FRAME_PACE, KEY_FRAMES_AHEAD
from server.media.participant import Participant
from server.media.protocol import Want
from server.media.wire import rtcp
from server.media.wire.rtp import RtpPacket, build_header, is_rtcp
from server.media.wire.vp8 import Vp8
from tests.fuzz.stage import CAMERA, VP8, Stage
from tests.media.endpoint import picture
from tests.media.memory import session

STEP = 0.001  # s
ONE_WAY = 0.02  # s
FRAME = 0.04  # s
READY = 0.01  # s from a PLI until the next picture can be a key frame: it leaves within 50 ms
KEY_PACKETS = 8
SOON = 0.2  # s; what is promised on a good link is 0.3
WIDTHS = {"p0": 960, "p1": 640}


class Camera:
    """Sends 25 pictures a second of one packet, key frames of several of which only the first says so."""

    def __init__(self, world: World, person: Participant, width: int) -> None:
        self.world, self.person, self.width = world, person, width
        self.asked = 0
        self._number = self._frame = 0
        self._key = True
        world.at(world.now, self._send)

    def pli(self) -> None:
        """One came."""
        self.asked += 1
        self.world.at(self.world.now + READY, self._answer)

    def _answer(self) -> None:
        self._key = True

    def _send(self) -> None:
        key, self._key = self._key, False
        for part in range(KEY_PACKETS if key else 1):
            data = picture(CAMERA, self._number, self._frame, key=key and part == 0, width=self.width)
            last = part == KEY_PACKETS - 1 or not key
            head = build_header(VP8, last, self._number, self._frame * 3600, CAMERA)
            payload = data[12:] if part == 0 else bytes([data[12] & 0xEF]) + data[13:]
            self.world.at(self.world.now + ONE_WAY, partial(self.world.arrive, self.person, head + payload))
            self._number += 1
        self._frame += 1
        self.world.at(self.world.now + FRAME, self._send)


class World:
    """Two cameras, `p0` and `p1`, in a room that `p2` looks at."""

    def __init__(self) -> None:
        self.stage = Stage()
        self.stage.room.screening.end(self.stage.room.sinks[0], self.stage.now)
        self._due: list[tuple[float, int, Callable[[], None]]] = []
        self._order = itertools.count()
        self._ticked = 0.0
        self.came: list[tuple[float, str, RtpPacket]] = []  # by name of who got it
        self._reading: dict[str, Session] = {}
        self.cameras = {}
        for person, width in zip(self.stage.people, WIDTHS.values(), strict=False):
            person.link.protect_rtcp = bytes  # type: ignore[method-assign] # to be read here
            self.show(person)
            self.cameras[person.name] = Camera(self, person, width)
        self.show(self._on_good_link(self.stage.people[2]), "p0")
        self.run(1)

    @property
    def now(self) -> float:
        return self.stage.now

    def at(self, moment: float, what: Callable[[], None]) -> None:
        heapq.heappush(self._due, (moment, next(self._order), what))

    def arrive(self, person: Participant, data: bytes) -> None:
        assert person.path.address is not None
        self.stage.switch.paths.datagram(data, person.path.address, self.now)

    def show(self, person: Participant, *names: str) -> None:
        wants = [Want(slot=slot, source=name, width=960) for slot, name in enumerate(names)]
        self.stage.room.show(person, wants, self.now)

    def enter(self, name: str) -> Participant:
        """Somebody who wished to see `p0` before, and is connected now."""
        person = self._on_good_link(self.stage._enter(name, len(self.stage.people)))
        self.stage.people.append(person)
        self.show(person, "p0")
        return person

    @staticmethod
    def _on_good_link(person: Participant) -> Participant:
        person.downlink.element = person.downlink.step = 0  # it is taken to be one, without feedback
        return person

    def run(self, seconds: float) -> None:
        """Let time pass."""
        for _ in range(round(seconds / STEP)):
            self.stage.now += STEP
            while self._due and self._due[0][0] <= self.now:
                heapq.heappop(self._due)[2]()
            self.stage.switch.paths.burst_ended(self.now)
            if self.now - self._ticked >= 0.1:
                self._ticked = self.now
                for person in self.stage.people:
                    person.path.consent.heard(self.now)
                self.stage.switch.tick(self.now, self.now)
            self._deliver()

    def _deliver(self) -> None:
        people = {person.path.address: person.name for person in self.stage.people}
        for batch, segment, to, _ in self.stage.port.batches:
            for start in range(0, len(batch), segment):
                self._take(people[to], batch[start : start + segment])
        self.stage.port.batches.clear()

    def _take(self, name: str, data: bytes) -> None:
        if name in self.cameras:
            if is_rtcp(data):
                self._asked(self.cameras[name], data)
        elif not is_rtcp(data):
            reading = self._reading.setdefault(name, session(Policy.SSRC_ANY_INBOUND))
            packet = RtpPacket.parse(reading.unprotect(data))
            if packet.payload_type == VP8:
                self.came.append((self.now + ONE_WAY, name, packet))

    def _asked(self, camera: Camera, data: bytes) -> None:
        for message in rtcp.parse(data):
            if isinstance(message, rtcp.Pli):
                self.at(self.now + ONE_WAY, camera.pli)

    def first_picture(self, viewer: str, of: str, since: float) -> float:
        """How long after `since` the last packet of the first key frame came that `viewer` got of this camera."""
        packets = [(at, packet) for at, name, packet in self.came if name == viewer and at > since]
        frames = ((Vp8.parse(packet.payload), packet.timestamp) for _, packet in packets)
        key = next(time for frame, time in frames if frame.key_frame and frame.width == WIDTHS[of])
        return next(at for at, packet in packets if packet.timestamp == key and packet.marker) - since


PHASES = [step / 100 for step in range(40)]  # s after another was there for whom a key frame was sent


@pytest.mark.parametrize("after", PHASES)
def test_a_newcomer_sees_a_picture_soon_whenever_the_last_key_frame_was(after: float) -> None:
    world = World()
    world.enter("p3")
    world.run(after)
    begun = world.now
    world.enter("p4")
    world.run(1)
    assert world.first_picture("p4", "p0", begun) <= SOON


@pytest.mark.parametrize("after", PHASES)
def test_a_slot_shows_another_camera_soon_whenever_its_last_key_frame_was(after: float) -> None:
    world = World()
    viewer = world.stage.people[2]
    world.show(world.enter("p3"), "p1")
    world.run(after)
    begun = world.now
    world.show(viewer, "p1")
    world.run(1)
    assert world.first_picture("p2", "p1", begun) <= SOON


def test_a_request_that_had_to_wait_leaves_with_a_burst_not_with_the_next_tick() -> None:
    world = World()
    source = world.stage.people[0].uplink.source("camera")
    assert source is not None
    before, world._ticked = world.cameras["p0"].asked, float("inf")
    source.want_key_frame()
    world.run(2 * FRAME)
    assert world.cameras["p0"].asked == before + 1


def test_newcomers_one_after_the_other_all_see_soon_and_make_no_storm_of_key_frames() -> None:
    world = World()
    before, entered = world.cameras["p0"].asked, {}
    for number in range(3, 63):
        entered[f"p{number}"] = world.now
        world.enter(f"p{number}")
        world.run(0.05)
    world.run(0.5)
    asked = world.cameras["p0"].asked - before
    assert asked <= (3 + KEY_FRAMES_AHEAD) / KEY_FRAME_PACE + 1
    assert max(world.first_picture(name, "p0", at) for name, at in entered.items()) <= 0.3
