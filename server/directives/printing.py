"""A register ready to print: PDF, A4 landscape, in the columns of Nghị định 30/2020/NĐ-CP, Phụ lục IV.

Type is Tinos, which has the widths of Times New Roman. Headings are repeated on every page, pages are numbered, and the
columns that are filled in by hand (who signs for it) are empty.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache
from html import escape
from io import BytesIO
from zoneinfo import ZoneInfo

from reportlab.lib import colors
from reportlab.lib.enums import TA_CENTER
from reportlab.lib.pagesizes import A4, landscape
from reportlab.lib.styles import ParagraphStyle
from reportlab.lib.units import mm
from reportlab.pdfbase import pdfmetrics
from reportlab.pdfbase.ttfonts import TTFont
from reportlab.pdfgen.canvas import Canvas
from reportlab.platypus import LongTable, Paragraph, SimpleDocTemplate, Spacer, TableStyle

from server.config import ROOT
from server.directives.service.numbers import OUT
from server.directives.shapes import Gap
from server.directives.shapes.registers import RegisterLine
from server.http.i18n import _

FONTS = ROOT / "web" / "node_modules" / "@expo-google-fonts" / "tinos"
MARGIN = 15 * mm
WIDTH = landscape(A4)[0] - 2 * MARGIN
LONGEST_CELL = 700  # characters: even in capitals and in the narrowest column that holds sentences it fits on a page
Translate = Callable[[str], str]

OUT_COLUMNS = (
    (_("Số, ký hiệu"), 28),
    (_("Ngày tháng văn bản"), 22),
    (_("Tên loại và trích yếu nội dung văn bản"), 86),
    (_("Người ký"), 32),
    (_("Nơi nhận văn bản"), 59),
    (_("Hạn trả lời"), 22),
    (_("Ghi chú"), 18),
)
IN_COLUMNS = (
    (_("Ngày đến"), 23),
    (_("Số đến"), 13),
    (_("Tác giả"), 34),
    (_("Số, ký hiệu"), 32),
    (_("Ngày tháng văn bản"), 23),
    (_("Tên loại và trích yếu nội dung văn bản"), 76),
    (_("Hạn trả lời"), 22),
    (_("Ký nhận"), 25),
    (_("Ghi chú"), 19),
)
"""Headings and widths in mm."""


@cache
def _styles() -> dict[str, ParagraphStyle]:
    """Fonts are read once a process. Raises OSError if the browser libraries are not installed."""
    for name, file in (("Tinos", "400Regular/Tinos_400Regular"), ("Tinos-Bold", "700Bold/Tinos_700Bold")):
        pdfmetrics.registerFont(TTFont(name, FONTS / f"{file}.ttf"))
    cell = ParagraphStyle("cell", fontName="Tinos", fontSize=10.5, leading=13, splitLongWords=1)
    return {
        "cell": cell,
        "head": ParagraphStyle("head", cell, fontName="Tinos-Bold", alignment=TA_CENTER),
        "unit": ParagraphStyle("unit", cell, fontName="Tinos-Bold", fontSize=13, leading=16),
        "title": ParagraphStyle("title", cell, fontName="Tinos-Bold", fontSize=16, leading=22, alignment=TA_CENTER),
    }


def register_pdf(
    register: str,
    unit_name: str,
    title: str,
    lines: Sequence[RegisterLine],
    gaps: Sequence[Gap],
    zone: ZoneInfo,
    say: Translate,
) -> bytes:
    """The file: the unit and the title, then one row a line; `gaps` are rows of their own at the end."""
    styles = _styles()
    columns = OUT_COLUMNS if register == OUT else IN_COLUMNS
    rows = [[Paragraph(escape(say(name)), styles["head"]) for name, _width in columns]]
    rows += [[_cell(text, styles["cell"]) for text in _values(register, line, zone, say)] for line in lines]
    rows += [[_cell(text, styles["cell"]) for text in _gap(register, gap, zone, say)] for gap in gaps]
    scale = WIDTH / sum(width for _name, width in columns)
    table = LongTable(rows, colWidths=[width * scale for _name, width in columns], repeatRows=1)
    table.setStyle(
        TableStyle(
            [
                ("GRID", (0, 0), (-1, -1), 0.5, colors.black),
                ("VALIGN", (0, 0), (-1, -1), "TOP"),
                ("VALIGN", (0, 0), (-1, 0), "MIDDLE"),
            ]
        )
    )
    story = [_cell(unit_name.upper(), styles["unit"]), _cell(title.upper(), styles["title"]), Spacer(1, 4 * mm), table]
    out = BytesIO()
    document = SimpleDocTemplate(
        out,
        pagesize=landscape(A4),
        leftMargin=MARGIN,
        rightMargin=MARGIN,
        topMargin=MARGIN,
        bottomMargin=MARGIN,
        title=title,
        author=unit_name,
        lang="vi",
    )
    document.build(story, canvasmaker=_Numbered)
    return out.getvalue()


class _Numbered(Canvas):  # type: ignore[misc]  # reportlab has no types
    """Writes “2/7” below each page when all are known."""

    def __init__(self, *arguments: object, **options: object) -> None:
        super().__init__(*arguments, **options)
        self._kept: list[dict[str, object]] = []

    def showPage(self) -> None:  # noqa: N802 - reportlab's name
        """Keep the page for later."""
        self._kept.append(dict(self.__dict__))
        self._startPage()

    def save(self) -> None:
        """Number the pages and write them."""
        for number, page in enumerate(self._kept, 1):
            self.__dict__.update(page)
            self.setFont("Tinos", 10)
            self.drawCentredString(landscape(A4)[0] / 2, 8 * mm, f"{number}/{len(self._kept)}")
            super().showPage()
        super().save()


def _cell(text: str, style: ParagraphStyle) -> Paragraph:
    return Paragraph(escape(text[:LONGEST_CELL]), style)


def _values(register: str, line: RegisterLine, zone: ZoneInfo, say: Translate) -> list[str]:
    entered, issued = (f"{moment.astimezone(zone):%d/%m/%Y}" for moment in (line.at, line.issued_at))
    due = f"{line.deadline.astimezone(zone):%d/%m/%Y %H:%M}" if line.deadline else ""
    kind = line.kind.value
    what = line.subject if line.subject.lower().startswith(kind.lower()) else f"{kind}: {line.subject}"
    note = say(_("DIỄN TẬP")) if line.exercise else ""
    if register == OUT:
        return [line.number_text, issued, what, line.signer, "; ".join(line.recipients), due, note]
    return [entered, str(line.entry), line.unit_name, line.number_text, issued, what, due, "", note]


def _gap(register: str, gap: Gap, zone: ZoneInfo, say: Translate) -> list[str]:
    numbers = f"{gap.first}–{gap.last}" if gap.first != gap.last else str(gap.first)
    day, why = f"{gap.at.astimezone(zone):%d/%m/%Y}", f"{say(_('Số bỏ'))}: {gap.reason} ({gap.person})"
    return [numbers, day, why, "", "", "", ""] if register == OUT else [day, numbers, "", "", "", why, "", "", ""]
