"""Session timers (RFC 4028): a call whose other side is gone without a word ends."""

from __future__ import annotations

import re
from dataclasses import dataclass

from server.errors import ProtocolError
from server.telephony.sip.headers import read_number
from server.telephony.sip.message import Message, Request, Response

SHORTEST = 90  # s, Min-SE (§5)
USUAL = 1_800  # s, what we ask for (§4)

_LARGEST = 2**32 - 1  # s
_VALUE = re.compile(r"([0-9]{1,10})[ \t]*((?:;.*)?)")


class TooShortError(ProtocolError):
    """The interval asked for is below `SHORTEST`: 422."""


@dataclass(frozen=True)
class Session:
    """The interval in s, and whether it is we who refresh."""

    interval: int
    refreshed_by_us: bool

    @property
    def refresh_after(self) -> float:
        """When we refresh (§10)."""
        return self.interval / 2

    @property
    def end_after(self) -> float:
        """When a call that was not refreshed ends (§10)."""
        return self.interval - min(32.0, self.interval / 3)


def _read(message: Message) -> tuple[int, str] | None:
    value = message.get("Session-Expires")
    if value is None:
        return None
    match = _VALUE.fullmatch(value)
    if match is None:
        raise ProtocolError("Session-Expires is malformed")
    refresher = re.search(r";[ \t]*refresher[ \t]*=[ \t]*(uac|uas)", match[2], re.IGNORECASE)
    return read_number(match[1], _LARGEST), refresher[1].lower() if refresher else ""


def _least(request: Request) -> int:
    """Min-SE; what cannot be read says nothing."""
    try:
        return read_number((request.get("Min-SE") or "").partition(";")[0].strip(), _LARGEST)
    except ProtocolError:
        return SHORTEST


def supports(message: Message) -> bool:
    """Whether the other side knows session timers."""
    return "timer" in {option.lower() for name in ("Supported", "Require") for option in message.items(name)}


def asked(request: Request) -> Session | None:
    """What we agree to when asked (§9). Raises TooShortError, or ProtocolError when malformed."""
    wish = _read(request)
    if wish is None:
        return Session(USUAL, refreshed_by_us=True) if supports(request) else None
    interval, refresher = wish
    if interval < SHORTEST:
        raise TooShortError("the session interval is too small")
    interval = min(interval, max(USUAL, _least(request)))  # who asks for days would be missed for days
    if not supports(request):
        return Session(interval, refreshed_by_us=True)
    return Session(interval, refreshed_by_us=refresher == "uas")


def answered(response: Response) -> Session | None:
    """What the other side agreed to (§7.2); None when it does not know timers, or says something odd."""
    try:
        wish = _read(response)
    except ProtocolError:
        return None
    if wish is None or wish[0] < SHORTEST:
        return None
    return Session(wish[0], refreshed_by_us=wish[1] != "uas")


def write(session: Session, uac: bool) -> str:
    """Session-Expires for our request (`uac`) or our answer."""
    return f"{session.interval};refresher={'uac' if session.refreshed_by_us is uac else 'uas'}"
