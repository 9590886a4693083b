"""An edXML file as a message, whatever is in it: nothing is fetched, nothing is expanded, everything is bounded: pure.

Elements are known by their local names: systems differ in prefixes, and in whether attachments have a namespace at all.
"""

from __future__ import annotations

import base64
from datetime import date, datetime, time
from io import BytesIO
from typing import Any
from xml.etree.ElementTree import Element, ParseError, TreeBuilder
from zoneinfo import ZoneInfo

from defusedxml import DefusedXmlException
from defusedxml.ElementTree import XMLParser

from server.directives.archives import Archive, BrokenArchiveError
from server.directives.documents import clean_text, without_hidden_marks
from server.directives.edxml.message import (
    Business,
    Document,
    EdxmlError,
    File,
    Message,
    Organ,
    Staff,
    Status,
    StatusCode,
)
from server.directives.office import is_package

MOST_ELEMENTS = 20_000
MOST_DEPTH = 16
LONGEST_TAG = 1 << 20
"""Bytes of a tag or a comment; what is between them may be longer."""
MOST_RECIPIENTS = 5_000
SHORT, LONG, CONTENT = 200, 500, 100_000
YEARS = range(1900, 2201)


def read_message(data: bytes, zone: ZoneInfo, most_bytes: int) -> Message:
    """What the file says; times in it are local. `most_bytes` bounds all attachments together. Raises EdxmlError."""
    root = _parse(data)
    header = _find(root, "edXMLEnvelope", "edXMLHeader")
    if _name(root) != "edXML" or header is None:
        raise EdxmlError("not_edxml")
    status = _find(header, "Status")
    if status is not None:
        return _status(status, zone)
    return _document(root, header, zone, most_bytes)


class _Bounded(TreeBuilder):
    """The tree as it grows, of MOST_ELEMENTS and MOST_DEPTH at most."""

    def __init__(self) -> None:
        super().__init__()
        self._count = self._depth = 0

    def start(self, tag: str, attrs: dict[Any, Any], /) -> Element:
        """An element begins."""
        self._count, self._depth = self._count + 1, self._depth + 1
        if self._count > MOST_ELEMENTS or self._depth > MOST_DEPTH:
            raise EdxmlError("too_many_elements")
        return super().start(tag, attrs)

    def end(self, tag: str, /) -> Element:
        """An element ends."""
        self._depth -= 1
        return super().end(tag)


def _parse(data: bytes) -> Element:
    """The tree. No DOCTYPE is taken, so there are no entities of its own to expand or to fetch."""
    parser = XMLParser(target=_Bounded(), forbid_dtd=True)
    try:
        for begin in range(0, len(data), LONGEST_TAG):
            block = data[begin : begin + LONGEST_TAG]
            parser.feed(block)
            # Expat reads what is not finished from its beginning again with each block.
            if begin + len(block) - parser.parser.CurrentByteIndex > LONGEST_TAG:
                raise EdxmlError("tag_too_long")
        root: Element = parser.close()
    except DefusedXmlException as error:
        raise EdxmlError("doctype") from error
    except (ParseError, ValueError, LookupError) as error:  # ill-formed, or in an encoding that does not exist
        if isinstance(error, EdxmlError):
            raise
        raise EdxmlError("not_xml") from error
    return root


def _name(element: Element) -> str:
    return element.tag.rpartition("}")[2]


def _all(element: Element, name: str) -> list[Element]:
    return [child for child in element if _name(child) == name]


def _find(element: Element, *path: str) -> Element | None:
    found: Element | None = element
    for name in path:
        found = next(iter(_all(found, name)), None) if found is not None else None
    return found


def _clean(text: str | None) -> str:
    return clean_text(without_hidden_marks(clean_text(text or "")))


def _text(element: Element, *path: str, most: int = SHORT, required: bool = False) -> str:
    found = _find(element, *path)
    text = _clean(found.text) if found is not None else ""
    if len(text) > most:
        raise EdxmlError("too_long", path[-1])
    if required and not text:
        raise EdxmlError("missing", path[-1])
    return text


def _number(element: Element, *path: str) -> int:
    text = _text(element, *path) or "0"
    if not (text.isascii() and text.isdecimal() and len(text) <= 4):
        raise EdxmlError("bad_value", path[-1])
    return int(text)


def _moment(element: Element, *path: str, zone: ZoneInfo) -> datetime:
    """2026/11/24 or 2026-11-24, with a time of day or without."""
    text = _text(element, *path, most=40, required=True).replace("/", "-").replace("T", " ")
    day, _space, clock = text.partition(" ")
    try:
        moment = datetime.combine(date.fromisoformat(day), time.fromisoformat(clock or "00:00")).replace(tzinfo=zone)
    except ValueError as error:
        raise EdxmlError("bad_value", path[-1]) from error
    if moment.year not in YEARS:
        raise EdxmlError("bad_value", path[-1])
    return moment


def _organ(element: Element | None) -> Organ:
    if element is None:
        raise EdxmlError("missing", "From")
    return Organ(_text(element, "OrganId", most=50, required=True), _text(element, "OrganName"))


