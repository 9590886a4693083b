"""The key by which push services know this server (VAPID, RFC 8292), made at the first start."""

from __future__ import annotations

import base64
from pathlib import Path
from typing import TYPE_CHECKING

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
)

from server.config import ConfigError
from server.store.files import kept_secret

if TYPE_CHECKING:
    from py_vapid import Vapid02

FILE = "vapid.pem"


class VapidKey:
    """A P-256 key pair; subscriptions are bound to its public half, so a new key ends them all."""

    def __init__(self, private: ec.EllipticCurvePrivateKey) -> None:
        self._private = private

    @property
    def public(self) -> str:
        """What a browser is given as `applicationServerKey`: the point, base64url without padding."""
        point = self._private.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
        return base64.urlsafe_b64encode(point).rstrip(b"=").decode()

    def signer(self) -> Vapid02:
        """Makes `Authorization` headers."""
        from py_vapid import Vapid02

        return Vapid02(self._private)


def load_vapid(path: Path) -> VapidKey:
    """The key of a file, 0600, made if it is not there. Raises ConfigError for a file that is no key."""
    try:
        private = load_pem_private_key(kept_secret(path, _new), None)
    except (ValueError, TypeError) as error:
        raise ConfigError(f"{path}: not a key; delete it, and browsers subscribe anew") from error
    if not isinstance(private, ec.EllipticCurvePrivateKey) or not isinstance(private.curve, ec.SECP256R1):
        raise ConfigError(f"{path}: not a P-256 key")
    return VapidKey(private)


def _new() -> bytes:
    made = ec.generate_private_key(ec.SECP256R1())
    return made.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
