"""The columns of a register, as Nghị định 30/2020/NĐ-CP, Phụ lục IV lays them down, and what stands in them.

Ten each, in this order, for what was issued and for what came. Receipts are signed by hand on the printed book; the
deadline and the mark of an exercise stand under the remarks.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import date, datetime
from zoneinfo import ZoneInfo

from server.directives.service.numbers import OUT
from server.directives.shapes import Gap
from server.directives.shapes.registers import RegisterLine
from server.http.i18n import _

Translate = Callable[[str], str]

OUT_COLUMNS = (
    (_("Số, ký hiệu văn bản"), 27),
    (_("Ngày tháng văn bản"), 21),
    (_("Tên loại và trích yếu nội dung văn bản"), 66),
    (_("Người ký"), 26),
    (_("Nơi nhận văn bản"), 45),
    (_("Đơn vị, người nhận bản lưu"), 18),
    (_("Số lượng bản"), 15),
    (_("Ngày chuyển"), 21),
    (_("Ký nhận"), 18),
    (_("Ghi chú"), 23),
)
RECIPIENTS = 4
"""Which of them names recipients."""
IN_COLUMNS = (
    (_("Ngày đến"), 21),
    (_("Số đến"), 17),
    (_("Tác giả"), 31),
    (_("Số, ký hiệu văn bản"), 28),
    (_("Ngày tháng văn bản"), 21),
    (_("Tên loại và trích yếu nội dung văn bản"), 61),
    (_("Đơn vị hoặc người nhận"), 28),
    (_("Ngày chuyển"), 21),
    (_("Ký nhận"), 18),
    (_("Ghi chú"), 23),
)
"""Headings and widths in mm; texts of the catalogue."""


def columns(register: str) -> tuple[tuple[str, int], ...]:
    """The columns of `out` or `in`."""
    return OUT_COLUMNS if register == OUT else IN_COLUMNS


def values(register: str, line: RegisterLine, zone: ZoneInfo, say: Translate) -> list[str]:
    """A line, one text for each column."""
    return _texts(line_cells(register, line, zone, say))


def gap_values(register: str, gap: Gap, zone: ZoneInfo, say: Translate) -> list[str]:
    """Numbers that were left out, as such a line."""
    return _texts(gap_cells(register, gap, zone, say))


def _texts(row: Iterable[str | date]) -> list[str]:
    return [f"{one:%d/%m/%Y}" if isinstance(one, date) else one for one in row]


def line_cells(register: str, line: RegisterLine, zone: ZoneInfo, say: Translate) -> list[str | date]:
    """A line, one text or day for each column."""
    entered, issued = _day(line.at, zone), _day(line.issued_at, zone)
    named = not line.kind or line.subject.lower().startswith(line.kind.lower())
    what = line.subject if named else f"{line.kind}: {line.subject}"
    note = _note(line, zone, say)
    if register == OUT:
        kept_by, copies = say(_("Văn thư")), str(len(line.recipients))
        sent: list[str | date] = ["; ".join(line.recipients), kept_by, copies, entered]
        return [line.number_text, issued, what, line.signed_by, *sent, "", note]
    handed = _day(line.handed_at, zone) if line.handed_at else ""
    document: list[str | date] = [line.unit_name, line.number_text, issued, what]
    return [entered, str(line.entry), *document, line.handler, handed, "", note]


def gap_cells(register: str, gap: Gap, zone: ZoneInfo, say: Translate) -> list[str | date]:
    """Numbers that were left out, as a line of their own."""
    numbers = f"{gap.first}–{gap.last}" if gap.first != gap.last else str(gap.first)
    day, why = _day(gap.at, zone), f"{say(_('Số bỏ'))}: {gap.reason} ({gap.person})"
    row: list[str | date] = [numbers, day, why] if register == OUT else [day, numbers, "", "", "", why]
    return row + [""] * (len(columns(register)) - len(row))


def _day(moment: datetime, zone: ZoneInfo) -> date:
    return moment.astimezone(zone).date()


def _note(line: RegisterLine, zone: ZoneInfo, say: Translate) -> str:
    mark = say(_("DIỄN TẬP")) if line.exercise else ""
    due = say(_("Hạn: {when}")).format(when=f"{line.deadline.astimezone(zone):%H:%M %d/%m/%Y}") if line.deadline else ""
    return ". ".join(part for part in (mark, due) if part)
