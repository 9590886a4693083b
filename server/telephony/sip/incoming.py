"""A call that comes in, until it is up."""

from __future__ import annotations

from typing import TYPE_CHECKING

from server.telephony.sip import session as sessions
from server.telephony.sip.call import Acceptance, Call, CallState, Ending
from server.telephony.sip.caller import asserted_number, caller_number
from server.telephony.sip.content import description_of
from server.telephony.sip.dialog import Dialog, new_tag
from server.telephony.sip.headers import Address
from server.telephony.sip.message import Request
from server.telephony.sip.server_transactions import InviteServerTransaction
from server.telephony.sip.timers import Timer

if TYPE_CHECKING:
    from server.telephony.sip.agent import Agent

Merging = tuple[str, str, int]

_RINGING_AGAIN = 60.0  # s: proxies give up on a silent callee after three minutes (§13.3.1.1)


class IncomingCall(Call):
    """`transaction` is the INVITE's. `offer` is their description, b"" when we are to offer one."""

    def __init__(self, agent: Agent, transaction: InviteServerTransaction) -> None:
        """Raises ProtocolError when no dialog can come of it, TooShortError as `sessions.asked`."""
        super().__init__(agent, CallState.OFFERED, agent.credentials(transaction.peer))
        self.transaction = transaction
        request = transaction.request
        self._agreed = sessions.asked(request)
        self.dialog = Dialog.of_request(request, new_tag(), transaction.peer)
        self.watch.note_abilities(request)
        self._ringing: Timer | None = None

    @property
    def offer(self) -> bytes:
        """Their description."""
        return description_of(self.transaction.request)

    @property
    def merging(self) -> Merging:
        """What the same INVITE has that came another way (§8.2.2.2)."""
        return merging(self.transaction.request)

    @property
    def caller(self) -> Address:
        """Who calls, as From has it."""
        return self.transaction.request.sender

    @property
    def number(self) -> str:
        """The caller's number, "" when it is hidden."""
        return caller_number(self.transaction.request)

    @property
    def asserted(self) -> str:
        """The number that the trunk vouches for, of who hides it, too: never to be shown or kept."""
        return asserted_number(self.transaction.request)

    @property
    def dialled(self) -> str:
        """The user of the Request-URI: the number that was called."""
        return self.transaction.request.uri.user

    def ring(self, now: float) -> None:
        """Tell the caller that it rings here."""
        if self.state is not CallState.OFFERED or self.dialog is None:
            return
        response = self.transaction.request.response(180, tag=self.dialog.local.tag)
        for value in self.transaction.request.all("Record-Route"):
            response.add("Record-Route", value)
        self.agent.introduce(response, self.dialog.peer)
        self.transaction.respond(response, now)
        self._ringing = self.agent.timers.at(now + _RINGING_AGAIN, self.ring)

    def answer(self, description: bytes, now: float) -> None:
        """Take the call: our answer, or our offer when there was none. Raises ProtocolError when it is too late."""
        self.set_state(CallState.ANSWERED)
        self._stop_ringing()
        self.description = description
        response = self._success(self.transaction.request, self._agreed, description)
        self._acceptance = Acceptance(self, self.transaction, response, not self.offer, now)
        self.watch.agree(self._agreed, now)

    def refuse(self, status: int, now: float, reason: str = "") -> None:
        """Do not take it."""
        if self.state is CallState.OFFERED:
            self._refuse(status, now)
            self.end(Ending(status, reason, True), now)

    def _refuse(self, status: int, now: float) -> None:
        self._stop_ringing()
        tag = self.dialog.local.tag if self.dialog is not None else new_tag()
        self.agent.respond(self.transaction, self.transaction.request.response(status, tag=tag), now)

    def cancelled(self, now: float) -> None:
        """The caller has given up (§9.2)."""
        if self.state is CallState.OFFERED:
            self._refuse(487, now)
            self.end(Ending(487, "CANCEL", False), now)

    def hang_up(self, now: float, reason: str = "") -> None:
        """End it, in whatever state."""
        if self.state is CallState.OFFERED:
            self.refuse(480, now, reason)
        else:
            super().hang_up(now, reason)

    def end(self, ending: Ending, now: float) -> None:
        """It is over; an INVITE that was not answered is."""
        self._stop_ringing()
        unanswered = self.state is CallState.OFFERED and not self.transaction.answered
        super().end(ending, now)
        if unanswered:
            self._refuse(487, now)

    def _stop_ringing(self) -> None:
        if self._ringing is not None:
            self._ringing.cancel()
            self._ringing = None


def merging(request: Request) -> Merging:
    """Call-ID, their tag and number."""
    return request.call_id, request.sender.tag, request.cseq.number
