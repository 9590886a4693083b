"""Whether the other side of a call is still there: by the session timer that was agreed on (RFC 4028), else by asking.

Sound that does not come says nothing: who listens may send none for hours. So no call ends because somebody is silent,
but because a question has no answer, or one that knows of no call (RFC 3261 §12.2.1.2). But it is a reason to ask.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from server.errors import ProtocolError
from server.telephony.sip import session as sessions
from server.telephony.sip.client_transactions import OnResponse
from server.telephony.sip.content import SDP
from server.telephony.sip.message import Message, Response
from server.telephony.sip.session import Session
from server.telephony.sip.timers import Timer

if TYPE_CHECKING:
    from server.telephony.sip.call import Call

ASKED_EVERY = 300.0  # s without a word of theirs, where no session timer is agreed
_AGAIN_AFTER, _LEAST_LEFT = 30.0, 3.0  # s from a refresh that was refused to the next, which must be of use yet


class Watch:
    """Of one call that is up. It refreshes or asks; who is gone is reported by `Call.lost`."""

    def __init__(self, call: Call) -> None:
        self.session: Session | None = None
        self._call = call
        self._timer: Timer | None = None
        self._again: Timer | None = None  # a refresh that was refused
        self._expires_at: float | None = None  # while a refresh is due
        self._takes_update = False
        self._takes_options = True

    def note_abilities(self, message: Message) -> None:
        """What the other side says that it takes; what cannot be read says nothing (§8.2)."""
        try:
            methods = message.items("Allow")
        except ProtocolError:
            methods = []
        self._takes_update = "UPDATE" in methods
        self._takes_options = "OPTIONS" in methods or not methods

    def agree(self, agreed: Session | None, now: float) -> None:
        """Refresh, or end without a refresh, by what was agreed; None is no session timer."""
        self.session = agreed
        if agreed is None:
            self._wait(ASKED_EVERY, now)
        else:
            self._wait(agreed.refresh_after if agreed.refreshed_by_us else agreed.end_after, now)

    def heard(self, now: float) -> None:
        """They have said something within the call; a session timer wants more than that."""
        if self.session is None:
            self._wait(ASKED_EVERY, now)

    def doubt(self, now: float) -> None:
        """Their sound has stopped, as it does on hold or where the power went: ask whether they are still there.

        A telephone that has begun anew answers OPTIONS as if there had never been a call; an INVITE it does not take.
        """
        self._ask(now, self._answered_in_doubt)

    def stop(self) -> None:
        """The call is over."""
        for timer in (self._timer, self._again):
            if timer is not None:
                timer.cancel()
        self._timer = self._again = self._expires_at = None

    def refused(self, now: float) -> None:
        """Our offer was: if it was to refresh the session, there is time to ask again. Who refuses is there."""
        left = self._expires_at - now if self._expires_at is not None else 0.0
        if self._again is not None:
            self._again.cancel()
        if left > _LEAST_LEFT:
            self._again = self._call.agent.timers.at(now + min(_AGAIN_AFTER, left / 3), self._call.offer_again)

    def _wait(self, seconds: float, now: float) -> None:
        self.stop()
        if not self._call.over:
            self._timer = self._call.agent.timers.at(now + seconds, self._due)

    def _due(self, now: float) -> None:
        session = self.session
        if session is None:
            self._wait(ASKED_EVERY, now)
            self._ask(now)
        elif session.refreshed_by_us:
            self._refresh(session, now)
        else:
            self._expired(now)

    def _expired(self, now: float) -> None:
        self._call.lost(now, reason="Session expired")

    # ---- with a session timer

    def _refresh(self, session: Session, now: float) -> None:
        call = self._call
        if not call.up or call.dialog is None:
            return
        self._expires_at = now + session.end_after / 2
        self._timer = call.agent.timers.at(self._expires_at, self._expired)
        if self._takes_update:
            update = call.dialog.request("UPDATE")
            call.agent.introduce(update, call.dialog.peer)
            update.add("Session-Expires", sessions.write(session, uac=True))
            call.ask(update, self._refreshed, now)
        else:
            call.offer_again(now)

    def _refreshed(self, response: Response | None, now: float) -> None:
        call = self._call
        if response is None or response.status in (408, 481):
            call.lost(now)
        elif 200 <= response.status < 300 and call.dialog is not None:
            call.dialog.refresh(response)
            self.agree(sessions.answered(response) or self.session, now)
        elif response.status >= 300:
            self._takes_update = False  # whatever it said that it takes: what every telephone takes is an INVITE
            call.offer_again(now)

    # ---- without one

    def _ask(self, now: float, answered: OnResponse | None = None) -> None:
        """By OPTIONS, as it changes nothing; by INVITE where that is not taken."""
        call = self._call
        if not call.up or call.dialog is None:
            return
        if not self._takes_options:
            call.offer_again(now)
            return
        options = call.dialog.request("OPTIONS")
        call.agent.introduce(options, call.dialog.peer)
        options.add("Accept", SDP)
        call.ask(options, answered or self._answered, now)

    def _answered(self, response: Response | None, now: float) -> None:
        """Any answer is a sign of life; what may only mean that OPTIONS find nobody is asked again by INVITE."""
        if response is not None and response.status < 200:
            return
        if response is not None and response.status == 481:
            self._call.lost(now)
        elif response is None or response.status in (405, 408, 501):
            self._takes_options = response is None or response.status == 408
            self._call.offer_again(now)

    def _answered_in_doubt(self, response: Response | None, now: float) -> None:
        if response is not None and response.status >= 300 and response.status != 481:
            self._call.offer_again(now)
        else:
            self._answered(response, now)
