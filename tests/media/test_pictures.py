"""Pictures by what a link carries: layers chosen, still pictures, what senders are asked for, what people are told."""

from __future__ import annotations

from typing import TypeVar

import pytest

from server.media.allocation.allocator import HOLD, STILL
from server.media.allocation.dynacast import UNWANTED
from server.media.allocation.ladder import UP
from server.media.allocation.pictures import STILL_EVERY
from server.media.inward.uplink import Uplink, UplinkPlan
from server.media.protocol import LayersWanted, LinkChanged, Want
from server.media.voices import USUAL
from tests.media.endpoint import OPUS, VP8, picture, voice
from tests.media.test_room import Person, Sink, Stage

E = TypeVar("E", LayersWanted, LinkChanged)

PLAN = UplinkPlan(
    kinds={"0": "microphone", "1": "camera", "2": "screen"},
    rids={"1": ("f", "h", "q")},
    ssrcs={1: "0", 3: "2"},
    payload_types=frozenset({OPUS, VP8}),
    mid_id=1,
    rid_id=2,
    level_id=4,
)
LAYERS = {
    "f": (11, 960, 1100, 3),
    "h": (12, 480, 700, 2),
    "q": (13, 240, 280, 1),
}  # ssrc, width, bytes, packets

VOICE = USUAL.rate()


class Simulcast(Person):
    """Sends those layers of its camera that it was asked for, 25 frames a second."""

    asked = frozenset(LAYERS)
    cannot = frozenset[str]()
    keys = frozenset[str]()

    def packets(self) -> list[bytes]:
        found = [] if self.level is None else [voice(1, self.number, level=127 - self.level)]
        if self._key_wanted:
            self.keys = frozenset(LAYERS)
        self._key_wanted = False
        for rid in sorted(self.asked - self.cannot) if self.camera and self.number % 2 == 0 else ():
            found += self._frame(rid)
        self.number += 1
        return found

    def _frame(self, rid: str) -> list[bytes]:
        ssrc, width, size, count = LAYERS[rid]
        key = rid in self.keys
        self.keys -= {rid}
        first = self.number * count
        head = b"\xbe\xde\x00\x01\x101\x20" + rid.encode()
        plain = [
            picture(ssrc, first + n, self.number, key=key and n == 0, size=size, width=width) for n in range(count)
        ]
        return [b"\x90" + packet[1:12] + head + packet[12:] for packet in plain]


