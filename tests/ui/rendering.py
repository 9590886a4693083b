"""Pages of the design system with made-up data, served as the server does, for tests and screenshots of components."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import jinja2
from aiohttp import web

from server.config import Settings
from server.http.middleware import HEADERS
from server.http.pages import Renderer
from server.http.static import StaticFiles

NOW = datetime(2026, 11, 24, 7, 0, tzinfo=UTC)
COMMUNES = ("Thị trấn Cam Lộ", "Xã Cam Tuyền", "Xã Thanh An", "Xã Cam Thủy", "Xã Cam Thành", "Xã Cam Hiếu")
NAV = [
    {"href": href, "label": label, "short": label, "icon": icon, "current": current, "badge": badge}
    for href, label, icon, current, badge in (
        ("/", "Hôm nay", "house", False, 0),
        ("/directives", "Chỉ đạo đến", "inbox", True, 8),
        ("/issued", "Chỉ đạo đi", "send", False, 0),
        ("/meetings", "Cuộc họp", "video", False, 1),
        ("/records", "Hồ sơ", "archive", False, 0),
        ("/people", "Đơn vị và người", "users", False, 0),
    )
]
ME: dict[str, Any] = {
    "account_id": 1,
    "username": "camthuy",
    "name": "Nguyễn Thị Ễnh Ương",
    "initials": "NƯ",
    "role": "cadre",
    "role_name": "Cán bộ",
    "unit_id": 3,
    "unit_name": "UBND xã Cam Thủy",
    "level": "commune",
    "memberships": [
        {"id": 1, "unit_id": 3, "label": "Cán bộ · UBND xã Cam Thủy", "current": True},
        {"id": 2, "unit_id": 4, "label": "Văn thư – lưu trữ · Đảng ủy xã Cam Thủy", "current": False},
    ],
    "permissions": set(),
    "screen": False,
}
TREE = [
    {
        "id": 1,
        "name": "Huyện Cam Lộ",
        "children": [
            {
                "id": place,
                "name": name,
                "children": [{"id": 10 * place + n, "name": f"Thôn {n} {name}", "children": []} for n in range(1, 10)],
            }
            for place, name in enumerate(COMMUNES, start=2)
        ],
    }
]
GROUPS = [
    {"id": 1, "name": "Các xã, thị trấn", "unit_ids": list(range(2, 8))},
    {"id": 2, "name": "Vùng trũng", "unit_ids": [5, 6]},
]
SHELLS = {
    "room.html": """{% extends "components/stage_base.html" %}{% import "components/room.html" as room %}
        {% block title %}Phòng họp{% endblock %}
        {% block stage %}{{ room.room("Giao ban tuần 47: phòng, chống bão", now, can_chair=True) }}{% endblock %}""",
    "check.html": """{% extends "components/stage_base.html" %}{% import "components/room.html" as room %}
        {% block title %}Thử máy{% endblock %}
        {% block stage %}{{ room.device_check("Giao ban", "14:00", "Cuộc họp được ghi hình.") }}{% endblock %}""",
    "hall.html": """{% extends "components/hall_base.html" %}{% block title %}Điểm cầu{% endblock %}
        {% block hall %}<p class="hall-lead">Cuộc họp tiếp theo</p><p class="hall-what">Giao ban Ễ Ự</p>
        <p class="hall-when">14:00</p>{% endblock %}""",
}
# Stands in for the live channel, which these pages do not need.
CHANNEL = "export const onState = (call) => call('connected'); export const send = async () => ({});"


class Pages:
    """Renders any template of the design system."""

    def __init__(self) -> None:
        self.static = StaticFiles()
        self.renderer = Renderer(Settings(demo=True), self.static)
        for environment in self.renderer._environments.values():
            assert environment.loader
            environment.loader = jinja2.ChoiceLoader([jinja2.DictLoader(SHELLS), environment.loader])

    def render(self, template: str, language: str = "vi", *, answers_form: bool = False) -> str:
        signed_in = template != "sign_in.html"
        context = {
            "csrf": "0" * 40,
            "request_path": "/directives",
            "answers_form": answers_form,
            "now": NOW,
            "head_seq": 12,
            "me": ME if signed_in else None,
            "nav": NAV if signed_in else [],
            "later": NOW + timedelta(hours=3),
            "earlier": NOW - timedelta(days=2),
            "tree": TREE,
            "groups": GROUPS,
            "problem": {"status": 404, "title": "Không có trang này.", "request_id": "ab12cd34"},
        }
        return self.renderer._environments[language].get_template(template).render(context)

    async def page(self, request: web.Request) -> web.Response:
        answers = "answer" in request.query
        text = self.render(request.match_info["template"], request.query.get("language", "vi"), answers_form=answers)
        return web.Response(text=text, content_type="text/html", headers=HEADERS)

    async def meetings(self, _: web.Request) -> web.Response:
        return web.json_response({"live": []})

    async def file(self, request: web.Request) -> web.StreamResponse:
        if request.path.endswith("/channel.js"):
            return web.Response(text=CHANNEL, content_type="text/javascript")
        return await self.static.serve(request)


@asynccontextmanager
async def served() -> AsyncIterator[str]:
    """The address under which `/page/<template>` answers."""
    pages = Pages()
    app = web.Application()
    app.router.add_get("/page/{template}", pages.page)
    app.router.add_get("/api/v1/meetings", pages.meetings)
    app.router.add_get("/static/{path:.+}", pages.file)
    app.router.add_get("/vendor/{path:.+}", pages.file)
    runner = web.AppRunner(app)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        yield f"http://127.0.0.1:{runner.addresses[0][1]}/page/"
    finally:
        await runner.cleanup()
