"""A register ready to print: PDF, A4 landscape, after Nghị định 30/2020/NĐ-CP, Phụ lục IV.

Type is Tinos, which has the widths of Times New Roman. What the form's first page says stands over the table; headings
with the numbers of their columns are repeated on every page, and pages are numbered.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator, Sequence
from functools import cache
from html import escape
from io import BytesIO
from zoneinfo import ZoneInfo

import msgspec
from reportlab.lib import colors
from reportlab.lib.enums import TA_CENTER
from reportlab.lib.pagesizes import A4, landscape
from reportlab.lib.styles import ParagraphStyle
from reportlab.lib.units import mm
from reportlab.pdfbase import pdfmetrics
from reportlab.pdfbase.ttfonts import TTFont
from reportlab.pdfgen.canvas import Canvas
from reportlab.platypus import Flowable, LongTable, Paragraph, SimpleDocTemplate, Spacer, TableStyle

from server.config import ROOT
from server.directives.register_columns import RECIPIENTS, Translate, columns, gap_values, values
from server.directives.service.numbers import OUT
from server.directives.shapes import Gap
from server.directives.shapes.registers import RegisterLine
from server.http.i18n import _

FONTS = ROOT / "web" / "node_modules" / "@expo-google-fonts" / "tinos"
MARGIN = 15 * mm
PADDING = 1.2 * mm
MOST_LINES = 16
"""Of one cell; half of what fits under the heading of a page, for the last of its names may be long."""
WIDTH = landscape(A4)[0] - 2 * MARGIN


class Heading(msgspec.Struct, frozen=True, kw_only=True):
    """What the first page says: the organ, the one above it, which register of which year, or of which `years`.

    `cut` says that the file does not hold everything.
    """

    unit: str
    above: str = ""
    title: str
    years: str
    cut: str = ""

    @property
    def whole(self) -> bool:
        """Whether it is the register of one year, whose numbers are each there once."""
        return self.years.isdigit()


@cache
def print_styles() -> dict[str, ParagraphStyle]:
    """What registers are set in; fonts are read once. Raises OSError if the browser libraries are not installed."""
    for name, file in (("Tinos", "400Regular/Tinos_400Regular"), ("Tinos-Bold", "700Bold/Tinos_700Bold")):
        pdfmetrics.registerFont(TTFont(name, FONTS / f"{file}.ttf"))
    cell = ParagraphStyle("cell", fontName="Tinos", fontSize=10, leading=12.5, splitLongWords=1)
    middle = ParagraphStyle("middle", cell, fontSize=12, leading=16, alignment=TA_CENTER)
    return {
        "cell": cell,
        "head": ParagraphStyle(
            "head", cell, fontName="Tinos-Bold", fontSize=9, leading=11, alignment=TA_CENTER, splitLongWords=0
        ),
        "number": ParagraphStyle("number", cell, fontSize=9, leading=11, alignment=TA_CENTER),
        "above": ParagraphStyle("above", cell, fontSize=12, leading=15),
        "unit": ParagraphStyle("unit", cell, fontName="Tinos-Bold", fontSize=12, leading=15),
        "title": ParagraphStyle("title", middle, fontName="Tinos-Bold", fontSize=16, leading=24, spaceBefore=10),
        "middle": middle,
    }


def register_pdf(
    register: str, heading: Heading, lines: Sequence[RegisterLine], gaps: Sequence[Gap], zone: ZoneInfo, say: Translate
) -> bytes:
    """The file: the heading, then one row a line; `gaps` are rows of their own at the end."""
    story = [*_heading(heading, lines, zone, say), Spacer(1, 4 * mm), _table(register, lines, gaps, zone, say)]
    return printed(story, landscape(A4), f"{heading.title} {heading.years}", heading.unit)


def printed(story: Sequence[Flowable], pagesize: tuple[float, float], title: str, author: str, head: str = "") -> bytes:
    """A PDF of numbered pages; `head` stands over each page after the first, which says by itself what it is."""

    def write_head(canvas: Canvas, _document: SimpleDocTemplate) -> None:
        canvas.setFont("Tinos-Bold", 11)
        canvas.drawCentredString(pagesize[0] / 2, pagesize[1] - 9 * mm, head)

    out = BytesIO()
    document = SimpleDocTemplate(
        out,
        pagesize=pagesize,
        leftMargin=MARGIN,
        rightMargin=MARGIN,
        topMargin=MARGIN,
        bottomMargin=MARGIN,
        title=title,
        author=author,
        lang="vi",
    )
    document.build(list(story), onLaterPages=write_head, canvasmaker=Numbered)
    return out.getvalue()


def _heading(heading: Heading, lines: Sequence[RegisterLine], zone: ZoneInfo, say: Translate) -> list[Paragraph]:
    """As on the form's first page; the number of the volume is written by hand."""
    styles = print_styles()
    above = [_cell(heading.above.upper(), styles["above"])] if heading.above else []
    entries, days = [line.entry for line in lines], [line.at.astimezone(zone) for line in lines]
    spans = [say(_("Quyển số: {dots}")).format(dots="." * 8)]
    if lines:
        begin, end = f"{min(days):%d/%m/%Y}", f"{max(days):%d/%m/%Y}"
        if heading.whole:
            spans.insert(0, say(_("Từ số {first} đến số {last}")).format(first=min(entries), last=max(entries)))
        spans.insert(0, say(_("Từ ngày {begin} đến ngày {end}")).format(begin=begin, end=end))
    return [
        *above,
        _cell(heading.unit.upper(), styles["unit"]),
        _cell(heading.title.upper(), styles["title"]),
        _cell(say(_("Năm: {year}")).format(year=heading.years), styles["middle"]),
        _cell(".   ".join(spans), styles["middle"]),
        *([_cell(heading.cut, styles["middle"])] if heading.cut else []),
    ]


