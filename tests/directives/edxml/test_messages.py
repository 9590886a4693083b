"""edXML apart from the server: what is written is read back; what is wrong, or an attack, is refused quickly."""

from __future__ import annotations

import base64
import tracemalloc
import zipfile
from datetime import date, datetime
from typing import Any
from xml.etree.ElementTree import fromstring
from zoneinfo import ZoneInfo

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from server.directives.documents import DocumentType, clean_text, has_hidden_marks
from server.directives.edxml.message import (
    NAMESPACE,
    TYPE_CODES,
    Business,
    Document,
    EdxmlError,
    File,
    Message,
    Organ,
    Staff,
    Status,
    StatusCode,
    document_type,
)
from server.directives.edxml.reading import LONGEST_TAG, MOST_DEPTH, MOST_ELEMENTS, read_message
from server.directives.edxml.writing import write_message
from tests.directives.files import office, zipped

HANOI = ZoneInfo("Asia/Ho_Chi_Minh")
MB = 1 << 20
LETTERS = st.characters(blacklist_categories=("Cc", "Cf", "Co", "Cs", "Cn", "Zl", "Zp", "Zs"))


def words(most: int, least: int = 0) -> st.SearchStrategy[str]:
    """What stays as it is when it is read: composed, without spaces around it."""
    text = st.lists(st.text(LETTERS, min_size=1, max_size=12), min_size=least, max_size=8).map(" ".join).map(clean_text)
    return text.filter(lambda one: least <= len(one) <= most and not has_hidden_marks(one))


DAYS = st.dates(date(1900, 1, 1), date(2200, 1, 1))
MOMENTS = st.datetimes(datetime(1990, 1, 1), datetime(2200, 1, 1)).map(
    lambda moment: moment.replace(microsecond=0, tzinfo=HANOI)
)
ORGANS = st.builds(Organ, words(50, 1), words(200))
STAFF = st.builds(Staff, words(200), words(200), words(200), words(200))
FILES = st.builds(
    File,
    words(200, 1),
    st.sampled_from(["application/pdf", "image/png"]),
    st.binary(min_size=1, max_size=300).filter(lambda content: not content.startswith(b"PK\x03\x04")),
    words(200),
)
DOCUMENTS = st.builds(
    Document,
    document_id=words(200, 1),
    sender=ORGANS,
    recipients=st.lists(ORGANS, max_size=3).map(tuple),
    number=words(20, 1),
    notation=words(30),
    promulgated_on=DAYS,
    place=words(200),
    type_name=words(100),
    subject=words(500, 1),
    content=words(1000),
    competence=words(200),
    position=words(200),
    signer=words(200),
    due=st.none() | DAYS,
    places=st.lists(words(200), max_size=3).map(tuple),
    priority=st.integers(0, 4),
    sphere=words(200),
    business=st.sampled_from(Business),
    reason=words(500),
    concerns=words(200),
    at=MOMENTS,
    staff=STAFF,
    files=st.lists(FILES, max_size=3).map(tuple),
)
STATUSES = st.builds(
    Status,
    organ_id=words(50, 1),
    code=words(60, 1),
    promulgated_on=DAYS,
    document_id=words(200),
    sender=ORGANS,
    status=st.sampled_from(StatusCode),
    description=words(500),
    at=MOMENTS,
    staff=STAFF,
)


@settings(deadline=None, max_examples=60)
@given(DOCUMENTS | STATUSES)
def test_what_is_written_is_read_back(message: Message) -> None:
    assert read_message(write_message(message, HANOI), HANOI, MB) == message


DOCUMENT = Document(
    document_id="H50,2026/11/24,05/KH-UBND",
    sender=Organ("H50", "UBND tỉnh Quảng Trị"),
    recipients=(Organ("468", "UBND huyện Cam Lộ"),),
    number="05",
    notation="KH-UBND",
    promulgated_on=date(2026, 11, 24),
    type_name="Kế hoạch",
    subject="Phòng, chống lụt bão <& ]]>",
    due=date(2026, 12, 1),
    at=datetime(2026, 11, 24, 8, tzinfo=HANOI),
    files=(File("Kế hoạch.pdf", "application/pdf", b"%PDF-1.4 ..."),),
)


