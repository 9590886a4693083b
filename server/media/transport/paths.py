"""Whose datagram is this? By first byte (RFC 7983) what it is, by sender's address or ufrag whose.

Everything that is malformed, forged or from a stranger ends here: counted in `refused` by reason, never raised, never
logged line by line.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Generic, Protocol, TypeVar

from server.errors import ProtocolError
from server.media.terms import SessionState
from server.media.transport import ice
from server.media.transport.dtls import DtlsLink, SrtpError
from server.media.transport.ice import LOST_AFTER, Address, Consent, Credentials, SeenChecks
from server.media.transport.policing import Allowance
from server.media.transport.udp import UdpPort

ADDRESS_IS_DEAD = 3.0  # s without a word on the old path before a new one is believed without USE-CANDIDATE

LARGEST_DATAGRAM = 1_500  # bytes of a datagram; what the forwarder lays out for a packet rests on it
KNOWN_ADDRESSES = 6  # of one participant: a browser tries each of its interfaces


@dataclass(eq=False, slots=True)
class Path:
    """How one participant gets here: by what it proves who it is (`credentials`), and from where.

    `address` is one of its `addresses`, which are all that proved to be its own, and `heard_at` when it was
    last heard from: by a check, or by media that was genuine.
    """

    credentials: Credentials
    consent: Consent
    heard_at: float
    address: Address | None = None
    addresses: list[Address] = field(default_factory=list)
    seen_checks: SeenChecks = field(default_factory=SeenChecks)


class Peer(Protocol):
    """A participant, as far as its path goes."""

    path: Path
    link: DtlsLink
    allowance: Allowance
    state: SessionState

    def move(self, address: Address, now: float) -> None:
        """Its path leads here from now on."""

    def secured(self) -> None:
        """DTLS is up."""

    def look(self, now: float) -> None:
        """Draw the consequences of the time since its last check."""

    def close(self, reason: str) -> None:
        """The session ends."""


P = TypeVar("P", bound=Peer)


class Paths(Generic[P]):
    """The table of paths. `media` gets each protected datagram of a known participant, `ended` the end of a burst, and
    `held` says whether something waits for its time.
    """

    def __init__(
        self,
        port: UdpPort,
        media: Callable[[P, bytes, float], None],
        ended: Callable[[float], bool],
        held: Callable[[], bool],
    ) -> None:
        self.refused: Counter[str] = Counter()
        self.received = 0
        self._port = port
        self._media = media
        self._ended = ended
        self._held = held
        self._by_ufrag: dict[str, P] = {}
        self._by_address: dict[Address, P] = {}

    def add(self, participant: P) -> None:
        """Expect checks for this participant."""
        self._by_ufrag[participant.path.credentials.ufrag] = participant
        participant.allowance.refused = self.refused

    def remove(self, participant: P) -> None:
        """Expect nothing more."""
        self._by_ufrag.pop(participant.path.credentials.ufrag, None)
        for address in participant.path.addresses:
            if self._by_address.get(address) is participant:
                del self._by_address[address]

    def datagram(self, data: bytes, source: Address, now: float) -> None:
        """One datagram from the port."""
        self.received += 1
        first = data[0]
        try:
            if len(data) > LARGEST_DATAGRAM:
                self.refused["giant"] += 1
            elif 128 <= first < 192:
                participant = self._by_address.get(source)
                if participant is None:
                    self.refused["stranger_media"] += 1
                elif not participant.allowance.refuses(data, now):
                    self._media(participant, data, now)
                    if source == participant.path.address:
                        participant.path.heard_at = now
            elif first < 4:
                self._check(data, source, now)
            elif 20 <= first < 64:
                self._dtls(data, source)
            else:
                self.refused["unknown"] += 1
        except ProtocolError as error:
            self.refuse(first, error)

    def refuse(self, first: int, error: ProtocolError) -> None:
        """Count a datagram that began with this byte and was found to be wrong."""
        self.refused[_reason(first, error)] += 1

    @property
    def holding(self) -> bool:
        """Whether something waits for its time."""
        return self._held()

    def burst_ended(self, now: float) -> bool:
        """All that had arrived was handed over; whether something was left for later."""
        return self._ended(now)

    def _check(self, data: bytes, source: Address, now: float) -> None:
        participant = self._by_ufrag.get(ice.addressed_to(data))
        if participant is None:
            self.refused["stranger_stun"] += 1
            return
        binding = ice.answer(data, source, participant.path.credentials.password)
        seen = source != participant.path.address and participant.path.seen_checks.has(binding.transaction)
        if self._by_address.get(source) is not participant and not self._welcome(participant, source, seen, now):
            return
        participant.path.consent.heard(now)
        if not participant.allowance.answers(now):
            return
        if not seen:
            participant.path.seen_checks.add(binding.transaction)
            believed = source != participant.path.address and self._believed(participant, binding, now)
            if believed and participant.allowance.moves(now):
                participant.move(source, now)
        if source == participant.path.address:
            participant.path.heard_at = now
        self._port.send(binding.response, source)
        if not participant.link.started:
            participant.link.start(participant.secured, participant.close)
        elif participant.state == "lost":
            participant.look(now)

    def _believed(self, participant: P, binding: ice.Binding, now: float) -> bool:
        if participant.path.address is None or binding.nominated:
            return True
        return now - participant.path.heard_at > ADDRESS_IS_DEAD

    def _welcome(self, participant: P, source: Address, seen: bool, now: float) -> bool:
        """Whether a valid check from an unknown address opens it: not one overheard, not another's live address."""
        owner = self._by_address.get(source)
        if seen:
            self.refused["replayed_stun"] += 1
        elif owner is not None and owner.path.address == source and owner.path.consent.silent_for(now) < LOST_AFTER:
            self.refused["taken_address"] += 1
        else:
            self._remember(participant, source)
            return True
        return False

    def _remember(self, participant: P, source: Address) -> None:
        """A valid check came from here, so what else comes from here is the participant's, chosen path or not."""
        if source in participant.path.addresses:  # another had it meanwhile
            participant.path.addresses.remove(source)
        if len(participant.path.addresses) == KNOWN_ADDRESSES:
            oldest = next(address for address in participant.path.addresses if address != participant.path.address)
            participant.path.addresses.remove(oldest)
            if self._by_address.get(oldest) is participant:
                del self._by_address[oldest]
        participant.path.addresses.append(source)
        self._by_address[source] = participant

    def _dtls(self, data: bytes, source: Address) -> None:
        participant = self._by_address.get(source)
        if participant is None:
            self.refused["stranger_dtls"] += 1
        else:
            participant.link.datagram(data)


def _reason(first: int, error: ProtocolError) -> str:
    if first >= 128:
        return "bad_srtp" if isinstance(error, SrtpError) else "bad_rtp"
    return "bad_stun" if first < 4 else "bad_dtls"
