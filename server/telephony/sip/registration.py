"""Registering at a trunk that wants it (RFC 3261 §10.2), and asking whether a trunk is there (OPTIONS, §11)."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from dataclasses import dataclass

from server.errors import ProtocolError
from server.telephony import PRODUCT
from server.telephony.sip.agent import Agent
from server.telephony.sip.asking import Asking
from server.telephony.sip.dialog import new_tag
from server.telephony.sip.digest import Credentials
from server.telephony.sip.headers import Address, read_number
from server.telephony.sip.message import Request, Response
from server.telephony.sip.peer import Peer
from server.telephony.sip.timers import Timer
from server.telephony.sip.uri import Uri

EXPIRES = 600  # s that we ask for
LONGEST = 3_600.0  # s until we ask anew, however long we are kept: a registrar that forgot us is not noticed before
_LARGEST = 2**32 - 1  # s (§25.1)
_FIRST_RETRY, _LAST_RETRY = 30.0, 600.0  # s, doubled after each failure


@dataclass(frozen=True)
class Standing:
    """How a trunk stands: whether it is reachable and takes us, and the last answer in its words."""

    up: bool
    status: int
    reason: str


OnStanding = Callable[[Standing, float], None]


def _request(method: str, target: str, local: Address, to: Uri, call_id: str, number: int) -> Request:
    request = Request(method, target)
    request.add("Max-Forwards", 70)
    request.add("From", local)
    request.add("To", Address(to))
    request.add("Call-ID", call_id)
    request.add("CSeq", f"{number} {method}")
    request.add("User-Agent", PRODUCT)
    return request


class Registration:
    """One address of record, kept registered until `stop`. `on_standing` is told of every final answer."""

    def __init__(
        self, agent: Agent, peer: Peer, address: Uri, credentials: Credentials, on_standing: OnStanding
    ) -> None:
        self._agent, self._peer, self._credentials = agent, peer, credentials
        self._address = address
        self._on_standing = on_standing
        self._registrar = f"{address.scheme}:{address.host}"
        self._call_id = f"{secrets.token_hex(12)}@giaoban"
        self._number = 0
        self._expires = EXPIRES
        self._retry = _FIRST_RETRY
        self._timer: Timer | None = None
        self._stopped = False

    def start(self, now: float) -> None:
        """Register now, and again whenever it is time."""
        self._ask(self._expires, now)

    def stop(self, now: float) -> None:
        """Take the registration back."""
        self._stopped = True
        if self._timer is not None:
            self._timer.cancel()
        self._ask(0, now)

    def _next_number(self) -> int:
        self._number += 1
        return self._number

    def _ask(self, expires: int, now: float) -> None:
        local = Address(self._address).with_tag(new_tag())
        request = _request("REGISTER", self._registrar, local, self._address, self._call_id, self._next_number())
        request.add("Contact", f"<{self._agent.contact(self._peer)}>")
        request.add("Expires", expires)
        Asking(self._agent.layer, request, self._peer, self._answered, now, self._credentials, self._next_number)

    def _answered(self, response: Response | None, now: float) -> None:
        if self._stopped or (response is not None and response.status < 200):
            return
        if response is not None and response.status < 300:
            self._retry = _FIRST_RETRY
            granted = self._granted(response)
            self._again_after(min(LONGEST, max(10.0, granted - max(30.0, granted * 0.1))), now)
        elif response is not None and response.status == 423 and self._lengthen(response):
            self._ask(self._expires, now)
            return
        else:
            self._again_after(self._retry, now)
            self._retry = min(2 * self._retry, _LAST_RETRY)
        self._on_standing(_standing(response), now)

    def _again_after(self, seconds: float, now: float) -> None:
        self._timer = self._agent.timers.at(now + seconds, lambda now: self._ask(self._expires, now))

    def _lengthen(self, response: Response) -> bool:
        """Min-Expires, however long (§10.2.8), unless that is no more than we asked for."""
        try:
            least = read_number(response.get("Min-Expires") or "", _LARGEST)
        except ProtocolError:
            return False
        longer = least > self._expires
        self._expires = max(self._expires, least)
        return longer

    def _granted(self, response: Response) -> int:
        """How long the registrar keeps us, in s (§10.2.4)."""
        user = self._agent.contact(self._peer).user
        ours = [one for one in response.contacts if one.uri.user == user]
        texts = [one.parameters.get("expires") for one in ours] + [response.get("Expires")]
        for text in texts:
            try:
                return max(30, read_number(text or "", _LARGEST))
            except ProtocolError:
                continue
        return self._expires


class KeepAlive:
    """OPTIONS to a trunk at a distance; any answer at all, but none from an element on the way, says it is there."""

    def __init__(self, agent: Agent, peer: Peer, target: Uri, local: Address, on_standing: OnStanding) -> None:
        self._agent, self._peer, self._target, self._local = agent, peer, target, local
        self._on_standing = on_standing
        self._timer: Timer | None = None
        self._stopped = False

    def start(self, now: float, every: float = 30.0) -> None:
        """Ask now and every so many seconds."""
        if self._stopped:
            return
        local = self._local.with_tag(new_tag())
        call_id = f"{secrets.token_hex(12)}@giaoban"
        request = _request("OPTIONS", str(self._target), local, self._target, call_id, 1)
        request.add("Accept", "application/sdp")
        self._agent.layer.request(request, self._peer, self._answered, now)
        self._timer = self._agent.timers.at(now + every, lambda now: self.start(now, every))

    def stop(self) -> None:
        """Ask no more."""
        self._stopped = True
        if self._timer is not None:
            self._timer.cancel()

    def _answered(self, response: Response | None, now: float) -> None:
        if not self._stopped and (response is None or response.status >= 200):
            self._on_standing(_standing(response, strict=False), now)


def _standing(response: Response | None, strict: bool = True) -> Standing:
    if response is None:
        return Standing(False, 408, "No response")
    up = response.status < 300 if strict else response.status not in (408, 502, 503, 504)
    return Standing(up, response.status, response.reason)