def test_the_elements_stand_where_others_look_for_them() -> None:
    root = fromstring(write_message(DOCUMENT, HANOI))
    names = {"e": NAMESPACE}
    assert root.tag == f"{{{NAMESPACE}}}edXML"
    header = root.find("e:edXMLEnvelope/e:edXMLHeader", names)
    assert header is not None
    said = header.find("e:MessageHeader", names)
    assert said is not None
    assert [child.tag.rpartition("}")[2] for child in said] == [
        *("From", "To", "Code", "PromulgationInfo", "DocumentType", "Subject", "Content", "SignerInfo", "DueDate"),
        *("ToPlaces", "OtherInfo", "SteeringType", "DocumentId"),
    ]
    assert said.findtext("e:PromulgationInfo/e:PromulgationDate", namespaces=names) == "2026/11/24"
    assert said.findtext("e:DocumentType/e:Type", namespaces=names) == "10"
    trace = header.find("e:TraceHeaderList", names)
    assert trace is not None
    assert trace.findtext("e:TraceHeader/e:Timestamp", namespaces=names) == "2026/11/24 08:00:00"
    assert trace.findtext("e:Bussiness/e:BussinessDocType", namespaces=names) == "0"
    ids = [one.text for one in root.iter(f"{{{NAMESPACE}}}ContentId")]
    assert ids == ["cid:file-1", "file-1"]  # the reference and the attachment
    assert root.find("e:AttachmentEncoded/e:Attachment", names) is not None


FOREIGN = """<?xml version="1.0" encoding="utf-8"?>
<edXML xmlns="http://www.mic.gov.vn/TBT/QCVN_102_2016"><edXML:edXMLEnvelope
 xmlns:edXML="http://www.mic.gov.vn/TBT/QCVN_102_2016"><edXML:edXMLHeader><edXML:MessageHeader>
 <edXML:From><edXML:OrganId>000.00.00.G22</edXML:OrganId><edXML:OrganName>Văn phòng</edXML:OrganName></edXML:From>
 <edXML:Code><edXML:CodeNumber>7816</edXML:CodeNumber><edXML:CodeNotation>VPCP-TTĐT</edXML:CodeNotation></edXML:Code>
 <edXML:PromulgationInfo><edXML:PromulgationDate>2015-09-30</edXML:PromulgationDate></edXML:PromulgationInfo>
 <edXML:DocumentType><edXML:Type>18</edXML:Type><edXML:TypeName>Quyết định (cá biệt)</edXML:TypeName>
 </edXML:DocumentType><edXML:Subject> V/v kết\u200b nối\u202e </edXML:Subject><edXML:DueDate/>
 <edXML:OtherInfo><edXML:Priority>3</edXML:Priority></edXML:OtherInfo>
 <edXML:DocumentId>000.00.00.G22,2015/09/30,7816/VPCP-TTĐT</edXML:DocumentId></edXML:MessageHeader>
 <edXML:TraceHeaderList><edXML:TraceHeader><edXML:OrganId>G</edXML:OrganId><edXML:Timestamp>2015/09/30 09:10:11
 </edXML:Timestamp></edXML:TraceHeader></edXML:TraceHeaderList></edXML:edXMLHeader></edXML:edXMLEnvelope>
 <AttachmentEncoded xmlns=""><Attachment><AttachmentName>a.pdf</AttachmentName>
 <ContentTransferEncoded>{content}</ContentTransferEncoded></Attachment></AttachmentEncoded></edXML>"""


def foreign(content: bytes) -> bytes:
    return FOREIGN.replace("{content}", base64.encodebytes(content).decode()).encode()


@pytest.mark.parametrize("content", [b"%PDF-1.4", zipped(("x/y.pdf", b"%PDF-1.4"))], ids=["plain", "zipped"])
def test_what_other_systems_write(content: bytes) -> None:
    read = read_message(foreign(content), HANOI, MB)
    assert isinstance(read, Document)
    assert (read.number_text, read.promulgated_on) == ("7816/VPCP-TTĐT", date(2015, 9, 30))
    assert read.subject == "V/v kết nối"  # marks that nobody sees are gone
    assert (read.due, read.priority, read.business) == (None, 3, Business.NEW)
    assert read.at == datetime(2015, 9, 30, 9, 10, 11, tzinfo=HANOI)
    assert read.files == (File("a.pdf", "", b"%PDF-1.4"),)
    assert document_type(read.type_name) is DocumentType.QUYET_DINH


