"""A room: who is in it, who may be heard, and which source goes into which slot.

It decides and the rest follows: `speakers` picks voices, `pictures` picks pictures, `forward` sends. Everything happens
on the loop's thread; `now` is the node's monotonic clock.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable
from itertools import islice

from server.media import protocol, telling
from server.media.allocation.allocator import HEADROOM, TOLERANCE, cost
from server.media.allocation.pictures import Pictures
from server.media.allocation.supply import Supply
from server.media.allocation.view import NOT_YET
from server.media.inward.packet import PAYLOAD, Packet
from server.media.inward.source import Source
from server.media.outward.downlink import UNTOLD, Downlink
from server.media.outward.forward import Forwarder
from server.media.outward.ledger import Ledger
from server.media.outward.overload import VOICE
from server.media.participant import Participant
from server.media.programme import Programme, Screening
from server.media.protocol import (
    AUDIO_SLOTS,
    Kind,
    Level,
    Picture,
    ProgrammeChanged,
    Speaking,
    TrackChanged,
    Want,
)
from server.media.sides import Caller, Member, RoomSink, VoiceSink
from server.media.speakers import SPEAKING, Speakers
from server.media.terms import ALL_KINDS, PICTURES
from server.media.voices import VoiceForm

log = logging.getLogger(__name__)

FOLLOW_EVERY = 0.5  # s
ARRANGED_EVERY = 5.0  # s, where nothing seems to have changed
AT_ONCE = 8  # subscribers that are arranged before the next packets are read: two milliseconds of a slow machine


class Room:
    """State of one meeting's media. Events for control go through `tell`."""

    def __init__(self, name: str, forwarder: Forwarder, tell: Callable[[protocol.Event], None]) -> None:
        self.name = name
        self.participants: dict[str, Participant] = {}
        self.telephones: dict[str, Caller] = {}
        self.sinks: list[RoomSink] = []
        self.voice_sinks: list[VoiceSink] = []
        self.audible: frozenset[str] = frozenset()  # who may be heard; another object when that has changed
        self.speakers = Speakers(AUDIO_SLOTS)
        self.programme = Programme()
        self.voice_form = VoiceForm()
        self.pictures = Pictures(self.participants, self._rank)
        self.screening = Screening(self.programme, self.sinks, self.pictures.best, self.ask_for_key_frames)
        self._forwarder = forwarder
        self._ledger = Ledger()
        self._tell = tell
        self._floor: frozenset[str] | None = None
        self._allowed: dict[str, frozenset[Kind]] = {}  # of those whom the chair has restricted, here or not
        self.at: Downlink | None = None  # of who is arranged now
        self._busy: dict[Source, None] = {}  # an ordered set
        self._due: dict[str, None] = {}  # the same: whose slots are to be arranged
        self._at_once = AT_ONCE  # of them before the next burst
        self._live: set[tuple[str, Kind]] = set()
        self._told: list[Level] = []
        self._followed_at = float("-inf")

    # ---- commands --------------------------------------------------------------------------------------------------

    def enter(self, participant: Participant, now: float) -> None:
        """A session that just connected gets what it may see and hear, and may be seen and heard."""
        self.depart_telephone(participant.name, now)
        self.participants[participant.name] = participant
        participant.downlink.join(self._ledger)
        participant.allowed = self._allowed.get(participant.name, ALL_KINDS)
        self._recount(now)
        self.arrange(participant, now)

    def depart(self, participant: Participant, now: float) -> None:
        """The session is over: its sources end, its slots are freed."""
        if self.participants.get(participant.name) is participant:
            del self.participants[participant.name]
            self._due.pop(participant.name, None)
            self.speakers.forget(participant.name)
        participant.clear_slots()
        participant.downlink.part()
        for source in participant.uplink.sources.values():
            source.end()
        for kind in sorted(ALL_KINDS):
            self._set_live(participant.name, kind, False)
        self._recount(now)
        self._choose_programme(now)

    def enter_telephone(self, telephone: Caller, now: float) -> None:
        """A telephone is a participant from now on; a browser or telephone of that name is not any more."""
        before = self.participants.get(telephone.name)
        if before is not None:
            before.close("replaced")
        self.depart_telephone(telephone.name, now)
        self.telephones[telephone.name] = telephone
        telephone.allowed = self._allowed.get(telephone.name, frozenset())  # until it is allowed to
        self._recount(now)

    def depart_telephone(self, name: str, now: float) -> None:
        """Its call is over, or it sits elsewhere. No such telephone is no error."""
        telephone = self.telephones.pop(name, None)
        if telephone is not None:
            self.speakers.forget(name)
            telephone.source.end()
            self._set_live(name, "microphone", False)
            self._recount(now)

    def set_floor(self, holders: Iterable[str] | None, now: float) -> None:
        """Who may be heard; None means everybody."""
        self._floor = None if holders is None else frozenset(holders)
        self._recount(now)

    def set_publish(self, name: str, allowed: frozenset[Kind], now: float) -> None:
        """What of a participant is passed on, also after it has come back with a new session."""
        self._allowed[name] = allowed
        member: Member | None = self.participants.get(name) or self.telephones.get(name)
        if member is not None:
            member.allowed = allowed
            self._recount(now)
            self._rearrange(name, now)

    def show(self, participant: Participant, wants: Iterable[Want], now: float) -> None:
        """The subscriber's whole wish for its video slots; beyond its allowance it is followed once a second."""
        participant.view.wants, participant.view.arranged_at = {want.slot: want for want in wants}, NOT_YET
        self._arrange_soon([participant] if participant.allowance.wishes(now) else (), now)

    # ---- packets ---------------------------------------------------------------------------------------------------

    def arrived(self, sender: Member, source: Source, packet: Packet, level: int | None, now: float) -> None:
        """A packet was accepted: it goes out with the burst, if its sender may publish it."""
        kind = source.kind
        if (sender.name, kind) not in self._live:
            self._set_live(sender.name, kind, True)
            self._rearrange(sender.name, now, kind)
        elif source.resumes and kind == "camera" and not source.slots:  # a layer that may have been waited for
            self._rearrange(sender.name, now)
        if kind == "microphone":
            if sender.name not in self.audible:
                source.withhold()
                return
            if self.speakers.heard(sender.name, SPEAKING if level is None else level, now):
                self._choose_speakers(now)
            for sink in (*self.voice_sinks, *self.sinks) if not packet.padding else ():
                sink.on_audio(sender.name, packet.template[PAYLOAD:], packet.timestamp, source.placed(packet))
        elif kind not in sender.allowed:
            source.withhold()
            return
        self._busy[source] = None

    def take_busy(self) -> list[Source]:
        """The sources of which the burst brought something, once."""
        busy, self._busy = self._busy, {}
        return list(busy)

    def importance(self, source: Source) -> int:
        """How soon it goes and how late it is left out, as `overload` counts: voices, then pictures by their rank."""
        return 1 + self._rank(source.owner, source.kind) if source.kind != "microphone" else VOICE

    def pass_on(self, source: Source, now: float) -> None:
        """Send what came of it: of pictures a piece, after which it is asked whether it may go on."""
        packets = self._forwarder.forward(source, now)
        if self.sinks:
            self.screening.pass_on(source, packets)

    @property
    def busy(self) -> bool:
        """Whether a burst waits to be passed on."""
        return bool(self._busy)

    # ---- voices ----------------------------------------------------------------------------------------------------

    def _recount(self, now: float) -> None:
        """Who may be heard has changed."""
        members: list[Member] = [*self.participants.values(), *self.telephones.values()]
        self.audible = frozenset(
            one.name
            for one in members
            if "microphone" in one.allowed and (self._floor is None or one.name in self._floor)
        )
        self._choose_speakers(now)

    def _choose_speakers(self, now: float) -> None:
        if self.speakers.choose(self.audible, now):
            for participant in self.participants.values():
                self._arrange_voices(participant)

    def _arrange_voices(self, participant: Participant) -> None:
        for slot, speaker in zip(participant.voices, self.speakers.slots, strict=False):
            slot.show(self._voice_of(speaker) if participant.receiving and speaker != participant.name else None)

    def _voice_of(self, name: str | None) -> Source | None:
        if name is None:
            return None
        if name in self.telephones:
            return self.telephones[name].source
        owner = self.participants.get(name)
        return owner.uplink.source("microphone") if owner is not None else None

    # ---- pictures --------------------------------------------------------------------------------------------------

    def arrange(self, participant: Participant, now: float) -> None:
        """Bring a subscriber's slots in line with its wishes, with what is there and with what its link carries."""
        self._arrange_all([participant], now)

    def _arrange_all(self, participants: Iterable[Participant], now: float) -> None:
        supply, awaited = Supply(self.participants, now), list[Source | None]()
        for participant in participants:
            self._due.pop(participant.name, None)
            self.at = participant.downlink
            self._arrange_voices(participant)
            participant.view.arranged_for, participant.view.arranged_at = participant.downlink.estimate, now
            participant.pace()
            self.pictures.arrange(participant, self._budget(participant, now), supply, now)
            awaited += [slot.awaiting for slot in participant.pictures]
            participant.view.content = participant.downlink.estimate >= self.needed(participant)
        self.at = None
        if self.pictures.urgent:
            self._switch_layers(now)
        self.ask_for_key_frames(awaited, now)

    def _arrange_soon(self, participants: Iterable[Participant], now: float) -> None:
        """Arrange these, some at once and the others with the next bursts: nobody's voice waits for all of a room."""
        self._due.update((one.name, None) for one in participants)
        if self._due:
            turn = [self.participants[name] for name in islice(self._due, self._at_once)]
            self._at_once -= len(turn)
            self._arrange_all(turn, now)

    def catch_up(self, now: float) -> bool:
        """With every burst: arrange those whose turn it is; whether others wait."""
        self._at_once = AT_ONCE
        self._arrange_soon((), now)
        return bool(self._due)

    def _budget(self, participant: Participant, now: float) -> float:
        """What is left for pictures after the voices: at least one may begin at any moment.

        What is lost without a queue will be sent again, on a link that is full in their place.
        """
        voices = sum(name != participant.name for name, _ in self.speakers.levels(now))
        link = participant.downlink
        again = link.bandwidth.inherent_loss if link.bandwidth.is_full else 0.0
        return link.estimate * (1 - again) - self._voice_rate(participant) * max(1, voices)

    def _voice_rate(self, participant: Participant) -> float:
        """bit/s that one voice takes of a subscriber's link."""
        return self.voice_form.present.rate(participant.copying.redundancy.copies)

    def needed(self, participant: Participant) -> float:
        """bit/s that the link must be known to carry for all that the subscriber wishes for."""
        loss = participant.downlink.bandwidth.inherent_loss
        return (participant.view.allocation.wanted / HEADROOM + self._voice_rate(participant)) / (1 - min(loss, 0.5))

    def follow(self, participant: Participant, now: float) -> None:
        """Its link was found to carry less: what is too much for it is lowered now."""
        if participant.view.ladder.waits_to_tell:
            self._tell_link(participant, now)
        if participant.downlink.estimate >= participant.view.arranged_for and not participant.view.allocation.waits:
            return
        participant.view.content = False
        if cost(participant.view.allocation.choice) > TOLERANCE * self._budget(participant, now):
            self.arrange(participant, now)
            self._tell_link(participant, now)

    def _rank(self, owner: str, kind: Picture) -> int:
        """Shared screens first, then who has the floor (where nobody has it: who speaks), then the rest."""
        if kind == "screen":
            return 0
        first = owner in self._floor if self._floor is not None else owner == self.programme.source
        return 1 if first else 2

    def _rearrange(self, owner: str, now: float, kind: Kind | None = None) -> None:
        """What `owner` sends has changed: all who wish to see it are arranged anew; for a voice those without room."""
        viewers = [one for one in self.participants.values() if one.view.wishes_for(owner)]
        if kind == "microphone":
            viewers = [one for one in viewers if one.downlink.estimate < self.needed(one)]
        self._arrange_soon(viewers, now)
        self._choose_programme(now)

    def _switch_layers(self, now: float) -> None:
        """Tell senders which layers somebody watches."""
        for name, kind in self.pictures.switch_layers(self.screening.shown, now):
            self._tell(telling.layers_wanted(self.participants[name], kind))

    def ask_for_key_frames(self, sources: Iterable[Source | None], now: float) -> None:
        """Send the PLIs that are due to who sends these sources."""
        for owner in {source.owner for source in sources if source is not None}:
            if owner in self.participants:
                self.participants[owner].send_requests(now)

    # ---- the programme ---------------------------------------------------------------------------------------------

    def _choose_programme(self, now: float) -> None:
        seen = {(name, kind) for name, kind in self._live if self._published(name, kind)}
        screens = sorted(name for name, kind in seen if kind == "screen")
        cameras = {name for name, kind in seen if kind == "camera"}
        loudest = self.speakers.levels(now)
        speaker = loudest[0][0] if loudest else None
        if self.programme.choose(screens, cameras, speaker, now):
            self._tell(ProgrammeChanged(room=self.name, source=self.programme.source, kind=self.programme.kind))
            self.screening.changed()
        self.screening.show(now)

    def _published(self, name: str, kind: Kind) -> bool:
        participant = self.participants.get(name)
        return participant is not None and kind in participant.allowed

    # ---- time ------------------------------------------------------------------------------------------------------

    def tick(self, now: float) -> None:
        """Ten times a second: who speaks, what the programme shows, which layers are watched."""
        self._choose_speakers(now)
        self._choose_programme(now)
        self._switch_layers(now)
        if now - self._followed_at >= FOLLOW_EVERY:
            self._follow_weakest(now)
        self._due.update((name, None) for name, one in self.participants.items() if one.view.stills)
        self.catch_up(now)
        loudest = [Level(participant=name, level=level) for name, level in self.speakers.levels(now)]
        if telling.differs(loudest, self._told):
            self._told = loudest
            self._tell(Speaking(room=self.name, loudest=loudest))

    def _follow_weakest(self, now: float) -> None:
        """The form of voices goes by the link that carries least; one that is interrupted tells nothing."""
        self._followed_at = now
        links = (person.downlink for person in self.participants.values() if person.receiving)
        weakest = min((link.estimate for link in links if not link.bandwidth.interrupted), default=UNTOLD)
        self.voice_form.step(weakest, now)

    def look_after(self, participant: Participant, now: float) -> None:
        """Once a second for each: what no longer arrives, and layers that came, went or now fit better."""
        for kind in ("microphone", "camera", "screen"):
            paused = kind in PICTURES and not participant.switches[kind].asked  # by us: nobody watches it
            if (participant.name, kind) in self._live and not paused and not participant.uplink.live(kind, now):
                self._set_live(participant.name, kind, False)
                self._rearrange(participant.name, now, kind)
        if not self._stays(participant, now):
            self._due[participant.name] = None
        self._tell_link(participant, now)
        if participant.state == "connected" and participant.told_form != self.voice_form.present:
            participant.told_form = self.voice_form.present
            self._tell(telling.voice_wanted(participant))

    def _stays(self, participant: Participant, now: float) -> bool:
        """Whether a new arrangement would be the present one, for all that is seen at a glance.

        In a large room that is so for most, most of the time, and arranging is what costs most of all that is not
        forwarding.
        """
        participant.view.content = participant.downlink.estimate >= self.needed(participant)
        if participant.view.arranged_at == NOT_YET:
            return not participant.allowance.wishes(now)
        if now - participant.view.arranged_at > ARRANGED_EVERY or not participant.view.content:
            return False
        return self.pictures.settled(participant, now)

    def _tell_link(self, participant: Participant, now: float) -> None:
        news = telling.link_news(participant, now)
        if news is not None:
            self._tell(news)

    def live_tracks(self) -> list[tuple[str, Kind]]:
        """What arrives now, by participant and kind."""
        return sorted(self._live)

    def _set_live(self, participant: str, kind: Kind, live: bool) -> None:
        if live == ((participant, kind) in self._live):
            return
        (self._live.add if live else self._live.discard)((participant, kind))
        self._tell(TrackChanged(room=self.name, participant=participant, kind=kind, live=live))
