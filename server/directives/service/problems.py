"""What people are told when a draft or an upload is not right."""

from __future__ import annotations

from collections.abc import Sequence

from server.directives.documents import Problem
from server.errors import ConflictError, NotFoundError, UserError
from server.http.i18n import _

MESSAGES = {
    "too_long": _("Nội dung dài quá {limit} chữ. Xin rút gọn."),
    "hidden_marks": _("Nội dung có ký tự ẩn làm chữ hiển thị sai. Xin gõ lại phần này."),
    "secret": _(
        "Văn bản có dấu độ mật. Bí mật nhà nước không được soạn, lưu hay gửi trên máy có nối mạng "
        "(Luật Bảo vệ bí mật nhà nước). Hệ thống chỉ nhận văn bản thường."
    ),
    "one_line": _("Trích yếu phải viết trên một dòng."),
    "bad_notation": _("Ký hiệu chỉ gồm chữ, số và các dấu - / . &, ví dụ KH-UBND."),
    "too_many_recipients": _("Một văn bản gửi nhiều nhất {limit} nơi nhận."),
    "recipient_twice": _("Một nơi nhận được chọn hai lần."),
    "one_lead": _("Chỉ một đơn vị chủ trì."),
    "no_lead": _("Có đơn vị phối hợp thì phải có đơn vị chủ trì."),
    "no_subject": _("Xin nhập trích yếu."),
    "no_notation": _("Xin nhập ký hiệu văn bản."),
    "no_recipients": _("Xin chọn ít nhất một nơi nhận."),
    "past_deadline": _("Hạn trả lời phải sau lúc ban hành."),
    "unknown_recipient": _("Có nơi nhận không thuộc phạm vi gửi của đơn vị."),
}


class DraftError(UserError):
    """A draft that breaks the rules; `problems` are all of them, the error itself speaks of the first."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        first = problems[0]
        super().__init__(first.code, MESSAGES[first.code], field=first.field, limit=first.limit)
        self.problems = problems


def no_directive() -> NotFoundError:
    """Also for those who may not know of it."""
    return NotFoundError("no_directive", _("Không có văn bản này."))


def wrong_state() -> ConflictError:
    """The state table has no such step."""
    return ConflictError(
        "wrong_state", _("Việc này không làm được ở trạng thái hiện nay của văn bản. Xin tải lại trang.")
    )
