"""English is a full translation: every text that people can see has one, with the same fields."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

import pytest
from babel.messages.extract import extract_from_dir

from server.config import ROOT
from server.directives.documents import DocumentType
from server.http.i18n import CONTEXT, LOCALE, ONE, catalogue, in_context

FIELD = re.compile(r"{(\w+)}|%\((\w+)\)s")
# Texts that go through `_` under another name: whole tables of words, translated where they are shown.
COUNTED = re.compile(r"(?:{\w+}|%\(\w+\)s) (?:(?:more|working|new|late|open|other) )?(?P<noun>[a-z]+s|people)\b")
NO_NOUNS = {"ms", "stands", "is", "was", "has", "holds", "asks", "replaces", "corrects", "carries", "unpacks"}
METHODS = [("**.py", "python"), ("**.html", "jinja2")]
OPTIONS = {"**.html": {"extensions": "jinja2.ext.do", "silent": "false"}}  # a template that is not read has no texts


def texts(names: Sequence[str] = ("_", "gettext", "ngettext")) -> Iterator[tuple[str, str]]:
    keywords = {name: (1, 2) if name == "ngettext" else None for name in names}
    for folder in ("server", "web/templates"):
        for name, line, message, _comments, _context in extract_from_dir(
            ROOT / folder, METHODS, OPTIONS, keywords=keywords
        ):
            for text in (message,) if isinstance(message, str) else message:
                if text:
                    yield text, f"{folder}/{name}:{line}"


def test_there_are_texts() -> None:
    assert len({text for text, _ in texts()}) > 100


def test_every_text_has_an_english_translation() -> None:
    english = catalogue("en")
    missing = sorted({f"{where}: {text}" for text, where in texts() if text not in english})
    assert missing == []


def test_every_document_type_has_an_english_name() -> None:
    english = catalogue("en")
    missing = [kind.value for kind in DocumentType if in_context("document type", kind.value) not in english]
    assert missing == []


def test_what_is_counted_has_a_singular() -> None:
    english = catalogue("en")
    without = [
        text
        for key, text in english.items()
        if not key.startswith(ONE + CONTEXT) and counts(text) and in_context(ONE, key) not in english
    ]
    assert without == []


def test_a_singular_is_asked_for_with_its_number() -> None:
    """Templates count by `ngettext`; the server's own texts have `{fields}`, of which it counts the first number."""
    english = catalogue("en")
    plain = {text for text, _ in texts(["_", "gettext"])}
    assert [text for text in plain if in_context(ONE, text) in english and "%(" in text] == []
    counted = {text for text, _ in texts(["ngettext"])}
    assert counted
    assert [text for text in counted if in_context(ONE, text) not in english] == []


def counts(text: str) -> bool:
    """Whether an English text has a number before nouns: “%(n)s more units”, “{most} attachments”."""
    found = COUNTED.search(text)
    return found is not None and found["noun"] not in NO_NOUNS


@pytest.mark.parametrize(
    ("text", "counted"),
    [
        ("%(n)s units", True),
        ("And %(n)s more units.", True),
        ("at most {most} attachments", True),
        ("{n} people", True),
        ("Recipients chosen: %(n)s", False),
        ("{name} is here", False),
        ("{minutes} min", False),
    ],
)
def test_which_texts_count(text: str, counted: bool) -> None:
    assert counts(text) is counted


@pytest.mark.parametrize("file", sorted((LOCALE / "en").glob("*.po")), ids=lambda file: file.stem)
def test_translations_keep_the_fields(file: object) -> None:
    for vietnamese, english in catalogue("en").items():
        assert set(FIELD.findall(vietnamese)) == set(FIELD.findall(english)), vietnamese
