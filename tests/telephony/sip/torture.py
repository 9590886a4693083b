"""The messages of RFC 4475, as octets, and what an element that takes calls for the meeting answers to each.

The texts in `data/rfc4475.txt` are written down as the RFC has them: <hex> and <repeat> as in its §2.2 and §2.3.
"""

from __future__ import annotations

import re
from pathlib import Path

DATA = Path(__file__).parent.parent / "data" / "rfc4475.txt"

ANSWERS: dict[str, tuple[int | None, str]] = {
    # 3.1.1 valid messages
    "wsinv": (481, "line folding and spaces everywhere are right; it names a call that is not"),
    "intmeth": (501, "a method that nobody knows"),
    "esc01": (200, "escapes in URIs"),
    "escnull": (405, "we keep no registrations"),
    "esc02": (501, "RE%47IST%45R is not REGISTER"),
    "lwsdisp": (200, "no space before < is right"),
    "longreq": (200, "long values"),
    "dblreq": (405, "we keep no registrations; what follows the message is no message"),
    "semiuri": (200, "a semicolon in the user part"),
    "transports": (200, "any transport may stand in a Via"),
    "mpart01": (405, "we take no MESSAGE"),
    "unreason": (None, "a response to nothing that we asked"),
    "noreason": (None, "a response to nothing that we asked; a reason may be empty"),
    # 3.1.2 invalid messages
    "badinv01": (400, "separators without parameters"),
    "clerr": (400, "Content-Length says more than there is"),
    "ncl": (400, "a negative Content-Length"),
    "scalar02": (400, "CSeq and Max-Forwards are too large"),
    "scalarlg": (None, "a response that is malformed"),
    "quotbal": (400, "a quote is not closed"),
    "ltgtruri": (400, "brackets around the Request-URI"),
    "lwsruri": (400, "a space in the Request-URI"),
    "lwsstart": (400, "two spaces in the first line"),
    "trws": (400, "a space at the end of the first line"),
    "escruri": (400, "headers in the Request-URI"),
    "baddate": (200, "we do not read Date"),
    "regbadct": (400, "a Contact with headers and without brackets"),
    "badaspec": (400, "spaces within the brackets"),
    "baddn": (400, "a comma in an unquoted name"),
    "badvers": (505, "SIP 7.0"),
    "mismatch01": (400, "CSeq names another method"),
    "mismatch02": (400, "CSeq names another method, and this one is unknown"),
    "bigcode": (None, "a response that is malformed"),
    # 3.2 transactions
    "badbranch": (200, "the cookie alone is no branch: matched as RFC 2543 has it"),
    # 3.3 application
    "insuf": (400, "From, To and Call-ID are missing"),
    "unkscm": (416, "a URI of an unknown scheme"),
    "novelsc": (416, "a URI of a scheme that is no telephone's"),
    "unksm2": (405, "we keep no registrations; schemes in To and From are the caller's affair"),
    "bext01": (420, "extensions that we do not have"),
    "invut": (415, "a body that is no SDP"),
    "regaut01": (405, "we keep no registrations"),
    "multi01": (400, "header fields twice that may stand once"),
    "mcl01": (400, "two Content-Lengths"),
    "bcast": (None, "a response to nothing that we asked"),
    "zeromf": (200, "it has arrived, so it need not be forwarded"),
    "cparam01": (405, "we keep no registrations"),
    "cparam02": (405, "we keep no registrations"),
    "regescrt": (405, "we keep no registrations"),
    "sdp01": (406, "the caller would not read SDP"),
    "inv2543": (200, "an INVITE as RFC 2543 had it: no branch, no tag, no Contact, no Content-Length"),
}


def messages() -> dict[str, bytes]:
    """Every message by its name."""
    found: dict[str, bytes] = {}
    for part in re.split(r"^#### ", DATA.read_text("ascii"), flags=re.M)[1:]:
        title, _, text = part.partition("\n")
        found[title.split(" ")[0]] = b"\r\n".join(_octets(line) for line in text[:-1].split("\n"))
    return found


def _octets(line: str) -> bytes:
    made = b""
    for piece in re.split(r"(<hex>.*?</hex>|<repeat count=[0-9]+>.*?</repeat>)", line):
        if piece.startswith("<hex>"):
            made += bytes.fromhex(piece[5:-6])
        elif match := re.fullmatch(r"<repeat count=([0-9]+)>(.*)</repeat>", piece):
            made += match[2].encode() * int(match[1])
        else:
            made += piece.encode()
    return made