@pytest.mark.parametrize("content", [office(), zipped(("bieu-mau.docx", office()))], ids=["plain", "zipped"])
def test_an_office_file_is_an_archive_that_stays_one(content: bytes) -> None:
    read = read_message(foreign(content), HANOI, MB)
    assert isinstance(read, Document)
    assert read.files[0].content == office()
    assert refused(foreign(content), 10) == ("files_too_large", "a.pdf")


def test_types_by_name() -> None:
    assert document_type("KẾ HOẠCH") is DocumentType.KE_HOACH
    assert document_type("Nghị định") is DocumentType.CONG_VAN  # we carry it on by a letter of ours
    assert {kind.value for kind in DocumentType} - set(TYPE_CODES) == {
        *("Giấy nghỉ phép", "Phiếu gửi", "Phiếu chuyển", "Phiếu báo", "Thư công"),
    }


# ---- what is wrong


GOOD = write_message(DOCUMENT, HANOI)
BOMB = b"".join(b'<!ENTITY a%d "%s">' % (n, b"&a%d;" % (n - 1) * 10 if n else b"ha" * 10) for n in range(10))
DOCTYPES = {
    "billion laughs": b"<!DOCTYPE edXML [" + BOMB + b"]><edXML>&a9;</edXML>",
    "quadratic": b'<!DOCTYPE x [<!ENTITY a "' + b"a" * 50_000 + b'">]><edXML>' + b"&a;" * 50_000 + b"</edXML>",
    "external entity": b'<!DOCTYPE x [<!ENTITY a SYSTEM "file:///etc/passwd">]><edXML>&a;</edXML>',
    "parameter entity": b'<!DOCTYPE x [<!ENTITY % a SYSTEM "http://127.0.0.1:1/x"> %a;]><edXML/>',
    "external DTD": b'<!DOCTYPE edXML SYSTEM "http://127.0.0.1:1/x.dtd"><edXML/>',
    "harmless": b"<!DOCTYPE edXML><edXML/>",
}


def refused(data: bytes, most: int = MB) -> tuple[str, str]:
    with pytest.raises(EdxmlError) as error:
        read_message(data, HANOI, most)
    return error.value.code, error.value.where


@pytest.mark.parametrize("name", DOCTYPES)
def test_a_doctype_is_refused_before_anything_comes_of_it(name: str) -> None:
    tracemalloc.start()
    assert refused(DOCTYPES[name])[0] == "doctype"
    _now, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 10 * MB


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (b"", "not_xml"),
        (b"\x00\xff", "not_xml"),
        (GOOD[:-20], "not_xml"),
        (b"<a><b></a>", "not_xml"),
        (b'<?xml version="1.0" encoding="no-such"?><edXML/>', "not_xml"),
        (b"<edXML>&unknown;</edXML>", "not_xml"),
        (b"<html><body/></html>", "not_edxml"),
        (b"<edXML><edXMLEnvelope/></edXML>", "not_edxml"),
        (GOOD.replace(b"edXML:edXML ", b"edXML:other ").replace(b"</edXML:edXML>", b"</edXML:other>"), "not_edxml"),
        (b"<edXML>" + b"<a/>" * MOST_ELEMENTS + b"</edXML>", "too_many_elements"),
        (b"<edXML>" + b"<a>" * 100_000, "too_many_elements"),
        (b"<edXML>" + b"".join(b'<a b%d=""/>' % n for n in range(MOST_ELEMENTS)) + b"</edXML>", "too_many_elements"),
        (b'<edXML a="' + b"x" * (LONGEST_TAG - 20) + b'"/>', "not_edxml"),
        (b'<edXML a="' + b"x" * (8 * MB) + b'"/>', "tag_too_long"),
        (b"<edXML><!--" + b"x" * (8 * MB) + b"--></edXML>", "tag_too_long"),
        (b"<edXML>" + b"x" * (8 * MB) + b"<![CDATA[" + b"x" * (8 * MB) + b"]]></edXML>", "not_edxml"),
        (b"<a>" * MOST_DEPTH + b"</a>" * MOST_DEPTH, "not_edxml"),
    ],
)
def test_what_is_no_edxml(data: bytes, code: str) -> None:
    assert refused(data)[0] == code


