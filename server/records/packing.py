"""The package of a record for other archives: a BagIt bag (RFC 8493), as a folder or as a zip stream.

The payload manifest carries the sums of the sealing, so whoever receives the bag checks against what was captured, not
against what was copied. Blocking: in a thread.
"""

from __future__ import annotations

import zipfile
from collections.abc import Iterator
from datetime import datetime
from hashlib import sha256
from pathlib import Path

import msgspec

import server
from server.records.keeping import Sealed
from server.records.sending import inside

CHUNK = 1 << 20
Source = bytes | Path


def entries(root: Path, sealed: Sealed, now: datetime) -> list[tuple[str, Source]]:
    """Every file of the bag by its name in the bag, the tag files last."""
    described = {"data/record.json": _description(sealed), "data/custody.jsonl": _custody(sealed)}
    payload: list[tuple[str, Source, str, int]] = [
        (f"data/{file.name}", inside(root, file.name), file.sha256, file.bytes) for file in sealed.files
    ]
    payload += [(name, text, sha256(text).hexdigest(), len(text)) for name, text in described.items()]
    tags = {
        "bagit.txt": b"BagIt-Version: 1.0\nTag-File-Character-Encoding: UTF-8\n",
        "bag-info.txt": _info(sealed, now, sum(entry[3] for entry in payload), len(payload)),
        "manifest-sha256.txt": "".join(f"{sum_}  {_escaped(name)}\n" for name, _s, sum_, _n in payload).encode(),
    }
    tags["tagmanifest-sha256.txt"] = "".join(
        f"{sha256(text).hexdigest()}  {name}\n" for name, text in tags.items()
    ).encode()
    return [*((name, source) for name, source, _sum, _n in payload), *tags.items()]


def _description(sealed: Sealed) -> bytes:
    told = {
        "record": sealed.id,
        "title": sealed.title,
        "merkle_root": sealed.merkle_root,
        "meeting": sealed.facts,
        "files": sealed.files,
        "chapters": sealed.chapters,
        "gaps": sealed.gaps,
    }
    return msgspec.json.format(msgspec.json.encode(told), indent=2) + b"\n"


def _custody(sealed: Sealed) -> bytes:
    return b"".join(msgspec.json.encode(link) + b"\n" for link in sealed.custody)


def _info(sealed: Sealed, now: datetime, size: int, count: int) -> bytes:
    lines = {
        "Source-Organization": sealed.facts.unit_name,
        "External-Identifier": f"record {sealed.id}",
        "External-Description": sealed.title,
        "Bagging-Date": now.date().isoformat(),
        "Bag-Software-Agent": f"Giao Ban {server.VERSION}",
        "Payload-Oxum": f"{size}.{count}",
    }
    # A value may not hold a line end: it would begin another label (RFC 8493, 2.2.2).
    return "".join(f"{label}: {' '.join(value.split())}\n" for label, value in lines.items()).encode()


def _escaped(name: str) -> str:
    return name.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _chunks(source: Source) -> Iterator[bytes]:
    if isinstance(source, bytes):
        yield source
        return
    with source.open("rb") as file:
        while chunk := file.read(CHUNK):
            yield chunk


def _present(found: list[tuple[str, Source]]) -> list[tuple[str, Source]]:
    """Without what is no longer on disk: the manifest still names it, so the bag shows that it is missing."""
    return [(name, source) for name, source in found if isinstance(source, bytes) or source.is_file()]


def write_folder(root: Path, sealed: Sealed, target: Path, now: datetime) -> None:
    """The bag as a folder."""
    for name, source in _present(entries(root, sealed, now)):
        path = target / name
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("wb") as file:
            for chunk in _chunks(source):
                file.write(chunk)


class _Sink:
    """What ZipFile writes to; it has no position, so sizes follow each file's data."""

    def __init__(self) -> None:
        self._parts: list[bytes] = []

    def write(self, data: bytes) -> int:
        self._parts.append(bytes(data))
        return len(data)

    def flush(self) -> None:
        """Nothing is held back."""

    def close(self) -> None:
        """Nothing is open."""

    def take(self) -> bytes:
        taken = b"".join(self._parts)
        self._parts.clear()
        return taken


def zip_parts(root: Path, sealed: Sealed, now: datetime) -> Iterator[bytes]:
    """The bag as the bytes of a zip file, stored as they are: media does not get smaller."""
    sink, top = _Sink(), f"record-{sealed.id}"
    with zipfile.ZipFile(sink, "w", zipfile.ZIP_STORED) as archive:
        for name, source in _present(entries(root, sealed, now)):
            info = zipfile.ZipInfo(f"{top}/{name}", now.timetuple()[:6])
            with archive.open(info, "w", force_zip64=True) as target:
                for chunk in _chunks(source):
                    target.write(chunk)
                    yield sink.take()
    yield sink.take()
