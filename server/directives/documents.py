"""What a draft must be before it is issued: the 29 types, urgency, lengths, recipients, no secrets: pure."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from server.directives.rules import RecipientRole

SUBJECT_LENGTH = 500
NOTATION_LENGTH = 30
BODY_LENGTH = 100_000
MOST_RECIPIENTS = 5_000
MOST_YEARS = 5


class Urgency(StrEnum):
    """Độ khẩn; FLASH_TIMED is hỏa tốc hẹn giờ, whose deadline is the hour that it names."""

    NORMAL = "NORMAL"
    URGENT = "URGENT"
    VERY_URGENT = "VERY_URGENT"
    FLASH = "FLASH"
    FLASH_TIMED = "FLASH_TIMED"


class DocumentType(StrEnum):
    """The 29 types of administrative documents (Nghị định 30/2020/NĐ-CP, Điều 7); the value is its Vietnamese name."""

    NGHI_QUYET = "Nghị quyết"
    QUYET_DINH = "Quyết định"
    CHI_THI = "Chỉ thị"
    QUY_CHE = "Quy chế"
    QUY_DINH = "Quy định"
    THONG_CAO = "Thông cáo"
    THONG_BAO = "Thông báo"
    HUONG_DAN = "Hướng dẫn"
    CHUONG_TRINH = "Chương trình"
    KE_HOACH = "Kế hoạch"
    PHUONG_AN = "Phương án"
    DE_AN = "Đề án"
    DU_AN = "Dự án"
    BAO_CAO = "Báo cáo"
    BIEN_BAN = "Biên bản"
    TO_TRINH = "Tờ trình"
    HOP_DONG = "Hợp đồng"
    CONG_VAN = "Công văn"
    CONG_DIEN = "Công điện"
    BAN_GHI_NHO = "Bản ghi nhớ"
    BAN_THOA_THUAN = "Bản thỏa thuận"
    GIAY_UY_QUYEN = "Giấy ủy quyền"
    GIAY_MOI = "Giấy mời"
    GIAY_GIOI_THIEU = "Giấy giới thiệu"
    GIAY_NGHI_PHEP = "Giấy nghỉ phép"
    PHIEU_GUI = "Phiếu gửi"
    PHIEU_CHUYEN = "Phiếu chuyển"
    PHIEU_BAO = "Phiếu báo"
    THU_CONG = "Thư công"


ABBREVIATIONS = dict(
    zip(
        DocumentType,
        (
            *("NQ", "QĐ", "CT", "QC", "QyĐ", "TC", "TB", "HD", "CTr", "KH", "PA", "ĐA", "DA", "BC", "BB", "TTr", "HĐ"),
            *("", "CĐ", "BGN", "BTT", "GUQ", "GM", "GGT", "GNP", "PG", "PC", "PB", ""),
        ),
        strict=True,
    )
)
"""Abbreviations in a document's notation (Nghị định 30/2020, Phụ lục III); an official letter has none."""


@dataclass(frozen=True)
class Problem:
    """One thing wrong with a draft: the form field, a code, and the numbers that its message needs."""

    field: str
    code: str
    limit: int = 0


@dataclass(frozen=True)
class DraftFacts:
    """What of a draft the rules look at; `deadline` is when answers are due."""

    notation: str
    subject: str
    body: str
    recipients: Sequence[tuple[int, RecipientRole]]
    deadline: datetime | None
    secrecy: str = ""
    urgency: Urgency = Urgency.NORMAL


_NOTATION = re.compile(r"[^\W_](?:[^\W_]|[-/.&])*")
_GAP = r"(?:[^\w\n]|_)"
_URGENCY = r"(?:(?:hỏa|hoả)\s+tốc(?:\s+hẹn\s+giờ)?|(?:thượng\s+)?khẩn)"
_MARK = rf"(?:{_URGENCY}{_GAP}+){{0,2}}(?:tuyệt\s+mật|tối\s+mật|mật)(?:{_GAP}+{_URGENCY}){{0,2}}"
"""The degree, with the urgency that is stamped beside it: twice at most, or “(khẩn (khẩn …” is read anew from each."""
_WORDS_WITH = (
    r"độ|khẩu|mã|vụ|danh(?!\s+(?:sách|mục))|thư(?!\s+công)|ong|mía|hiệu|ngữ|phục|thám|nghị(?!\s+(?:quyết|định))"
    r"|thiết|ước"
)
_COMPOUND = rf"(?!\s+(?:{_WORDS_WITH})\b)"
_LABEL = r"(?:(?:độ|mức\s+độ|dấu(?:\s+độ)?)(?:\s+bảo)?\s+mật|mức\s+độ|dấu)\s*:"
_KIND = r"(?:tài\s+liệu|văn\s+bản|công\s+văn|hồ\s+sơ)"
_MARKED_LINE = re.compile(rf"^{_GAP}*(?:{_LABEL}{_GAP}*|{_KIND}{_GAP}+)?{_MARK}{_GAP}*$", re.IGNORECASE | re.MULTILINE)
_MARKED_PART = re.compile(rf"[\[(]\s*{_MARK}\s*[\])]|\b{_LABEL}\s*{_MARK}\b{_COMPOUND}", re.IGNORECASE)
_SHOUTED = re.compile(r"\b(?:TUYỆT|TỐI)\s+MẬT\b|^[^\w\n]*MẬT[^\S\n]*[:.–—-]|[:.–—-][^\S\n]*MẬT[^\w\n]*$", re.MULTILINE)
"""In capitals, the lowest degree also at the beginning or the end of a line, set apart: “MẬT: Kế hoạch …”."""
_NAME_PARTS = re.compile(r"\s[-–—]\s|[.,;]\s")
_WORDS_BEFORE = "bảo|bí|giải|cơ|mua|lấy|làm|hút|ong|mía|ống|túi|nội|thân"
_STAMPED = re.compile(
    rf"(?P<compound>\b(?i:{_WORDS_BEFORE})[^\S\n]*(?:-[^\S\n]*)?)?\bMẬT\b(?i:{_COMPOUND})"
    rf"|\b(?i:{_URGENCY}|{_KIND}|dấu)\s+Mật\b(?i:{_COMPOUND})"
    rf"|^\W*(?i:(?:tuyệt|tối)\s+mật)\b"
)
"""MẬT in capitals, Mật after what it is stamped on, or a name that begins with a degree; not “THU MUA MẬT ONG”."""


