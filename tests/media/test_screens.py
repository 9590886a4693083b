"""A shared screen in VP9 where all can be shown it: told of, forwarded in one unbroken stream, given up for others."""

from __future__ import annotations

from itertools import pairwise

import pytest

from server.media.inward.source import Source
from server.media.inward.uplink import Uplink, UplinkPlan
from server.media.outward import sender
from server.media.outward.forward import Forwarder
from server.media.outward.ledger import Ledger
from server.media.protocol import LayersWanted, Want
from server.media.terms import Codec
from server.media.wire.rtp import RtpPacket, build_header
from server.media.wire.vp8 import Vp8
from server.media.wire.vp9 import Vp9
from tests.media.endpoint import OPUS, RTX, VP8, VP9, VP9_RTX, picture, vp9_picture
from tests.media.memory import MemoryPort, Subscriber
from tests.media.test_room import Person, Sink, Stage

PLAN = UplinkPlan(
    kinds={"0": "microphone", "1": "camera", "2": "screen"},
    ssrcs={1: "0", 2: "1", 3: "2"},
    payload_types=frozenset({OPUS, VP8, VP9}),
    vp9=VP9,
    rtx={RTX: VP8, VP9_RTX: VP9},
    rtx_ssrcs={4: 3},
    level_id=4,
)
BOTH: dict[Codec, tuple[int, int | None]] = {"vp8": (VP8, RTX), "vp9": (VP9, VP9_RTX)}


class Screen:
    """A publisher of a screen whose frames of one packet each go through an uplink, in the codec of the moment."""

    def __init__(self) -> None:
        self.uplink = Uplink("a", PLAN)
        self.number = 65_530
        self.codec: Codec = "vp9"

    def packet(self, key: bool = False) -> bytes:
        self.number += 1
        make = vp9_picture if self.codec == "vp9" else picture
        return make(3, self.number & 0xFFFF, self.number, key=key)

    def feed(self, count: int, now: float, *, key: bool = False) -> Source:
        for n in range(count):
            assert self.uplink.receive(self.packet(key and n == 0), now) is not None
        return self.source

    @property
    def source(self) -> Source:
        source = self.uplink.source("screen")
        assert source is not None
        return source


def subscriber(codecs: dict[Codec, tuple[int, int | None]], ledger: Ledger | None = None) -> Subscriber:
    made = Subscriber(ledger=ledger)
    made.picture.codecs = codecs
    return made


def unbroken(packets: list[RtpPacket]) -> bool:
    return all((b.sequence - a.sequence) & 0xFFFF == 1 and a.timestamp != b.timestamp for a, b in pairwise(packets))


