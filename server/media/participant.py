"""A participant's session: its secure link, what it sends (`uplink`), what it gets (slots), and where it stands.

    connecting ── DTLS up ──> connected ── 8 s without checks ──> lost ── 60 s ──> closed
                                  ^───────── a check comes ─────────┘

From any state `close` leads to closed. What follows from a change is the business of whoever gets `changed`.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from server.media.allocation.dynacast import LayerSwitch
from server.media.allocation.ladder import rung
from server.media.allocation.view import View
from server.media.inward.uplink import Uplink
from server.media.outward.downlink import Downlink
from server.media.outward.slots import Slot
from server.media.protocol import Picture, Rung, SessionState
from server.media.red import Copying
from server.media.terms import ALL_KINDS, PICTURES
from server.media.transport.dtls import DtlsLink
from server.media.transport.ice import Address, Presence
from server.media.transport.paths import Path
from server.media.transport.policing import Allowance
from server.media.voices import USUAL, Form, copies

log = logging.getLogger(__name__)

RTCP_BYTES = 1_200  # of one datagram
COPIES_JUDGED_EVERY = 0.2  # s
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
    """One session. What it sends comes by `uplink`, in layers that `switches` ask for, as far as it is `allowed`.

    What it gets goes by `downlink` through its slots, `voices` and `pictures`, as is arranged for its `view`.
    """

    def __init__(
        self,
        name: str,
        session: str,
        room: str,
        path: Path,
        link: DtlsLink,
        uplink: Uplink,
        downlink: Downlink,
        slots: tuple[list[Slot], list[Slot]],
        send: Callable[[bytes, Address], object],
        now: float,
        allowance: Allowance | None = None,
    ) -> None:
        self.name, self.session, self.room = name, session, room
        self.state: SessionState = "connecting"
        self.changed: Changed = lambda participant, state, reason: None
        self._began = now

        self.path, self.link = path, link
        self.allowance = allowance or Allowance(now)
        self._send = send
        self._moves = 0

        self.uplink = uplink
        self.allowed = ALL_KINDS
        self.switches: dict[Picture, LayerSwitch] = {kind: LayerSwitch(uplink.offered(kind), now) for kind in PICTURES}
        self.told_form = USUAL  # of its voice

        self.downlink = downlink
        self.voices, self.pictures = slots
        self.by_ssrc = {slot.ssrc: slot for slot in self.voices + self.pictures}
        self.view = View()
        self.heard_back = HeardBack()
        self.copying = Copying()
        self._judged = float("-inf")
        self._returns = 0

    def __str__(self) -> str:
        return f"{self.room}/{self.name}"

    @property
    def receiving(self) -> bool:
        """Whether media can be sent to it now."""
        return self.downlink.session is not None

    def move(self, address: Address, now: float) -> None:
        """Its path leads here from now on (first check, or another network, of which nothing is known yet)."""
        if self.path.address is not None:
            self._moves += 1
            level = logging.INFO if self._moves <= LOGGED_MOVES else logging.DEBUG
            log.log(level, "%s moved from %s:%d to %s:%d", self, *self.path.address, *address)
            self.downlink.catch_up()
            self.downlink.bandwidth.moved(now)
            self.view.allocation.anew()
        self.path.address = self.downlink.address = address
        self._renew_slots()

    def secured(self) -> None:
        """DTLS is up."""
        self._set_state("connected")

    def look(self, now: float) -> None:
        """Draw the consequences of the time since its last check."""
        presence = self.path.consent.presence(now)
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
        if self.path.address is None or not self.receiving:
            return
        for datagram in _joined(packets):
            self._send(self.link.protect_rtcp(datagram), self.path.address)

    def send_requests(self, now: float) -> None:
        """Send the NACKs and PLIs that are due about what it sends."""
        self.send_rtcp(self.uplink.requests(now))

    def judge_link(self, voice: Form, now: float) -> None:
        """New feedback about its downlink: on one that loses, voices of this form get copies as far as there is room.

        Five looks a second are enough.
        """
        if now - self._judged < COPIES_JUDGED_EVERY:
            return
        self._judged = now
        known = self.downlink.bandwidth
        if known.returns != self._returns:
            self._returns = known.returns
            self.view.allocation.anew()
        if self.copying.judge(known, copies(self.downlink.estimate, voice), now):
            told = self.copying.redundancy
            log.info("%s: voices with %d copies at %.1f %% loss", self, told.copies, 100 * told.loss)
            for slot in self.voices:
                slot.protect(told.copies)

    def rung(self) -> Rung:
        """Where it stands on the ladder, as its slots were arranged last."""
        known = self.downlink.bandwidth
        return rung(self.view.demands, self.view.allocation.choice, self.downlink.estimate, known.loss)

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
        if state == "connected" and self.path.address is not None:
            self.downlink.open(self.path.address, self.link.session, self.link.tag_bytes)
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
