"""SIP as the settings want it: ports, trunks, certificates, and how the trunk for our own calls stands."""

from __future__ import annotations

import asyncio
import logging
import ssl
from collections.abc import Callable
from datetime import datetime

from server.config import Telephone
from server.telephony import PRODUCT
from server.telephony.sip.agent import Phone
from server.telephony.sip.digest import Credentials
from server.telephony.sip.endpoint import Endpoint, Listening
from server.telephony.sip.headers import Address
from server.telephony.sip.peer import Peer
from server.telephony.sip.registration import KeepAlive, Registration, Standing
from server.telephony.sip.uri import Uri, sip_uri

log = logging.getLogger("giaoban.calls")

_USER = "giaoban"
KEEP_ALIVE_SECONDS = 30.0


def endpoint(settings: Telephone, phone: Phone) -> Endpoint:
    """Made, not yet started. Raises OSError, ssl.SSLError for certificates that cannot be read."""
    server_tls = None
    if settings.tls_port:
        server_tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        server_tls.load_cert_chain(settings.tls_certificate, settings.tls_key)
    trunk = trunk_peer(settings)
    trunks = [*settings.trunks, *([trunk.host] if trunk is not None else [])]
    speaks_tls = settings.transport == "tls" or settings.tls_port  # a call that came by it may need a new connection
    listening = Listening(
        host=settings.host,
        address=settings.address,
        user=settings.user or _USER,
        udp_port=settings.udp_port,
        tcp_port=settings.tcp_port,
        tls_port=settings.tls_port or None,
        trunks=trunks,
        server_tls=server_tls,
        tls_names={trunk.host: settings.tls_name} if trunk is not None and settings.tls_name else {},
        client_tls=ssl.create_default_context(cafile=settings.tls_ca or None) if speaks_tls else None,
    )
    made = Endpoint(listening, phone)
    made.agent.credentials = lambda peer: _credentials(settings) if trunk and peer.host == trunk.host else None
    return made


def trunk_peer(settings: Telephone) -> Peer | None:
    """Where our calls go."""
    if not settings.trunk:
        return None
    host, _, port = settings.trunk.rpartition(":")
    return Peer(settings.transport, host.strip("[]"), int(port))


def _credentials(settings: Telephone) -> Credentials | None:
    user = settings.auth_user or settings.user
    return Credentials(user, settings.password) if user and settings.password else None


class Trunk:
    """The trunk for our calls. `standing` is its last word, None before it or without one; `since` when it is so."""

    def __init__(self, settings: Telephone, through: Endpoint, clock: Callable[[], datetime]) -> None:
        self._settings, self._endpoint, self._clock = settings, through, clock
        self.standing: Standing | None = None
        self.since: datetime | None = None
        self._said = asyncio.Event()
        self._keep_alive: KeepAlive | None = None
        self._registration: Registration | None = None

    @property
    def peer(self) -> Peer | None:
        """Where it is."""
        return trunk_peer(self._settings)

    @property
    def credentials(self) -> Credentials | None:
        """How we prove who we are."""
        return _credentials(self._settings)

    @property
    def local(self) -> Address:
        """Whom people see calling."""
        return Address(sip_uri(self._user, self._settings.domain or self._settings.address), PRODUCT)

    @property
    def _user(self) -> str:
        return self._settings.user or _USER

    def uri(self, user: str) -> Uri:
        """Somebody there."""
        peer = self.peer
        return sip_uri(user, self._settings.domain or (peer.host if peer is not None else self._settings.address))

    def start(self, now: float) -> None:
        """Register, or ask whether it is there, from now on."""
        peer = self.peer
        if peer is None:
            return
        if self._settings.register and self.credentials is not None:
            agent, address = self._endpoint.agent, self.uri(self._user)
            self._registration = Registration(agent, peer, address, self.credentials, self._stands)
            self._registration.start(now)
        else:
            target = sip_uri("", peer.host, peer.port)
            self._keep_alive = KeepAlive(self._endpoint.agent, peer, target, self.local, self._stands)
            self._keep_alive.start(now, KEEP_ALIVE_SECONDS)

    def stop(self, now: float) -> None:
        """No more."""
        if self._keep_alive is not None:
            self._keep_alive.stop()
        if self._registration is not None:
            self._registration.stop(now)

    @property
    def registering(self) -> bool:
        """Whether it has not answered our registration yet: it may refuse calls of whom it does not know, for good."""
        return self._registration is not None and self.standing is None

    async def answered(self) -> None:
        """When that is over, which takes SIP's 32 s at most; at once where nothing is registered."""
        if self.registering:
            await self._said.wait()

    def _stands(self, standing: Standing, now: float) -> None:
        before = self.standing
        if before is None or before.up != standing.up:
            log.log(
                logging.INFO if standing.up else logging.ERROR,
                "the trunk %s is %s: %d %s",
                self.peer,
                "up" if standing.up else "down",
                standing.status,
                standing.reason,
            )
            self.since = self._clock()
        self.standing = standing
        self._said.set()
