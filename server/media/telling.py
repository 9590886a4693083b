"""What a participant's page is to be told, as events for control: when it changes, and all of it to a new control."""

from __future__ import annotations

from collections.abc import Iterator

from server.media.participant import Participant
from server.media.protocol import Event, LayersWanted, Level, LinkChanged, Picture, VoiceWanted
from server.media.terms import PICTURES

LEVEL_STEP = 6  # dB by which a level must change to be told again


def layers_wanted(participant: Participant, kind: Picture) -> LayersWanted:
    """The layers that it shall send, and in which codec."""
    switch = participant.switches[kind]
    return LayersWanted(
        room=participant.room, participant=participant.name, kind=kind, rids=sorted(switch.asked), codec=switch.codec
    )


def voice_wanted(participant: Participant) -> VoiceWanted:
    """The form of its voice."""
    kbps, frame_ms = participant.told_form
    return VoiceWanted(room=participant.room, participant=participant.name, kbps=kbps, frame_ms=frame_ms)


def link_changed(participant: Participant) -> LinkChanged:
    """How well its link carries the meeting."""
    paused, still = participant.view.told_missing
    return LinkChanged(
        room=participant.room,
        participant=participant.name,
        quality=participant.view.ladder.quality,
        rung=participant.view.ladder.rung,
        paused=paused,
        still=still,
    )


def link_news(participant: Participant, now: float) -> LinkChanged | None:
    """The same, if that or what it misses is other than was told last."""
    view = participant.view
    missing = view.missing
    new = missing != view.told_missing
    stepped = view.ladder.step(participant.rung(), participant.uplink.loss, now, seen=new)
    if participant.state != "connected" or not (stepped or new):
        return None
    view.told_missing = missing
    return link_changed(participant)


def standing(participant: Participant) -> Iterator[Event]:
    """All of it, as it was last told."""
    for kind in PICTURES:
        yield layers_wanted(participant, kind)
    yield voice_wanted(participant)
    yield link_changed(participant)


def differs(new: list[Level], told: list[Level]) -> bool:
    """Whether other people speak than was told last, or they speak clearly louder or softer."""
    if [level.participant for level in new] != [level.participant for level in told]:
        return True
    return any(abs(a.level - b.level) >= LEVEL_STEP for a, b in zip(new, told, strict=True))