class Link:
    """What a subscriber's link is taken to carry."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, stage: Stage) -> None:
        known = {id(person.participant.downlink): name for name, person in stage.people.items()}
        self.rates = dict.fromkeys(stage.people, 5e6)
        monkeypatch.setattr(
            "server.media.outward.downlink.Downlink.estimate", property(lambda link: self.rates[known[id(link)]])
        )

    def carries(self, name: str, rate: float) -> None:
        self.rates[name] = rate


@pytest.fixture
def stage(monkeypatch: pytest.MonkeyPatch) -> Stage:
    """`a` and `b` show simulcast cameras, `v` looks at both."""
    monkeypatch.setattr("tests.media.test_room.PLAN", PLAN)
    monkeypatch.setattr("tests.media.test_room.Person", Simulcast)
    made = Stage("a", "b", "v")
    made["a"].camera = made["b"].camera = True
    made.run(0.5)
    return made


@pytest.fixture
def link(monkeypatch: pytest.MonkeyPatch, stage: Stage) -> Link:
    return Link(monkeypatch, stage)


def look(stage: Stage, *names: str, width: int = 960) -> None:
    wants = [Want(slot=n, source=name, width=width) for n, name in enumerate(names)]
    stage.room.show(stage["v"].participant, wants, stage.now)


def shown(stage: Stage) -> list[str | None]:
    return [slot.showing.rid if slot.showing else None for slot in stage["v"].participant.pictures]


def obey(stage: Stage, seconds: float) -> list[LayersWanted]:
    """Let time pass in which senders do what they are asked for."""
    asked: list[LayersWanted] = []
    for _ in range(round(seconds / 0.1)):
        stage.run(0.1)
        for event in take(stage, LayersWanted):
            asked.append(event)
            if event.kind == "camera":
                stage[event.participant].asked = frozenset(event.rids)  # type: ignore[attr-defined]
    return asked


def take(stage: Stage, kind: type[E]) -> list[E]:
    found = [event for event in stage.events if isinstance(event, kind)]
    stage.events[:] = [event for event in stage.events if not isinstance(event, kind)]
    return found


# ---- by the link ---------------------------------------------------------------------------------------------------


def test_a_good_link_gets_what_was_wished_for(stage: Stage, link: Link) -> None:
    look(stage, "a", "b")
    stage.run(1)
    assert shown(stage) == ["f", "f"]
    assert stage["v"].seen() > 100


def test_what_is_too_much_is_lowered_at_once_and_raised_later(stage: Stage, link: Link) -> None:
    stage.room.set_floor([], stage.now)
    look(stage, "a", "b")
    stage.run(1)
    link.carries("v", VOICE + 800_000)
    stage.room.follow(stage["v"].participant, stage.now)
    stage.run(0.5)
    assert shown(stage) == ["h", "h"]
    link.carries("v", 2.4e6)
    stage.run(HOLD - 1)
    assert shown(stage) == ["h", "h"]
    stage.run(2.5)
    assert shown(stage) == ["f", "f"]


def test_a_thin_link_gets_the_picture_of_who_has_the_floor(stage: Stage, link: Link) -> None:
    stage.room.set_floor(["b"], stage.now)
    look(stage, "a", "b")
    link.carries("v", VOICE + 70_000)
    stage.run(2)
    assert shown(stage) == [None, "q"]
    stage.run(6)
    assert shown(stage) == [None, "q"]
    stage.room.set_floor(["a"], stage.now)
    stage.run(1.5)
    assert shown(stage) == ["q", None]


def test_a_thinner_one_a_still_picture_every_few_seconds(stage: Stage, link: Link) -> None:
    look(stage, "a", "b", width=240)
    link.carries("v", VOICE + 26_000)
    stage.run(2)
    assert [option.cap for option in stage["v"].participant.view.allocation.choice.values()] == [STILL]
    seen = []
    for _ in range(round(4 * STILL_EVERY / 0.1)):
        stage.run(0.1)
        seen.append(stage["v"].seen())
    assert 3 <= sum(count > 0 for count in seen) <= 12, "a moment each"
    assert 0 < sum(seen) <= 5 * 4


def test_the_thinnest_voices_alone(stage: Stage, link: Link) -> None:
    stage["a"].level = 110
    look(stage, "a", "b")
    link.carries("v", VOICE + 5_000)
    stage.run(2)
    assert stage["v"].seen() == 0
    assert stage["v"].heard() >= 95


# ---- what is told --------------------------------------------------------------------------------------------------


def test_people_are_told_within_two_seconds_and_when_it_is_good_again(stage: Stage, link: Link) -> None:
    look(stage, "a", "b")
    obey(stage, 3)
    assert take(stage, LinkChanged) == []
    link.carries("v", VOICE + 70_000)
    stage.room.follow(stage["v"].participant, stage.now)
    stage.run(1.9)
    told = take(stage, LinkChanged)[-1]
    assert (told.participant, told.quality, told.rung, told.still) == ("v", "fair", "one", [])
    assert told.paused in ([0], [1])
    link.carries("v", 5e6)
    stage.run(HOLD + UP + 3)
    told = take(stage, LinkChanged)[-1]
    assert (told.quality, told.rung, told.paused) == ("good", "full", [])


def test_sound_alone_is_told_as_a_weak_link(stage: Stage, link: Link) -> None:
    look(stage, "a")
    link.carries("v", VOICE / 2)
    stage.run(3)
    told = take(stage, LinkChanged)
    assert (told[-1].quality, told[-1].rung, told[-1].paused) == ("poor", "sound", [0])
    assert {event.quality for event in told if event.paused} == {"poor"}, "the word comes with what is taken away"


# ---- what senders are asked for ------------------------------------------------------------------------------------


def test_layers_that_nobody_watches_are_switched_off(stage: Stage, link: Link) -> None:
    look(stage, "a", width=240)
    asked = obey(stage, UNWANTED + 1)
    assert {(event.participant, event.kind): event.rids for event in asked}[("a", "camera")] == ["q"]
    assert {(event.participant, event.kind): event.rids for event in asked}[("b", "camera")] == []
    assert shown(stage)[0] == "q"


def comes_back(stage: Stage, asked: list[str]) -> float:
    """Seconds until slot 0 shows the best of the layers that `a` was asked for just now, of which it sends the new ones
    0.2 s later, from a key frame on as browsers do.
    """
    begun, sender = stage.now, stage["a"]
    assert isinstance(sender, Simulcast)
    told = [event.rids for event in take(stage, LayersWanted) if event.participant == "a"]
    assert told == [asked], "at once"
    stage.run(0.2)
    sender.keys, sender.asked = frozenset(asked) - sender.asked, frozenset(asked)
    while shown(stage)[0] != asked[0]:
        assert stage.now - begun < 5
        stage.run(0.02)
    return stage.now - begun


@pytest.mark.parametrize("phase", range(10))
def test_a_layer_is_asked_for_again_at_once_and_shown_as_soon_as_it_comes(stage: Stage, link: Link, phase: int) -> None:
    look(stage, "a", width=240)
    obey(stage, UNWANTED + 1 + phase / 10)
    look(stage, "a", width=960)
    assert shown(stage)[0] == "q", "what is shown stays until the better one comes"
    assert comes_back(stage, ["f", "q"]) <= 0.3


@pytest.mark.parametrize("phase", range(10))
def test_a_camera_that_nobody_watches_sends_nothing_and_comes_back(stage: Stage, link: Link, phase: int) -> None:
    obey(stage, UNWANTED + 1)
    assert stage["a"].asked == frozenset()  # type: ignore[attr-defined]
    stage.run(5 + phase / 10)
    assert ("a", "camera") in stage.room.live_tracks(), "paused by us, not switched off"
    look(stage, "a", width=480)
    assert comes_back(stage, ["h"]) <= 0.3


def test_a_layer_that_never_comes_is_asked_for_once(stage: Stage, link: Link) -> None:
    """A browser sends no third layer of a small picture, or takes its time: nobody flaps between asking and not."""
    stage["a"].cannot = frozenset({"f"})  # type: ignore[attr-defined]
    look(stage, "a", width=240)
    obey(stage, UNWANTED + 1)
    look(stage, "a", width=960)
    asked = [event.rids for event in obey(stage, 30) if event.participant == "a"]
    assert asked[-1] == ["f", "h"] and len(asked) <= 3
    assert shown(stage)[0] == "h"
    stage["a"].cannot = frozenset()  # type: ignore[attr-defined]
    obey(stage, HOLD + 2)
    assert shown(stage)[0] == "f"


def test_a_way_that_is_too_thin_for_a_layer_is_asked_for_the_next(
    stage: Stage, link: Link, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And those who watch are shown that; later the large one again."""
    left_out = 1
    thin = stage["a"].participant.uplink
    monkeypatch.setattr(Uplink, "left_out", property(lambda uplink: left_out if uplink is thin else 0))
    look(stage, "a", "b")
    asked = obey(stage, 3)
    assert {"f" in event.rids for event in asked if event.participant == "a"} == {False}
    assert shown(stage) == ["h", "f"]
    left_out = 0
    obey(stage, HOLD + 3)
    assert shown(stage) == ["f", "f"]