def clean_text(text: str) -> str:
    """The text in composed form, without spaces around it and with plain line ends."""
    return unicodedata.normalize("NFC", text).replace("\r\n", "\n").replace("\r", "\n").strip()


def _is_hidden(letter: str) -> bool:
    return unicodedata.category(letter) in {"Cc", "Cf", "Co", "Cs"} and letter not in "\n\t"


def has_hidden_marks(text: str) -> bool:
    """Whether a text holds control or direction characters, which can make it read as what it is not."""
    return any(map(_is_hidden, text))


def without_hidden_marks(text: str) -> str:
    """The text as it can be read: for what other systems write, where nobody here can type it anew."""
    return "".join(letter for letter in text if not _is_hidden(letter))


def bears_secrecy_mark(text: str) -> bool:
    """Whether a text is marked as a state secret: the mark on a line of its own, in brackets, or as “Độ mật: …”; in
    capitals also before or behind what stands on its line.

    Urgency may stand beside the mark. “bí mật”, “mật độ” or “mật khẩu” in a sentence are ordinary words.
    """
    return bool(_MARKED_LINE.search(text) or _MARKED_PART.search(text) or _SHOUTED.search(text))


def name_bears_secrecy_mark(name: str) -> bool:
    """The same of a file's name, whose parts are like lines, and where MẬT in capitals is a mark wherever it stands.

    So is Mật after what it is stamped on: “Công văn Mật số 5”. “THU MUA MẬT ONG” and “BẢO MẬT” are ordinary words.
    """
    stem = clean_text(name).replace("_", " ")
    parts = _NAME_PARTS.sub("\n", stem.rpartition(".")[0] or stem)
    return bears_secrecy_mark(parts) or any(found["compound"] is None for found in _STAMPED.finditer(parts))


def check_text(field: str, text: str, limit: int) -> list[Problem]:
    """What is wrong with a clean text of at most `limit` letters; what is too long is not read at all."""
    if len(text) > limit:
        return [Problem(field, "too_long", limit)]
    found = [Problem(field, "hidden_marks")] if has_hidden_marks(text) else []
    return [*found, Problem(field, "secret")] if bears_secrecy_mark(text) else found


def check_draft(facts: DraftFacts) -> list[Problem]:
    """What makes a draft impossible to keep at all, complete or not: lengths, hidden marks, secrets."""
    found = check_text("subject", facts.subject, SUBJECT_LENGTH) + check_text("body", facts.body, BODY_LENGTH)
    if "\n" in facts.subject:
        found.append(Problem("subject", "one_line"))
    if facts.secrecy.strip():
        found.append(Problem("secrecy", "secret"))
    if len(facts.notation) > NOTATION_LENGTH:
        found.append(Problem("notation", "too_long", NOTATION_LENGTH))
    elif facts.notation and not _NOTATION.fullmatch(facts.notation):
        found.append(Problem("notation", "bad_notation"))
    return found + _check_recipients(facts.recipients)


def _check_recipients(recipients: Sequence[tuple[int, RecipientRole]]) -> list[Problem]:
    found: list[Problem] = []
    roles = [role for _, role in recipients]
    if len(recipients) > MOST_RECIPIENTS:
        found.append(Problem("recipients", "too_many_recipients", MOST_RECIPIENTS))
    if len({unit for unit, _ in recipients}) < len(recipients):
        found.append(Problem("recipients", "recipient_twice"))
    if roles.count(RecipientRole.LEAD) > 1:
        found.append(Problem("lead", "one_lead"))
    if RecipientRole.ASSIST in roles and RecipientRole.LEAD not in roles:
        found.append(Problem("lead", "no_lead"))
    return found


def check_deadline(deadline: datetime | None, now: datetime) -> list[Problem]:
    """Whether a deadline lies so many years from `now`, either way, that nobody can mean it."""
    if deadline is None or abs(deadline - now) <= timedelta(days=366 * MOST_YEARS):
        return []
    return [Problem("deadline", "too_far", MOST_YEARS)]


def check_issue(facts: DraftFacts, now: datetime) -> list[Problem]:
    """What keeps a draft from being issued at `now`: all that keeps it from being kept, and what is missing."""
    found = check_draft(facts) + check_deadline(facts.deadline, now)
    if not facts.subject:
        found.append(Problem("subject", "no_subject"))
    if not facts.notation:
        found.append(Problem("notation", "no_notation"))
    if not facts.recipients:
        found.append(Problem("recipients", "no_recipients"))
    if facts.deadline is not None and facts.deadline <= now:
        found.append(Problem("deadline", "past_deadline"))
    if facts.deadline is None and facts.urgency is Urgency.FLASH_TIMED:
        found.append(Problem("deadline", "no_hour"))
    return found
