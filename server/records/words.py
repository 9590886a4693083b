"""Words for the codes of the archive; each is a text of the catalogue."""

from __future__ import annotations

from server.http.i18n import _

CUSTODY_WORDS = {
    "created": _("Lập hồ sơ từ cuộc họp"),
    "recovered": _("Phục hồi đoạn ghi bị ngắt"),
    "sealed": _("Niêm phong"),
    "failed": _("Không lập được bản ghi"),
    "viewed": _("Xem"),
    "downloaded": _("Tải về"),
    "exported": _("Xuất gói"),
    "verified": _("Kiểm tra: nguyên vẹn"),
    "found_damaged": _("Kiểm tra: có sai lệch"),
    "held": _("Tạm giữ"),
    "released": _("Thôi tạm giữ"),
    "retention_changed": _("Đổi thời hạn bảo quản"),
}
GAP_REASONS = {
    "crash": _("máy chủ media dừng"),
    "stopped": _("máy chủ media được tắt rồi mở lại"),
    "paused": _("chủ trì tạm dừng ghi"),
    "disk_full": _("máy chủ hết chỗ lưu"),
    "cannot_write": _("máy chủ không ghi được tệp"),
    "damaged": _("tệp ghi bị hỏng"),
}
PROBLEM_WORDS = {
    "missing": _("không còn tệp"),
    "unreadable": _("không đọc được tệp"),
    "size": _("dung lượng khác lúc niêm phong"),
    "changed": _("nội dung khác lúc niêm phong"),
    "root": _("mã băm gốc không khớp"),
    "chain": _("nhật ký lưu giữ bị sửa"),
}
