"""How a command is refused."""

from __future__ import annotations


class CannotError(Exception):
    """The command is not carried out; `code` is what control is told."""

    def __init__(self, code: str, message: str = "") -> None:
        super().__init__(message or code)
        self.code = code
