"""A register as an Excel workbook, in the columns of Nghị định 30/2020/NĐ-CP, Phụ lục IV."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from io import BytesIO
from zoneinfo import ZoneInfo

from openpyxl import Workbook
from openpyxl.cell import WriteOnlyCell
from openpyxl.cell.cell import ILLEGAL_CHARACTERS_RE
from openpyxl.styles import Alignment, Font

from server.directives.service.numbers import OUT
from server.directives.shapes import Gap
from server.directives.shapes.registers import RegisterLine
from server.http.i18n import _

CONTENT_TYPE = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
LONGEST_CELL = 32_767
Cell = str | int
Translate = Callable[[str], str]

OUT_COLUMNS = (
    (_("Số"), 8),
    (_("Ngày ban hành"), 14),
    (_("Số, ký hiệu"), 20),
    (_("Loại văn bản"), 16),
    (_("Trích yếu"), 60),
    (_("Người ký"), 24),
    (_("Nơi nhận"), 50),
    (_("Hạn trả lời"), 18),
)
IN_COLUMNS = (
    (_("Số đến"), 8),
    (_("Ngày đến"), 14),
    (_("Tác giả"), 32),
    (_("Số, ký hiệu"), 20),
    (_("Ngày ban hành"), 14),
    (_("Loại văn bản"), 16),
    (_("Trích yếu"), 60),
    (_("Người ký"), 24),
    (_("Hạn trả lời"), 18),
)


def workbook(
    register: str, title: str, lines: Sequence[RegisterLine], gaps: Sequence[Gap], zone: ZoneInfo, say: Translate
) -> bytes:
    """The file: a heading, one row a line, and below them the numbers that were left out. All text cells are text."""
    book = Workbook(write_only=True)
    sheet = book.create_sheet(say(_("Sổ văn bản"))[:31])
    columns = OUT_COLUMNS if register == OUT else IN_COLUMNS
    for place, (_name, width) in enumerate(columns):
        sheet.column_dimensions[chr(ord("A") + place)].width = width
    sheet.freeze_panes = "A3"

    def row(values: Sequence[Cell], *, bold: bool = False) -> None:
        cells = []
        for value in values:
            cell = WriteOnlyCell(sheet)
            if isinstance(value, int):
                cell.value = value
            else:  # "=1+1" in a subject stays a subject: openpyxl would make a formula of it
                cell.value = ILLEGAL_CHARACTERS_RE.sub("", value)[:LONGEST_CELL]
                cell.data_type = "s"
            cell.font, cell.alignment = Font(bold=bold), Alignment(wrap_text=True, vertical="top")
            cells.append(cell)
        sheet.append(cells)

    row([title], bold=True)
    row([say(name) for name, _width in columns], bold=True)
    for line in lines:
        row(_values(register, line, zone))
    for gap in gaps:
        numbers = f"{gap.first}–{gap.last}" if gap.first != gap.last else str(gap.first)
        row([numbers, f"{gap.at.astimezone(zone):%d/%m/%Y}", f"{say(_('Số bỏ'))}: {gap.reason} ({gap.person})"])
    out = BytesIO()
    book.save(out)
    return out.getvalue()


def _values(register: str, line: RegisterLine, zone: ZoneInfo) -> list[Cell]:
    entered, issued = (f"{moment.astimezone(zone):%d/%m/%Y}" for moment in (line.at, line.issued_at))
    due = f"{line.deadline.astimezone(zone):%d/%m/%Y %H:%M}" if line.deadline else ""
    document: list[Cell] = [line.kind.value, line.subject, line.signer]
    if register == OUT:
        return [line.entry, issued, line.number_text, *document, "; ".join(line.recipients), due]
    return [line.entry, entered, line.unit_name, line.number_text, issued, *document, due]
