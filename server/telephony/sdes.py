"""Keys of SRTP in a description (SDES, RFC 4568): as safe as the signalling that carries them."""

from __future__ import annotations

import base64
import binascii
import re
import secrets
from dataclasses import dataclass

_LINE = re.compile(r"([1-9][0-9]{0,8}) ([A-Z0-9_]{1,40}) inline:([A-Za-z0-9+/]{1,128}={0,2})((?:\|[^ ;]{1,20})?)( .*)?")
_LIFETIME = re.compile(r"\|(?:2\^[0-9]{1,2}|[0-9]{1,15})")

SUITES = {
    "AEAD_AES_256_GCM": 44,
    "AEAD_AES_128_GCM": 28,
    "AES_CM_128_HMAC_SHA1_80": 30,
    "AES_CM_128_HMAC_SHA1_32": 30,
}
"""Octets of key and salt by suite (RFC 4568 §6.2, RFC 7714 §14.2), best first."""


@dataclass(frozen=True, slots=True)
class Key:
    """One a=crypto that we can use; `material` is master key and salt."""

    tag: int
    suite: str
    material: bytes

    def __str__(self) -> str:
        return f"{self.tag} {self.suite} inline:{base64.b64encode(self.material).decode()}"

    def __repr__(self) -> str:
        return f"Key({self.tag}, {self.suite})"  # logs keep no keys


def read_key(value: str) -> Key | None:
    """Read the value of an a=crypto; None when it is of a kind that we cannot use, or malformed.

    Those with a master key index, several keys or session parameters (RFC 4568 §6.3) are among those.
    """
    match = _LINE.fullmatch(value.strip())
    if match is None or match[2] not in SUITES or (match[5] or "").strip():
        return None
    if match[4] and not _LIFETIME.fullmatch(match[4]):
        return None
    try:
        material = base64.b64decode(match[3] + "=" * (-len(match[3]) % 4), validate=True)
    except (binascii.Error, ValueError):
        return None
    return Key(int(match[1]), match[2], material) if len(material) == SUITES[match[2]] else None


def new_key(tag: int, suite: str) -> Key:
    """A fresh one of ours."""
    return Key(tag, suite, secrets.token_bytes(SUITES[suite]))
