"""edXML: a file is read or refused by its code; nothing large comes of a small one; what was read can be written."""

from __future__ import annotations

import base64
from datetime import date, datetime
from io import BytesIO
from zoneinfo import ZoneInfo

from server.directives.archives import UnpacksTooLargeError
from server.directives.attachments import content_type
from server.directives.edxml.message import Business, Document, EdxmlError, File, Organ, Staff, Status, StatusCode
from server.directives.edxml.reading import read_message
from server.directives.edxml.writing import write_message
from server.directives.exchange import REFUSALS
from server.directives.office import MacrosError
from tests.directives.files import SHEET, office, pdf, zipped

HANOI = ZoneInfo("Asia/Ho_Chi_Minh")
MOST = 100_000  # octets of all attachments together
AT = datetime(2026, 11, 24, 8, tzinfo=HANOI)
DOCUMENT = Document(
    document_id="H50,2026/11/24,05/KH",
    sender=Organ("H50", "Tỉnh"),
    recipients=(Organ("468"),),
    number="05",
    notation="KH",
    promulgated_on=date(2026, 11, 24),
    type_name="Kế hoạch",
    subject="Lụt bão",
    due=date(2026, 12, 1),
    places=("Huyện",),
    business=Business.UPDATE,
    reason="Sai",
    concerns="x",
    at=AT,
    staff=Staff("Văn phòng", "A"),
)
STATUS = Status(
    organ_id="468",
    code="01/KH",
    promulgated_on=date(2026, 11, 24),
    sender=Organ("19606"),
    status=StatusCode.RECEIVED,
    at=AT,
)


def one(data: bytes) -> None:
    """Octets as they come from another system."""
    try:
        message = read_message(data, HANOI, MOST)
    except EdxmlError as refusal:
        assert refusal.code in REFUSALS, refusal
        return
    if isinstance(message, Document):
        assert sum(len(file.content) for file in message.files) <= MOST
        for file in message.files:
            _judge(file.content)
    assert read_message(write_message(message, HANOI), HANOI, MOST + 1) is not None


def _judge(content: bytes) -> None:
    try:
        content_type(BytesIO(content))
    except (MacrosError, UnpacksTooLargeError):
        return


def _with(content: bytes) -> bytes:
    files = (File("a.pdf", "", content),)
    made = Document(**{name: getattr(DOCUMENT, name) for name in DOCUMENT.__struct_fields__} | {"files": files})
    return write_message(made, HANOI)


def seeds() -> list[bytes]:
    """Both kinds of messages, attachments of all kinds, and the usual attacks."""
    plain = write_message(DOCUMENT, HANOI)
    laughs = b"".join(b'<!ENTITY a%d "%s">' % (n, b"&a%d;" % (n - 1) * 10 if n else b"ha") for n in range(9))
    attacks = [
        b"<!DOCTYPE edXML [" + laughs + b"]><edXML>&a8;</edXML>",
        b'<!DOCTYPE x [<!ENTITY a SYSTEM "file:///etc/passwd">]><edXML>&a;</edXML>',
        b'<!DOCTYPE edXML SYSTEM "http://127.0.0.1:1/x.dtd"><edXML/>',
        b'<edXML a="' + b"x" * 5_000 + b'"/>',
        b"<edXML>" + b"<a>" * 500,
        plain.decode().encode("utf-16"),
        plain.replace(b"utf-8", b"no-such"),
    ]
    bomb = zipped(("a.pdf", bytes(1 << 20)))
    contents = [pdf(), zipped(("a.pdf", pdf())), office(), office(SHEET), zipped(("b.docx", office())), bomb]
    wrong = _with(pdf()).replace(base64.b64encode(pdf())[:8], b"kh*ng===")
    return [plain, write_message(STATUS, HANOI), *(_with(content) for content in contents), wrong, *attacks]
