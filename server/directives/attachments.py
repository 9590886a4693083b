"""Whether an upload is what it says by its bytes, and a name that is safe to show: pure."""

from __future__ import annotations

import re
import struct
import unicodedata
import zlib
from collections.abc import Callable
from typing import BinaryIO

from server.directives.office import DOCX, XLSX, office_type

NAME_LENGTH = 120
MOST_PIXELS = 200_000_000
PDF, PNG, JPEG = "application/pdf", "image/png", "image/jpeg"
SUFFIXES = {PDF: ".pdf", PNG: ".png", JPEG: ".jpg", DOCX: ".docx", XLSX: ".xlsx"}
_JPEG_FRAMES = {*range(0xC0, 0xD0)} - {0xC4, 0xC8, 0xCC}
_OTHER_SUFFIXES = re.compile(r"(\.(pdf|png|jpe?g|docx|xlsx))+$", re.IGNORECASE)


def content_type(file: BinaryIO) -> str | None:
    """The type by content, None if it is none of ours or its structure does not hold; leaves the file at its start.

    Raises MacrosError, UnpacksTooLargeError for office files that are, but must not be.
    """
    tests: tuple[tuple[str, Callable[[BinaryIO], bool]], ...] = ((PDF, _is_pdf), (PNG, _is_png), (JPEG, _is_jpeg))
    try:
        for kind, test in tests:
            file.seek(0)
            if test(file):
                return kind
        return office_type(file)
    except (struct.error, ValueError):
        return None
    finally:
        file.seek(0)


def _is_pdf(file: BinaryIO) -> bool:
    """`%PDF-1.x` at the very start, and where the cross references stand at the end (ISO 32000, 7.5)."""
    if not re.match(rb"%PDF-[12]\.\d", file.read(8)):
        return False
    size = file.seek(0, 2)
    file.seek(max(0, size - 2048))
    return bool(re.search(rb"startxref\s+\d+\s+%%EOF", file.read()))


def _is_png(file: BinaryIO) -> bool:
    """Signature, header with a true checksum and a sane size, chunks in a row up to IEND (RFC 2083)."""
    if file.read(8) != b"\x89PNG\r\n\x1a\n":
        return False
    header = file.read(25)
    length, name = struct.unpack(">I4s", header[:8])
    if (length, name) != (13, b"IHDR") or zlib.crc32(header[4:21]) != struct.unpack(">I", header[21:])[0]:
        return False
    width, height = struct.unpack(">II", header[8:16])
    if not 0 < width * height <= MOST_PIXELS:
        return False
    size = file.seek(0, 2)
    position = 33
    while position + 12 <= size:
        file.seek(position)
        length, name = struct.unpack(">I4s", file.read(8))
        position += 12 + length
        if name == b"IEND":
            return bool(position <= size)
    return False


def _is_jpeg(file: BinaryIO) -> bool:
    """Start of image and segments in a row up to a frame header with a sane size (ITU-T T.81, Annex B)."""
    if file.read(2) != b"\xff\xd8":
        return False
    for _ in range(1000):
        mark, code = struct.unpack(">BB", file.read(2))
        if mark != 0xFF or code in (0xD8, 0xD9, 0xDA):
            return False
        if code == 0xFF:
            file.seek(-1, 1)
            continue
        (length,) = struct.unpack(">H", file.read(2))
        if code in _JPEG_FRAMES:
            height, width = struct.unpack(">xHH", file.read(5))
            return bool(0 < width * height <= MOST_PIXELS)
        file.seek(length - 2, 1)
    return False


def safe_name(given: str, kind: str) -> str:
    """The last part of what the person's machine called it, without marks that deceive, with the suffix of its type."""
    name = unicodedata.normalize("NFC", given).replace("\\", "/").rsplit("/", 1)[-1]
    kept = "".join(c for c in name if unicodedata.category(c)[0] != "C" and c not in '<>:"|?*%;')
    stem = _OTHER_SUFFIXES.sub("", " ".join(kept.split())).strip(" .")
    return (stem[:NAME_LENGTH].strip(" .") or "tep") + SUFFIXES[kind]
