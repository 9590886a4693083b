"""SIP messages: their parts, and what they look like on the wire (RFC 3261 §7, §8.2.6); `parsing` reads them.

Texts are UTF-8; octets that are not survive as surrogates.
"""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from collections.abc import Iterable
from functools import cached_property

from server.errors import ProtocolError
from server.telephony.sip.grammar import split_list
from server.telephony.sip.headers import Address, CSeq, Via, read_address, read_cseq, read_via
from server.telephony.sip.uri import Uri, read_uri

_LINE_BREAK = re.compile(r"[\r\n]")

REASONS = {
    100: "Trying",
    180: "Ringing",
    181: "Call Is Being Forwarded",
    183: "Session Progress",
    200: "OK",
    400: "Bad Request",
    401: "Unauthorized",
    403: "Forbidden",
    404: "Not Found",
    405: "Method Not Allowed",
    406: "Not Acceptable",
    408: "Request Timeout",
    415: "Unsupported Media Type",
    416: "Unsupported URI Scheme",
    420: "Bad Extension",
    422: "Session Interval Too Small",
    480: "Temporarily Unavailable",
    481: "Call/Transaction Does Not Exist",
    482: "Loop Detected",
    486: "Busy Here",
    487: "Request Terminated",
    488: "Not Acceptable Here",
    491: "Request Pending",
    500: "Server Internal Error",
    501: "Not Implemented",
    503: "Service Unavailable",
    505: "Version Not Supported",
    513: "Message Too Large",
    603: "Decline",
}


class Message(ABC):
    """Headers in their order, names in their usual spelling, values unfolded; the body as octets."""

    def __init__(self, headers: Iterable[tuple[str, str]] = (), body: bytes = b"") -> None:
        self.headers = list(headers)
        self.body = body

    def get(self, name: str) -> str | None:
        """The first value of a header field, None when it is missing."""
        for known, value in self.headers:
            if known == name:
                return value
        return None

    def all(self, name: str) -> list[str]:
        """Every value of a header field, as its lines stood."""
        return [value for known, value in self.headers if known == name]

    def items(self, name: str) -> list[str]:
        """Every item of a header field that is a list. Raises ProtocolError when it is malformed."""
        return [item for value in self.all(name) if value for item in split_list(value)]

    def add(self, name: str, value: object) -> None:
        """Append a header field. Raises ProtocolError when the value would break its line."""
        text = str(value)
        if _LINE_BREAK.search(text):
            raise ProtocolError(f"{name} cannot have line breaks")
        self.headers.append((name, text))

    def _required(self, name: str) -> str:
        value = self.get(name)
        if not value:
            raise ProtocolError(f"{name} is missing")
        return value

    @cached_property
    def via(self) -> Via:
        """The topmost Via."""
        return read_via(split_list(self._required("Via"))[0])

    @cached_property
    def cseq(self) -> CSeq:
        """Number and method of the request, or of that which is answered."""
        return read_cseq(self._required("CSeq"))

    @cached_property
    def sender(self) -> Address:
        """From."""
        return read_address(self._required("From"))

    @cached_property
    def to(self) -> Address:
        """To."""
        return read_address(self._required("To"))

    @cached_property
    def call_id(self) -> str:
        """Call-ID."""
        return self._required("Call-ID")

    @cached_property
    def contacts(self) -> list[Address]:
        """Every Contact but `*`."""
        return [read_address(item) for item in self.items("Contact") if item != "*"]

    @abstractmethod
    def start_line(self) -> str:
        """The first line."""

    def encode(self) -> bytes:
        """The message's octets, its Content-Length counted anew."""
        lines = [self.start_line()]
        lines += [f"{name}: {value}" for name, value in self.headers if name != "Content-Length"]
        lines.append(f"Content-Length: {len(self.body)}\r\n\r\n")
        return "\r\n".join(lines).encode("utf-8", "surrogateescape") + self.body


class Request(Message):
    """A request; `target` is the Request-URI as it stands."""

    def __init__(self, method: str, target: str, headers: Iterable[tuple[str, str]] = (), body: bytes = b"") -> None:
        super().__init__(headers, body)
        self.method = method
        self.target = target

    @cached_property
    def uri(self) -> Uri:
        """The Request-URI, read."""
        return read_uri(self.target)

    def start_line(self) -> str:
        """Method, Request-URI and version."""
        return f"{self.method} {self.target} SIP/2.0"

    def received_from(self, host: str, port: int) -> None:
        """Note in the topmost Via where the request came from (RFC 3261 §18.2.1, RFC 3581 §4)."""
        via = self.via
        asked = "rport" in via.parameters
        if via.host == host and not asked:
            return
        via.parameters["received"] = host
        if asked:
            via.parameters["rport"] = str(port)
        at = next(index for index, (name, _) in enumerate(self.headers) if name == "Via")
        self.headers[at] = ("Via", ", ".join([str(via), *split_list(self.headers[at][1])[1:]]))

    def response(self, status: int, reason: str = "", tag: str = "") -> Response:
        """An answer with what every answer copies (§8.2.6.2); `tag` goes to To when it has none."""
        answer = Response(status, reason or REASONS.get(status, "Unknown"))
        for name, value in self.headers[:]:
            if name in ("Via", "From", "Call-ID", "CSeq"):
                answer.headers.append((name, value))
            elif name == "To":
                answer.headers.append((name, _tagged(value, tag)))
        return answer


class Response(Message):
    """An answer to a request."""

    def __init__(self, status: int, reason: str, headers: Iterable[tuple[str, str]] = (), body: bytes = b"") -> None:
        super().__init__(headers, body)
        self.status = status
        self.reason = reason

    def start_line(self) -> str:
        """Version, status and reason."""
        return f"SIP/2.0 {self.status} {self.reason}"


class BadRequestError(ProtocolError):
    """A request that is answered with an error at once; `request` may hold values that cannot be read."""

    def __init__(self, status: int, reason: str, request: Request) -> None:
        super().__init__(reason)
        self.status = status
        self.reason = reason
        self.request = request

    def response(self, tag: str) -> Response | None:
        """The answer, None when there is nobody to give it to (no Via) or none may be given (to ACK)."""
        vias = self.request.all("Via")
        if not vias or self.request.method == "ACK":
            return None
        return self.request.response(self.status, self.reason, tag)


def _tagged(value: str, tag: str) -> str:
    """A To with the tag, unless it has one or cannot be read: then as it stands."""
    if not tag:
        return value
    try:
        address = read_address(value)
    except ProtocolError:
        return value
    return value if address.tag else str(address.with_tag(tag))
