"""Digest authentication of ourselves to a trunk (RFC 3261 §22, RFC 8760 with the algorithms of RFC 7616)."""

from __future__ import annotations

import hashlib
import re
import secrets
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from server.errors import ProtocolError
from server.telephony.sip.grammar import CHARACTERS, QUOTED, quote, unquote
from server.telephony.sip.message import Request, Response

_PARAMETER = re.compile(rf"[ \t]*([{CHARACTERS}]+)[ \t]*=[ \t]*([{CHARACTERS}]+|{QUOTED})[ \t]*(?:,|$)")

Hash = Callable[[bytes], str]


def _sha_512_256(data: bytes) -> str:
    return hashlib.new("sha512_256", data).hexdigest()


def _md5(data: bytes) -> str:
    return hashlib.md5(data, usedforsecurity=False).hexdigest()  # what trunks ask for; the answer proves no more


_HASHES: dict[str, Hash] = {
    "SHA-512-256": _sha_512_256,
    "SHA-256": lambda data: hashlib.sha256(data).hexdigest(),
    "MD5": _md5,
}
_BY_STRENGTH = tuple(_HASHES)


@dataclass(frozen=True)
class Credentials:
    """A name and password that a trunk gave us."""

    username: str
    password: str


@dataclass
class Challenge:
    """What a WWW-Authenticate or Proxy-Authenticate wants; `count` counts the requests that used its nonce."""

    realm: str
    nonce: str
    algorithm: str
    opaque: str | None
    with_qop: bool
    stale: bool
    proxy: bool
    count: int = 0


def read_challenge(value: str, proxy: bool) -> Challenge | None:
    """Read one; None when it is of a kind that we do not know. Raises ProtocolError when malformed."""
    scheme, _, rest = value.partition(" ")
    if scheme.lower() != "digest":
        return None
    found: dict[str, str] = {}
    position, rest = 0, rest.rstrip(" \t")
    while position < len(rest):
        match = _PARAMETER.match(rest, position)
        if match is None:
            raise ProtocolError("a challenge is malformed")
        found[match[1].lower()] = unquote(match[2])
        position = match.end()
    if "realm" not in found or "nonce" not in found:
        raise ProtocolError("a challenge has no realm or nonce")
    algorithm = found.get("algorithm", "MD5").upper()
    qops = [qop.strip().lower() for qop in found["qop"].split(",")] if "qop" in found else None
    if algorithm not in _HASHES or (qops is not None and "auth" not in qops):
        return None
    stale = found.get("stale", "").lower() == "true"
    return Challenge(found["realm"], found["nonce"], algorithm, found.get("opaque"), qops is not None, stale, proxy)


def strongest(response: Response) -> Challenge | None:
    """The challenge of a 401 or 407 that we answer best; None when there is none that we can answer."""
    proxy = response.status == 407
    challenges: list[Challenge] = []
    for value in response.all("Proxy-Authenticate" if proxy else "WWW-Authenticate"):
        try:
            challenge = read_challenge(value, proxy)
        except ProtocolError:
            continue
        if challenge is not None:
            challenges.append(challenge)
    return min(challenges, key=lambda one: _BY_STRENGTH.index(one.algorithm), default=None)


def authorise(request: Request, challenges: Sequence[Challenge], credentials: Credentials) -> None:
    """Replace the request's proofs by one for each challenge."""
    before = proofs(request)
    request.headers = [header for header in request.headers if header not in before]
    for challenge in challenges:
        proof = answer(challenge, credentials, request.method, request.target, secrets.token_hex(8))
        request.add("Proxy-Authorization" if challenge.proxy else "Authorization", proof)


def proofs(request: Request) -> list[tuple[str, str]]:
    """The header fields by which a request proves who we are."""
    return [header for header in request.headers if header[0] in ("Authorization", "Proxy-Authorization")]


def answer(challenge: Challenge, credentials: Credentials, method: str, uri: str, cnonce: str) -> str:
    """The value of (Proxy-)Authorization for one request (RFC 7616 §3.4)."""
    challenge.count += 1
    hashed = _HASHES[challenge.algorithm]
    whose = f"{credentials.username}:{challenge.realm}:{credentials.password}"
    secret = hashed(whose.encode("utf-8", "surrogateescape"))
    what = hashed(f"{method}:{uri}".encode("utf-8", "surrogateescape"))
    count = f"{challenge.count:08x}"
    middle = f"{challenge.nonce}:{count}:{cnonce}:auth" if challenge.with_qop else challenge.nonce
    response = hashed(f"{secret}:{middle}:{what}".encode("utf-8", "surrogateescape"))
    parts = [
        f"username={quote(credentials.username)}",
        f"realm={quote(challenge.realm)}",
        f"nonce={quote(challenge.nonce)}",
        f"uri={quote(uri)}",
        f'response="{response}"',
        f"algorithm={challenge.algorithm}",
    ]
    if challenge.with_qop:
        parts += [f'cnonce="{cnonce}"', "qop=auth", f"nc={count}"]
    if challenge.opaque is not None:
        parts.append(f"opaque={quote(challenge.opaque)}")
    return "Digest " + ", ".join(parts)
