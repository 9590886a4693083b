"""Languages: Vietnamese texts are the keys, English catalogues stand in `web/locale/en/*.po`, one a feature."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from functools import lru_cache
from pathlib import Path

from aiohttp import web
from babel.messages.pofile import read_po

from server.config import ROOT
from server.http.keys import LANGUAGE, PRINCIPAL

LANGUAGES = ("vi", "en")
COOKIE = "language"
LOCALE = ROOT / "web" / "locale"
CONTEXT = "\x04"  # stands between context and text, as in gettext's own compiled catalogues
ONE = "=1"
"""The context under which the singular of a counted text stands; Vietnamese nouns have one form for all numbers."""
Translate = Callable[[str], str]
Counted = Callable[[str, str, int], str]
_FIELD = re.compile(r"{(\w+)}")


@lru_cache
def catalogue(language: str, folder: Path = LOCALE) -> Mapping[str, str]:
    """Vietnamese text → text in `language`, that of a counted one for many and, in the context ONE, for one.

    Empty for Vietnamese.
    """
    texts: dict[str, str] = {}
    if language == "vi":
        return texts
    for file in sorted((folder / language).glob("*.po")):
        with file.open("rb") as lines:
            for message in read_po(lines, locale=language):
                key = message.id if isinstance(message.id, str) else message.id[0]
                forms = [message.string or ""] if isinstance(message.string, str | None) else list(message.string)
                if key and all(forms):
                    texts[in_context(message.context or "", key)] = forms[-1]
                if len(forms) > 1 and all(forms):
                    texts[in_context(ONE, key)] = forms[0]
    return texts


def in_context(context: str, text: str) -> str:
    """The key of a text that means something else elsewhere: `pgettext` in templates, `msgctxt` in catalogues."""
    return f"{context}{CONTEXT}{text}" if context else text


def translator(language: str) -> Translate:
    """A function that gives a text in the language, or the Vietnamese where a translation is missing."""
    texts = catalogue(language)
    return lambda text: texts.get(text, text.rpartition(CONTEXT)[2])


def counter(language: str) -> Counted:
    """`ngettext` of templates: the text for so many."""
    texts, text = catalogue(language), translator(language)
    return lambda one, many, n: texts.get(in_context(ONE, one)) or text(one) if n == 1 else text(many)


def filled(language: str, text: str, fields: Mapping[str, object]) -> str:
    """A text in the language with its fields; what is counted is the first of them that is a number."""
    if not fields:
        return translator(language)(text)
    first = next((n for name in _FIELD.findall(text) if isinstance(n := fields.get(name), int)), None)
    return counter(language)(text, text, 0 if first is None else first).format(**fields)


def _(text: str) -> str:
    """Mark a text for the catalogue; it is translated where it is shown."""
    return text


def choose_language(request: web.Request) -> str:
    """The language of this request: the cookie, the account, else Vietnamese."""
    wanted = request.cookies.get(COOKIE)
    if wanted in LANGUAGES:
        return wanted
    who = request.get(PRINCIPAL)
    return who.language if who and who.language in LANGUAGES else "vi"


def decimal_mark(request: web.Request) -> str:
    """What stands before the fraction of a number that this person types."""
    return "." if (request.get(LANGUAGE) or choose_language(request)) == "en" else ","


def translate(request: web.Request, text: str, **fields: object) -> str:
    """A text in the language of the request, its fields filled."""
    return filled(request.get(LANGUAGE) or choose_language(request), text, fields)
