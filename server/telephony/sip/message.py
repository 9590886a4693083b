"""SIP messages: read, checked, written (RFC 3261 §7, §8.1.1, §8.2.6, §18.3).

What cannot be read and asks for an answer raises `BadRequestError`, which carries what the answer is made of; what
nobody waits for raises ProtocolError. Texts are UTF-8; octets that are not survive as surrogates.
"""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from collections.abc import Iterable
from functools import cached_property

from server.errors import ProtocolError
from server.telephony.sip.grammar import is_token, split_list
from server.telephony.sip.headers import (
    Address,
    CSeq,
    Via,
    read_address,
    read_cseq,
    read_number,
    read_via,
)
from server.telephony.sip.uri import Uri, read_uri

LARGEST_HEAD = 16_384  # octets before the body
MOST_LINES = 300
MOST_VIAS = 70  # as many as Max-Forwards lets a request take

_COMPACT = {
    "b": "Referred-By",
    "c": "Content-Type",
    "e": "Content-Encoding",
    "f": "From",
    "i": "Call-ID",
    "k": "Supported",
    "l": "Content-Length",
    "m": "Contact",
    "o": "Event",
    "r": "Refer-To",
    "s": "Subject",
    "t": "To",
    "u": "Allow-Events",
    "v": "Via",
    "x": "Session-Expires",
}
_OTHERS = (
    "Accept",
    "Allow",
    "Authorization",
    "CSeq",
    "Expires",
    "Max-Forwards",
    "Min-Expires",
    "Min-SE",
    "Proxy-Authenticate",
    "Proxy-Authorization",
    "Proxy-Require",
    "Reason",
    "Record-Route",
    "Require",
    "Retry-After",
    "Route",
    "Unsupported",
    "User-Agent",
    "WWW-Authenticate",
    "Warning",
)
_CANONICAL = {name.lower(): name for name in (*_OTHERS, *_COMPACT.values())} | _COMPACT
_ONCE = ("From", "To", "Call-ID", "CSeq")
_AT_MOST_ONCE = ("Max-Forwards", "Content-Length", "Content-Type", "Expires", "Session-Expires", "Min-SE")

_FOLD = re.compile(r"\r\n[ \t]+")
_REQUEST_LINE = re.compile(r"([^ ]+) ([^ ]+) SIP/2\.0", re.IGNORECASE)
_LIKE_A_REQUEST = re.compile(r"([^\s]+)[ \t].*SIP/([0-9]{1,5}\.[0-9]{1,5})[ \t]*", re.IGNORECASE)
_STATUS_LINE = re.compile(r"SIP/2\.0 ([1-6][0-9]{2}) (.*)", re.IGNORECASE)
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


# ---- reading -------------------------------------------------------------------------------------------------------


def parse(data: bytes) -> Request | Response:
    """Read one datagram, or one message that `framing` cut out of a stream.

    Raises BadRequestError for a request that must be answered with an error, ProtocolError for what is dropped.
    """
    end = data.find(b"\r\n\r\n", 0, LARGEST_HEAD + 4)
    head = data[:end] if end >= 0 else data[:LARGEST_HEAD]
    lines = _FOLD.sub(" ", head.decode("utf-8", "surrogateescape")).split("\r\n")
    message = _read_start(lines[0])
    if end < 0:
        _refuse_unfinished(message, lines, len(data))
    message.headers = _read_headers(lines[1:])
    if len(lines) > MOST_LINES or sum(name == "Via" for name, _ in message.headers) > MOST_VIAS:
        _refuse_too_large(message)
    message.body = _read_body(message, data[end + 4 :])
    if isinstance(message, Response):
        _check_response(message)
    else:
        _check_request(message)
    return message


class _LikeARequest(Request):
    """The first line is broken, but somebody asks for something and waits for an answer."""

    def __init__(self, method: str, status: int) -> None:
        super().__init__(method, "")
        self.status = status


