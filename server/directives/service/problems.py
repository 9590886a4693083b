"""What people are told when a draft or an upload is not right."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from aiohttp import web

from server.directives.documents import Problem, check_deadline
from server.directives.rules import State
from server.errors import ConflictError, GiaoBanError, NotFoundError, UserError
from server.http.i18n import _, translate
from server.http.problem import note_refusal

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
    "no_hour": _("Văn bản hỏa tốc hẹn giờ phải ghi giờ, ngày hẹn ở hạn trả lời."),
    "too_far": _("Hạn chỉ được cách lúc này nhiều nhất {limit} năm."),
    "past_deadline": _("Hạn trả lời phải sau lúc ban hành."),
    "unknown_recipient": _("Có nơi nhận không thuộc phạm vi gửi của đơn vị."),
    "not_forwardable": _("Chỉ triển khai tiếp được văn bản mà đơn vị đã tiếp nhận và chưa kết thúc."),
    "after_parent": _("Hạn của văn bản triển khai không được sau hạn mà cấp trên giao cho đơn vị."),
    "unknown_related": _("Không có văn bản đã ban hành nào của đơn vị để thay thế hay đính chính."),
    "other_form": _("Văn bản thay thế phải cùng loại với văn bản được thay thế (Nghị định 30/2020/NĐ-CP, Điều 18)."),
    "too_many_questions": _("Một văn bản có nhiều nhất {limit} câu hỏi."),
    "no_question_label": _("Có câu hỏi chưa viết nội dung."),
    "question_too_long": _("Có câu hỏi, lựa chọn hoặc tên cột dài quá {limit} chữ."),
    "part_twice": _("Có lựa chọn hoặc cột viết hai lần trong một câu hỏi."),
    "bad_choices": _("Câu hỏi chọn một cần từ 2 đến {limit} lựa chọn, cách nhau bằng dấu chấm phẩy."),
    "bad_columns": _("Câu hỏi dạng bảng cần từ 1 đến {limit} cột, cách nhau bằng dấu chấm phẩy."),
    "unknown_question": _("Văn bản không có câu hỏi số {limit}, hoặc câu này được trả lời hai lần."),
    "no_answer": _("Xin trả lời câu này."),
    "wrong_answer": _("Câu trả lời không đúng dạng mà câu hỏi yêu cầu."),
    "bad_number": _("Xin nhập một con số, ví dụ 1.250 hoặc 2,5."),
    "bad_choice": _("Xin chọn một trong các lựa chọn đã cho."),
    "too_many_rows": _("Bảng có nhiều nhất {limit} dòng."),
    "exercise_apart": _(
        "Văn bản diễn tập chỉ thay thế, đính chính hay triển khai văn bản diễn tập; "
        "văn bản thật chỉ đi với văn bản thật."
    ),
    "replaced_already": _("Văn bản này đã được thay thế rồi. Xin thay thế văn bản mới nhất."),
}


_LATER = (
    "unknown_recipient",
    "not_forwardable",
    "after_parent",
    "unknown_related",
    "replaced_already",
)


FAILED = "failed"
"""A mistake of ours, followed by a colon and the code of the incident in the log."""


def schedule_problem(code: str) -> str:
    """Why a signed document was not issued at its moment, by the code that is stored; a failure has an `{incident}`."""
    if code.startswith(FAILED):
        return _("Hệ thống gặp lỗi khi ban hành. Xin ban hành lại; nếu vẫn lỗi, báo quản trị mã {incident}.")
    if code == "signer_left":
        return _("Người ký không còn quyền ban hành của đơn vị.")
    if code == "past_deadline":
        return _("Đến giờ hẹn thì hạn trả lời đã qua. Xin sửa hạn trả lời rồi ban hành, hoặc hẹn giờ khác.")
    return MESSAGES[code] if code in _LATER else _("Xin xem lại văn bản rồi ban hành.")


class DraftError(UserError):
    """A draft that breaks the rules; `problems` are all of them, the error itself speaks of the first."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        first = problems[0]
        super().__init__(first.code, MESSAGES[first.code], field=first.field, limit=first.limit)
        self.problems = problems


def require_near(deadline: datetime, now: datetime, field: str) -> None:
    """Raise UserError for a new deadline that nobody can mean; `field` of the form."""
    for problem in check_deadline(deadline, now):
        raise UserError(problem.code, MESSAGES[problem.code], field=field, limit=problem.limit)


def problem_texts(request: web.Request, error: GiaoBanError) -> list[tuple[str, str]]:
    """Form fields and what is wrong with them, in the person's language; the refusal is noted for the operator."""
    note_refusal(request, error)
    if isinstance(error, DraftError):
        return [(p.field, translate(request, MESSAGES[p.code], limit=p.limit)) for p in error.problems]
    field = error.field if isinstance(error, UserError) else None
    return [(field or "", translate(request, error.message, **error.params))]


def no_directive() -> NotFoundError:
    """Also for those who may not know of it."""
    return NotFoundError("no_directive", _("Không có văn bản này."))


_REFUSALS = {
    State.COMPLETED: _("Đơn vị đã hoàn thành văn bản này nên việc này không làm được nữa."),
    State.RETURNED: _("Đơn vị đã trả lại văn bản này nên việc này không làm được nữa."),
    State.RECALLED: _("Văn bản đã được thu hồi nên việc này không làm được nữa."),
    State.SUPERSEDED: _("Văn bản đã được thay thế bằng văn bản khác. Xin làm theo văn bản mới."),
    State.WAIVED: _("Đơn vị đã được miễn thực hiện văn bản này."),
    State.RECALL_PENDING: _("Nơi ban hành đang xin thu hồi văn bản. Xin trả lời việc thu hồi trước."),
}
_NOT_NOW = _("Việc này không làm được ở trạng thái hiện nay của văn bản. Xin tải lại trang.")


def wrong_state(state: State | None = None) -> ConflictError:
    """The state table has no such step from `state`."""
    return ConflictError("wrong_state", _REFUSALS.get(state, _NOT_NOW) if state else _NOT_NOW)
