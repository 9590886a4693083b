"""English is a full translation: every text that people can see has one, with the same fields."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from babel.messages.extract import extract_from_dir

from server.config import ROOT
from server.directives.documents import DocumentType
from server.http.i18n import LOCALE, catalogue, in_context

FIELD = re.compile(r"{(\w+)}|%\((\w+)\)s")
# Texts that go through `_` under another name: whole tables of words, translated where they are shown.
METHODS = [("**.py", "python"), ("**.html", "jinja2")]
OPTIONS = {"**.html": {"extensions": "jinja2.ext.do", "silent": "false"}}  # a template that is not read has no texts


def texts() -> Iterator[tuple[str, str]]:
    for folder in ("server", "web/templates"):
        for name, line, message, _comments, _context in extract_from_dir(
            ROOT / folder, METHODS, OPTIONS, keywords={"_": None, "gettext": None, "ngettext": (1, 2)}
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


@pytest.mark.parametrize("file", sorted((LOCALE / "en").glob("*.po")), ids=lambda file: file.stem)
def test_translations_keep_the_fields(file: object) -> None:
    for vietnamese, english in catalogue("en").items():
        assert set(FIELD.findall(vietnamese)) == set(FIELD.findall(english)), vietnamese
