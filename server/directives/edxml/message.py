"""What an edXML file says: a document that goes from organ to organ, or what became of one: pure."""

from __future__ import annotations

import re
from datetime import date, datetime
from enum import IntEnum, StrEnum

import msgspec

from server.directives.documents import DocumentType, Urgency
from server.directives.rules import Event, ReturnReason, State

NAMESPACE = "http://www.mic.gov.vn/TBT/QCVN_102_2016"


class EdxmlError(ValueError):
    """A file that is not taken: `code` says why, `where` names the element."""

    def __init__(self, code: str, where: str = "") -> None:
        super().__init__(f"{code} {where}".strip())
        self.code, self.where = code, where


class Business(IntEnum):
    """Why a document is sent (`BussinessDocType`, which the format spells so)."""

    NEW = 0
    RECALL = 1
    UPDATE = 2
    REPLACE = 3


class StatusCode(StrEnum):
    """What became of a document (`StatusCode`); 13 is said by who sent it, the others by who received it."""

    ARRIVED = "01"
    REFUSED = "02"
    RECEIVED = "03"
    ASSIGNED = "04"
    IN_PROGRESS = "05"
    COMPLETED = "06"
    RECALL_ASKED = "13"
    RECALL_AGREED = "15"
    RECALL_REFUSED = "16"


STATUS_WORDS = {
    StatusCode.ARRIVED: "Đã đến",
    StatusCode.REFUSED: "Từ chối tiếp nhận",
    StatusCode.RECEIVED: "Đã tiếp nhận",
    StatusCode.ASSIGNED: "Phân công",
    StatusCode.IN_PROGRESS: "Đang xử lý",
    StatusCode.COMPLETED: "Hoàn thành",
    StatusCode.RECALL_ASKED: "Yêu cầu lấy lại",
    StatusCode.RECALL_AGREED: "Đồng ý lấy lại",
    StatusCode.RECALL_REFUSED: "Từ chối lấy lại",
}
"""For `Description`, which people of the other system read: in Vietnamese whoever makes the file."""

RETURN_WORDS = {
    ReturnReason.WRONG_RECIPIENT: "gửi nhầm nơi nhận",
    ReturnReason.NOT_AUTHENTIC: "không bảo đảm tính xác thực",
    ReturnReason.DAMAGED: "tệp hỏng, không đọc được",
    ReturnReason.DUPLICATE: "trùng với văn bản đã nhận",
}
"""Why it is refused, behind that."""

DESCRIPTION_LENGTH = 500


def described(status: StatusCode, why: str = "") -> str:
    """`Description` of a status, and why it is so, as far as there is room."""
    return ": ".join(part for part in (STATUS_WORDS[status], why) if part)[:DESCRIPTION_LENGTH]


def refusal(reason: str | None, note: str | None) -> str:
    """Why a document was refused, in words for the sender's people; `reason` is a ReturnReason."""
    words = RETURN_WORDS[ReturnReason(reason)] if reason else ""
    return ". ".join(part for part in (words, note) if part)


STEPS: dict[StatusCode, tuple[Event, ...]] = {
    StatusCode.ARRIVED: (Event.ARRIVE,),
    StatusCode.REFUSED: (Event.RETURN,),
    StatusCode.RECEIVED: (Event.REGISTER,),
    StatusCode.ASSIGNED: (Event.REGISTER, Event.ASSIGN),
    StatusCode.IN_PROGRESS: (Event.REGISTER, Event.START),
    StatusCode.COMPLETED: (Event.REGISTER, Event.REPORT),
    StatusCode.RECALL_AGREED: (Event.AGREE_RECALL,),
    StatusCode.RECALL_REFUSED: (Event.REFUSE_RECALL,),
}
"""What a status says of our delivery: the last step, and the one that it takes for granted. Whether the work is
completed the issuer judges: 06 is the recipient's report."""

_WORKED = frozenset({State.REPORTED, State.COMPLETED})
_TAKEN = frozenset({State.REGISTERED, State.CLOSED_INFO, State.ASSIGNED, State.IN_PROGRESS, State.REWORK})
REACHED: dict[StatusCode, frozenset[State]] = {
    StatusCode.ARRIVED: frozenset(State) - {State.SENT},
    StatusCode.REFUSED: frozenset({State.RETURNED}),
    StatusCode.RECEIVED: _WORKED | _TAKEN,
    StatusCode.ASSIGNED: _WORKED | {State.ASSIGNED, State.IN_PROGRESS},
    StatusCode.IN_PROGRESS: _WORKED | {State.IN_PROGRESS},
    StatusCode.COMPLETED: _WORKED,
    StatusCode.RECALL_AGREED: frozenset({State.RECALLED}),
    StatusCode.RECALL_REFUSED: frozenset(State) - {State.RECALL_PENDING},
}
"""Where a delivery has what a status says behind it: said late or twice it moves nothing, and never back."""

