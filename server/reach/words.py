"""The words of a message, by channel and language, from the facts of its notice: pure."""

from __future__ import annotations

from zoneinfo import ZoneInfo

import msgspec

from server.http.formats import Formats
from server.http.i18n import _, translator
from server.reach.notice import AT_ONCE, FOR_KNOWLEDGE, Notice, NoticeKind, Tie
from server.reach.rules import CODE_MINUTES, Alphabet
from server.reach.sms import fitted

_TITLES = {
    NoticeKind.ISSUED: _("Chỉ đạo mới"),
    NoticeKind.REMINDER: _("Sắp đến hạn"),
    NoticeKind.ESCALATION: _("Quá hạn, cần xử lý"),
    NoticeKind.RECALL: _("Yêu cầu thu hồi văn bản"),
    NoticeKind.REPLACED: _("Văn bản đã được thay thế"),
    NoticeKind.RELEASED: _("Đã ban hành theo hẹn"),
    NoticeKind.HELD: _("Không ban hành được theo hẹn"),
    NoticeKind.TO_SIGN: _("Bản nháp chờ ký ban hành"),
    NoticeKind.HANDED_BACK: _("Bản nháp được trả lại"),
    NoticeKind.TO_ASSIGN: _("Văn bản chờ phân công"),
    NoticeKind.ASSIGNED: _("Đồng chí được phân công"),
    NoticeKind.ANSWERED: _("Có báo cáo chờ duyệt"),
    NoticeKind.ACCEPTED: _("Báo cáo đã được chấp nhận"),
    NoticeKind.REWORK: _("Yêu cầu bổ sung báo cáo"),
    NoticeKind.RETURNED: _("Nơi nhận trả lại văn bản"),
    NoticeKind.RECALL_REFUSED: _("Nơi nhận không đồng ý thu hồi"),
    NoticeKind.WAIVED: _("Được miễn thực hiện"),
    NoticeKind.PRESSED: _("Đôn đốc thực hiện"),
    NoticeKind.ASKED: _("Xin gia hạn, chờ quyết định"),
    NoticeKind.GRANTED: _("Đã cho gia hạn"),
    NoticeKind.REFUSED: _("Không cho gia hạn"),
    NoticeKind.CODE: _("Mã xác minh"),
}
_SENTENCES = {
    NoticeKind.ISSUED: _("Có chỉ đạo mới gửi đến đơn vị. Xin mở để xem và tiếp nhận."),
    NoticeKind.REMINDER: _("Sắp đến hạn thực hiện chỉ đạo dưới đây."),
    NoticeKind.ESCALATION: _("Đã quá hạn mà chưa có ai xử lý chỉ đạo dưới đây. Xin đồng chí xử lý ngay."),
    NoticeKind.RECALL: _("Nơi ban hành xin thu hồi văn bản dưới đây. Xin ngừng thực hiện, hủy bản đã nhận và trả lời."),
    NoticeKind.REPLACED: _("Văn bản dưới đây đã được thay thế. Xin thôi làm theo văn bản này và làm theo văn bản mới."),
    NoticeKind.RELEASED: _("Văn bản dưới đây đã được ban hành vào giờ đã hẹn và gửi đến các nơi nhận."),
    NoticeKind.HELD: _("Văn bản dưới đây không ban hành được vào giờ đã hẹn. Xin mở để xem lý do và ban hành lại."),
    NoticeKind.TO_SIGN: _("Có bản nháp chờ đồng chí ký ban hành. Xin mở để xem và quyết định."),
    NoticeKind.HANDED_BACK: _("Lãnh đạo trả lại bản nháp dưới đây. Xin mở để xem lý do, sửa và trình lại."),
    NoticeKind.TO_ASSIGN: _("Văn thư đã tiếp nhận văn bản dưới đây. Xin đồng chí phân công người thực hiện."),
    NoticeKind.ANSWERED: _("Đơn vị nêu dưới đây đã báo cáo. Xin mở để xem và chấp nhận hoặc yêu cầu bổ sung."),
    NoticeKind.ACCEPTED: _("Nơi ban hành đã chấp nhận báo cáo về văn bản dưới đây. Việc đã hoàn thành."),
    NoticeKind.RECALL_REFUSED: _("Đơn vị nêu dưới đây không đồng ý thu hồi văn bản. Xin mở để xem lý do."),
    NoticeKind.ASSIGNED: _("Đồng chí được phân công xử lý văn bản dưới đây. Xin mở để xem và bắt đầu."),
    NoticeKind.REWORK: _("Nơi ban hành yêu cầu bổ sung báo cáo về văn bản dưới đây. Xin mở để xem cần bổ sung gì."),
    NoticeKind.RETURNED: _("Đơn vị nêu dưới đây đã trả lại văn bản mà không tiếp nhận. Xin mở để xem lý do."),
    NoticeKind.WAIVED: _("Nơi ban hành đã miễn cho đơn vị thực hiện văn bản dưới đây. Xin thôi làm tiếp."),
    NoticeKind.PRESSED: _("Nơi ban hành đôn đốc đơn vị về văn bản dưới đây. Xin mở và xử lý ngay."),
    NoticeKind.ASKED: _("Đơn vị nêu dưới đây xin gia hạn trả lời. Xin mở để xem và quyết định."),
    NoticeKind.GRANTED: _("Nơi ban hành đã cho gia hạn. Hạn mới ghi dưới đây."),
    NoticeKind.REFUSED: _("Nơi ban hành không cho gia hạn. Hạn trả lời vẫn như cũ."),
}
_TIES = {
    Tie.REPLACES: _("Thay thế văn bản số {value}"),
    Tie.CORRECTS: _("Đính chính văn bản số {value}"),
    Tie.REPLACED_BY: _("Văn bản thay thế: {value}"),
}
_URGENCY = {
    "URGENT": _("Khẩn"),
    "VERY_URGENT": _("Thượng khẩn"),
    "FLASH": _("Hỏa tốc"),
    "FLASH_TIMED": _("Hỏa tốc hẹn giờ"),
}
_PUSH_SUBJECT = 120


