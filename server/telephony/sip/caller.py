"""The number of who calls: as the trunk asserts it (RFC 3325), else as the caller says; hidden (RFC 3323) is none."""

from __future__ import annotations

import re

from server.errors import ProtocolError
from server.telephony.sip.headers import read_address
from server.telephony.sip.message import Request
from server.telephony.sip.uri import Uri

_NUMBER = re.compile(r"\+?[0-9]+")
_BETWEEN = re.compile(r"[-.()]")  # what may stand between digits (RFC 3966)


def caller_number(request: Request) -> str:
    """Digits, perhaps with a + in front; "" when there is no such number.

    Only messages of our trunks come this far (`admission`), so what they assert is believed.
    """
    found = [_number(uri) for uri in _asserted(request)]
    return next((number for number in found if number), _number(request.sender.uri))


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
