"""The number of who calls: as the trunk asserts it (RFC 3325), else as the caller says; hidden (RFC 3323) is none.

What the trunk asserts of somebody who asks for privacy is told to us, not to others (RFC 3325 §7): it serves to find
out whether we know the person, and goes no further.
"""

from __future__ import annotations

import re

from server.errors import ProtocolError
from server.telephony.sip.headers import read_address
from server.telephony.sip.message import Request
from server.telephony.sip.uri import Uri

_NUMBER = re.compile(r"\+?[0-9]+")
_HIDING = frozenset({"id", "user", "header"})  # kinds of privacy; "session" is of the sound, "none" asks for none
_BETWEEN = re.compile(r"[-.()]")  # what may stand between digits (RFC 3966)


def caller_number(request: Request) -> str:
    """Digits, perhaps with a + in front; "" when there is no such number.

    Only messages of our trunks come this far (`admission`), so what they assert is believed.
    """
    return "" if wants_privacy(request) else asserted_number(request) or _number(request.sender.uri)


def asserted_number(request: Request) -> str:
    """As the trunk asserts it, of who hides it, too: for recognising, to be neither shown nor kept; "" without one."""
    found = [_number(uri) for uri in _asserted(request)]
    return next((number for number in found if number), "")


def wants_privacy(request: Request) -> bool:
    """Whether the caller asks that nobody sees the number: by Privacy, or by a From of nobody (RFC 3323 §4.1)."""
    asked = {part.strip().lower() for value in request.all("Privacy") for part in value.split(";")}
    sender = request.sender.uri
    nobody = sender.user.lower() == "anonymous" or sender.host.lower().endswith("anonymous.invalid")
    return nobody or bool(asked & _HIDING)


def _asserted(request: Request) -> list[Uri]:
    """A SIP and a tel URI at most; what cannot be read is left out, as nothing else depends on it."""
    try:
        return [read_address(item).uri for item in request.items("P-Asserted-Identity")]
    except ProtocolError:
        return []


def _number(uri: Uri) -> str:
    """Without parameters: `+8490...;cpc=ordinary` is a user, too (RFC 3261 §19.1.6)."""
    number = _BETWEEN.sub("", uri.user.partition(";")[0])
    return number if _NUMBER.fullmatch(number) else ""
