"""A call (RFC 3261 §13-15): what incoming and outgoing ones have in common once there is a dialog."""

from __future__ import annotations

import logging
import random
import re
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum, auto
from typing import TYPE_CHECKING

from server.errors import ProtocolError
from server.telephony.sip import session as sessions
from server.telephony.sip.asking import Asking
from server.telephony.sip.content import SDP, description_of
from server.telephony.sip.digest import Credentials, proofs
from server.telephony.sip.grammar import QUOTED
from server.telephony.sip.message import Message, Request, Response
from server.telephony.sip.server_transactions import InviteServerTransaction, ServerTransaction
from server.telephony.sip.session import Session
from server.telephony.sip.timers import TIMEOUT, Repeating, Timer
from server.telephony.sip.watch import Watch

if TYPE_CHECKING:
    from server.telephony.sip.agent import Agent
    from server.telephony.sip.dialog import Dialog

log = logging.getLogger(__name__)

ALLOW = "INVITE, ACK, CANCEL, BYE, OPTIONS, UPDATE, INFO"

_CAUSE = re.compile(r"[ \t]*cause[ \t]*=[ \t]*([0-9]{1,3})[ \t]*", re.IGNORECASE)
_LONGEST_REASON = 500  # of what is read of one; strangers choose it


class CallState(Enum):
    """OFFERED and ANSWERED are an incoming call's, CALLING an outgoing one's."""

    OFFERED = auto()
    CALLING = auto()
    ANSWERED = auto()
    UP = auto()
    ENDED = auto()


AFTER: dict[CallState, frozenset[CallState]] = {
    CallState.OFFERED: frozenset({CallState.ANSWERED, CallState.ENDED}),
    CallState.CALLING: frozenset({CallState.UP, CallState.ENDED}),
    CallState.ANSWERED: frozenset({CallState.UP, CallState.ENDED}),
    CallState.UP: frozenset({CallState.ENDED}),
    CallState.ENDED: frozenset(),
}


@dataclass(frozen=True)
class Ending:
    """Why a call ended: the status of the answer that ended it (200 for BYE), words, Q.850's cause, and whose doing."""

    status: int
    reason: str
    by_us: bool
    cause: int | None = None


class Acceptance:
    """A 2xx to INVITE: repeated until it is acknowledged, on any transport (§13.3.1.4)."""

    def __init__(
        self,
        call: Call,
        transaction: InviteServerTransaction,
        response: Response,
        owes_answer: bool,
        now: float,
    ) -> None:
        self.number = transaction.request.cseq.number
        self.owes_answer = owes_answer
        self._transaction, self._response = transaction, response
        transaction.on_ack = call.acknowledged
        transaction.respond(response, now)
        self._repeating = Repeating(call.agent.timers, now, self._again)
        self._timer = call.agent.timers.at(now + TIMEOUT, call.unacknowledged)

    def _again(self, now: float) -> None:
        self._transaction.respond(self._response, now)

    def stop(self) -> None:
        """It is acknowledged, or nobody is there."""
        self._repeating.stop()
        self._timer.cancel()


