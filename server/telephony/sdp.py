"""Descriptions of a call's sound (SDP, RFC 8866) as telephones write them: read leniently, without believing anything.

What is not understood is passed over; what is not well formed raises ProtocolError.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from server.errors import ProtocolError
from server.telephony.sdes import Key, read_key

LARGEST = 65_536  # octets
MOST_LINES = 1_000
MOST_MEDIA = 32
MOST_FORMATS = 128

SENDRECV, SENDONLY, RECVONLY, INACTIVE = "sendrecv", "sendonly", "recvonly", "inactive"
_DIRECTIONS = (SENDRECV, SENDONLY, RECVONLY, INACTIVE)

_LINE = re.compile(r"([a-z])=(.*)")
_MEDIA = re.compile(
    r"([a-z]{1,16}) ([0-9]{1,5})(?:/[0-9]{1,5})? ([A-Za-z0-9/.\-]{1,40})((?: [A-Za-z0-9.*\-]{1,32})+) *"
)
_CONNECTION = re.compile(r"IN (IP4|IP6) ([A-Za-z0-9_.:\-]{1,255})(?:/[0-9/]{1,15})? *")
_RTPMAP = re.compile(r"([0-9]{1,3}) +([A-Za-z0-9._\-]{1,32})/([0-9]{1,6})(?:/([0-9]{1,2}))? *")
_FMTP = re.compile(r"([0-9]{1,3}) +(.{1,200})")

_STATIC = {
    0: ("PCMU", 8_000, 1),
    3: ("GSM", 8_000, 1),
    4: ("G723", 8_000, 1),
    8: ("PCMA", 8_000, 1),
    9: ("G722", 8_000, 1),  # 16 kHz in truth; RFC 3551 §4.5.2 has 8,000 for history's sake
    13: ("CN", 8_000, 1),
    15: ("G728", 8_000, 1),
    18: ("G729", 8_000, 1),
}
"""RFC 3551 §6: types that need no rtpmap."""


@dataclass(frozen=True, slots=True)
class Format:
    """A payload type and what it means; `name` in upper case, `clock` in Hz."""

    payload_type: int
    name: str
    clock: int
    channels: int = 1
    parameters: str = ""


@dataclass(frozen=True)
class Media:
    """One m-line. `host` is an address or a name, as it stands; `port` 0 means that it is refused.

    `direction` is its writer's: `sendonly` is what comes to us.
    """

    kind: str
    port: int
    protocol: str
    payload_types: tuple[str, ...]
    host: str
    direction: str
    formats: tuple[Format, ...]
    keys: tuple[Key, ...] = ()
    ptime: int | None = None
    rtcp_mux: bool = False

    @property
    def secure(self) -> bool:
        """Whether it is SRTP with keys in the description (RFC 4568)."""
        return self.protocol in ("RTP/SAVP", "RTP/SAVPF")

    @property
    def usable(self) -> bool:
        """Whether it is sound that could be ours: plain RTP, or SRTP by SDES."""
        plain = self.protocol in ("RTP/AVP", "RTP/AVPF")
        return self.kind == "audio" and self.port > 0 and bool(self.host) and (plain or self.secure)


@dataclass(frozen=True)
class Description:
    """All of one: its m-lines in order."""

    media: tuple[Media, ...]


@dataclass
class _Block:
    """The lines of the session or of one m-line."""

    media: str = ""
    host: str = ""
    attributes: dict[str, list[str]] = field(default_factory=dict)


def read(body: bytes) -> Description:
    """Read a description. Raises ProtocolError."""
    if len(body) > LARGEST:
        raise ProtocolError("a description is too large")
    text = body.decode("utf-8", "replace")
    lines = [line for line in re.split(r"\r\n|\n|\r", text) if line]
    if len(lines) > MOST_LINES or not lines or lines[0] != "v=0":
        raise ProtocolError("not a description")
    session, blocks = _blocks(lines)
    if len(blocks) > MOST_MEDIA:
        raise ProtocolError("a description has too many m-lines")
    return Description(tuple(_read_media(block, session) for block in blocks))


def _blocks(lines: list[str]) -> tuple[_Block, list[_Block]]:
    session = block = _Block()
    blocks: list[_Block] = []
    for line in lines:
        match = _LINE.fullmatch(line)
        if match is None:
            raise ProtocolError("a line of a description is malformed")
        kind, value = match.groups()
        if kind == "m":
            block = _Block(value)
            blocks.append(block)
        elif kind == "c":
            block.host = _read_connection(value)
        elif kind == "a":
            name, _, text = value.partition(":")
            block.attributes.setdefault(name, []).append(text)
    return session, blocks


def _read_connection(value: str) -> str:
    match = _CONNECTION.fullmatch(value)
    if match is None:
        raise ProtocolError("c= is malformed")
    return match[2]


def _read_media(block: _Block, session: _Block) -> Media:
    match = _MEDIA.fullmatch(block.media)
    if match is None or int(match[2]) > 65_535:
        raise ProtocolError("an m-line is malformed")
    kind, port, protocol = match[1], int(match[2]), match[3].upper()
    payload_types = tuple(match[4].split())
    if len(payload_types) > MOST_FORMATS:
        raise ProtocolError("an m-line has too many formats")
    return Media(
        kind,
        port,
        protocol,
        payload_types,
        block.host or session.host,
        _direction(block) or _direction(session) or SENDRECV,
        _formats(block, payload_types) if kind == "audio" else (),
        tuple(key for value in block.attributes.get("crypto", ()) if (key := read_key(value)) is not None),
        _ptime(block),
        "rtcp-mux" in block.attributes,
    )


def _direction(block: _Block) -> str | None:
    return next((name for name in _DIRECTIONS if name in block.attributes), None)


def _ptime(block: _Block) -> int | None:
    """Milliseconds; what is no usual number is passed over."""
    text = next(iter(block.attributes.get("ptime", ())), "").strip()
    return int(text) if re.fullmatch(r"[0-9]{1,3}", text) and 10 <= int(text) <= 120 else None


def _formats(block: _Block, payload_types: tuple[str, ...]) -> tuple[Format, ...]:
    """In the order of the m-line; an rtpmap goes before the static meaning, types without either are left out."""
    meanings = dict(_STATIC)
    for value in block.attributes.get("rtpmap", ()):
        match = _RTPMAP.fullmatch(value)
        if match is not None and int(match[1]) < 128:
            meanings[int(match[1])] = (match[2].upper(), int(match[3]), int(match[4] or 1))
    parameters: dict[int, str] = {}
    for value in block.attributes.get("fmtp", ()):
        match = _FMTP.fullmatch(value)
        if match is not None:
            parameters[int(match[1])] = match[2].strip()
    numbers = dict.fromkeys(int(text) for text in payload_types if re.fullmatch("[0-9]{1,3}", text))
    return tuple(
        Format(number, *meanings[number], parameters.get(number, "")) for number in numbers if number in meanings
    )
