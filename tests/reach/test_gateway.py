"""A gateway over HTTP against a real server that takes, refuses, fails, is slow, and asks us to wait."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any

import msgspec
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from server.reach.gateway import GatewaySender
from server.reach.rules import Channel, Later, Never, Outcome, Reason, Sent
from server.reach.settings import Gateway, fill
from server.reach.words import Words
from tests.conftest import START
from tests.reach.helpers import PHONE, ZONE, letter, notice

Handler = Callable[[web.Request], Awaitable[web.Response]]


class Provider:
    """Answers as it is told and keeps what came: (headers, JSON body)."""

    def __init__(self, status: int = 200, body: Any = "", headers: dict[str, str] | None = None) -> None:
        self.status, self.body, self.headers = status, body, headers or {}
        self.came: list[tuple[dict[str, str], Any]] = []
        self.wait: asyncio.Event | None = None

    async def handle(self, request: web.Request) -> web.Response:
        self.came.append((dict(request.headers), await request.json()))
        if self.wait is not None:
            await self.wait.wait()
        text = self.body if isinstance(self.body, str) else json.dumps(self.body)
        return web.Response(status=self.status, text=text, headers=self.headers)


@asynccontextmanager
async def serving(provider: Provider) -> AsyncIterator[str]:
    app = web.Application()
    app.router.add_post("/send", provider.handle)
    async with TestServer(app) as server:
        yield str(server.make_url("/send"))


@asynccontextmanager
async def sending(url: str, channel: Channel = Channel.SMS, **changes: Any) -> AsyncIterator[GatewaySender]:
    words = Words("vi", ZONE, "https://giaoban.camlo.example")
    sender = GatewaySender(channel, Gateway(url=url, **changes), "Bearer s3cret", lambda _lang: words, lambda: START)
    try:
        yield sender
    finally:
        await sender.close()


async def ask(provider: Provider, **changes: Any) -> Outcome:
    async with serving(provider) as url, sending(url, **changes) as sender:
        return await sender.send(letter(Channel.SMS, PHONE))


async def test_what_a_provider_gets() -> None:
    provider = Provider()
    body = '{"phones": ["{to}"], "sms": {"brand": "{sender}", "content": "{text}"}, "ref": "gb-{key}", "unicode": 0}'
    assert await ask(provider, body=body, sender="CAMLO", auth_header="X-Token", numbers="0") == Sent()
    ((headers, came),) = provider.came
    assert headers["X-Token"] == "Bearer s3cret"
    assert headers["Idempotency-Key"] == "0123456789abcdef0123456789abcdef"
    assert came["phones"] == ["0912345678"]
    assert came["sms"]["brand"] == "CAMLO"
    assert came["sms"]["content"].startswith("[HOA TOC] Chi dao moi 05/CD-UBND: Ung pho")
    assert len(came["sms"]["content"]) <= 160
    assert (came["ref"], came["unicode"]) == ("gb-0123456789abcdef0123456789abcdef", 0)


async def test_a_repeat_has_the_same_key() -> None:
    provider = Provider(500)
    async with serving(provider) as url, sending(url) as sender:
        for _ in range(2):
            assert isinstance(await sender.send(letter(Channel.SMS, PHONE)), Later)
    assert len({headers["Idempotency-Key"] for headers, _body in provider.came}) == 1


async def test_a_zalo_template_gets_its_parts() -> None:
    provider = Provider(body={"error": 0})
    template = {
        "phone": "{to}",
        "template_id": "7",
        "template_data": {"so": "{number}", "han": "{due}", "link": "{link}"},
    }
    rules = {"body": json.dumps(template), "answer_field": "error", "answer_sent": ["0"], "answer_later": ["-32"]}
    async with serving(provider) as url, sending(url, Channel.ZALO, **rules) as sender:
        assert await sender.send(letter(Channel.ZALO, PHONE)) == Sent("0")
    assert provider.came[0][1] == {
        "phone": "84912345678",
        "template_id": "7",
        "template_data": {
            "so": "05/CĐ-UBND",
            "han": "Hạn: Thứ Ba 24/11/2026, 14:00",
            "link": "https://giaoban.camlo.example/directives/12",
        },
    }


async def test_whatever_the_subject_the_body_stays_json() -> None:
    provider = Provider()
    nasty = notice(subject='"}, {to} {{x}} \\ \n', number="{key}")
    async with serving(provider) as url, sending(url, Channel.ZALO, body='{"a": "{text}"}') as sender:
        assert await sender.send(letter(Channel.ZALO, PHONE, notice=nasty)) == Sent()
    assert '"}, {to} {{x}} \\' in provider.came[0][1]["a"]


@pytest.mark.parametrize(
    ("status", "kind", "reason"),
    [
        (400, Never, Reason.REFUSED),
        (401, Later, Reason.NOT_SIGNED_IN),
        (403, Later, Reason.NOT_SIGNED_IN),
        (404, Never, Reason.REFUSED),
        (408, Later, Reason.TIMEOUT),
        (422, Never, Reason.REFUSED),
        (429, Later, Reason.BUSY),
        (500, Later, Reason.FAILING),
        (502, Later, Reason.FAILING),
        (503, Later, Reason.BUSY),
        (504, Later, Reason.TIMEOUT),
        (302, Never, Reason.REFUSED),
    ],
)
async def test_by_status(status: int, kind: type[Outcome], reason: Reason) -> None:
    outcome = await ask(Provider(status, "why", {"Location": "/elsewhere"}))
    assert isinstance(outcome, kind)
    assert isinstance(outcome, Later | Never)
    assert outcome.reason is reason
    assert outcome.detail == f"HTTP {status} why"


async def test_one_that_asks_us_to_wait_is_obeyed() -> None:
    outcome = await ask(Provider(429, "", {"Retry-After": "90"}))
    assert isinstance(outcome, Later)
    assert (outcome.after, outcome.everybody) == (timedelta(seconds=90), True)


RULES: dict[str, Any] = {"answer_field": "data.0.code", "answer_sent": ["100"], "answer_later": ["-5", "true"]}


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ({"data": [{"code": 100}]}, Sent("100")),
        ({"data": [{"code": "100"}]}, Sent("100")),
        ({"data": [{"code": -5}]}, Reason.BUSY),
        ({"data": [{"code": True}]}, Reason.BUSY),
        ({"data": [{"code": 101}]}, Reason.REFUSED),
        ({"data": []}, Reason.BAD_ANSWER),
        ({"data": None}, Reason.BAD_ANSWER),
        ({}, Reason.BAD_ANSWER),
        ("<html>login</html>", Reason.BAD_ANSWER),
        ("", Reason.BAD_ANSWER),
        ("[" * 50_000, Reason.BAD_ANSWER),
    ],
)
async def test_by_what_a_200_says(body: Any, expected: Sent | Reason) -> None:
    outcome = await ask(Provider(200, body), **RULES)
    if isinstance(expected, Sent):
        assert outcome == expected
    else:
        assert isinstance(outcome, Later | Never)
        assert outcome.reason is expected
        assert isinstance(outcome, Never) == (expected is Reason.REFUSED)


async def test_one_that_is_slow() -> None:
    provider = Provider()
    provider.wait = asyncio.Event()
    async with serving(provider) as url, sending(url, timeout_seconds=1) as sender:
        assert await sender.send(letter(Channel.SMS, PHONE)) == Later(Reason.TIMEOUT)
        provider.wait.set()


async def test_one_that_is_away() -> None:
    async with serving(Provider()) as url:
        pass
    async with sending(url) as sender:
        outcome = await sender.send(letter(Channel.SMS, PHONE))
    assert isinstance(outcome, Later)
    assert outcome.reason is Reason.NO_CONNECTION


async def test_one_that_hangs_up_and_one_that_speaks_no_http() -> None:
    async def rude(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(100)
        writer.write(said)
        writer.close()

    for said in (b"", b"\x00\x01\x02 what?\r\n\r\n"):
        server = await asyncio.start_server(rude, "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        async with sending(f"http://127.0.0.1:{port}/") as sender:
            outcome = await sender.send(letter(Channel.SMS, PHONE))
        server.close()
        await server.wait_closed()
        assert isinstance(outcome, Later), said
        assert outcome.reason is Reason.NO_CONNECTION


async def test_an_answer_without_end_is_not_read_to_the_end() -> None:
    outcome = await ask(Provider(400, "x" * 1_000_000))
    assert isinstance(outcome, Never)
    assert len(outcome.detail) < 300


async def test_a_code_goes_through_the_same_gateway() -> None:
    from server.reach.notice import NoticeKind

    provider = Provider()
    code = notice(kind=NoticeKind.CODE, code="123456")
    async with serving(provider) as url, sending(url) as sender:
        await sender.send(letter(Channel.SMS, PHONE, notice=code))
    assert provider.came[0][1]["text"] == "Giao Ban: ma 123456"


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"url": "ftp://x"}, "not an address"),
        ({"url": "http://"}, "not an address"),
        ({"body": "{"}, "property name"),
        ({"body": '{"a": "{nobody}"}'}, "nobody"),
        ({"body": '{"a": "{"}'}, "'{'"),
        ({"answer_field": "x"}, "answer_sent"),
        ({"timeout_seconds": 0}, "timeout_seconds"),
        ({"alphabet": "latin1"}, "alphabet"),
        ({"nonsense": 1}, "nonsense"),
    ],
)
def test_settings_that_could_not_work_are_refused_at_the_start(changes: dict[str, Any], named: str) -> None:
    with pytest.raises((msgspec.ValidationError, ValueError), match=named):
        msgspec.convert({"url": "https://x.vn", **changes}, Gateway)


def test_filling_leaves_what_is_no_text() -> None:
    assert fill({"a": [1, None, "{to}"], "b": {"c": True}}, {"to": "x"}) == {"a": [1, None, "x"], "b": {"c": True}}
