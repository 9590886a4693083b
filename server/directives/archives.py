"""Archives that strangers made (ZIP): opened if their directory is small, unpacked no further than allowed: pure."""

from __future__ import annotations

import struct
import zipfile
import zlib
from typing import BinaryIO

MOST_DIRECTORY = 1 << 20
"""Octets of an archive's directory: each entry costs ten times as many in memory."""

_END, _END_LENGTH, _LONGEST_COMMENT = b"PK\x05\x06", 22, 0xFFFF
_LOCATOR_64, _LOCATOR_LENGTH = b"PK\x06\x07", 20
_BLOCK = 1 << 16
_METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
# What zipfile raises for archives that are cut, encrypted, packed in other ways, or say what is not so.
_BROKEN = (
    *(zipfile.BadZipFile, zlib.error, EOFError, struct.error, NotImplementedError, RuntimeError, OverflowError),
    *(ValueError, LookupError, OSError),
)


class BrokenArchiveError(ValueError):
    """It cannot be read, or is built as nobody builds one in earnest."""


class UnpacksTooLargeError(Exception):
    """More would come out than is allowed."""


class Archive:
    """An open archive; its members are plain files, stored or deflated. Raises BrokenArchiveError."""

    def __init__(self, file: BinaryIO) -> None:
        _check_directory(file)
        try:
            self._zip = zipfile.ZipFile(file)
            self.members = [one for one in self._zip.infolist() if not one.is_dir()]
        except _BROKEN as error:
            raise BrokenArchiveError from error
        if any(one.compress_type not in _METHODS or one.flag_bits & 1 for one in self.members):
            raise BrokenArchiveError

    @property
    def names(self) -> set[str]:
        """What the members are called."""
        return {one.filename for one in self.members}

    def read(self, name: str, most: int) -> bytes:
        """A member, at most `most` octets and one more, whatever it says of its size. Raises BrokenArchiveError."""
        try:
            with self._zip.open(name) as file:
                return file.read(most + 1)
        except _BROKEN as error:
            raise BrokenArchiveError from error

    def check_whole(self, most: int) -> None:
        """Unpack everything, keep nothing. Raises BrokenArchiveError, UnpacksTooLargeError beyond `most` octets."""
        if sum(one.file_size for one in self.members) > most:
            raise UnpacksTooLargeError
        left = most
        try:
            for one in self.members:
                with self._zip.open(one) as file:
                    while block := file.read(_BLOCK):
                        left -= len(block)
                        if left < 0:
                            raise UnpacksTooLargeError
        except _BROKEN as error:
            raise BrokenArchiveError from error


def _check_directory(file: BinaryIO) -> None:
    """Read the end of the archive as zipfile would, before it takes in a directory of any size (APPNOTE, 4.3.16)."""
    size = file.seek(0, 2)
    begin = max(0, size - _END_LENGTH - _LONGEST_COMMENT - _LOCATOR_LENGTH)
    file.seek(begin)
    tail = file.read()
    file.seek(0)
    at = tail.rfind(_END)
    if at < 0 or len(tail) - at < _END_LENGTH:
        raise BrokenArchiveError
    (directory,) = struct.unpack_from("<L", tail, at + 12)
    long = tail[max(0, at - _LOCATOR_LENGTH) : at].startswith(_LOCATOR_64)
    if long or directory > MOST_DIRECTORY:
        raise BrokenArchiveError
