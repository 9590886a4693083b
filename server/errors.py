"""Errors named by who must be told; each transport maps them once (HTTP status, socket acknowledgement).

`code` is stable and machine-readable; `message` is Vietnamese, is the key of the translation catalogue, and may hold
`{name}` fields filled from `params` after translation.
"""

from __future__ import annotations


class GiaoBanError(Exception):
    """Base of everything that we raise on purpose."""

    status = 500

    def __init__(self, code: str, message: str, **params: object) -> None:
        super().__init__(code)
        self.code = code
        self.message = message
        self.params = params

    def __str__(self) -> str:
        return f"{self.code}: {self.message.format(**self.params)}"


class UserError(GiaoBanError):
    """The person asked for something that the rules do not allow; they are told what to do instead.

    `detail` is for those who write programs: it goes into logs and the API, untranslated.
    """

    status = 422

    def __init__(
        self, code: str, message: str, *, field: str | None = None, detail: str = "", **params: object
    ) -> None:
        super().__init__(code, message, **params)
        self.field = field
        self.detail = detail

    def __str__(self) -> str:
        return f"{super().__str__()} ({self.detail})" if self.detail else super().__str__()

    def at(self, **fields: str) -> UserError:
        """The same, where a form calls the field otherwise: `error.at(note="reason")`."""
        field = fields.get(self.field, self.field) if self.field else None
        return UserError(self.code, self.message, field=field, detail=self.detail, **self.params)


class ConflictError(UserError):
    """The thing changed meanwhile, or its state does not allow this step; nothing was changed."""

    status = 409


class NotSignedInError(GiaoBanError):
    """Nobody is signed in, or the sign-in is no longer valid."""

    status = 401


class NotAllowedError(GiaoBanError):
    """Signed in, but this role, unit or person may not do this."""

    status = 403


class NotFoundError(GiaoBanError):
    """No such thing, or none that this person may know of."""

    status = 404


class TooManyError(GiaoBanError):
    """Too many tries in too short a time; `params['retry_after']` holds the seconds to wait."""

    status = 429


class TooLargeError(UserError):
    """The upload or message is over the limit."""

    status = 413


class UnavailableError(GiaoBanError):
    """A part of the system (media node, disk, database) cannot do this now; trying again later may help."""

    status = 503


class ProtocolError(Exception):
    """A peer sent bytes that its protocol does not allow: dropped and counted, never shown to a person."""
