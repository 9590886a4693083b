"""Word and Excel files (Office Open XML, ECMA-376): whether an archive is one, without macros, and no bomb: pure."""

from __future__ import annotations

from typing import BinaryIO

from defusedxml import DefusedXmlException
from defusedxml.ElementTree import ParseError, fromstring

from server.directives.archives import Archive, BrokenArchiveError

DOCX = "application/vnd.openxmlformats-officedocument.wordprocessingml.document"
XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
TYPES_PART = "[Content_Types].xml"
MOST_TYPES = 1 << 20
ALWAYS_ALLOWED, MOST_UNPACKED, MOST_RATIO = 10 << 20, 200 << 20, 200
"""Octets that any file may unpack to, that none may exceed; between them as many times its own size."""

_MAIN = {f"{DOCX}.main+xml": DOCX, f"{XLSX}.main+xml": XLSX}


class MacrosError(Exception):
    """The file holds programs."""


def is_package(archive: Archive) -> bool:
    """Whether an archive is an office file and no mere wrapping."""
    return TYPES_PART in archive.names


def office_type(file: BinaryIO) -> str | None:
    """DOCX or XLSX; None if it is neither or broken. Raises MacrosError, UnpacksTooLargeError."""
    size = file.seek(0, 2)
    file.seek(0)
    if file.read(4) != b"PK\x03\x04":
        return None
    try:
        archive = Archive(file)
        if not is_package(archive):
            return None
        archive.check_whole(min(max(ALWAYS_ALLOWED, MOST_RATIO * size), MOST_UNPACKED))
        kinds = _content_types(archive.read(TYPES_PART, MOST_TYPES))
    except BrokenArchiveError:
        return None
    if any(name.lower().endswith("vbaproject.bin") for name in archive.names) or any(map(_is_program, kinds)):
        raise MacrosError
    found = {_MAIN[kind] for kind in kinds if kind in _MAIN}
    return found.pop() if len(found) == 1 else None


def _is_program(kind: str) -> bool:
    return "macroenabled" in kind.lower() or "vbaproject" in kind.lower()


def _content_types(text: bytes) -> set[str]:
    """The types of its parts. Raises BrokenArchiveError."""
    try:
        root = fromstring(text, forbid_dtd=True)
    except (DefusedXmlException, ParseError, ValueError, LookupError) as error:
        raise BrokenArchiveError from error
    return {one.get("ContentType", "") for one in root}
