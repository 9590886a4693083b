"""A message as an edXML file, in the order of elements that the format lays down: pure."""

from __future__ import annotations

import base64
from collections.abc import Iterable
from datetime import date, datetime
from xml.etree.ElementTree import Element, SubElement, register_namespace, tostring
from zoneinfo import ZoneInfo

from server.directives.edxml.message import NAMESPACE, TYPE_CODES, Document, Message, Organ, Staff, Status

register_namespace("edXML", NAMESPACE)
Part = tuple[str, str | list["Part"]]
"""An element: its name, and its text or the elements in it."""


def write_message(message: Message, zone: ZoneInfo) -> bytes:
    """The file, in UTF-8; times are local."""
    root = Element(f"{{{NAMESPACE}}}edXML")
    if isinstance(message, Status):
        _add(root, [("edXMLEnvelope", [("edXMLHeader", [("Status", _status(message, zone))])])])
    else:
        header: list[Part] = [("MessageHeader", _header(message)), ("TraceHeaderList", _trace(message, zone))]
        manifest: list[Part] = [("edXMLManifest", _references(message))]
        _add(root, [("edXMLEnvelope", [("edXMLHeader", header), ("edXMLBody", manifest)])])
        if message.files:
            _add(root, [("AttachmentEncoded", _attachments(message))])
    made: bytes = tostring(root, encoding="utf-8", xml_declaration=True)
    return made


def _add(parent: Element, parts: Iterable[Part]) -> None:
    for name, inside in parts:
        element = SubElement(parent, f"{{{NAMESPACE}}}{name}")
        if isinstance(inside, str):
            element.text = inside
        else:
            _add(element, inside)


def _day(day: date) -> str:
    return f"{day:%Y/%m/%d}"


def _moment(moment: datetime, zone: ZoneInfo) -> str:
    return f"{moment.astimezone(zone):%Y/%m/%d %H:%M:%S}"


def _organ(organ: Organ) -> list[Part]:
    return [("OrganId", organ.id), ("OrganizationInCharge", organ.name), ("OrganName", organ.name)]


def _staff(staff: Staff) -> list[Part]:
    return [("Department", staff.department), ("Staff", staff.name), ("Mobile", staff.mobile), ("Email", staff.mail)]


def _header(document: Document) -> list[Part]:
    return [
        ("From", _organ(document.sender)),
        *(("To", _organ(one)) for one in document.recipients),
        ("Code", [("CodeNumber", document.number), ("CodeNotation", document.notation)]),
        ("PromulgationInfo", [("Place", document.place), ("PromulgationDate", _day(document.promulgated_on))]),
        ("DocumentType", [("Type", str(TYPE_CODES.get(document.type_name, 0))), ("TypeName", document.type_name)]),
        ("Subject", document.subject),
        ("Content", document.content),
        (
            "SignerInfo",
            [("Competence", document.competence), ("Position", document.position), ("FullName", document.signer)],
        ),
        *([("DueDate", _day(document.due))] if document.due else []),
        ("ToPlaces", [("Place", place) for place in document.places]),
        ("OtherInfo", [("Priority", str(document.priority)), ("SphereOfPromulgation", document.sphere)]),
        ("SteeringType", "0"),
        ("DocumentId", document.document_id),
    ]


def _trace(document: Document, zone: ZoneInfo) -> list[Part]:
    business: list[Part] = [
        ("BussinessDocType", str(int(document.business))),
        ("BussinessDocReason", document.reason),
        *([("DocumentId", document.concerns)] if document.concerns else []),
        ("StaffInfo", _staff(document.staff)),
        ("Paper", "0"),
    ]
    here: list[Part] = [("OrganId", document.sender.id), ("Timestamp", _moment(document.at, zone))]
    return [("TraceHeader", here), ("Bussiness", business)]


def _content_id(place: int) -> str:
    return f"file-{place}"


def _references(document: Document) -> list[Part]:
    return [
        (
            "Reference",
            [
                ("ContentId", f"cid:{_content_id(place)}"),
                ("ContentType", file.content_type),
                ("AttachmentName", file.name),
                ("Description", file.description),
            ],
        )
        for place, file in enumerate(document.files, 1)
    ]


def _attachments(document: Document) -> list[Part]:
    return [
        (
            "Attachment",
            [
                ("ContentType", file.content_type),
                ("ContentId", _content_id(place)),
                ("Description", file.description),
                ("ContentTransferEncoded", base64.b64encode(file.content).decode()),
                ("AttachmentName", file.name),
            ],
        )
        for place, file in enumerate(document.files, 1)
    ]


def _status(status: Status, zone: ZoneInfo) -> list[Part]:
    return [
        (
            "ResponseFor",
            [
                ("OrganId", status.organ_id),
                ("Code", status.code),
                ("PromulgationDate", _day(status.promulgated_on)),
                ("DocumentId", status.document_id),
            ],
        ),
        ("From", _organ(status.sender)),
        ("StatusCode", status.status.value),
        ("Description", status.description),
        ("Timestamp", _moment(status.at, zone)),
        ("StaffInfo", _staff(status.staff)),
    ]