def test_a_small_camera_is_shown_though_it_counts_as_too_much(
    stage: Stage, link: Link, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It sends one layer, whatever it is asked for."""
    monkeypatch.setattr(Uplink, "left_out", 2)
    look(stage, "a")
    for _ in range(60):
        stage.run(0.1)
        stage["a"].asked = frozenset({"f"})  # type: ignore[attr-defined]
    assert shown(stage)[0] == "f"


def test_what_is_recorded_is_sent_in_full(stage: Stage, link: Link) -> None:
    obey(stage, UNWANTED + 1)
    sink = Sink()
    stage.room.screening.begin(sink, stage.now)
    obey(stage, 3)
    source = stage.room.programme.source
    assert source is not None
    assert stage[source].asked == frozenset(LAYERS)  # type: ignore[attr-defined]
    assert len(sink.pictures) > 50


def test_a_link_that_swings_makes_few_switches(stage: Stage, link: Link) -> None:
    look(stage, "a", "b")
    obey(stage, 8)
    switches, before = 0, shown(stage)
    for turn in range(60):
        link.carries("v", VOICE + 1_400_000 + (-1) ** turn * 100_000)
        stage.room.follow(stage["v"].participant, stage.now)
        obey(stage, 1)
        switches += shown(stage) != before
        before = shown(stage)
    assert switches <= 60 / 5
