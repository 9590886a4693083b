"""What a message carries (RFC 3261 §7.4, RFC 5621): one body, or several parts, of which we want the description.

Exchanges put ISUP beside the SDP (RFC 3204). Whether who does not understand it may go on without it, it says itself.
"""

from __future__ import annotations

import re
from collections.abc import Container, Iterator, Mapping
from dataclasses import dataclass

from server.errors import ProtocolError
from server.telephony.sip.grammar import read_parameters, unquote
from server.telephony.sip.message import Message

SDP = "application/sdp"
DESCRIPTIONS = frozenset({SDP})

_MOST_PARTS = 16
_DEEPEST = 3  # multipart within multipart
_LONGEST_BOUNDARY = 70
_AS_IT_IS = frozenset({"", "identity", "7bit", "8bit", "binary"})
_FOLD = re.compile(r"\r\n[ \t]+")


@dataclass(frozen=True)
class Part:
    """A body, or one part of it: its type without parameters, and the parts that it consists of when it is multipart.

    `usable` is one that is neither compressed nor encoded nor for something else than the session; `optional` is one
    that may be passed over.
    """

    kind: str
    body: bytes
    usable: bool
    optional: bool
    parts: tuple[Part, ...] = ()

    def understood(self, kinds: Container[str]) -> bool:
        """Whether all that must be understood is of these kinds (RFC 3261 §8.2.3); of alternatives one."""
        if self.optional:
            return True
        if self.parts:
            enough = any if self.kind == "multipart/alternative" else all
            return self.usable and enough(part.understood(kinds) for part in self.parts)
        return self.usable and self.kind in kinds

    def of(self, kinds: Container[str]) -> Iterator[Part]:
        """All usable parts of these kinds, in their order."""
        if not self.usable:
            return
        if self.kind in kinds:
            yield self
        for part in self.parts:
            yield from part.of(kinds)


def read(message: Message) -> Part:
    """The body of a message that has one; without a Content-Type it is SDP. Raises ProtocolError when malformed."""
    names = ("Content-Type", "Content-Disposition", "Content-Encoding", "Content-Transfer-Encoding")
    headers = {name.lower(): message.get(name) or "" for name in names}
    return _read(headers, message.body, SDP, 0)


def first(message: Message, kinds: Container[str]) -> Part | None:
    """The first usable part of these kinds; None also when the body cannot be read."""
    if not message.body:
        return None
    try:
        return next(read(message).of(kinds), None)
    except ProtocolError:
        return None


def description_of(message: Message) -> bytes:
    """The description of the session (SDP), b"" without one."""
    part = first(message, DESCRIPTIONS)
    return part.body if part is not None else b""


def _read(headers: Mapping[str, str], body: bytes, usual: str, depth: int) -> Part:
    kind, semicolon, rest = headers.get("content-type", "").partition(";")
    kind = kind.strip().lower() or usual
    disposition, _, handling = headers.get("content-disposition", "").lower().partition(";")
    encodings = (headers.get(name, "").strip().lower() for name in ("content-encoding", "content-transfer-encoding"))
    usable = all(encoding in _AS_IT_IS for encoding in encodings) and disposition.strip() != "early-session"
    optional = re.search(r"(?:^|;)[ \t]*handling[ \t]*=[ \t]*optional[ \t]*(?:;|$)", handling) is not None
    parts: tuple[Part, ...] = ()
    if kind.startswith("multipart/") and usable:
        if depth == _DEEPEST:
            raise ProtocolError("there are parts within parts within parts")
        boundary = unquote(read_parameters(semicolon + rest).get("boundary") or "")
        parts = tuple(_read(*_cut(one), "text/plain", depth + 1) for one in _pieces(body, boundary))
    return Part(kind, body, usable, optional, parts)


def _pieces(body: bytes, boundary: str) -> list[bytes]:
    """What stands between the lines with the boundary (RFC 2046 §5.1.1), each with the line end before it."""
    if not 0 < len(boundary) <= _LONGEST_BOUNDARY:
        raise ProtocolError("there is no boundary between the parts")
    text = b"\r\n" + body
    name = re.escape(boundary.encode("utf-8", "surrogateescape"))
    pieces: list[bytes] = []
    began = None
    for line in re.finditer(rb"\r\n--%b(--)?[ \t]*(?=\r\n|\Z)" % name, text):
        if began is not None:
            pieces.append(text[began : line.start()])
        if line[1] or len(pieces) > _MOST_PARTS:
            break
        began = line.end()
    else:
        raise ProtocolError("the parts do not end")
    if not 0 < len(pieces) <= _MOST_PARTS:
        raise ProtocolError("there are no parts, or too many")
    return pieces


def _cut(piece: bytes) -> tuple[dict[str, str], bytes]:
    """A part's own headers, names in lower case, and its body."""
    head, _, body = piece.partition(b"\r\n\r\n")
    headers: dict[str, str] = {}
    for line in _FOLD.sub(" ", head.decode("utf-8", "surrogateescape")).split("\r\n")[1:]:
        name, colon, value = line.partition(":")
        if not colon:
            raise ProtocolError("a part's header field is malformed")
        headers[name.strip(" \t").lower()] = value.strip(" \t")
    return headers, body
