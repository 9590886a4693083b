"""Finding by words, with and without diacritics: who types “cam thanh” finds both Cam Thanh and Cam Thành, who types
“cam thành” finds that alone, and “"cam thanh"” in quotation marks finds exactly what it says.
"""

from __future__ import annotations

import re
import unicodedata

_QUERY = re.compile(r'"([^"]*)"|(\S+)')
_SPACES = re.compile(r"[^\S\n]+")
_CONTROLS = re.compile(r"[\x00-\x08\x0e-\x1b\x7f-\x84\x86-\x9f\ud800-\udfff]")
"""Nobody means them, and PostgreSQL takes no NUL in a text; surrogates are no text at all."""
_WORD = re.compile(r"[^\W_]+")
MOST_WORDS = 12
LONGEST_WORD = 60


def exact(text: str) -> str:
    """Lower case in one Unicode form (NFC), single spaces, no controls: what is compared when diacritics count."""
    return _SPACES.sub(" ", _CONTROLS.sub("", unicodedata.normalize("NFC", text).lower())).strip()


def without_marks(text: str) -> str:
    """The text without any diacritics; đ and Đ are letters of their own in Unicode and become d and D here."""
    apart = unicodedata.normalize("NFD", text)
    return "".join(c for c in apart if not unicodedata.combining(c)).replace("đ", "d").replace("Đ", "D")


def plain(text: str) -> str:
    """`exact` without any diacritics."""
    return without_marks(exact(text))


def words(text: str) -> list[str]:
    """The words of a text as the full-text indexes of both databases hold them: `plain`, letters and digits only."""
    return [word[:LONGEST_WORD] for word in _WORD.findall(plain(text))]


def terms(query: str) -> list[tuple[bool, str]]:
    """The query's words as (diacritics count, word); phrases in quotation marks are one word. At most MOST_WORDS."""
    found: list[tuple[bool, str]] = []
    for phrase, word in _QUERY.findall(query):
        text = exact(phrase or word.strip('"'))
        if text:
            found.append((bool(phrase) or text != plain(text), text))
    return found[:MOST_WORDS]


def like(word: str) -> str:
    """A LIKE pattern with the backslash as escape: what people type is text, never a pattern."""
    safe = word.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
    return f"%{safe}%"
