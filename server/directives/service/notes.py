"""Short reasons and notes that people write beside a step."""

from __future__ import annotations

from server.directives.documents import Problem, bears_secrecy_mark, clean_text, has_hidden_marks
from server.directives.service.problems import DraftError
from server.errors import UserError
from server.http.i18n import _


def note_of(text: str) -> str | None:
    """The note in its clean form, None if there is none. Raises DraftError: hidden marks, a secrecy mark."""
    note = clean_text(text)
    problems = [Problem("note", "hidden_marks")] if has_hidden_marks(note) else []
    if bears_secrecy_mark(note):
        problems.append(Problem("note", "secret"))
    if problems:
        raise DraftError(problems)
    return note or None


def reason_of(text: str) -> str:
    """A note that must say something. Raises UserError, DraftError."""
    note = note_of(text)
    if note is None:
        raise UserError("no_reason", _("Xin ghi rõ lý do."), field="note")
    return note
