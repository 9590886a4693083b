"""A small made-up document of the demo district, so that there is an attachment to look at."""

from __future__ import annotations

from io import BytesIO

from reportlab.lib import colors
from reportlab.lib.pagesizes import A4
from reportlab.lib.styles import ParagraphStyle
from reportlab.lib.units import mm
from reportlab.platypus import Flowable, PageBreak, Paragraph, SimpleDocTemplate, Spacer, Table, TableStyle

from server.directives.printing import print_styles

NAME = "Phụ lục kiểm kê nhà tránh lũ, xuồng, áo phao.pdf"
_ITEMS = (
    ("Nhà văn hóa, nhà tránh lũ cộng đồng", "nhà"),
    ("Xuồng, ghe có máy", "chiếc"),
    ("Xuồng, ghe chèo tay", "chiếc"),
    ("Áo phao người lớn", "chiếc"),
    ("Áo phao trẻ em", "chiếc"),
    ("Phao tròn, dây cứu sinh", "bộ"),
    ("Loa cầm tay", "chiếc"),
    ("Máy phát điện", "chiếc"),
    ("Túi thuốc sơ cứu", "túi"),
)
_NOTES = (
    "Mỗi thôn, khu phố một dòng cho mỗi loại; không có thì ghi 0.",
    "“Dùng được” là dùng được ngay trong ngày kiểm kê, đã thử.",
    "Ảnh hiện trạng chụp ban ngày, thấy rõ số lượng, gửi kèm báo cáo.",
    "Vật tư mượn của hộ dân ghi tên chủ hộ và số điện thoại ở cột ghi chú.",
)


def appendix() -> bytes:
    """Two pages of PDF: the form of an inventory, and how to fill it in."""
    out = BytesIO()
    margins = dict.fromkeys(("leftMargin", "rightMargin", "topMargin", "bottomMargin"), 20 * mm)
    document = SimpleDocTemplate(out, pagesize=A4, title=NAME, author="UBND huyện Cam Lộ (mẫu)", lang="vi", **margins)
    document.build(_pages())
    return out.getvalue()


def _pages() -> list[Flowable]:
    known = print_styles()
    body = ParagraphStyle("body", known["cell"], fontSize=12, leading=17)
    head, cell, number = known["head"], known["cell"], known["number"]
    titles = ("TT", "Loại vật tư, công trình", "Đơn vị", "Tổng số", "Dùng được", "Ghi chú")
    rows = [[Paragraph(title, head) for title in titles]]
    for place, (item, measure) in enumerate(_ITEMS, 1):
        blank = [Paragraph("", cell) for _column in range(3)]
        rows.append([Paragraph(str(place), number), Paragraph(item, cell), Paragraph(measure, number), *blank])
    table = Table(
        rows, colWidths=[10 * mm, 68 * mm, 18 * mm, 20 * mm, 22 * mm, 32 * mm], rowHeights=[10 * mm] * len(rows)
    )
    table.setStyle(TableStyle([("GRID", (0, 0), (-1, -1), 0.5, colors.black), ("VALIGN", (0, 0), (-1, -1), "MIDDLE")]))
    notes = [Paragraph(f"{place}. {note}", body) for place, note in enumerate(_NOTES, 1)]
    return [
        Paragraph("PHỤ LỤC", known["title"]),
        Paragraph("Biểu kiểm kê nhà tránh lũ, xuồng, áo phao", known["middle"]),
        Paragraph("(Tài liệu mẫu, không phải văn bản thật)", known["middle"]),
        Spacer(1, 6 * mm),
        table,
        PageBreak(),
        Paragraph("Cách ghi biểu", known["title"]),
        *notes,
    ]
