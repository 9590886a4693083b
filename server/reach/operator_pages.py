"""The operator's page: how each channel does, and messages that could not be sent."""

from __future__ import annotations

from aiohttp import web

from server.accounts.permissions import Permission
from server.errors import ConflictError, GiaoBanError, NotFoundError
from server.http import STORE, Route, render, see_other
from server.http.i18n import _, translate
from server.http.problem import note_refusal
from server.http.reading import path_id
from server.reach import service
from server.reach.keys import SERVED
from server.reach.rules import Channel, Reason

REASONS = {
    Reason.NO_CONNECTION: _("Không nối được tới máy chủ của kênh này."),
    Reason.TIMEOUT: _("Máy chủ của kênh này không trả lời kịp."),
    Reason.BUSY: _("Máy chủ của kênh này đang bận, hoặc đơn vị đã gửi hết số tin cho phép."),
    Reason.FAILING: _("Máy chủ của kênh này đang gặp lỗi."),
    Reason.NOT_SIGNED_IN: _("Mật khẩu hoặc khóa của kênh này không đúng, xin xem lại cài đặt."),
    Reason.REFUSED: _("Bị từ chối: địa chỉ hoặc số máy không nhận được tin."),
    Reason.BAD_ANSWER: _("Máy chủ của kênh này trả lời không đúng dạng đã cài đặt."),
    Reason.LINE_BUSY: _("Máy bận mỗi lần gọi."),
    Reason.NO_ANSWER: _("Không ai nhấc máy, hoặc máy tắt."),
    Reason.NO_KEY: _("Có nhấc máy nhưng không ai bấm phím xác nhận."),
    Reason.WRONG_NUMBER: _("Số máy không đúng, không còn dùng, chuyển sang số khác, hoặc từ chối cuộc gọi."),
    Reason.NOT_CONFIGURED: _("Kênh này không còn được cài đặt trên máy chủ."),
}
CHANNELS = {
    Channel.PUSH: _("Thông báo trên trình duyệt"),
    Channel.MAIL: _("Thư điện tử"),
    Channel.SMS: _("Tin nhắn SMS"),
    Channel.ZALO: _("Tin nhắn Zalo"),
    Channel.PHONE: _("Gọi điện thoại"),
}


async def get_messages(request: web.Request) -> web.Response:
    """Messages that could not be sent."""
    return await _page(request)


async def _page(request: web.Request, error: GiaoBanError | None = None) -> web.Response:
    """The list, with what was refused, which is noted."""
    store = request.app[STORE]
    if error is not None:
        note_refusal(request, error)
    context = {
        "tallies": await store.read(service.tallies),
        "letters": await store.read(service.dead_letters),
        "served": request.app[SERVED],
        "channel_names": {channel: translate(request, text) for channel, text in CHANNELS.items()},
        "reasons": {reason: translate(request, text) for reason, text in REASONS.items()},
        "error": translate(request, error.message, **error.params) if error else "",
        "done": request.query.get("done", ""),
    }
    return await render(request, "reach/messages.html", context, status=error.status if error else 200)


async def post_again(request: web.Request) -> web.Response:
    """Send one again."""
    try:
        await request.app[STORE].write(service.send_again, path_id(request), request.app[SERVED])
    except (ConflictError, NotFoundError) as error:
        return await _page(request, error)
    return see_other("/reach?done=again")


async def post_give_up(request: web.Request) -> web.Response:
    """Take one off the list."""
    try:
        await request.app[STORE].write(service.give_up, path_id(request))
    except NotFoundError as error:
        return await _page(request, error)
    return see_other("/reach?done=given-up")


_TEND = Permission.TEND_MESSAGES
ROUTES = [
    Route("GET", "/reach", get_messages, _TEND),
    Route("POST", "/reach/{id:\\d+}/again", post_again, _TEND),
    Route("POST", "/reach/{id:\\d+}/give-up", post_give_up, _TEND),
]
