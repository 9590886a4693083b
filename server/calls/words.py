"""What became of calls and how the trunk stands, in words for the operator."""

from __future__ import annotations

from server.calls.rules import Outcome, Purpose
from server.http.i18n import _

OUTCOMES: dict[Outcome, str] = {
    Outcome.RUNNING: _("Đang nối"),
    Outcome.MET: _("Đã dự họp"),
    Outcome.DROPPED: _("Đang họp thì đứt đường dây"),
    Outcome.RESTARTED: _("Đang họp thì máy chủ khởi động lại"),
    Outcome.STOPPED: _("Máy chủ khởi động lại trong lúc gọi"),
    Outcome.TAKEN_OUT: _("Bị chủ trì mời ra khỏi cuộc họp"),
    Outcome.GAVE_UP: _("Gác máy trước khi vào họp"),
    Outcome.WRONG_PIN: _("Bấm sai mã ba lần"),
    Outcome.LOCKED: _("Số máy bị khóa tạm vì bấm sai mã nhiều lần"),
    Outcome.NO_MEETING: _("Không có cuộc họp nào cho người gọi"),
    Outcome.DECLINED: _("Báo không dự được"),
    Outcome.NO_KEY: _("Có nhấc máy nhưng không ai bấm phím (có thể là hộp thư thoại)"),
    Outcome.BUSY: _("Máy bận"),
    Outcome.NO_ANSWER: _("Không nhấc máy, hoặc máy tắt"),
    Outcome.REFUSED: _("Người nghe từ chối, hoặc đường trung kế không cho gọi số này"),
    Outcome.WRONG_NUMBER: _("Số không đúng hoặc không còn dùng"),
    Outcome.MOVED: _("Số máy này chuyển cuộc gọi sang số khác, hệ thống không gọi theo"),
    Outcome.TRUNK: _("Đường trung kế không trả lời hoặc không nối được"),
    Outcome.NO_SOUND: _("Hai bên không có cách mã hóa tiếng nào chung"),
    Outcome.NO_NODE: _("Phần âm thanh của máy chủ đang khởi động lại"),
    Outcome.HEARD: _("Gọi thử thành công: có tiếng và nhận được phím"),
    Outcome.CONFIRMED: _("Đã xác nhận bằng phím bấm"),
    Outcome.NOTED: _("Đã nghe"),
    Outcome.UNCONFIRMED: _("Đã nghe nhưng chưa bấm xác nhận"),
    Outcome.ELSEWHERE: _("Đơn vị đã xác nhận bằng cách khác trong lúc gọi"),
    Outcome.WITHDRAWN: _("Văn bản bị thu hồi, thay thế hoặc trả lại trong lúc gọi"),
    Outcome.TALKED: _("Đã nói chuyện với văn thư"),
}

PURPOSES: dict[Purpose, str] = {
    Purpose.MEETING: _("Dự họp"),
    Purpose.BACK: _("Gọi lại máy bị đứt"),
    Purpose.OWN: _("Dự họp, do người dự yêu cầu"),
    Purpose.TEST: _("Gọi thử"),
    Purpose.DIRECTIVE: _("Đọc chỉ đạo"),
    Purpose.CLERK: _("Gặp văn thư"),
}

GOOD = frozenset({Outcome.MET, Outcome.HEARD, Outcome.CONFIRMED, Outcome.NOTED, Outcome.TALKED})
BAD = frozenset(
    {
        Outcome.TRUNK,
        Outcome.NO_SOUND,
        Outcome.NO_NODE,
        Outcome.LOCKED,
        Outcome.WRONG_PIN,
        Outcome.DROPPED,
        Outcome.RESTARTED,
        Outcome.STOPPED,
    }
)
