"""Session secrets for cookies, and bearer tokens (JWT, RFC 7519) that name a session; the session's row decides."""

from __future__ import annotations

import secrets
from datetime import datetime
from hashlib import sha256
from pathlib import Path

import jwt

from server.config import ConfigError
from server.store.files import kept_secret

ALGORITHM = "HS256"
ISSUER = "giaoban"
KEY_BYTES = 32


def new_secret() -> str:
    """256 random bits for a cookie."""
    return secrets.token_urlsafe(32)


def secret_hash(secret: str) -> str:
    """What is stored of a secret; it is random, so one round suffices."""
    return sha256(secret.encode()).hexdigest()


def load_key(path: Path) -> bytes:
    """The key that signs tokens; made at the first start, readable by the server alone."""
    key = kept_secret(path, lambda: secrets.token_bytes(KEY_BYTES))
    if len(key) < KEY_BYTES:
        raise ConfigError(f"{path}: not a key; delete it, and everybody signs in anew")
    return key


def make_token(key: bytes, public_id: str, expires_at: datetime) -> str:
    """A bearer token for a session."""
    claims = {"iss": ISSUER, "sid": public_id, "exp": int(expires_at.timestamp())}
    return jwt.encode(claims, key, algorithm=ALGORITHM)


def read_token(key: bytes, token: str, now: datetime) -> str | None:
    """The session's public id; None for a token that is not ours, was changed, names another algorithm or is over."""
    try:
        claims = jwt.decode(
            token,
            key,
            algorithms=[ALGORITHM],
            issuer=ISSUER,
            options={"require": ["sid", "exp", "iss"], "verify_exp": False},
        )
    except jwt.InvalidTokenError:
        return None
    public_id, expires = claims["sid"], claims["exp"]
    if not isinstance(public_id, str) or not isinstance(expires, int) or now.timestamp() >= expires:
        return None
    return public_id
