"""Excel workbooks: a register, in the columns of Nghị định 30/2020/NĐ-CP, Phụ lục IV, and the answers to questions."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import date, datetime
from io import BytesIO
from zoneinfo import ZoneInfo

from openpyxl import Workbook
from openpyxl.cell import WriteOnlyCell
from openpyxl.cell.cell import ILLEGAL_CHARACTERS_RE
from openpyxl.styles import Alignment, Font
from openpyxl.utils import get_column_letter

from server.directives.questions import Given, QuestionKind, Tally
from server.directives.register_columns import Translate, columns, gap_cells, line_cells
from server.directives.shapes import Gap
from server.directives.shapes.registers import RegisterLine
from server.http.i18n import _, in_context

LONGEST_CELL = 32_767
Cell = str | int | float | date
"""Moments are in local time without a zone: Excel knows none."""
_DAY, _MOMENT = "dd/mm/yyyy", "dd/mm/yyyy hh:mm"
_FORBIDDEN = re.compile(r"[\[\]:*?/\\]")
MORE_COLUMNS = (
    (_("Số thứ tự"), 8),
    (_("Loại văn bản"), 16),
    (_("Trích yếu"), 60),
    (_("Người ký"), 24),
    (_("Hạn trả lời"), 18),
)
"""After the ten that the decree asks for: what people sort and filter by."""


def workbook(
    register: str,
    title: str,
    lines: Sequence[RegisterLine],
    gaps: Sequence[Gap],
    zone: ZoneInfo,
    say: Translate,
    cut: str = "",
) -> bytes:
    """The file: a heading, one row a line, and below them the numbers that were left out. All text cells are text, and
    all days are days, so that Excel sorts them.

    `cut` says that it does not hold everything, in the heading and below the last line.
    """
    widths = [max(width * 2 // 3, 9) for _name, width in columns(register)]
    sheet = _Sheet(say(_("Sổ văn bản")), [*widths, *(width for _name, width in MORE_COLUMNS)], frozen="A3")
    sheet.row([f"{title}. {cut}" if cut else title], bold=True)
    sheet.row([say(name) for name, _width in (*columns(register), *MORE_COLUMNS)], bold=True)
    for line in lines:
        sheet.row([*line_cells(register, line, zone, say), *_more(line, zone, say)])
    for gap in gaps:
        sheet.row(gap_cells(register, gap, zone, say))
    if cut:
        sheet.row([cut], bold=True)
    return sheet.save()


def answers_workbook(title: str, tallies: Sequence[Tally], say: Translate) -> bytes:
    """What the units have answered: a sheet with one row a unit, and one for each question whose answers are tables.

    Each begins with the title, which says what it is and whether it is an exercise.
    """
    units = {given.unit: given.unit_name for one in tallies for given in one.given}
    plain = [one for one in tallies if one.question.kind is not QuestionKind.TABLE]
    sheet = _Sheet(say(_("Trả lời")), [32, *[28] * len(plain)], frozen="B3")
    sheet.row([title], bold=True)
    sheet.row([say(_("Đơn vị")), *(_heading(one) for one in plain)], bold=True)
    by_unit = [{given.unit: given for given in one.given} for one in plain]
    for unit, name in units.items():
        sheet.row([name, *(_answer(given.get(unit)) for given in by_unit)])
    for one in tallies:
        if one.question.kind is QuestionKind.TABLE:
            _table_sheet(sheet, title, one, say)
    return sheet.save()


def _table_sheet(sheet: _Sheet, title: str, tally: Tally, say: Translate) -> None:
    sheet.begin(f"{tally.number}. {tally.question.label}", [32, *[28] * len(tally.question.parts)], frozen="B4")
    sheet.row([title], bold=True)
    sheet.row([tally.question.label], bold=True)
    sheet.row([say(_("Đơn vị")), *tally.question.parts], bold=True)
    for given in tally.given:
        for cells in given.answer.rows if given.answer else ():
            sheet.row([given.unit_name, *cells])


def _heading(tally: Tally) -> str:
    unit = f" ({tally.question.unit})" if tally.question.unit else ""
    return f"{tally.number}. {tally.question.label}{unit}"


def _answer(given: Given | None) -> Cell:
    if given is None:
        return ""
    if given.files:
        return "; ".join(name for _id, name in given.files)
    if given.answer is None:
        return ""
    return given.answer.text if given.answer.number is None else given.answer.number


class _Sheet:
    """A workbook that is written row by row. All text cells are text."""

    def __init__(self, name: str, widths: Sequence[int], *, frozen: str) -> None:
        self._book = Workbook(write_only=True)
        self.begin(name, widths, frozen=frozen)

    def begin(self, name: str, widths: Sequence[int], *, frozen: str) -> None:
        """Go on in a new sheet; what Excel forbids in names is left out, what is frozen stands on each printed page."""
        self._sheet = self._book.create_sheet(_FORBIDDEN.sub(" ", name)[:31].strip(" '") or "-")
        for place, width in enumerate(widths, 1):
            self._sheet.column_dimensions[get_column_letter(place)].width = width
        self._sheet.freeze_panes = frozen
        self._sheet.print_title_rows = f"1:{int(frozen.lstrip('AB')) - 1}"

    def row(self, values: Sequence[Cell], *, bold: bool = False) -> None:
        """Write one row."""
        written = []
        for value in values:
            cell = WriteOnlyCell(self._sheet)
            if isinstance(value, int | float):
                cell.value = value
            elif isinstance(value, date):
                cell.value, cell.number_format = value, _MOMENT if isinstance(value, datetime) else _DAY
            else:  # "=1+1" in a subject stays a subject: openpyxl would make a formula of it
                cell.value = ILLEGAL_CHARACTERS_RE.sub("", value)[:LONGEST_CELL]
                cell.data_type = "s"
            cell.font, cell.alignment = Font(bold=bold), Alignment(wrap_text=True, vertical="top")
            written.append(cell)
        self._sheet.append(written)

    def save(self) -> bytes:
        """The file."""
        out = BytesIO()
        self._book.save(out)
        return out.getvalue()


def _more(line: RegisterLine, zone: ZoneInfo, say: Translate) -> list[Cell]:
    due = line.deadline.astimezone(zone).replace(tzinfo=None) if line.deadline else ""
    subject = f"[{say(_('DIỄN TẬP'))}] {line.subject}" if line.exercise else line.subject
    kind = say(in_context("document type", line.kind)) if line.kind else ""
    return [line.entry, kind, subject, line.signer, due]