def _table(
    register: str, lines: Sequence[RegisterLine], gaps: Sequence[Gap], zone: ZoneInfo, say: Translate
) -> LongTable:
    styles, wanted = print_styles(), columns(register)
    rows = [
        [_cell(say(name), styles["head"]) for name, _width in wanted],
        [_cell(f"({number})", styles["number"]) for number in range(1, len(wanted) + 1)],
    ]
    scale = WIDTH / sum(width for _name, width in wanted)
    widths = [width * scale for _name, width in wanted]
    texts = [row for line in lines for row in _pieces(register, values(register, line, zone, say), widths)]
    texts += [row for gap in gaps for row in _cut(gap_values(register, gap, zone, say), widths)]
    rows += [[_cell(text, styles["cell"]) for text in row] for row in texts]
    table = LongTable(rows, colWidths=widths, repeatRows=2)
    table.setStyle(
        TableStyle(
            [
                ("GRID", (0, 0), (-1, -1), 0.5, colors.black),
                ("VALIGN", (0, 0), (-1, -1), "TOP"),
                ("VALIGN", (0, 0), (-1, 1), "MIDDLE"),
                ("LEFTPADDING", (0, 0), (-1, -1), PADDING),
                ("RIGHTPADDING", (0, 0), (-1, -1), PADDING),
            ]
        )
    )
    return table


def _pieces(register: str, row: list[str], widths: Sequence[float]) -> Iterator[list[str]]:
    """A line whose recipients fill a page as several, so that each stands on one page as a whole."""
    place = RECIPIENTS if register == OUT else None
    piece: list[str] = []
    for name in row[place].split("; ") if place is not None else ():
        if piece and _lines("; ".join(piece), widths[RECIPIENTS]) >= MOST_LINES:
            yield [*row[:RECIPIENTS], "; ".join(piece) + ";", *row[RECIPIENTS + 1 :]]
            row, piece = [""] * len(row), []
        piece.append(name)
    yield [*row[:RECIPIENTS], "; ".join(piece), *row[RECIPIENTS + 1 :]] if piece else row


def _cut(row: list[str], widths: Sequence[float]) -> Iterator[list[str]]:
    """Any line as several, none with a cell of more than MOST_LINES; cut between words where there are any."""
    while any(row):
        ends = [_end(text, width) for text, width in zip(row, widths, strict=True)]
        yield [text[:end] for text, end in zip(row, ends, strict=True)]
        row = [text[end:].lstrip() for text, end in zip(row, ends, strict=True)]


def _end(text: str, width: float) -> int:
    """How many letters of a text take MOST_LINES, up to the end of a word."""
    end = bisect_right(range(1, len(text) + 1), MOST_LINES, key=lambda most: _lines(text[:most], width))
    return end if end == len(text) else text.rfind(" ", 0, end + 1) if " " in text[1 : end + 1] else end


def _lines(text: str, width: float) -> int:
    """How many lines a text takes at most: words leave a part of each line empty."""
    style = print_styles()["cell"]
    return int(1 + 1.25 * pdfmetrics.stringWidth(text, style.fontName, style.fontSize) / (width - 2 * PADDING))


class Numbered(Canvas):  # type: ignore[misc]  # reportlab has no types
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
            self.drawCentredString(self._pagesize[0] / 2, 8 * mm, f"{number}/{len(self._kept)}")
            super().showPage()
        super().save()


def _cell(text: str, style: ParagraphStyle) -> Paragraph:
    return Paragraph(escape(text), style)
