"""A directive on paper: what it says, and how its recipients stand, as PDF, A4.

For the issuer a table of all recipients; for a recipient how it stands itself, and to whom else the document went.
"""

from __future__ import annotations

from datetime import datetime
from html import escape
from zoneinfo import ZoneInfo

from reportlab.lib import colors
from reportlab.lib.pagesizes import A4
from reportlab.lib.styles import ParagraphStyle
from reportlab.lib.units import mm
from reportlab.platypus import Flowable, LongTable, Paragraph, Spacer, TableStyle

from server.directives.printing import MARGIN, PADDING, print_styles, printed
from server.directives.register_columns import Translate
from server.directives.rules import RecipientRole, State, Timeliness
from server.directives.shapes import Delivery, Directive, Opened
from server.http.i18n import _

WIDTH = A4[0] - 2 * MARGIN - 12  # as wide as the text: a frame leaves six points at each side
STATES = {
    State.SENT: _("Đã gửi"),
    State.ARRIVED: _("Đã đến máy"),
    State.SEEN: _("Đã xem"),
    State.REGISTERED: _("Đã tiếp nhận"),
    State.RETURNED: _("Trả lại"),
    State.ASSIGNED: _("Đã phân công"),
    State.IN_PROGRESS: _("Đang xử lý"),
    State.REPORTED: _("Đã báo cáo"),
    State.REWORK: _("Yêu cầu bổ sung"),
    State.COMPLETED: _("Hoàn thành"),
    State.CLOSED_INFO: _("Để biết"),
    State.RECALL_PENDING: _("Đang xin thu hồi"),
    State.RECALLED: _("Đã thu hồi"),
    State.SUPERSEDED: _("Đã thay thế"),
    State.WAIVED: _("Được miễn"),
}
ROLES = {
    RecipientRole.EXECUTE: _("Thực hiện"),
    RecipientRole.LEAD: _("Chủ trì"),
    RecipientRole.ASSIST: _("Phối hợp"),
    RecipientRole.INFO: _("Để biết"),
}
COLUMNS = ((_("Nơi nhận"), 54), (_("Vai trò"), 24), (_("Trạng thái"), 40), (_("Tiếp nhận"), 31), (_("Báo cáo"), 31))


class _Sheet:
    """One file being written: its styles, times of the zone, and the reader's language."""

    def __init__(self, zone: ZoneInfo, say: Translate) -> None:
        self.zone, self.say = zone, say
        cell = print_styles()["cell"]
        body = ParagraphStyle("body", cell, fontSize=13, leading=18, spaceAfter=6)
        self.styles = {
            **print_styles(),
            "body": body,
            "part": ParagraphStyle("part", body, fontName="Tinos-Bold", spaceBefore=8),
        }

    def moment(self, at: datetime | None) -> str:
        """A time of the zone, or nothing."""
        return f"{at.astimezone(self.zone):%H:%M %d/%m/%Y}" if at else ""

    def text(self, words: str, style: str = "body") -> Paragraph:
        """Words as they are, in a style."""
        return Paragraph(escape(words).replace("\n", "<br/>"), self.styles[style])

    def fact(self, name: str, words: str) -> list[Paragraph]:
        """A line “Name: words”, if there is anything to say."""
        if not words:
            return []
        said = escape(words).replace("\n", "<br/>")
        return [Paragraph(f'<font name="Tinos-Bold">{escape(self.say(name))}:</font> {said}', self.styles["body"])]

    def state(self, delivery: Delivery) -> str:
        """How a delivery stands, in words."""
        late = f", {self.say(_('quá hạn'))}" if delivery.timeliness is Timeliness.OVERDUE else ""
        return self.say(STATES[delivery.state]) + late


def directive_pdf(opened: Opened, now: datetime, zone: ZoneInfo, say: Translate) -> bytes:
    """The file for whoever has opened an issued directive at `now`; `say` translates."""
    sheet, directive = _Sheet(zone, say), opened.directive
    story = [*_head(sheet, directive), *_content(sheet, directive)]
    if opened.board is not None:
        story += [sheet.text(say(_("Tiến độ các nơi nhận")), "part"), _board(sheet, opened.board)]
    elif opened.delivery is not None:
        story += sheet.fact(_("Trạng thái của đơn vị"), sheet.state(opened.delivery))
        story += sheet.fact(_("Nơi nhận"), "; ".join(one.name for one in opened.addressees))
    foot = say(_("Bản in từ hệ thống Giao Ban lúc {when}; không thay bản chính.")).format(when=sheet.moment(now))
    story += [Spacer(1, 4 * mm), sheet.text(foot, "cell")]
    head = " · ".join([*([say(_("DIỄN TẬP"))] if directive.exercise else []), directive.number_text])
    return printed(story, A4, f"{directive.number_text} {directive.subject}", directive.unit_name, head)


def _head(sheet: _Sheet, directive: Directive) -> list[Flowable]:
    say = sheet.say
    drill = [sheet.text(say(_("DIỄN TẬP")), "title")] if directive.exercise else []
    signed = ", ".join(one for one in (directive.signer, directive.signer_position) if one)
    return [
        sheet.text(directive.unit_name.upper(), "unit"),
        *drill,
        sheet.text(directive.kind.value.upper(), "title"),
        sheet.text(directive.subject, "middle"),
        Spacer(1, 4 * mm),
        *sheet.fact(_("Số, ký hiệu"), directive.number_text),
        *sheet.fact(_("Ngày ban hành"), sheet.moment(directive.issued_at)),
        *sheet.fact(_("Người ký ban hành"), f"{directive.signer_authority}\n{signed}".strip()),
        *sheet.fact(_("Hạn trả lời"), sheet.moment(directive.deadline) or say(_("Không yêu cầu"))),
    ]


def _content(sheet: _Sheet, directive: Directive) -> list[Flowable]:
    parts = [sheet.text(part) for part in directive.body.split("\n\n") if part.strip()]
    asked = [sheet.text(f"{number}. {one.label}") for number, one in enumerate(directive.questions, 1)]
    if asked:
        asked.insert(0, sheet.text(sheet.say(_("Nội dung cần trả lời")), "part"))
    files = "; ".join(file.name for file in directive.attachments)
    return [*parts, *asked, *sheet.fact(_("Tệp kèm theo"), files)]


def _board(sheet: _Sheet, board: list[Delivery]) -> LongTable:
    rows = [[sheet.text(sheet.say(name), "head") for name, _width in COLUMNS]]
    for one in board:
        texts = (
            one.unit_name,
            sheet.say(ROLES[one.role]),
            sheet.state(one),
            sheet.moment(one.registered_at),
            sheet.moment(one.reported_at),
        )
        rows.append([sheet.text(text, "cell") for text in texts])
    scale = WIDTH / sum(width for _name, width in COLUMNS)
    table = LongTable(rows, colWidths=[width * scale for _name, width in COLUMNS], repeatRows=1)
    lines = [("GRID", (0, 0), (-1, -1), 0.5, colors.black), ("VALIGN", (0, 0), (-1, -1), "TOP")]
    padding = [(side, (0, 0), (-1, -1), PADDING) for side in ("LEFTPADDING", "RIGHTPADDING")]
    table.setStyle(TableStyle([*lines, *padding]))
    return table
