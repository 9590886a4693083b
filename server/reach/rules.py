"""What becomes of a message to one person by one channel, when it is tried again, and who is a valid address: pure."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from email.errors import HeaderParseError
from email.headerregistry import Address
from enum import StrEnum
from random import Random


class Channel(StrEnum):
    """Ways to a person beyond the live page."""

    PUSH = "push"
    MAIL = "mail"
    SMS = "sms"
    ZALO = "zalo"
    PHONE = "phone"


class AddressKind(StrEnum):
    """What a person gives to be reached at; a browser gives its own address for Web Push."""

    MAIL = "mail"
    PHONE = "phone"


class Alphabet(StrEnum):
    """How the letters of a short message are coded (3GPP TS 23.038)."""

    GSM7 = "gsm7"
    UCS2 = "ucs2"


ADDRESS_OF: dict[Channel, AddressKind] = {
    Channel.MAIL: AddressKind.MAIL,
    Channel.SMS: AddressKind.PHONE,
    Channel.ZALO: AddressKind.PHONE,
}
"""Which address of the person's own a channel needs. Calls go to the number that the operator has noted."""


class MessageState(StrEnum):
    """A message waits (for its first or its next try), is being sent, and ends in one of the others.

    STOPPED: somebody acted before it left, or a newer one took its place (calls). DEAD: it could not be sent, and an
    operator decides. GIVEN_UP: they did.
    """

    WAITING = "waiting"
    SENDING = "sending"
    SENT = "sent"
    STOPPED = "stopped"
    DEAD = "dead"
    GIVEN_UP = "given_up"


class Reason(StrEnum):
    """Why a try failed, for the operator."""

    NO_CONNECTION = "no_connection"
    TIMEOUT = "timeout"
    BUSY = "busy"
    FAILING = "failing"
    NOT_SIGNED_IN = "not_signed_in"
    REFUSED = "refused"
    BAD_ANSWER = "bad_answer"
    NOT_CONFIGURED = "not_configured"
    LINE_BUSY = "line_busy"
    NO_ANSWER = "no_answer"
    NO_KEY = "no_key"
    WRONG_NUMBER = "wrong_number"


@dataclass(frozen=True)
class Sent:
    """The other side has taken it; `reference` is what it calls it."""

    reference: str = ""


@dataclass(frozen=True)
class Later:
    """Not now; `after` is how long the other side asks us to wait, with `everybody` before anything of this channel."""

    reason: Reason
    detail: str = ""
    after: timedelta | None = None
    everybody: bool = False


@dataclass(frozen=True)
class Never:
    """Trying again would not help."""

    reason: Reason
    detail: str = ""


@dataclass(frozen=True)
class Gone:
    """The browser has taken its subscription back: there is nobody there any more."""


Outcome = Sent | Later | Never | Gone
MOST_ASKED = timedelta(hours=1)
"""However long the other side asks us to wait, we ask again after this."""


Awake = Callable[[datetime, str], datetime]
"""For a moment and an urgency: the moment itself, or the end of the quiet hours that it falls into."""


def always_awake(at: datetime, _urgency: str) -> datetime:
    """Without quiet hours."""
    return at


@dataclass(frozen=True)
class Backoff:
    """How often a message is tried, and how long between: twice as long each time, at random within the upper half.

    The random part keeps a thousand messages that failed together from coming back together.
    """

    tries: int = 10
    first: timedelta = timedelta(seconds=10)
    most: timedelta = timedelta(minutes=30)

    def wait(self, tried: int, rng: Random) -> timedelta | None:
        """How long after the `tried`-th failure (from 1); None when it has been tried often enough."""
        if tried >= self.tries:
            return None
        doubled: timedelta = self.first * int(2 ** min(tried - 1, 20))
        return min(doubled, self.most) * rng.uniform(0.5, 1.0)


CODE_MINUTES = 10
CODE_TRIES = 5
CODE_PAUSE = timedelta(minutes=1)
CODES_A_DAY = 10
_MOBILE = re.compile(r"(?:\+84|84|0)([35789]\d{8})")
_SPACING = re.compile(r"[\s.\-()]")


def clean_phone(text: str) -> str | None:
    """A Vietnamese mobile number as +84912345678 (E.164); None for anything else."""
    found = _MOBILE.fullmatch(_SPACING.sub("", text)) if text.isascii() else None
    return f"+84{found[1]}" if found else None


def clean_mail(text: str) -> str | None:
    """An e-mail address (RFC 5322 addr-spec, ASCII, with a dot in its domain); None for anything else."""
    text = text.strip()
    if len(text) > 200 or not text.isascii() or not text.isprintable():
        return None
    try:
        address = Address(addr_spec=text)
    except (HeaderParseError, ValueError, IndexError):
        return None
    labels = address.domain.split(".")
    whole = all(re.fullmatch(r"[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?", label) for label in labels)
    return address.addr_spec if address.username and len(labels) > 1 and whole else None


def clean_address(kind: AddressKind, text: str) -> str | None:
    """The address as it is stored; None if it is none."""
    return clean_mail(text) if kind is AddressKind.MAIL else clean_phone(text)


def masked(address: str) -> str:
    """Enough of an address to know it again: h…g@camlo.example, +8491…678."""
    name, at, domain = address.partition("@")
    if at:
        return f"{name[:1]}…{name[-1:]}@{domain}"
    return f"{address[:5]}…{address[-3:]}"
