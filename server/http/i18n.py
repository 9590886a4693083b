"""Languages: Vietnamese texts are the keys, English catalogues stand in `web/locale/en/*.po`, one a feature."""

from __future__ import annotations

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
Translate = Callable[[str], str]


@lru_cache
def catalogue(language: str, folder: Path = LOCALE) -> Mapping[str, str]:
    """Vietnamese text → text in `language`; empty for Vietnamese."""
    texts: dict[str, str] = {}
    if language == "vi":
        return texts
    for file in sorted((folder / language).glob("*.po")):
        with file.open("rb") as lines:
            for message in read_po(lines, locale=language):
                if isinstance(message.id, str) and message.id and isinstance(message.string, str) and message.string:
                    texts[in_context(message.context or "", message.id)] = message.string
    return texts


def in_context(context: str, text: str) -> str:
    """The key of a text that means something else elsewhere: `pgettext` in templates, `msgctxt` in catalogues."""
    return f"{context}{CONTEXT}{text}" if context else text


def translator(language: str) -> Translate:
    """A function that gives a text in the language, or the Vietnamese where a translation is missing."""
    texts = catalogue(language)
    return lambda text: texts.get(text, text.rpartition(CONTEXT)[2])


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
    language = request.get(LANGUAGE) or choose_language(request)
    found = translator(language)(text)
    return found.format(**fields) if fields else found