@pytest.mark.parametrize(
    ("old", "new", "code", "where"),
    [
        ("<edXML:CodeNumber>05<", "<edXML:CodeNumber><", "missing", "CodeNumber"),
        ("<edXML:CodeNumber>05<", f"<edXML:CodeNumber>{'1' * 21}<", "too_long", "CodeNumber"),
        ("lụt bão", "x" * 501, "too_long", "Subject"),
        ("H50,2026/11/24,05/KH-UBND", " ", "missing", "DocumentId"),
        ("Date>2026/11/24<", "Date>24/11/2026<", "bad_value", "PromulgationDate"),
        ("Date>2026/11/24<", "Date>2026/02/30<", "bad_value", "PromulgationDate"),
        ("DueDate>2026/12/01<", "DueDate>0202/12/01<", "bad_value", "DueDate"),
        ("DueDate>2026/12/01<", "DueDate>9999/12/31<", "bad_value", "DueDate"),
        ("Priority>0<", "Priority>5<", "bad_value", "Priority"),
        ("Priority>0<", "Priority>-1<", "bad_value", "Priority"),
        ("Priority>0<", "Priority>²<", "bad_value", "Priority"),
        ("BussinessDocType>0<", "BussinessDocType>4<", "bad_value", "BussinessDocType"),
        ("Timestamp>2026/11/24 08:00:00<", "Timestamp>bây giờ<", "bad_value", "Timestamp"),
        ("<edXML:OrganId>H50<", "<edXML:OrganId><", "missing", "OrganId"),
        ("Encoded>JVBERi0xLjQgLi4u<", "Encoded>JVBERi0xLjQgLi4<", "broken_file", "Kế hoạch.pdf"),
        ("Encoded>JVBERi0xLjQgLi4u<", "Encoded>không<", "broken_file", "Kế hoạch.pdf"),
        ("Encoded>JVBERi0xLjQgLi4u<", "Encoded><", "broken_file", "Kế hoạch.pdf"),
    ],
)
def test_a_wrong_value_is_named(old: str, new: str, code: str, where: str) -> None:
    text = GOOD.decode()
    assert old in text
    assert refused(text.replace(old, new).encode()) == (code, where)


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (b"x" * (MB + 1), "files_too_large"),
        (zipped(("a.pdf", bytes(50 * MB))), "files_too_large"),
        (zipped(("a.pdf", b"a"), ("b.pdf", b"b")), "broken_file"),
        (zipped(("a.pdf", b"abc" * 100))[:-10], "broken_file"),
        (b"PK\x03\x04nothing", "broken_file"),
        (zipped(("a.pdf", b"abc" * 100), method=zipfile.ZIP_LZMA), "broken_file"),
    ],
    ids=["large", "bomb", "two", "cut", "no archive", "another method"],
)
def test_a_wrong_attachment(content: bytes, code: str) -> None:
    data = foreign(content)
    tracemalloc.start()
    assert refused(data)[0] == code
    _now, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 12 * MB  # the bomb is not unpacked


def test_attachments_share_one_limit() -> None:
    files = tuple(File(f"{n}.pdf", "application/pdf", b"x" * 400) for n in range(3))
    data = write_message(msgspec.structs.replace(DOCUMENT, files=files), HANOI)
    assert refused(data, 1000) == ("files_too_large", "2.pdf")
    assert read_message(data, HANOI, 1200).files == files  # type: ignore[union-attr]


@given(st.binary(max_size=300), st.integers(0, len(GOOD) - 1))
@settings(deadline=None, max_examples=100)
def test_any_bytes_are_read_or_refused(data: bytes, at: int) -> None:
    for one in (data, GOOD[:at] + data + GOOD[at:], GOOD[:at] + data):
        try:
            read: Any = read_message(one, HANOI, MB)
        except EdxmlError as error:
            assert error.code
        else:
            assert isinstance(read, Document | Status)


ARCHIVE = zipped(("a.pdf", b"abc" * 50))


@given(st.binary(min_size=1, max_size=8), st.integers(4, len(ARCHIVE) - 1), st.booleans())
@settings(deadline=None, max_examples=150)
def test_any_archive_is_unpacked_or_refused(data: bytes, at: int, cut: bool) -> None:
    broken = ARCHIVE[:at] + data + (b"" if cut else ARCHIVE[at + len(data) :])
    try:
        read = read_message(foreign(broken), HANOI, MB)
    except EdxmlError as error:
        assert error.code == "broken_file"
    else:
        assert isinstance(read, Document)
        assert read.files[0].content