@pytest.mark.parametrize("many", [1, 24])
def test_codecs_follow_each_other_in_one_stream(many: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """The same packet by packet and by arrays."""
    monkeypatch.setattr(sender, "MANY", many)
    port, screen, to = MemoryPort(), Screen(), subscriber(BOTH, Ledger())
    forwarder, seen = Forwarder(port), []  # type: ignore[arg-type]
    source = screen.feed(1, 0.0)
    to.picture.show(source)
    for turn, codec in enumerate(("vp9", "vp8", "vp9", "vp8")):
        screen.codec = codec  # type: ignore[assignment]
        before = len(seen)
        for n in range(10):
            forwarder.forward(screen.feed(1, turn + n / 10, key=n == 0), turn + n / 10)
            seen += to.read(port)
        kinds = {packet.payload_type for packet in seen[before:]}
        assert (kinds, len(seen) - before) == ({VP9 if codec == "vp9" else VP8}, 10)
        assert screen.source.codec == codec and screen.source.width == 640
    assert unbroken(seen)
    nines = [Vp9.parse(packet.payload) for packet in seen if packet.payload_type == VP9]
    assert [frame.key_frame for frame in nines] == 2 * [True, *9 * [False]]
    assert {(frame.picture_id, frame.tid, frame.start) for frame in nines} == {(None, None, 1)}
    eights = [Vp8.parse(packet.payload).picture_id for packet in seen if packet.payload_type == VP8]
    assert all((b - a) & 0x7FFF == 1 for a, b in pairwise(eights[:10]))  # type: ignore[operator]


def test_what_is_lost_on_the_way_down_is_sent_again_in_its_codec() -> None:
    port, screen, to = MemoryPort(), Screen(), subscriber(BOTH)
    forwarder = Forwarder(port)  # type: ignore[arg-type]
    to.picture.show(screen.feed(1, 0.0))
    forwarder.forward(screen.feed(5, 0.1, key=True), 0.1)
    sent = to.read(port)
    assert forwarder.rtx.answer(to.picture, [sent[2].sequence], 0.2) == 1
    (again,) = to.read(port)
    assert (again.payload_type, again.payload[2:]) == (VP9_RTX, sent[2].payload)


def test_who_cannot_be_shown_a_codec_gets_none_of_it() -> None:
    port, screen, to = MemoryPort(), Screen(), subscriber({"vp8": (VP8, RTX)})
    forwarder = Forwarder(port)  # type: ignore[arg-type]
    to.picture.show(screen.feed(1, 0.0))
    forwarder.forward(screen.feed(5, 0.1, key=True), 0.1)
    assert to.read(port) == []
    screen.codec = "vp8"
    to.picture.show(screen.feed(1, 0.2, key=True))
    forwarder.forward(screen.source, 0.2)
    assert [packet.payload_type for packet in to.read(port)] == [VP8]


def test_what_comes_late_of_the_codec_before_does_not_bring_it_back() -> None:
    screen = Screen()
    screen.feed(3, 0.0, key=True)
    late = screen.packet()
    screen.codec = "vp8"
    after = screen.feed(2, 0.1, key=True)
    assert screen.uplink.receive(late, 0.2) is None
    number = screen.number - 2 & 0xFFFF
    restored = build_header(VP9_RTX, 1, 1, 0, 4) + number.to_bytes(2, "big") + late[12:]
    assert screen.uplink.receive(restored, 0.3) is None
    assert screen.source is after and screen.source.codec == "vp8"


# ---- which codec ----------------------------------------------------------------------------------------------------


class Sharer(Person):
    """Shares its screen in the codec that it was asked for."""

    codec: Codec = "vp8"
    knows = BOTH

    def __init__(self, *arguments: object) -> None:
        super().__init__(*arguments)  # type: ignore[arg-type]
        for slot in self.participant.pictures:
            slot.codecs = self.knows

    def turn(self, codec: Codec) -> None:
        self._key_wanted |= codec != self.codec
        self.codec = codec

    def packets(self) -> list[bytes]:
        key = self._key_wanted
        found = super().packets()
        return [
            vp9_picture(3, self.number - 1, self.number - 1, key=key) if self.codec == "vp9" and self.screen else x
            for x in found
        ]

    def shown(self) -> set[int]:
        return {packet.payload_type for packet in self.got}


class Old(Sharer):
    """A browser that knows VP8 alone."""

    knows: dict[Codec, tuple[int, int | None]] = {"vp8": (VP8, None)}  # noqa: RUF012


@pytest.fixture
def stage(monkeypatch: pytest.MonkeyPatch) -> Stage:
    monkeypatch.setattr("tests.media.test_room.PLAN", PLAN)
    monkeypatch.setattr("tests.media.test_room.Person", Sharer)
    return Stage("a", "b", "c")


def obey(stage: Stage, seconds: float) -> list[Codec]:
    """Let time pass in which `a` shares in the codec that it is told; which were told."""
    told: list[Codec] = []
    for _ in range(round(seconds / 0.1)):
        stage.run(0.1)
        for event in stage.events:
            if isinstance(event, LayersWanted) and (event.participant, event.kind) == ("a", "screen"):
                told.append(event.codec)
                stage["a"].turn(event.codec)  # type: ignore[attr-defined]
        stage.events.clear()
    return told


def test_a_screen_is_shared_in_vp9_until_somebody_comes_who_cannot_be_shown_it(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert obey(stage, 1)[-1:] == ["vp9"], "before anything is shared"
    stage["a"].screen = True
    stage.show("b", "a", kind="screen")
    obey(stage, 1)
    assert stage["b"].shown() == {VP9}
    old = Old("d", 9, stage.port, stage.now)
    stage.people["d"] = old
    stage.room.enter(old.participant, stage.now)
    old.participant.changed = lambda who, state, why: stage.room.arrange(who, stage.now)
    old.participant.move(old.address, stage.now)
    old.participant.path.consent.heard(stage.now)
    old.participant.secured()
    stage.show("d", "a", kind="screen")
    assert obey(stage, 2)[-1:] == ["vp8"]
    stage.run(0.5)
    assert stage["b"].shown() == stage["d"].shown() == {VP8}
    old.participant.close("left")
    del stage.people["d"]
    stage.room.depart(old.participant, stage.now)
    assert obey(stage, 2)[-1:] == ["vp9"]
    stage.run(0.5)
    assert stage["b"].shown() == {VP9}


def test_who_cannot_send_it_is_not_asked_for_it(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stage["a"].participant.uplink, "_plan", UplinkPlan(kinds=PLAN.kinds, ssrcs=PLAN.ssrcs))
    assert "vp9" not in obey(stage, 2)


def test_cameras_stay_in_vp8(stage: Stage) -> None:
    stage["a"].camera = True
    stage.run(2)
    told = [event for event in stage.events if isinstance(event, LayersWanted) and event.kind == "camera"]
    assert all(event.codec == "vp8" for event in told)


def test_a_recorder_gets_it_without_asking_for_key_frames_and_costs_a_link_what_its_encoder_keeps_to(
    stage: Stage,
) -> None:
    obey(stage, 1)
    stage["a"].screen = True
    stage.room.show(stage["b"].participant, [Want(slot=0, source="a", kind="screen", width=1920)], stage.now)
    sink = Sink()
    stage.room.screening.begin(sink, stage.now)
    obey(stage, 3)
    before = stage["a"].plis
    obey(stage, 25)
    assert stage["a"].plis == before
    assert len(sink.pictures) > 1000
    assert Vp9.parse(sink.pictures[0][0]).key_frame
    assert all((b[2] - a[2]) & 0xFFFF == 1 for a, b in pairwise(sink.pictures))
    (demand,) = stage["b"].participant.view.demands
    assert [option.rate for option in demand.options] == [round(260_000 * 1.03)], "though 360 kbit/s come"
