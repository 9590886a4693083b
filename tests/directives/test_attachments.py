"""Uploads are judged by their bytes, and named safely."""

from __future__ import annotations

from io import BytesIO

import pytest
from hypothesis import given
from hypothesis import strategies as st

from server.directives.attachments import JPEG, NAME_LENGTH, PDF, PNG, content_type, safe_name
from tests.directives.files import jpeg, pdf, png


@pytest.mark.parametrize(("data", "kind"), [(pdf(), PDF), (png(), PNG), (jpeg(), JPEG)])
def test_true_files(data: bytes, kind: str) -> None:
    file = BytesIO(data)
    assert content_type(file) == kind
    assert file.tell() == 0


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"<html><script>alert(1)</script></html>",
        b"%PDF-1.4\n<html>",  # says PDF, has no end
        b"<!-- " + pdf() + b" -->",
        b"MZ\x90\x00",
        png()[:-12],  # cut off
        png().replace(b"IHDR", b"IHDX"),
        png(100_000, 100_000),  # a bomb
        png(0, 5),
        jpeg(0, 5),
        jpeg()[:20],
        b"\xff\xd8\xff\xd9",
        b"\xff\xd8<script>",
        b"GIF89a",
    ],
)
def test_what_is_not_what_it_says(data: bytes) -> None:
    assert content_type(BytesIO(data)) is None


@given(st.binary(max_size=200))
def test_any_bytes_are_judged_without_an_error(data: bytes) -> None:
    assert content_type(BytesIO(data)) in {None, PDF, PNG, JPEG}
    content_type(BytesIO(b"\xff\xd8" + data))
    content_type(BytesIO(b"\x89PNG\r\n\x1a\n" + data))
    content_type(BytesIO(b"%PDF-1.4" + data))


@pytest.mark.parametrize(
    ("given_name", "safe"),
    [
        ("Kế hoạch.pdf", "Kế hoạch.pdf"),
        ("../../etc/passwd", "passwd.pdf"),
        ("C:\\Users\\x\\bao cao.PDF", "bao cao.pdf"),
        ("a.html", "a.html.pdf"),
        ("anh.jpg.pdf", "anh.pdf"),
        ("gpj\u202efdp.exe", "gpjfdp.exe.pdf"),
        ('a"b<c>\r\nX: y;.pdf', "abcX y.pdf"),
        ("..", "tep.pdf"),
        ("", "tep.pdf"),
        ("x" * 500, "x" * NAME_LENGTH + ".pdf"),
    ],
)
def test_names(given_name: str, safe: str) -> None:
    assert safe_name(given_name, PDF) == safe


@given(st.text(max_size=300))
def test_no_name_is_a_path_or_breaks_a_header(name: str) -> None:
    made = safe_name(name, PNG)
    assert made.endswith(".png")
    assert not set(made) & set('/\\"\r\n<>:;')
    assert len(made) <= NAME_LENGTH + 4
