"""Values of the header fields that we use (RFC 3261 §20): addresses, Via, CSeq."""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace

from server.errors import ProtocolError
from server.telephony.sip.grammar import (
    CHARACTERS,
    HOST,
    QUOTED,
    Parameters,
    read_parameters,
    unquote,
    write_parameters,
)
from server.telephony.sip.uri import Uri, read_uri

MAGIC_COOKIE = "z9hG4bK"

_BRACKETED = re.compile(rf"(?:({QUOTED})[ \t]*|([{CHARACTERS} \t]*))<([^<>]*)>(.*)", re.DOTALL)
_BARE = re.compile(r'([^<>",;? \t]+)[ \t]*(.*)', re.DOTALL)
_VIA = re.compile(
    rf"SIP[ \t]*/[ \t]*2\.0[ \t]*/[ \t]*([{CHARACTERS}]+)[ \t]+({HOST})(?:[ \t]*:[ \t]*([0-9]{{1,5}}))?[ \t]*(;.*)?",
    re.DOTALL | re.IGNORECASE,
)
_CSEQ = re.compile(rf"0*([0-9]{{1,10}})[ \t]+([{CHARACTERS}]+)")
_LARGEST_CSEQ = 2**31 - 1


@dataclass(frozen=True, slots=True)
class Address:
    """A name-addr or addr-spec with its parameters: From, To, Contact, Route, Record-Route."""

    uri: Uri
    name: str = ""
    parameters: Parameters = field(default_factory=dict)

    @property
    def tag(self) -> str:
        """The dialog's half that this side chose; "" before it did."""
        return self.parameters.get("tag") or ""

    def with_tag(self, tag: str) -> Address:
        """The same address with this tag."""
        return replace(self, parameters={**self.parameters, "tag": tag})

    def __str__(self) -> str:
        name = '"' + self.name.replace("\\", "\\\\").replace('"', '\\"') + '" ' if self.name else ""
        return f"{name}<{self.uri}>{write_parameters(self.parameters)}"


def read_address(value: str) -> Address:
    """Read one address (§20.10). Raises ProtocolError when malformed."""
    match = _BRACKETED.fullmatch(value)
    if match is not None:
        name = unquote(match[1]) if match[1] else match[2].strip(" \t")
        return Address(read_uri(match[3]), name, read_parameters(match[4]))
    match = _BARE.fullmatch(value)
    if match is None:
        raise ProtocolError("an address is malformed")
    return Address(read_uri(match[1]), "", read_parameters(match[2]))


@dataclass(frozen=True, slots=True)
class Via:
    """One hop that a request took (§20.42): where its response goes."""

    transport: str
    host: str
    port: int | None
    parameters: Parameters

    @property
    def branch(self) -> str:
        """The transaction's id, "" if there is none."""
        return self.parameters.get("branch") or ""

    @property
    def by_3261(self) -> bool:
        """Whether the branch is unique: more than the cookie itself (§8.1.1.7)."""
        return self.branch.startswith(MAGIC_COOKIE) and len(self.branch) > len(MAGIC_COOKIE)

    @property
    def sent_by(self) -> str:
        """Host and port as the sender calls itself."""
        return f"{self.host}:{self.port}" if self.port else self.host

    def __str__(self) -> str:
        return f"SIP/2.0/{self.transport} {self.sent_by}{write_parameters(self.parameters)}"


def read_via(value: str) -> Via:
    """Read one Via. Raises ProtocolError when malformed."""
    match = _VIA.fullmatch(value)
    if match is None:
        raise ProtocolError("a Via is malformed")
    port = int(match[3]) if match[3] else None
    if port is not None and not 0 < port < 65_536:
        raise ProtocolError("a Via has no possible port")
    return Via(match[1].upper(), match[2].lower(), port, read_parameters(match[4] or ""))


@dataclass(frozen=True, slots=True)
class CSeq:
    """A request's number and method (§20.16)."""

    number: int
    method: str

    def __str__(self) -> str:
        return f"{self.number} {self.method}"


def read_cseq(value: str) -> CSeq:
    """Read a CSeq. Raises ProtocolError when malformed or not below 2**31 (§8.1.1.5)."""
    match = _CSEQ.fullmatch(value)
    if match is None or int(match[1]) > _LARGEST_CSEQ:
        raise ProtocolError("CSeq is malformed")
    return CSeq(int(match[1]), match[2])


def read_number(value: str, largest: int) -> int:
    """Read a header field that is a number. Raises ProtocolError when it is none or above `largest`."""
    digits = value.lstrip("0") or "0"
    if not value or not value.isascii() or not value.isdigit() or len(digits) > 10 or int(digits) > largest:
        raise ProtocolError("a number is malformed or too large")
    return int(digits)