PRIORITIES = (Urgency.NORMAL, Urgency.URGENT, Urgency.VERY_URGENT, Urgency.FLASH, Urgency.FLASH_TIMED)
"""Urgency by `Priority`: 3 is hỏa tốc, 4 hỏa tốc hẹn giờ. The hour itself has no place there: deadlines are days."""

_OF_THE_PARTY = re.compile(r"[^\W\d_]+/")
_NUMBERED = re.compile(r"(\d+)[/-](.+)")

_TYPES = (
    *("Nghị quyết", "Quyết định", "Chỉ thị", "Quy chế", "Quy định", "Thông cáo", "Thông báo", "Hướng dẫn"),
    *("Chương trình", "Kế hoạch", "Phương án", "Đề án", "Dự án", "Báo cáo", "Biên bản", "Tờ trình", "Hợp đồng"),
    *("Công văn", "Công điện", "Bản ghi nhớ", "Bản cam kết", "Bản thỏa thuận", "Giấy chứng nhận", "Giấy ủy quyền"),
    *("Giấy mời", "Giấy giới thiệu"),
)
TYPE_CODES = {name: number for number, name in enumerate(_TYPES, 1)}
"""`DocumentType/Type` of administrative documents by name, as far as our types have one; the name counts."""


def document_type(name: str) -> DocumentType:
    """Ours by its name; what we do not issue (a decree, a circular) is carried on by an official letter."""
    plain = name.partition("(")[0].strip().casefold()
    return next((kind for kind in DocumentType if kind.value.casefold() == plain), DocumentType.CONG_VAN)


class Organ(msgspec.Struct, frozen=True):
    """An organ by its electronic identifier (Quyết định 20/2020/QĐ-TTg) and its name."""

    id: str
    name: str = ""


class Staff(msgspec.Struct, frozen=True):
    """Who to ask."""

    department: str = ""
    name: str = ""
    mobile: str = ""
    mail: str = ""


class File(msgspec.Struct, frozen=True):
    """An attachment with its bytes."""

    name: str
    content_type: str
    content: bytes
    description: str = ""


class Document(msgspec.Struct, frozen=True, kw_only=True):
    """A document. `concerns` is the id of the earlier one that a RECALL, UPDATE or REPLACE is about."""

    document_id: str
    sender: Organ
    recipients: tuple[Organ, ...] = ()
    number: str
    notation: str = ""
    promulgated_on: date
    place: str = ""
    type_name: str = ""
    subject: str
    content: str = ""
    competence: str = ""
    position: str = ""
    signer: str = ""
    due: date | None = None
    places: tuple[str, ...] = ()
    priority: int = 0
    sphere: str = ""
    business: Business = Business.NEW
    reason: str = ""
    concerns: str = ""
    at: datetime
    staff: Staff = Staff()
    files: tuple[File, ...] = ()

    @property
    def number_text(self) -> str:
        """As people write it: 123/UBND-VP, or 05-KH/HU in the Party, whose notations have the organ behind a stroke."""
        joint = "-" if _OF_THE_PARTY.match(self.notation) else "/"
        return f"{self.number}{joint}{self.notation}" if self.notation else self.number


class Status(msgspec.Struct, frozen=True, kw_only=True):
    """What became of the document `document_id` of the organ `organ_id`, which bears the number `code`."""

    organ_id: str
    code: str
    promulgated_on: date
    document_id: str = ""
    sender: Organ
    status: StatusCode
    description: str = ""
    at: datetime
    staff: Staff = Staff()


Message = Document | Status


def written(code: str) -> frozenset[str]:
    """The ways to put number and notation together: other systems write 05/KH/HU for the Party's 05-KH/HU."""
    found = _NUMBERED.fullmatch(code)
    return frozenset(f"{found[1]}{joint}{found[2]}" for joint in "/-") if found else frozenset({code})


def make_document_id(organ_id: str, promulgated_on: date, number_text: str) -> str:
    """As other systems make theirs: H50.21,2026/11/24,05/KH-UBND."""
    return f"{organ_id},{promulgated_on:%Y/%m/%d},{number_text}"
