"""A request of ours that proves who we are when it is asked to, and comes back with what the other side insists on."""

from __future__ import annotations

from collections.abc import Callable

from server.errors import ProtocolError
from server.telephony.sip.client_transactions import ClientTransaction, OnResponse
from server.telephony.sip.digest import Challenge, Credentials, authorise, strongest
from server.telephony.sip.headers import read_number
from server.telephony.sip.layer import TransactionLayer
from server.telephony.sip.message import Request, Response
from server.telephony.sip.peer import Peer

_MOST_TRIES = 4  # a proxy and a server may each ask for a proof, one nonce may be stale, one interval too small
_LONGEST_SESSION = 7_200  # s


class Asking:
    """One question until its final answer; `request` and `transaction` are those of the last try."""

    def __init__(
        self,
        layer: TransactionLayer,
        request: Request,
        peer: Peer,
        on_response: OnResponse,
        now: float,
        credentials: Credentials | None = None,
        next_number: Callable[[], int] | None = None,
    ) -> None:
        self.request = request
        self.stopped = False
        self._layer, self._peer = layer, peer
        self._on_response, self._credentials = on_response, credentials
        self._next_number = next_number
        self._challenges: list[Challenge] = []
        self._tries = 1
        self.transaction: ClientTransaction = layer.request(request, peer, self._answered(request), now)

    def _answered(self, request: Request) -> OnResponse:
        def answered(response: Response | None, now: float) -> None:
            if request is not self.request:  # a late word on an earlier try
                return
            if response is None or self.stopped or not self._again(response, now):
                self._on_response(response, now)

        return answered

    def _again(self, response: Response, now: float) -> bool:
        """Whether the answer led to another try."""
        if response.status not in (401, 407, 422) or self._tries >= _MOST_TRIES:
            return False
        ready = self._raise_interval(response) if response.status == 422 else self._take_challenge(response)
        if not ready:
            return False
        self._tries += 1
        self.request = self._renewed()
        if self._credentials is not None:
            authorise(self.request, self._challenges, self._credentials)
        self.transaction = self._layer.request(self.request, self._peer, self._answered(self.request), now)
        return True

    def _take_challenge(self, response: Response) -> bool:
        challenge = strongest(response)
        if challenge is None or self._credentials is None:
            return False
        before = [one for one in self._challenges if (one.realm, one.proxy) == (challenge.realm, challenge.proxy)]
        if before and not challenge.stale:
            return False  # the password is wrong: asking again would only lock us out
        self._challenges = [one for one in self._challenges if one not in before] + [challenge]
        return True

    def _raise_interval(self, response: Response) -> bool:
        """RFC 4028 §7.3: at least Min-SE."""
        try:
            least = read_number(response.get("Min-SE") or "", _LONGEST_SESSION)
        except ProtocolError:
            return False
        kept = [header for header in self.request.headers if header[0] not in ("Session-Expires", "Min-SE")]
        self.request.headers = [*kept, ("Session-Expires", str(least)), ("Min-SE", str(least))]
        return True

    def _renewed(self) -> Request:
        """The same request with the next CSeq and without its Via."""
        method = self.request.method
        number = self._next_number() if self._next_number else self.request.cseq.number + 1
        headers = [
            (name, f"{number} {method}" if name == "CSeq" else value)
            for name, value in self.request.headers
            if name != "Via"
        ]
        return Request(method, self.request.target, headers, self.request.body)
