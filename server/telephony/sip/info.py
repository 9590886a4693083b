"""Keys that are told by INFO (RFC 6086): older exchanges say them so, in bodies that no standard names."""

from __future__ import annotations

import re

from server.telephony.sip.content import Part

RELAY, PLAIN = "application/dtmf-relay", "application/dtmf"
KINDS = frozenset({RELAY, PLAIN})

_SIGNAL = re.compile(r"(?:^|[\r\n])[ \t]*Signal[ \t]*=[ \t]*([0-9A-D*#]|1[0-6])[ \t]*(?:[\r\n]|$)", re.IGNORECASE)
_ALONE = re.compile(r"\s*([0-9A-D*#])\s*", re.IGNORECASE)
_NUMBERED = {"10": "*", "11": "#", "12": "A", "13": "B", "14": "C", "15": "D"}


def key_of(part: Part) -> str | None:
    """The key that a body of these kinds tells; None when it tells none."""
    body = part.body.decode("ascii", "replace")
    match = _SIGNAL.search(body) if part.kind == RELAY else _ALONE.fullmatch(body)
    if match is None:
        return None
    return _NUMBERED.get(match[1], match[1].upper() if len(match[1]) == 1 else None)
