"""SIP, SIPS and tel URIs (RFC 3261 §19.1, RFC 3966); those of other schemes are carried and not understood."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from urllib.parse import unquote

from server.errors import ProtocolError
from server.telephony.sip.grammar import HOST, Parameters, write_parameters

_UNRESERVED = r"A-Za-z0-9\-_.!~*'()"
_ESCAPED = "%[0-9A-Fa-f]{2}"
# "#" stands in no user by RFC 3261, and in many a telephone's: it is a key.
_SIP = re.compile(
    rf"(?:((?:[{_UNRESERVED}&=+$,;?/#:]|{_ESCAPED})+)@)?({HOST})(?::([0-9]{{1,5}}))?((?:;[^;?]*)*)(?:\?(.*))?"
)
_PARAMETER = re.compile(rf"((?:[{_UNRESERVED}\[\]/:&+$]|{_ESCAPED})+)(?:=((?:[{_UNRESERVED}\[\]/:&+$]|{_ESCAPED})+))?")
_ANY = re.compile(r"([A-Za-z][A-Za-z0-9+\-.]*):([!#-;=?-\[\]_a-z{|}~^`\\]+)")
_TEL = re.compile(r"(\+?[0-9A-Fa-f*#\-.()]+)((?:;[^;?]*)*)")
_LARGEST = 4_096


@dataclass(frozen=True, slots=True)
class Uri:
    """A URI, read. `user` is unescaped, without password; `host` in lower case; of other schemes `rest` has all.

    `text` is the URI as it stood: that is what is sent again, so that nobody else's spelling gets lost.
    """

    scheme: str
    text: str
    user: str = ""
    host: str = ""
    port: int | None = None
    parameters: Parameters = field(default_factory=dict)
    headers: str = ""

    @property
    def known(self) -> bool:
        """Whether it is of a scheme that a telephone can be called by."""
        return self.scheme in ("sip", "sips", "tel")

    @property
    def transport(self) -> str:
        """`udp`, `tcp` or `tls` (RFC 3261 §19.1.1, §26.2.2)."""
        named = (self.parameters.get("transport") or "").lower()
        if self.scheme == "sips":
            return "tls"
        return named if named in ("tcp", "tls") else "udp"

    def __str__(self) -> str:
        return self.text


def read_uri(text: str) -> Uri:
    """Read an addr-spec or absoluteURI. Raises ProtocolError when malformed."""
    match = _ANY.fullmatch(text) if len(text) <= _LARGEST else None
    if match is None:
        raise ProtocolError("a URI is malformed")
    scheme, rest = match[1].lower(), match[2]
    if scheme in ("sip", "sips"):
        return _read_sip(scheme, text, rest)
    if scheme == "tel":
        return _read_tel(text, rest)
    return Uri(scheme, text)


def _read_sip(scheme: str, text: str, rest: str) -> Uri:
    match = _SIP.fullmatch(rest)
    if match is None:
        raise ProtocolError("a SIP URI is malformed")
    userinfo, host, port, parameters, headers = match.groups()
    number = int(port) if port else None
    if number is not None and not 0 < number < 65_536:
        raise ProtocolError("a URI has no possible port")
    user = unquote((userinfo or "").partition(":")[0])
    return Uri(scheme, text, user, host.lower(), number, _read_parameters(parameters), headers or "")


def _read_tel(text: str, rest: str) -> Uri:
    match = _TEL.fullmatch(rest)
    if match is None:
        raise ProtocolError("a tel URI is malformed")
    return Uri("tel", text, match[1], parameters=_read_parameters(match[2]))


def _read_parameters(text: str) -> Parameters:
    """Names unescaped and in lower case, values as they stand.

    One that is said twice alike is taken (baresip does so), though RFC 3261 §19.1.1 forbids it.
    """
    parameters: Parameters = {}
    for part in text.split(";")[1:]:
        match = _PARAMETER.fullmatch(part)
        if match is None:
            raise ProtocolError("a URI parameter is malformed")
        name = unquote(match[1]).lower()
        if parameters.get(name, match[2]) != match[2]:
            raise ProtocolError("two URI parameters have one name")
        parameters[name] = match[2]
    return parameters


def sip_uri(user: str, host: str, port: int | None = None, **parameters: str | None) -> Uri:
    """A `sip:` URI of our own. Raises ProtocolError when its parts do not make one."""
    where = f"{user}@{host}" if user else host
    return read_uri(f"sip:{where}{f':{port}' if port else ''}{write_parameters(parameters)}")