class Call:
    """One call. `description` is what we last said of our sound (SDP); `mark` is for whoever handles the call."""

    def __init__(self, agent: Agent, state: CallState, credentials: Credentials | None = None) -> None:
        self.id = secrets.token_hex(8)
        self.agent = agent
        self.state = state
        self.dialog: Dialog | None = None
        self.description = b""
        self.mark: object = None
        self._credentials = credentials
        self._acceptance: Acceptance | None = None
        self._asking: Asking | None = None  # our re-INVITE
        self._wanted: bytes | None = None  # the newest description that is still to be offered
        self._ack: tuple[int, bytes] | None = None
        self.watch = Watch(self)
        self._retry: Timer | None = None
        self._bye_wanted = False

    @property
    def up(self) -> bool:
        """Whether both sides speak."""
        return self.state is CallState.UP

    @property
    def over(self) -> bool:
        """Whether it has ended."""
        return self.state is CallState.ENDED

    def set_state(self, state: CallState) -> None:
        """Go on. Raises ProtocolError when no call goes this way."""
        if state not in AFTER[self.state]:
            raise ProtocolError(f"a call cannot go from {self.state.name} to {state.name}")
        log.debug("call %s: %s -> %s", self.id, self.state.name, state.name)
        self.state = state

    def end(self, ending: Ending, now: float) -> None:
        """It is over; its handler is told. Once."""
        if self.state is CallState.ENDED:
            return
        self.set_state(CallState.ENDED)
        self.watch.stop()
        if self._retry is not None:
            self._retry.cancel()
        log.info("call %s ended: %d %s", self.id, ending.status, ending.reason)
        if self._acceptance is None or not self._bye_wanted:
            self._forget()
        self.agent.phone.on_ended(self, ending, now)

    def _forget(self) -> None:
        if self._acceptance is not None:
            self._acceptance.stop()
            self._acceptance = None
        self.agent.ended(self)

    # ---- what the other side says

    def receive(self, transaction: ServerTransaction, now: float) -> None:
        """A request within the dialog; INVITE, UPDATE, BYE or what the agent answers for all."""
        request = transaction.request
        if not self.accepts(request, now):
            self.agent.refuse(transaction, 500, now)
        elif request.method == "BYE":
            self.agent.respond(transaction, request.response(200), now)
            self.end(Ending(200, "BYE", False, cause_of(request)), now)
        elif isinstance(transaction, InviteServerTransaction):
            self._reinvited(transaction, now)
        elif request.method == "UPDATE":
            self._updated(transaction, now)
        else:
            self.agent.answer_any(transaction, now)

    def accepts(self, request: Request, now: float) -> bool:
        """Whether a request within the dialog comes in order; then its number is noted, and that they are there."""
        if self.dialog is None or not self.dialog.accepts(request):
            return False
        self.watch.heard(now)
        return True

    def _changed(self, transaction: ServerTransaction, now: float, offers: bool) -> tuple[Session | None, bytes] | None:
        """What INVITE and UPDATE have in common: the timer agreed on and our description. None when refused."""
        request, dialog = transaction.request, self.dialog
        assert dialog is not None  # noqa: S101
        if offers and (self._asking is not None or self.state is not CallState.UP):
            self.agent.refuse(transaction, 491, now)
            return None
        try:
            agreed = sessions.asked(request)
            target = dialog.target_of(request)
        except sessions.TooShortError:
            self.agent.refuse(transaction, 422, now, ("Min-SE", str(sessions.SHORTEST)))
            return None
        except ProtocolError:
            self.agent.refuse(transaction, 400, now)
            return None
        body = b""
        if offers:
            description = self.agent.phone.on_offer(self, description_of(request), now)
            if description is None:
                self.agent.refuse(transaction, 488, now)
                return None
            self.description = body = description
            if self._wanted is not None:  # made before this one, which it must come after (RFC 3264 §8)
                self._wanted = self.agent.phone.on_offer(self, b"", now) or self._wanted
        dialog.target = target  # not before: what is refused changes nothing (§14.2)
        return agreed, body

    def _reinvited(self, transaction: InviteServerTransaction, now: float) -> None:
        changed = self._changed(transaction, now, offers=True)
        if changed is None:
            return
        response = self._success(transaction.request, *changed)
        if self._acceptance is not None:
            self._acceptance.stop()
        self._acceptance = Acceptance(self, transaction, response, not description_of(transaction.request), now)
        self.watch.agree(changed[0], now)

    def _updated(self, transaction: ServerTransaction, now: float) -> None:
        changed = self._changed(transaction, now, offers=bool(description_of(transaction.request)))
        if changed is not None:
            self.agent.respond(transaction, self._success(transaction.request, *changed), now)
            self.watch.agree(changed[0], now)

    def _success(self, request: Request, agreed: Session | None, body: bytes) -> Response:
        """A 2xx with all that belongs into it."""
        assert self.dialog is not None  # noqa: S101
        response = request.response(200, tag=self.dialog.local.tag)
        for value in request.all("Record-Route"):
            response.add("Record-Route", value)
        self.agent.introduce(response, self.dialog.peer)
        if agreed is not None:
            response.add("Session-Expires", sessions.write(agreed, uac=False))
            if not agreed.refreshed_by_us:
                response.add("Require", "timer")
        describe(response, body)
        return response

    def acknowledged(self, ack: Request, now: float) -> None:
        """ACK for a 2xx of ours."""
        acceptance = self._acceptance
        if acceptance is None or ack.cseq.number != acceptance.number:
            return
        acceptance.stop()
        self._acceptance = None
        answer = description_of(ack) if acceptance.owes_answer else b""
        if self.state is CallState.ANSWERED:
            self.set_state(CallState.UP)
            self.agent.phone.on_up(self, answer, now)
        elif answer and self.state is CallState.UP:
            self.agent.phone.on_up(self, answer, now)
        if self._bye_wanted:
            self._bye(now)
            self._forget()

    def unacknowledged(self, now: float) -> None:
        """Nobody acknowledged our 2xx for 64*T1: the call is ended (§13.3.1.4)."""
        self._bye(now)
        self._forget()
        self.end(Ending(408, "No ACK", False), now)

    # ---- what we say

    def hang_up(self, now: float, reason: str = "") -> None:
        """End it: by BYE, but not before our 2xx was acknowledged (§15)."""
        if self.state is CallState.UP:
            self._bye(now, reason)
        elif self.state is CallState.ANSWERED:
            self._bye_wanted = True
        self.end(Ending(200, reason or "BYE", True), now)

    def lost(self, now: float, status: int = 408, reason: str = "") -> None:
        """Nobody is there any more, or nobody who knows of this call (§12.2.1.2); told by BYE all the same."""
        if not self.over:
            self._bye(now, reason)
            self.end(Ending(status, reason or "Lost", False), now)

    def _bye(self, now: float, reason: str = "") -> None:
        self._bye_wanted = False
        if self.dialog is not None:
            bye = self.dialog.request("BYE")
            if reason:
                bye.add("Reason", f'SIP;cause=200;text="{reason}"')
            self.ask(bye, lambda response, now: None, now)

    def ask(self, request: Request, on_response: Callable[[Response | None, float], None], now: float) -> Asking:
        """Send a request within the dialog."""
        dialog = self.dialog
        assert dialog is not None  # noqa: S101

        def next_number() -> int:
            dialog.local_seq += 1
            return dialog.local_seq

        peer = self.agent.route(dialog)
        return Asking(self.agent.layer, request, peer, on_response, now, self._credentials, next_number)

    def reinvite(self, description: bytes, now: float) -> None:
        """Offer another description: hold, resume, another address. Its handler's `on_up` gets the answer.

        Raises ProtocolError when the call is not up; while an offer is on its way, the newest goes after it.
        """
        if self.state is not CallState.UP:
            raise ProtocolError("only a call that is up can be changed")
        self._wanted = description
        self.offer_again(now)

    def offer_again(self, now: float) -> None:
        """Send a re-INVITE with what is wanted, or with what we said last, as soon as nothing else is on its way."""
        if self._retry is not None:
            self._retry.cancel()
            self._retry = None
        if self.state is not CallState.UP or self.dialog is None:
            return
        if self._asking is not None or self._acceptance is not None:
            self._offer_later(now)
            return
        description = self.description if self._wanted is None else self._wanted
        self._wanted = None
        request = self.dialog.request("INVITE")
        self.agent.introduce(request, self.dialog.peer)
        if self.watch.session is not None:
            request.add("Session-Expires", sessions.write(self.watch.session, uac=True))
        describe(request, description)

        def answered(response: Response | None, now: float) -> None:
            if asking is not self._asking:  # our ACK got lost
                if response is not None and response.status < 300:
                    self.acknowledge(asking.request, now)
            elif response is None or response.status >= 200:
                self._asking = None
                self._offer_answered(asking.request, description, response, now)

        asking = self._asking = self.ask(request, answered, now)

    def _offer_later(self, now: float) -> None:
        """Both sides asked at once (§14.1): the caller waits longer, so that one of them is first."""
        ours = self.agent.chose(self)
        wait = random.uniform(2.1, 4.0) if ours else random.uniform(0.0, 2.0)  # noqa: S311
        if self._retry is not None:
            self._retry.cancel()
        self._retry = self.agent.timers.at(now + wait, self.offer_again)

    def _offer_answered(self, invite: Request, description: bytes, response: Response | None, now: float) -> None:
        if response is not None and response.status < 300:
            self._offer_accepted(invite, description, response, now)
        elif response is not None and response.status == 491:
            self._wanted = description if self._wanted is None else self._wanted
            self._offer_later(now)
        elif response is None or response.status in (408, 481):  # §12.2.1.2: the other side knows of no call
            self.lost(now, response.status if response else 408)
        else:
            log.info("call %s: a new description was refused: %d", self.id, response.status)
            self.watch.refused(now)

    def _offer_accepted(self, invite: Request, description: bytes, response: Response, now: float) -> None:
        assert self.dialog is not None  # noqa: S101
        self.dialog.refresh(response)
        self.acknowledge(invite, now)
        if self._retry is not None and self._wanted is None:  # a refresh that waited: this was one
            self._retry.cancel()
        if self.state is CallState.UP:
            self.description = description
            self.watch.agree(sessions.answered(response), now)
            self.agent.phone.on_up(self, description_of(response), now)

    def acknowledge(self, invite: Request, now: float) -> None:
        """ACK a 2xx, with the same proofs: built once, sent for each repetition (§13.2.2.4)."""
        dialog, number = self.dialog, invite.cseq.number
        assert dialog is not None  # noqa: S101
        peer = self.agent.route(dialog)
        if self._ack is None or self._ack[0] != number:
            ack = dialog.request("ACK", number)
            ack.headers += proofs(invite)
            self.agent.layer.add_via(ack, peer)
            self._ack = (number, ack.encode())
        self.agent.layer.send(self._ack[1], peer)


def describe(message: Message, body: bytes) -> None:
    """Put a description into a message."""
    if body:
        message.add("Content-Type", SDP)
        message.body = body


def cause_of(message: Message) -> int | None:
    """The telephone network's cause (Q.850) in Reason (RFC 3326)."""
    for line in message.all("Reason"):
        for item in re.sub(QUOTED, "", line[:_LONGEST_REASON]).split(","):
            protocol, *parameters = item.split(";")
            found = [match for match in map(_CAUSE.fullmatch, parameters) if match]
            if protocol.strip(" \t").upper() == "Q.850" and found:
                return int(found[0][1])
    return None