def _read_start(line: str) -> Request | Response:
    match = _STATUS_LINE.fullmatch(line)
    if match is not None:
        return Response(int(match[1]), match[2])
    match = _REQUEST_LINE.fullmatch(line)
    if match is not None and is_token(match[1]):
        return Request(match[1], match[2])
    match = _LIKE_A_REQUEST.fullmatch(line)
    if match is None or not is_token(match[1]):
        raise ProtocolError("neither a request nor a response")
    return _LikeARequest(match[1], 400 if match[2] == "2.0" else 505)


def _refuse_unfinished(message: Request | Response, lines: list[str], octets: int) -> None:
    if octets <= LARGEST_HEAD:
        raise ProtocolError("the headers do not end")
    message.headers = _read_headers(lines[1:-1])
    _refuse_too_large(message)


def _refuse_too_large(message: Request | Response) -> None:
    if isinstance(message, Response):
        raise ProtocolError("a response is too large")
    seen = 0
    kept = []
    for name, value in message.headers:
        seen += name == "Via"
        if name in (*_ONCE, "Via") and seen <= MOST_VIAS:
            kept.append((name, value))
    message.headers = kept
    raise BadRequestError(513, REASONS[513], message)


def _read_headers(lines: list[str]) -> list[tuple[str, str]]:
    """Names in their usual spelling; a line that is none stands under the name "", for `_check_request` to refuse."""
    headers = []
    for line in lines:
        name, colon, value = line.partition(":")
        name = name.rstrip(" \t")
        usual = _CANONICAL.get(name.lower())
        if usual is None:
            usual = name if colon and is_token(name) else ""
        headers.append((usual, value.strip(" \t")))
    return headers


def _read_body(message: Message, rest: bytes) -> bytes:
    """What Content-Length says, or all there is (§18.3); too much is cut off, too little is left to the check."""
    length = message.get("Content-Length")
    if length is None or not length.isascii() or not length.isdigit() or len(length) > 10:
        return rest
    return rest[: int(length)]


def _check(message: Message) -> None:
    """What holds for both kinds. Raises ProtocolError with what is wrong."""
    counts: dict[str, int] = {}
    for name, _ in message.headers:
        counts[name] = counts.get(name, 0) + 1
    if "" in counts:
        raise ProtocolError("a header field is malformed")
    for name in _ONCE:
        if counts.get(name) != 1:
            raise ProtocolError(f"{name} is missing" if name not in counts else f"{name} stands twice")
    for name in _AT_MOST_ONCE:
        if counts.get(name, 0) > 1:
            raise ProtocolError(f"{name} stands twice")
    length = message.get("Content-Length")
    if length is not None and read_number(length, 2**31) != len(message.body):
        raise ProtocolError("Content-Length is more than there is")
    message.items("Via")
    _ = message.cseq, message.call_id
    sender, to = message.sender, message.to
    if message.via.by_3261 and not sender.tag:
        raise ProtocolError("From has no tag")
    tags = (sender.parameters.get("tag", ""), to.parameters.get("tag", ""))
    if None in tags or any('"' in tag for tag in tags if tag):
        raise ProtocolError("a tag is malformed")


def _check_response(message: Response) -> None:
    _check(message)
    _ = message.contacts


def _check_request(request: Request) -> None:
    if isinstance(request, _LikeARequest):
        raise BadRequestError(request.status, REASONS[request.status], request)
    try:
        _check(request)
        if request.cseq.method != request.method:
            raise ProtocolError("CSeq names another method")
        read_number(request.get("Max-Forwards") or "70", 255)
        if request.uri.headers or request.sender.uri.headers or request.to.uri.headers:
            raise ProtocolError("a URI has headers where none may be")
        for item in (*request.items("Route"), *request.items("Record-Route")):
            read_address(item)
        _ = request.contacts
    except ProtocolError as error:
        raise BadRequestError(400, f"Bad Request: {error}", request) from error
