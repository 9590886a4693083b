"""A participant's session: its secure link, what it sends (`uplink`), what it gets (slots), and where it stands.

    connecting ── DTLS up ──> connected ── 8 s without checks ──> lost ── 60 s ──> closed
                                  ^───────── a check comes ─────────┘

From any state `close` leads to closed. What follows from a change is the business of whoever gets `changed`.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from server.media.allocation.allocator import STILL, Allocation, Demand
from server.media.allocation.dynacast import LayerSwitch
from server.media.allocation.ladder import Ladder, rung
from server.media.bandwidth import QUEUED
from server.media.inward.uplink import Uplink
from server.media.outward.downlink import Downlink
from server.media.outward.slots import Slot
from server.media.protocol import Kind, Picture, Rung, SessionState, Want
from server.media.red import Redundancy
from server.media.transport.dtls import DtlsLink
from server.media.transport.ice import Address, Consent, Credentials, Presence, SeenChecks
from server.media.transport.policing import Allowance
from server.media.voices import USUAL, Form, copies

log = logging.getLogger(__name__)

ALL_KINDS: frozenset[Kind] = frozenset(("microphone", "camera", "screen"))
PICTURES: tuple[Picture, ...] = ("camera", "screen")

RTCP_BYTES = 1_200  # of one datagram
JUDGED_EVERY = 0.2  # s
NOT_OURS_AFTER = 3.0  # s for which a queue has stood
LOGGED_MOVES = 20  # of one session; who runs to and fro does not fill the disk
NEVER_SECURED_AFTER = 30.0  # s from the answer to the end of the DTLS handshake
Changed = Callable[["Participant", SessionState, str], None]


@dataclass
class HeardBack:
    """What the subscriber tells of what it gets: `lost` as a share, `rtt` and `jitter` in seconds.

    `times` are those of its clock that wait for an answer, by SSRC: the middle 32 bits, and when they came.
    """

    nacks: int = 0
    plis: int = 0
    lost: float = 0.0
    rtt: float | None = None
    jitter: float = 0.0
    times: dict[int, tuple[int, float]] = field(default_factory=dict)


class Participant:
    """One session. `voices` and `pictures` are its slots, `wants` what the pictures should show.

    `demands` are the wishes that can be served; `allocation` and `ladder` hold what its link carries of them.
    `switches` say which layers it was asked to send, `stills` when a slot got its last still picture, `missed` which
    slots go without a picture or with a still one, as last told.
    """

    def __init__(
        self,
        name: str,
        session: str,
        room: str,
        credentials: Credentials,
        link: DtlsLink,
        uplink: Uplink,
        downlink: Downlink,
        slots: tuple[list[Slot], list[Slot]],
        send: Callable[[bytes, Address], object],
        now: float,
        allowance: Allowance | None = None,
        consent: Consent | None = None,
    ) -> None:
        self.name = name
        self.session = session
        self.room = room
        self.credentials = credentials
        self.link = link
        self.uplink = uplink
        self.downlink = downlink
        self.voices, self.pictures = slots
        self.by_ssrc = {slot.ssrc: slot for slot in self.voices + self.pictures}
        self.wants: dict[int, Want] = {}
        self.demands: list[Demand] = []
        self.arranged_for = 0.0  # the estimate of its link for which its slots were arranged, in bit/s
        self.arranged_at = float("-inf")
        self.content = False  # whether its link was known, a moment ago, to carry all that it wishes for
        self.watched: frozenset[tuple[str, Picture, str]] = frozenset()  # whose picture, its kind, its layer
        self.allocation = Allocation()
        self.ladder = Ladder()
        self.switches = {kind: LayerSwitch(uplink.offered(kind), now) for kind in PICTURES}
        self.stills: dict[int, float] = {}
        self.missed: tuple[list[int], list[int]] = ([], [])
        self.allowed = ALL_KINDS
        self.state: SessionState = "connecting"
        self.address: Address | None = None
        self.path_heard = now  # when the last check came from `address`
        self.addresses: list[Address] = []  # all that proved to be its own; `address` is one of them
        self.consent = consent or Consent(now)
        self.seen_checks = SeenChecks()
        self.allowance = allowance or Allowance(now)
        self.heard_back = HeardBack()
        self.redundancy = Redundancy()
        self.voice = USUAL  # the form of its voice, as it was last told
        self._came = self._missing = 0
        self._returns = 0
        self._judged = float("-inf")
        self._queued_since: float | None = None
        self._began = now
        self._moves = 0
        self._send = send
        self.changed: Changed = lambda participant, state, reason: None

    def __str__(self) -> str:
        return f"{self.room}/{self.name}"

    @property
    def receiving(self) -> bool:
        """Whether media can be sent to it now."""
        return self.downlink.session is not None

    def move(self, address: Address, now: float) -> None:
        """Its path leads here from now on (first check, or another network, of which nothing is known yet)."""
        if self.address is not None:
            self._moves += 1
            level = logging.INFO if self._moves <= LOGGED_MOVES else logging.DEBUG
            log.log(level, "%s moved from %s:%d to %s:%d", self, *self.address, *address)
            self.downlink.catch_up()
            self.downlink.bandwidth.moved(now)
            self.allocation.anew()
        self.address = self.downlink.address = address
        self._renew_slots()

    def secured(self) -> None:
        """DTLS is up."""
        self._set_state("connected")

    def look(self, now: float) -> None:
        """Draw the consequences of the time since its last check."""
        presence = self.consent.presence(now)
        if presence is Presence.GONE:
            self.close("no_answer" if self.state == "connecting" else "lost")
        elif self.state == "connecting" and now - self._began > NEVER_SECURED_AFTER:
            self.close("dtls_failed")
        elif presence is Presence.LOST and self.state == "connected":
            self._set_state("lost")
        elif presence is Presence.HERE and self.state == "lost":
            self._set_state("connected")

    def close(self, reason: str) -> None:
        """The session ends; a second call does nothing."""
        self._set_state("closed", reason)

    def send_rtcp(self, packets: list[bytes]) -> None:
        """Protect and send RTCP packets in as few datagrams as fit."""
        if self.address is None or not self.receiving:
            return
        for datagram in _joined(packets):
            self._send(self.link.protect_rtcp(datagram), self.address)

    def send_requests(self, now: float) -> None:
        """Send the NACKs and PLIs that are due about what it sends."""
        self.send_rtcp(self.uplink.requests(now))

    def judge_link(self, voice: Form, now: float) -> None:
        """New feedback about its downlink: on one that loses, voices of this form get copies as far as there is room.

        What a full queue drops tells nothing of that: there copies would only add to the queue. Five looks a second are
        enough.
        """
        if now - self._judged < JUDGED_EVERY:
            return
        self._judged = now
        known, told = self.downlink.bandwidth, self.redundancy
        came, missing = known.received - self._came, max(0, known.lost - self._missing)
        self._came, self._missing = known.received, known.lost
        if known.returns != self._returns:
            self._returns = known.returns
            self.allocation.anew()
        if self._is_queued(known.queueing_ms, now):
            came, missing = 0, 0
        told.most = copies(self.downlink.estimate, voice)
        if told.note(came, missing, now):
            log.info("%s: voices with %d copies at %.1f %% loss", self, told.copies, 100 * told.loss)
            for slot in self.voices:
                slot.protect(told.copies)

    def _is_queued(self, queue: float, now: float) -> bool:
        """Whether packets wait in the link's queue, and have not done so for long: then it is not of our making."""
        if queue < QUEUED:
            self._queued_since = None
        elif self._queued_since is None:
            self._queued_since = now
        return self._queued_since is not None and now - self._queued_since < NOT_OURS_AFTER

    def rung(self) -> Rung:
        """Where it stands on the ladder, as its slots were arranged last."""
        known = self.downlink.bandwidth
        return rung(self.demands, self.allocation.choice, self.downlink.estimate, known.loss)

    def now_missed(self) -> tuple[list[int], list[int]]:
        """Of its wishes: slots that get nothing, for whatever reason, and slots that get a still picture."""
        choice = self.allocation.choice
        wished = sorted(demand.slot for demand in self.demands)
        paused = [slot for slot in wished if slot not in choice]
        return paused, [slot for slot in wished if slot in choice and choice[slot].cap == STILL]

    def clear_slots(self) -> None:
        """Show nothing; the numbers of the slots stay."""
        for slot in self.by_ssrc.values():
            slot.show(None)

    def pace(self) -> None:
        """See `Downlink.pace`."""
        if self.downlink.pace():
            self._renew_slots()

    def _renew_slots(self) -> None:
        for slot in self.by_ssrc.values():
            slot.renew()

    def _set_state(self, state: SessionState, reason: str = "") -> None:
        if self.state in (state, "closed"):
            return
        log.info("%s: %s -> %s %s", self, self.state, state, reason)
        self.state = state
        if state == "connected" and self.address is not None:
            self.downlink.open(self.address, self.link.session, self.link.tag_bytes)
        else:
            self.downlink.close()
        self._renew_slots()
        self.changed(self, state, reason)


def _joined(packets: list[bytes]) -> Iterator[bytes]:
    datagram = b""
    for packet in packets:
        if datagram and len(datagram) + len(packet) > RTCP_BYTES:
            yield datagram
            datagram = b""
        datagram += packet
    if datagram:
        yield datagram
