"""Pages: Jinja2 templates of `web/templates` with the language, the person, the navigation and our filters."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

import jinja2
import msgspec
from aiohttp import web
from markupsafe import Markup, escape

from server.accounts.permissions import ROLE_NAMES, Permission
from server.accounts.principal import Principal
from server.config import ROOT, Settings
from server.errors import UnavailableError
from server.http.csrf import csrf_token
from server.http.formats import Formats
from server.http.i18n import LANGUAGES, counter, in_context, translator
from server.http.keys import HEAD_SEQ, LANGUAGE, PRINCIPAL, STORE
from server.http.static import StaticFiles

TEMPLATES = ROOT / "web" / "templates"
FILTERS = (
    "date",
    "time",
    "datetime",
    "form_datetime",
    "duration",
    "number",
    "relative",
    "span",
    "lasting",
    "figure",
    "filesize",
)  # of `Formats`, under the same names in templates
ICONS = ROOT / "web" / "node_modules" / "lucide-static" / "icons"
Badges = Callable[[web.Request], Awaitable[Mapping[str, int]]]


class NavItem(msgspec.Struct, frozen=True):
    """A line of the navigation; a feature registers its own, `order` sorts them. Phones show `short` if given."""

    href: str
    label: str
    icon: str
    may: Permission
    order: int
    short: str = ""


def _icon_svg(name: str) -> str:
    if not re.fullmatch(r"[a-z0-9-]+", name):
        raise ValueError(f"no such icon: {name}")
    text = (ICONS / f"{name}.svg").read_text("utf-8")
    text = re.sub(r"<!--.*?-->", "", text, flags=re.DOTALL)
    return re.sub(r"\s+", " ", text).strip().replace("> <", "><")


class Renderer:
    """Makes pages; one environment a language, templates compiled once."""

    compiled: jinja2.BytecodeCache | None = None
    """Where compiled templates are kept beyond one renderer; a server has only one."""

    def __init__(self, settings: Settings, static: StaticFiles) -> None:
        self.static = static
        self.zone = ZoneInfo(settings.timezone)
        self.nav: list[NavItem] = []
        self.badges: list[Badges] = []
        self.demo = settings.demo
        self._icons: dict[str, str] = {}
        self._environments = {language: self._environment(language) for language in LANGUAGES}

    def _environment(self, language: str) -> jinja2.Environment:
        environment = jinja2.Environment(
            loader=jinja2.FileSystemLoader(TEMPLATES),
            bytecode_cache=self.compiled,
            autoescape=True,
            undefined=jinja2.StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
            extensions=["jinja2.ext.i18n", "jinja2.ext.do"],
        )
        text = translator(language)
        environment.install_gettext_callables(  # type: ignore[attr-defined]
            text,
            counter(language),
            newstyle=True,
            pgettext=lambda context, word: text(in_context(context, word)),
        )
        formats = Formats(language, self.zone)
        for name in FILTERS:
            environment.filters[name] = getattr(formats, name)
        environment.globals.update(icon=self.icon, url_for_static=self.static.url, lang=language, demo=self.demo)
        return environment

    def icon(self, name: str, label: str | None = None) -> Markup:
        """A lucide icon inline: decoration without a label, an image with one."""
        if name not in self._icons:
            self._icons[name] = _icon_svg(name)
        svg = self._icons[name].replace(' class="', ' class="icon ', 1)
        extra = f'role="img" aria-label="{escape(label)}"' if label else 'aria-hidden="true" focusable="false"'
        return Markup(svg.replace("<svg ", f"<svg {extra} ", 1))  # noqa: S704 - our own pinned files

    async def page(
        self, request: web.Request, template: str, context: Mapping[str, Any] | None = None, status: int = 200
    ) -> web.Response:
        """The page as a reply, compressed."""
        language = request[LANGUAGE]
        who = request.get(PRINCIPAL)
        shared = await self._shared(request, who, language)
        text = self._environments[language].get_template(template).render({**shared, **(context or {})})
        reply = web.Response(text=text, content_type="text/html", status=status)
        reply.enable_compression()
        return reply

    async def _shared(self, request: web.Request, who: Principal | None, language: str) -> dict[str, Any]:
        store = request.app[STORE]
        badges: dict[str, int] = {}
        if who:
            with suppress(UnavailableError):  # without the database an error's page is still one
                for count in self.badges:
                    badges.update(await count(request))
        return {
            "me": self._person(who, language) if who else None,
            "csrf": csrf_token(who.session_id, who.unit_id) if who else "",
            "nav": self._nav(request, who, language, badges) if who else [],
            "request_path": request.path,
            "answers_form": request.method == "POST",  # loading such a page again would send the form again
            "now": store.clock(),
            "head_seq": request.get(HEAD_SEQ, 0),
        }

    def _nav(
        self, request: web.Request, who: Principal, language: str, badges: Mapping[str, int]
    ) -> list[dict[str, Any]]:
        text = translator(language)
        return [
            {
                "href": item.href,
                "label": text(item.label),
                "short": text(item.short or item.label),
                "icon": item.icon,
                "current": request.path == item.href or (item.href != "/" and request.path.startswith(item.href + "/")),
                "badge": badges.get(item.href, 0),
            }
            for item in sorted(self.nav, key=lambda item: item.order)
            if who.may(item.may)
        ]

    @staticmethod
    def _person(who: Principal, language: str) -> dict[str, Any]:
        text = translator(language)
        words = who.name.split()
        return {
            "account_id": who.account_id,
            "username": who.username,
            "name": who.name,
            "initials": (words[0][0] + words[-1][0]).upper() if len(words) > 1 else who.name[:2].upper(),
            "role": who.role.value,
            "role_name": text(ROLE_NAMES[who.role]),
            "unit_id": who.unit_id,
            "unit_name": who.acting.unit_name,
            "level": who.acting.level,
            "memberships": [
                {
                    "id": m.id,
                    "unit_id": m.unit_id,
                    "label": f"{m.position or text(ROLE_NAMES[m.role])} · {m.unit_name}",
                    "current": m.id == who.acting.id,
                }
                for m in who.memberships
            ],
            "screen": who.screen,
            "permissions": {p.value for p in Permission if who.may(p)},
        }


RENDERER = web.AppKey("renderer", Renderer)


async def render(
    request: web.Request, template: str, context: Mapping[str, Any] | None = None, *, status: int = 200
) -> web.Response:
    """A page of the request's language. Shorthand of `Renderer.page`."""
    return await request.app[RENDERER].page(request, template, context, status)


def now_of(request: web.Request) -> datetime:
    """The store's clock, which tests may set."""
    return request.app[STORE].clock()
