"""Password hashes by Argon2id (RFC 9106; 19 MiB, two passes: about 25 ms of one core), never in the event loop."""

from __future__ import annotations

import asyncio
import secrets
from concurrent.futures import ThreadPoolExecutor
from functools import cached_property

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

HASHER = PasswordHasher(time_cost=2, memory_cost=19 * 1024, parallelism=1)
_ALPHABET = "abcdefghjkmnpqrstuvwxyz23456789"  # without those that are mistaken for each other on paper


def hash_password(password: str) -> str:
    """A hash with its own salt."""
    return HASHER.hash(password)


def one_time_password() -> str:
    """Twelve letters and digits to read out once: about 59 bits."""
    letters = [secrets.choice(_ALPHABET) for _ in range(12)]
    return "-".join("".join(letters[start : start + 4]) for start in (0, 4, 8))


def needs_rehash(known: str) -> bool:
    """Whether the hash was made with older settings."""
    return HASHER.check_needs_rehash(known)


class Passwords:
    """Two threads that hash: a storm of sign-ins queues here and leaves the other work its processor."""

    def __init__(self) -> None:
        self._threads = ThreadPoolExecutor(2, "passwords")

    @cached_property
    def _nobodys_hash(self) -> str:
        return hash_password(secrets.token_hex(16))

    async def matches(self, known: str | None, password: str) -> bool:
        """Whether the password is right; without a known hash one is checked all the same, to take as long."""
        return await asyncio.get_running_loop().run_in_executor(self._threads, self._matches, known, password)

    async def hash(self, password: str) -> str:
        """A new hash."""
        return await asyncio.get_running_loop().run_in_executor(self._threads, hash_password, password)

    def close(self) -> None:
        """End the threads."""
        self._threads.shutdown(wait=False)

    def _matches(self, known: str | None, password: str) -> bool:
        try:
            return HASHER.verify(known or self._nobodys_hash, password) and known is not None
        except (VerificationError, InvalidHashError):
            return False