class Push(msgspec.Struct, frozen=True, kw_only=True):
    """What a closed browser shows: small, and nothing of the document but its number and subject."""

    title: str
    body: str
    href: str
    tag: str
    urgent: bool


class Words:
    """Words of one language; links begin with `base`, such as https://giaoban.camlo.example."""

    def __init__(self, language: str, zone: ZoneInfo, base: str) -> None:
        self._text = translator(language)
        self._formats = Formats(language, zone)
        self._base = base.rstrip("/")

    def title(self, notice: Notice) -> str:
        """“[DIỄN TẬP] [HỎA TỐC] Chỉ đạo mới”."""
        marks = [self._text(_("DIỄN TẬP"))] if notice.exercise else []
        if notice.urgency in _URGENCY:
            marks.append(self._text(_URGENCY[notice.urgency]).upper())
        return " ".join([*(f"[{mark}]" for mark in marks), self._text(_TITLES[notice.kind])])

    def link(self, notice: Notice) -> str:
        """The page of the directive."""
        return f"{self._base}{notice.href}"

    def due(self, notice: Notice) -> str:
        """“Hạn: Thứ Ba 24/11/2026, 14:00”, or nothing."""
        if notice.due is None:
            return ""
        return self._text(_("Hạn: {due}")).format(due=self._formats.datetime(notice.due))

    def tied(self, notice: Notice) -> str:
        """“Thay thế văn bản số 05/KH-UBND”, or nothing."""
        return self._text(_TIES[notice.tie]).format(value=notice.other) if notice.tie else ""

    def mail_subject(self, notice: Notice) -> str:
        """One line."""
        if notice.kind is NoticeKind.CODE:
            return f"Giao Ban: {self._text(_TITLES[notice.kind])}"
        what = " – ".join(part for part in (notice.number, notice.subject) if part)  # a draft has no number yet
        return " ".join(f"{self.title(notice)}: {what}".split())

    def mail_body(self, notice: Notice, name: str) -> str:
        """Plain text: what it is, until when, where to confirm it. Never the document itself."""
        text = self._text
        lines = [text(_("Kính gửi đồng chí {name},")).format(name=name), ""]
        if notice.kind is NoticeKind.CODE:
            lines += [self.code(notice), "", text(_("Nếu đồng chí không yêu cầu mã này, xin bỏ qua thư."))]
        else:
            if notice.exercise:
                lines += [text(_("ĐÂY LÀ DIỄN TẬP.")), ""]
            lines += [text(_SENTENCES[notice.kind]), "", *self._facts(notice), ""]
            lines += [text(_("Xem và xác nhận tại: {link}")).format(link=self.link(notice))]
            if notice.kind not in FOR_KNOWLEDGE:
                lines += [text(_("Khi có người xác nhận, hệ thống thôi báo qua các kênh khác."))]
        lines += ["", text(_("Thư này do hệ thống Giao Ban tự gửi, xin không trả lời."))]
        return "\n".join(lines) + "\n"

    def _facts(self, notice: Notice) -> list[str]:
        text = self._text
        units = ", ".join(notice.unit_names)
        if notice.units > len(notice.unit_names):
            units = text(_("{names} và {more} đơn vị khác")).format(
                names=units, more=notice.units - len(notice.unit_names)
            )
        facts = [
            (_("Số, ký hiệu: {value}"), notice.number),
            (_("Trích yếu: {value}"), notice.subject),
            (_("Nơi ban hành: {value}"), notice.sender),
            (_("Độ khẩn: {value}"), text(_URGENCY[notice.urgency]) if notice.urgency in _URGENCY else ""),
            (_("Đơn vị: {value}"), units),
        ]
        found = [text(label).format(value=value) for label, value in facts if value]
        return [*found, *(line for line in (self.tied(notice), self.due(notice)) if line)]

    def code(self, notice: Notice) -> str:
        """The sentence with the code."""
        return self._text(_("Mã xác minh Giao Ban: {code}. Có hiệu lực {minutes} phút.")).format(
            code=notice.code, minutes=CODE_MINUTES
        )

    def sms(self, notice: Notice, alphabet: Alphabet) -> str:
        """One short message: number, as much of the subject as fits, until when, and the link if there is room."""
        if notice.kind is NoticeKind.CODE:
            return fitted("Giao Ban:", self._text(_("mã {code}")).format(code=notice.code), [], alphabet)
        due = ""
        if notice.due is not None:
            when = f"{self._formats.time(notice.due)} {self._formats.date(notice.due).split()[-1]}"
            due = self._text(_("Hạn {when}.")).format(when=when)
        tied = f"{self.tied(notice)}." if notice.tie else ""
        tails = [tail for tail in (tied, due, self.link(notice)) if tail]
        return fitted(f"{self.title(notice)} {notice.number}".rstrip() + ":", f"{notice.subject}.", tails, alphabet)

    def message(self, notice: Notice) -> str:
        """A few lines for a messenger such as Zalo."""
        if notice.kind is NoticeKind.CODE:
            return self.code(notice)
        lines = [self.title(notice), *self._facts(notice), self.link(notice)]
        return "\n".join(lines)

    def push(self, notice: Notice) -> Push:
        """A notification; a later one of the same directive takes its place."""
        subject = notice.subject
        if len(subject) > _PUSH_SUBJECT:
            subject = subject[: _PUSH_SUBJECT - 1].rstrip() + "…"
        body = " · ".join(part for part in (notice.number, subject, self.tied(notice), self.due(notice)) if part)
        urgent = notice.kind in (NoticeKind.ESCALATION, NoticeKind.PRESSED) or notice.urgency in AT_ONCE
        tag = f"directive-{notice.directive}"
        return Push(title=self.title(notice), body=body, href=notice.href, tag=tag, urgent=urgent)
