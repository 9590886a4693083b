"""Offers: read, answered or refused; and nothing of an offer can add a line of its own to the answer."""

from __future__ import annotations

from server.media.joining.negotiation import Negotiation
from server.media.transport.dtls import new_certificate
from server.media.transport.ice import Address
from tests.fuzz.seeds import OFFERS, short_offer

CANDIDATES: list[Address] = [("192.0.2.1", 40_000), ("198.51.100.1", 40_000)]
NEGOTIATION = Negotiation(new_certificate(), CANDIDATES, lambda data, to: None)
KNOWN = ("v=", "o=", "s=", "t=", "a=", "m=", "c=")


def one(data: bytes) -> None:
    """Octets are taken as UTF-8 with what cannot be read replaced, as a page's text would come."""
    text = data.decode("utf-8", "replace")
    _participant, answer, slots = NEGOTIATION.accept("p", "r", text, 0.0)
    lines = answer.split("\r\n")
    assert lines[-1] == "" and all(line.startswith(KNOWN) for line in lines[:-1]), lines
    assert not any(set(line) & set("\r\n\v\f\x1c\x1d\x1e\x85\u2028\u2029") for line in lines)
    sections = sum(line.startswith("m=") for line in lines)
    assert sections == sum(line.startswith("m=") for line in text.split("\n"))
    assert sum(line.startswith("a=candidate:") for line in lines) == len(CANDIDATES)
    assert len({slot.mid for slot in slots}) == len(slots)


def seeds() -> list[bytes]:
    """Short offers, each sections of a browser's whole one, and one of our own endpoint."""
    found = [short_offer().encode()]
    for path in sorted(OFFERS.glob("*.sdp")):
        head, *sections = path.read_bytes().decode().split("\r\nm=")
        group = next(line for line in head.split("\r\n") if line.startswith("a=group"))
        for section in {section.partition(" ")[0] + section[-40:]: section for section in sections}.values():
            mid = section.partition("a=mid:")[2].split("\r\n")[0]
            found.append("\r\nm=".join([head.replace(group, f"a=group:BUNDLE {mid}"), section]).encode())
    return found
