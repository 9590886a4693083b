"""Keys of SRTP in a description (SDES, RFC 4568): as safe as the signalling that carries them."""

from __future__ import annotations

import base64
import binascii
import re
import secrets
from dataclasses import dataclass

_LINE = re.compile(
    r"([1-9][0-9]{0,8}) ([A-Z0-9_]{1,40}) inline:([A-Za-z0-9+/]{1,128}={0,2})"
    r"(?:\|(?:2\^[0-9]{1,2}|[0-9]{1,15}))?"  # how long the key lasts, which its owner sees to
    r"(?:\|([1-9][0-9]{0,308}):([1-9][0-9]{0,2}))?"
    r"((?: [!-~]{1,80})*)"
)
_HINT = re.compile(r"WSH=[1-9][0-9]{1,8}|-.+")
_LONGEST_MKI = 128

SUITES = {
    "AEAD_AES_256_GCM": 44,
    "AEAD_AES_128_GCM": 28,
    "AES_CM_128_HMAC_SHA1_80": 30,
    "AES_CM_128_HMAC_SHA1_32": 30,
}
"""Octets of key and salt by suite (RFC 4568 §6.2, RFC 7714 §14.2), best first."""


@dataclass(frozen=True, slots=True)
class Key:
    """One a=crypto that we can use; `material` is master key and salt.

    `mki`: octets by which each packet of its owner says which key it is; ours have none.
    """

    tag: int
    suite: str
    material: bytes
    mki: int = 0

    def __str__(self) -> str:
        return f"{self.tag} {self.suite} inline:{base64.b64encode(self.material).decode()}"

    def __repr__(self) -> str:
        return f"Key({self.tag}, {self.suite})"  # logs keep no keys


def read_key(value: str) -> Key | None:
    """Read the value of an a=crypto; None when it is of a kind that we cannot use, or malformed.

    Those of several keys are among those, and with session parameters that are more than hints (RFC 4568 §6.3).
    """
    match = _LINE.fullmatch(" ".join(value.split()))
    if match is None or match[2] not in SUITES or not all(_HINT.fullmatch(one) for one in match[6].split()):
        return None
    mki = int(match[5] or 0)
    if mki > _LONGEST_MKI or (mki and int(match[4]) >> 8 * mki):
        return None
    try:
        material = base64.b64decode(match[3] + "=" * (-len(match[3]) % 4), validate=True)
    except (binascii.Error, ValueError):
        return None
    return Key(int(match[1]), match[2], material, mki) if len(material) == SUITES[match[2]] else None


def new_key(tag: int, suite: str) -> Key:
    """A fresh one of ours."""
    return Key(tag, suite, secrets.token_bytes(SUITES[suite]))