def _staff(element: Element | None) -> Staff:
    if element is None:
        return Staff()
    return Staff(*(_text(element, name) for name in ("Department", "Staff", "Mobile", "Email")))


def _status(status: Element, zone: ZoneInfo) -> Status:
    code = _text(status, "StatusCode", most=2, required=True)
    if code not in set(StatusCode):
        raise EdxmlError("bad_value", "StatusCode")
    return Status(
        organ_id=_text(status, "ResponseFor", "OrganId", most=50, required=True),
        code=_text(status, "ResponseFor", "Code", most=60, required=True),
        promulgated_on=_moment(status, "ResponseFor", "PromulgationDate", zone=zone).date(),
        document_id=_text(status, "ResponseFor", "DocumentId"),
        sender=_organ(_find(status, "From")),
        status=StatusCode(code),
        description=_text(status, "Description", most=LONG),
        at=_moment(status, "Timestamp", zone=zone),
        staff=_staff(_find(status, "StaffInfo")),
    )


def _document(root: Element, header: Element, zone: ZoneInfo, most_bytes: int) -> Document:
    said, trace = _find(header, "MessageHeader"), _find(header, "TraceHeaderList")
    if said is None or trace is None:
        raise EdxmlError("missing", "MessageHeader" if said is None else "TraceHeaderList")
    recipients, places = _all(said, "To"), _find(said, "ToPlaces")
    if len(recipients) > MOST_RECIPIENTS:
        raise EdxmlError("too_many_elements")
    priority, business = _number(said, "OtherInfo", "Priority"), _number(trace, "Bussiness", "BussinessDocType")
    if priority > 4 or business not in set(Business):
        raise EdxmlError("bad_value", "Priority" if priority > 4 else "BussinessDocType")
    due = _find(said, "DueDate")
    return Document(
        document_id=_text(said, "DocumentId", required=True),
        sender=_organ(_find(said, "From")),
        recipients=tuple(_organ(one) for one in recipients),
        number=_text(said, "Code", "CodeNumber", most=20, required=True),
        notation=_text(said, "Code", "CodeNotation", most=30),
        promulgated_on=_moment(said, "PromulgationInfo", "PromulgationDate", zone=zone).date(),
        place=_text(said, "PromulgationInfo", "Place"),
        type_name=_text(said, "DocumentType", "TypeName", most=100),
        subject=_text(said, "Subject", most=LONG, required=True),
        content=_text(said, "Content", most=CONTENT),
        competence=_text(said, "SignerInfo", "Competence"),
        position=_text(said, "SignerInfo", "Position"),
        signer=_text(said, "SignerInfo", "FullName"),
        due=_moment(said, "DueDate", zone=zone).date() if due is not None and (due.text or "").strip() else None,
        places=tuple(_clean(one.text)[:LONG] for one in _all(places, "Place")) if places is not None else (),
        priority=priority,
        sphere=_text(said, "OtherInfo", "SphereOfPromulgation"),
        business=Business(business),
        reason=_text(trace, "Bussiness", "BussinessDocReason", most=LONG),
        concerns=_text(trace, "Bussiness", "DocumentId"),
        at=_moment(trace, "TraceHeader", "Timestamp", zone=zone),
        staff=_staff(_find(trace, "Bussiness", "StaffInfo")),
        files=_files(root, most_bytes),
    )


def _files(root: Element, most_bytes: int) -> tuple[File, ...]:
    """The attachments, which stand beside the envelope."""
    found, left = [], most_bytes
    for one in _all(root, "AttachmentEncoded"):
        for attachment in _all(one, "Attachment"):
            name = _text(attachment, "AttachmentName", required=True)
            encoded = _find(attachment, "ContentTransferEncoded")
            content = _content((encoded.text if encoded is not None else None) or "", name, left)
            left -= len(content)
            kind, words = _text(attachment, "ContentType"), _text(attachment, "Description", most=LONG)
            found.append(File(name, kind, content, words))
    return tuple(found)


def _content(encoded: str, name: str, most: int) -> bytes:
    """The bytes behind base64, and behind ZIP, which some systems put between. Office files are archives themselves."""
    try:
        content = base64.b64decode("".join(encoded.split()), validate=True)
    except ValueError as error:
        raise EdxmlError("broken_file", name) from error
    if content.startswith(b"PK\x03\x04"):
        content = _unzipped(content, name, most)
    if not content:
        raise EdxmlError("broken_file", name)
    if len(content) > most:
        raise EdxmlError("files_too_large", name)
    return content


def _unzipped(content: bytes, name: str, most: int) -> bytes:
    """The only file in an archive, read no further than one byte over the limit; an office file as it is."""
    try:
        archive = Archive(BytesIO(content))
        if is_package(archive):
            return content
        if len(archive.members) == 1:
            return archive.read(archive.members[0].filename, most)
    except BrokenArchiveError as error:
        raise EdxmlError("broken_file", name) from error
    raise EdxmlError("broken_file", name)
