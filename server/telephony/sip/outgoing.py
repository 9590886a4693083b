"""A call that we make, until it is up."""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING

from server.errors import ProtocolError
from server.telephony.sip import session as sessions
from server.telephony.sip.asking import Asking
from server.telephony.sip.call import Call, CallState, Ending, cause_of, describe
from server.telephony.sip.client_transactions import InviteClientTransaction
from server.telephony.sip.content import description_of
from server.telephony.sip.dialog import Dialog, new_tag
from server.telephony.sip.digest import Credentials
from server.telephony.sip.headers import Address
from server.telephony.sip.message import Request, Response
from server.telephony.sip.peer import Peer
from server.telephony.sip.states import UNANSWERED, State
from server.telephony.sip.timers import Timer
from server.telephony.sip.uri import Uri

if TYPE_CHECKING:
    from server.telephony.sip.agent import Agent


class OutgoingCall(Call):
    """Begun by `start`, which the agent calls. Its peer is the trunk, before there is a dialog, too."""

    def __init__(self, agent: Agent, peer: Peer, credentials: Credentials | None) -> None:
        super().__init__(agent, CallState.CALLING, credentials)
        self._peer = peer
        self._inviting: Asking | None = None
        self._giving_up: Timer | None = None
        self._cancel_wanted = False
        self._heard = False
        self._cancelled = False
        self._ending: Ending | None = None

    def start(self, target: Uri, local: Address, description: bytes, ring_for: float, now: float) -> None:
        """Send the INVITE; when nobody answers within `ring_for` s, it is taken back."""
        self.description = description
        request = Request("INVITE", str(target))
        request.add("Max-Forwards", 70)
        request.add("From", local.with_tag(new_tag()))
        request.add("To", Address(target))
        request.add("Call-ID", f"{secrets.token_hex(12)}@giaoban")
        request.add("CSeq", "1 INVITE")
        self.agent.introduce(request, self._peer)
        request.add("Session-Expires", sessions.USUAL)
        request.add("Min-SE", sessions.SHORTEST)
        describe(request, description)
        self._giving_up = self.agent.timers.at(now + ring_for, self._nobody_answers)
        self._inviting = Asking(self.agent.layer, request, self._peer, self._answered, now, self._credentials)

    def _nobody_answers(self, now: float) -> None:
        self.hang_up(now, "No answer")

    def _answered(self, response: Response | None, now: float) -> None:
        if response is None:
            self._failed(Ending(408, "No response", False), now)
        elif response.status < 200:
            self._rings(response, now)
        elif response.status < 300:
            self._accepted(response, now)
        else:
            self._failed(Ending(response.status, response.reason, False, cause_of(response)), now)

    def _rings(self, response: Response, now: float) -> None:
        self._heard = True
        if self._cancel_wanted:
            self._cancel(now)
        elif response.status > 100 and self.state is CallState.CALLING:
            self.agent.phone.on_ringing(self, description_of(response), now)

    def _failed(self, ending: Ending, now: float) -> None:
        self._stop_giving_up()
        self.end(self._ending or ending, now)

    def _accepted(self, response: Response, now: float) -> None:
        assert self._inviting is not None  # noqa: S101
        request = self._inviting.request
        if self.dialog is not None and self.dialog.remote.tag == response.to.tag:
            self.acknowledge(request, now)  # a repetition: our ACK got lost
            return
        try:
            dialog = Dialog.of_response(request, response, self._peer)
        except ProtocolError:
            self._ending = self._ending or Ending(502, "Bad answer", False)
            self._not_wanted(Dialog.without_routes(request, response, self._peer), request, now)
            return
        if self.state is not CallState.CALLING or self._cancel_wanted:
            self._not_wanted(dialog, request, now)
            return
        self._stop_giving_up()
        self.dialog = dialog
        self.watch.note_abilities(response)
        self.acknowledge(request, now)
        self.set_state(CallState.UP)
        self.agent.joined(self)
        self.watch.agree(sessions.answered(response), now)
        self.agent.phone.on_up(self, description_of(response), now)

    def _not_wanted(self, dialog: Dialog, invite: Request, now: float) -> None:
        """Answered too late, by a second telephone, or unusably (§13.2.2.4): acknowledged, and ended."""
        kept, ack = self.dialog, self._ack
        self.dialog, self._ack = dialog, None
        self.acknowledge(invite, now)
        self._bye(now)
        self.dialog, self._ack = kept, ack
        if kept is None:
            self._failed(Ending(487, "Taken back", True), now)

    def hang_up(self, now: float, reason: str = "") -> None:
        """End it: by CANCEL as long as nobody has answered, and only once anything was heard (§9.1)."""
        if self.state is not CallState.CALLING:
            super().hang_up(now, reason)
            return
        if self._inviting is None:
            return
        ending = Ending(487, reason or "CANCEL", True)
        self._ending = self._ending or ending
        self._cancel_wanted = self._inviting.stopped = True
        if self._inviting.transaction.state not in UNANSWERED:
            self._failed(ending, now)  # nothing will come any more that could end it
        elif self._heard:
            self._cancel(now)

    def _cancel(self, now: float) -> None:
        """Once; its INVITE's final answer ends the call."""
        assert self._inviting is not None  # noqa: S101
        transaction = self._inviting.transaction
        proceeding = isinstance(transaction, InviteClientTransaction) and transaction.state is State.PROCEEDING
        if self._cancelled or not proceeding:
            return
        self._cancelled = True
        invite = transaction.request
        cancel = Request("CANCEL", invite.target)
        cancel.add("Via", invite.via)
        cancel.add("Max-Forwards", 70)
        for name, value in invite.headers:
            if name in ("Route", "From", "To", "Call-ID"):
                cancel.add(name, value)
        cancel.add("CSeq", f"{invite.cseq.number} CANCEL")
        self.agent.layer.request(cancel, self._peer, lambda response, now: None, now)
        transaction.cancelled(now)

    def _stop_giving_up(self) -> None:
        if self._giving_up is not None:
            self._giving_up.cancel()
            self._giving_up = None
