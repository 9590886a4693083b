"""The end of a call: it is hung up, its port free, the log says how it ended, whoever was cut off is called back."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from server.calls import restart
from server.calls.endings import Over
from server.calls.line import HungUpError, Line
from server.calls.restart import Cut
from server.calls.rules import Outcome, is_dropped, not_reached
from server.errors import ProtocolError, UnavailableError
from server.telephony.sip.outgoing import OutgoingCall

if TYPE_CHECKING:
    from server.calls.exchange import Exchange

log = logging.getLogger("giaoban.calls")


class Ended:
    """What must be so when a call is over, however it ended."""

    def __init__(self, exchange: Exchange, line: Line) -> None:
        self._exchange, self._line = exchange, line

    async def __aenter__(self) -> None:
        """Nothing."""

    async def __aexit__(self, _kind: object, error: BaseException | None, _trace: object) -> bool:
        """Hang up, free the port, write the log; a caller who has gone and a node that is away are no errors."""
        exchange, line = self._exchange, self._line
        if isinstance(error, UnavailableError | ProtocolError):
            log.warning("call %s ends: %s", line.name, error)
            line.outcome = line.outcome or (Outcome.NO_SOUND if isinstance(error, ProtocolError) else Outcome.NO_NODE)
        try:
            if line.call is not None:
                line.call.hang_up(exchange.now())
            outcome = line.outcome = self._outcome()
            await exchange.phones.close(line.name)
            status, cause = (line.ending.status, line.ending.cause) if line.ending else (200, None)
            over = Over(line.row, line.name, outcome, status, cause, exchange.ended_at(line))
            exchange.endings.note(over)
            await exchange.owed.do(lambda: self._log(over))
        finally:
            exchange.lines.pop(line.name, None)
        log.info("call %s, %s: %s", line.name, line.number, outcome)
        if outcome is Outcome.DROPPED:  # after all that is owed: who is in the seat yet is not called back
            await exchange.owed.do(self._tell_dropped)
        return isinstance(error, HungUpError | UnavailableError | ProtocolError)

    async def _log(self, over: Over) -> None:
        await self._line.settled()  # or its row is begun after it has ended
        await self._exchange.endings.write(self._exchange.store, over)

    async def _tell_dropped(self) -> None:
        line = self._line
        self._exchange.dropped(Cut(line.number, line.meeting, line.unit, line.account))

    def _outcome(self) -> Outcome:
        line = self._line
        ending = line.ending
        stopped = self._exchange.closing and (ending is None or ending.reason == restart.REASON)
        if stopped and line.outcome in (None, Outcome.NO_KEY, Outcome.UNCONFIRMED):
            return Outcome.STOPPED
        if line.outcome is Outcome.MET and ending is not None:
            dropped = is_dropped(ending.status, ending.cause, by_us=ending.by_us)
            return Outcome.DROPPED if dropped else Outcome.MET
        if line.outcome is not None:
            return line.outcome
        if not line.up and isinstance(line.call, OutgoingCall) and ending is not None:
            return not_reached(ending.status, ending.cause)
        return Outcome.GAVE_UP
