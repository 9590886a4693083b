"""Uploads are judged by their bytes, and named safely."""

from __future__ import annotations

import contextlib
import zipfile
from io import BytesIO

import pytest
from hypothesis import given
from hypothesis import strategies as st

from server.directives import office
from server.directives.archives import MOST_DIRECTORY, UnpacksTooLargeError
from server.directives.attachments import JPEG, NAME_LENGTH, PDF, PNG, content_type, safe_name
from server.directives.office import ALWAYS_ALLOWED, DOCX, XLSX, MacrosError
from tests.directives import files
from tests.directives.files import jpeg, pdf, png, zipped


@pytest.mark.parametrize(
    ("data", "kind"),
    [(pdf(), PDF), (png(), PNG), (jpeg(), JPEG), (files.office(), DOCX), (files.office(files.SHEET), XLSX)],
)
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
        zipped(("a.txt", b"x")),
        files.office("application/vnd.openxmlformats-officedocument.presentationml.presentation.main+xml"),
        files.office(files.DOCUMENT)[:-30],
        files.office(files.DOCUMENT) + b"<script>" * 20_000,  # no end where an end must be
        zipped(("[Content_Types].xml", b"<!DOCTYPE a [<!ENTITY b 'c'>]><Types>&b;</Types>")),
        zipped(("[Content_Types].xml", b"<Types"), ("main.xml", b"")),
        zipped(("[Content_Types].xml", b"<Types/>"), method=zipfile.ZIP_LZMA),
        zipped(*((f"{n:0200}", b"") for n in range(MOST_DIRECTORY // 240))),  # a directory that costs memory
    ],
)
def test_what_is_not_what_it_says(data: bytes) -> None:
    assert content_type(BytesIO(data)) is None


def test_office_files_that_must_not_be() -> None:
    with pytest.raises(MacrosError):
        content_type(BytesIO(files.office(files.DOCUMENT, ("word/vbaProject.bin", b"x"))))
    with pytest.raises(MacrosError):
        content_type(BytesIO(files.office("application/vnd.ms-excel.sheet.macroEnabled.main+xml")))
    bomb = files.office(files.SHEET, ("xl/sheet1.xml", bytes(ALWAYS_ALLOWED + 1)))
    assert len(bomb) < 20_000
    with pytest.raises(UnpacksTooLargeError):
        content_type(BytesIO(bomb))
    lying = bomb.replace((ALWAYS_ALLOWED + 1).to_bytes(4, "little"), (100).to_bytes(4, "little"))
    assert lying != bomb
    assert content_type(BytesIO(lying)) is None  # what comes out is not what was said


def test_a_large_table_is_no_bomb(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(office, "ALWAYS_ALLOWED", 1000)
    rows = b"".join(b"<row r='%d'>%d</row>" % (n, n * n) for n in range(20_000))
    assert content_type(BytesIO(files.office(files.SHEET, ("xl/sheet1.xml", rows)))) == XLSX


@given(st.binary(min_size=1, max_size=8), st.integers(4, len(files.office()) - 1), st.booleans())
def test_any_bent_archive_is_judged(data: bytes, at: int, cut: bool) -> None:
    whole = files.office()
    with contextlib.suppress(MacrosError, UnpacksTooLargeError):
        assert content_type(BytesIO(whole[:at] + data + (b"" if cut else whole[at + len(data) :]))) in {None, DOCX}


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
        ("so lieu.xlsx", "so lieu.pdf"),
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
