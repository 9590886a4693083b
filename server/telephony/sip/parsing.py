"""Reading SIP messages, and what must be so in each of them (RFC 3261 §7, §8.1.1, §18.3).

What cannot be read and asks for an answer raises `BadRequestError`, which carries what the answer is made of; what
nobody waits for raises ProtocolError.
"""

from __future__ import annotations

import re

from server.errors import ProtocolError
from server.telephony.sip.grammar import is_token
from server.telephony.sip.headers import read_address, read_number
from server.telephony.sip.message import REASONS, BadRequestError, Message, Request, Response

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
    "Content-Disposition",
    "Content-Transfer-Encoding",
    "Expires",
    "Max-Forwards",
    "Min-Expires",
    "Min-SE",
    "P-Asserted-Identity",
    "Privacy",
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

_HALF_A_BREAK = re.compile(r"[\r\n]")
_FOLD = re.compile(r"\r\n[ \t]+")
_REQUEST_LINE = re.compile(r"([^ ]+) ([^ ]+) SIP/2\.0", re.IGNORECASE)
_LIKE_A_REQUEST = re.compile(r"([^\s]+)[ \t].*SIP/([0-9]{1,5}\.[0-9]{1,5})[ \t]*", re.IGNORECASE)
_STATUS_LINE = re.compile(r"SIP/2\.0 ([1-6][0-9]{2}) (.*)", re.IGNORECASE)


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
    """Names in their usual spelling; a line that is none stands under the name "", for `_check` to refuse."""
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
    if "" in counts or any(_HALF_A_BREAK.search(value) for _, value in message.headers):
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
