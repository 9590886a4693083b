"""Web Push against a push service that decrypts what it gets: only the browser can read it, and it says little."""

from __future__ import annotations

import asyncio
import os
import stat
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import http_ece
import pytest

from server.config import ConfigError
from server.reach.push import PushSender
from server.reach.rules import Channel, Gone, Later, Never, Outcome, Reason, Sent
from server.reach.service import Letter, PushKeys
from server.reach.settings import Push
from server.reach.vapid import load_vapid
from server.reach.words import Words
from server.store import Store
from tests.conftest import START, As, DistrictIds, PageAs
from tests.reach.helpers import ZONE, browser, letter, notice, subscriptions
from tests.reach.push_service import Browser, PushService, push_service


@asynccontextmanager
async def sending(folder: Path, origin: str, **changes: Any) -> AsyncIterator[PushSender]:
    words = Words("vi", ZONE, "https://giaoban.camlo.example")
    settings = Push(services=[origin], **changes)
    contact = "mailto:giaoban@camlo.example"
    sender = PushSender(settings, load_vapid(folder / "vapid.pem"), contact, lambda _l: words, lambda: START)
    try:
        yield sender
    finally:
        await sender.close()


def to(service: PushService, user: Browser, **changes: Any) -> Letter:
    address = f"{service.origin}/push/abc"
    return letter(Channel.PUSH, address, push=PushKeys(address, **user.keys), **changes)


async def test_only_the_browser_can_read_it_and_it_says_little(tmp_path: Path) -> None:
    user = Browser()
    async with push_service(PushService()) as service, sending(tmp_path, service.origin) as sender:
        assert await sender.send(to(service, user)) == Sent("/m/1")
    ((path, headers, body),) = service.came
    assert path == "/push/abc"
    assert (headers["Content-Encoding"], headers["Urgency"], headers["TTL"]) == ("aes128gcm", "high", "172800")
    assert len(headers["Topic"]) == 32
    assert b"CD-UBND" not in body
    assert len(body) < 1000
    assert user.read(body) == {
        "title": "[HỎA TỐC] Chỉ đạo mới",
        "body": "05/CĐ-UBND · Ứng phó mưa lớn, ngập lụt trên địa bàn huyện · Hạn: Thứ Ba 24/11/2026, 14:00",
        "href": "/directives/12",
        "tag": "directive-12",
        "urgent": True,
    }
    claims = service.claims()
    assert (claims["aud"], claims["sub"]) == (service.origin, "mailto:giaoban@camlo.example")
    assert START.timestamp() < claims["exp"] <= (START + timedelta(hours=24)).timestamp()
    with pytest.raises(http_ece.ECEException):
        Browser().read(body)


async def test_of_one_directive_only_the_last_message_is_kept_for_a_browser_that_is_off(tmp_path: Path) -> None:
    user = Browser()
    async with push_service(PushService()) as service, sending(tmp_path, service.origin) as sender:
        for directive in (12, 12, 13):
            await sender.send(to(service, user, notice=notice(directive=directive, urgency="NORMAL")))
    topics = [headers["Topic"] for _path, headers, _body in service.came]
    assert topics[0] == topics[1] != topics[2]
    assert service.came[0][1]["Urgency"] == "normal"


@pytest.mark.parametrize(
    ("status", "kind", "reason"),
    [
        (400, Never, Reason.REFUSED),
        (401, Later, Reason.NOT_SIGNED_IN),
        (403, Later, Reason.NOT_SIGNED_IN),
        (404, Gone, None),
        (410, Gone, None),
        (413, Never, Reason.REFUSED),
        (429, Later, Reason.BUSY),
        (500, Later, Reason.FAILING),
        (503, Later, Reason.BUSY),
    ],
)
async def test_by_status(tmp_path: Path, status: int, kind: type[Outcome], reason: Reason | None) -> None:
    wait = {"Retry-After": "30"}
    async with push_service(PushService(status, wait)) as service, sending(tmp_path, service.origin) as sender:
        outcome = await sender.send(to(service, Browser()))
    assert isinstance(outcome, kind)
    if isinstance(outcome, Later | Never):
        assert outcome.reason is reason
    if isinstance(outcome, Later) and status in (429, 503):
        assert outcome.after == timedelta(seconds=30)
        assert not outcome.everybody  # one browser's limit is not another's


async def test_a_service_that_is_away(tmp_path: Path) -> None:
    async with push_service(PushService()) as service:
        pass
    async with sending(tmp_path, service.origin) as sender:
        outcome = await sender.send(to(service, Browser()))
    assert isinstance(outcome, Later)
    assert outcome.reason is Reason.NO_CONNECTION


async def test_those_of_one_service_do_not_wait_for_another_that_is_silent(tmp_path: Path) -> None:
    """Its connections hang until the timeout; one of them finds that out for all."""
    silent = await asyncio.start_server(lambda _reader, _writer: None, "127.0.0.1", 0)
    async with silent, push_service(PushService()) as service:
        hangs = f"http://127.0.0.1:{silent.sockets[0].getsockname()[1]}"
        user = Browser()
        letters = [letter(Channel.PUSH, f"{hangs}/push/x", push=PushKeys("", **user.keys)) for _ in range(3)]
        async with sending(tmp_path, service.origin, timeout_seconds=1) as sender:
            sender._settings = Push(services=[service.origin, hangs], timeout_seconds=1)
            assert await sender.send(letters[0]) == Later(Reason.TIMEOUT)
            async with asyncio.timeout(0.5):
                for one in letters[1:]:
                    outcome = await sender.send(one)
                    assert isinstance(outcome, Later)
                    assert (outcome.reason, outcome.after) == (Reason.TIMEOUT, timedelta(seconds=30))
                assert await sender.send(to(service, user)) == Sent("/m/1")


async def test_keys_that_are_none_are_a_browser_that_is_not_there(tmp_path: Path) -> None:
    keys = PushKeys("", "B" + "A" * 86, "A" * 22)
    async with push_service(PushService()) as service, sending(tmp_path, service.origin) as sender:
        broken = letter(Channel.PUSH, f"{service.origin}/push/x", push=keys)
        assert await sender.send(broken) == Gone()
    assert service.came == []


async def test_an_address_that_the_settings_do_not_allow_gets_nothing(tmp_path: Path) -> None:
    async with push_service(PushService()) as service, sending(tmp_path, "https://elsewhere.example") as sender:
        assert await sender.send(to(service, Browser())) == Gone()
    assert service.came == []


@pytest.mark.parametrize(
    ("endpoint", "allowed"),
    [
        ("https://fcm.googleapis.com/fcm/send/x", True),
        ("https://updates.push.services.mozilla.com/wpush/v2/x", True),
        ("https://wns2-am3p.notify.windows.com/w/?token=x", True),
        ("http://fcm.googleapis.com/x", False),
        ("https://fcm.googleapis.com:8443/x", False),
        ("https://fcm.googleapis.com@10.0.0.1/x", False),
        ("https://fcm.googleapis.com.evil.example/x", False),
        ("https://evilfcm.googleapis.com.example/x", False),
        ("https://10.0.0.1/x", False),
        ("https:///x", False),
        ("", False),
    ],
)
def test_whom_we_post_to(endpoint: str, allowed: bool) -> None:
    assert Push().allows(endpoint) is allowed


def test_the_key_is_made_once_and_for_the_server_alone(tmp_path: Path) -> None:
    file = tmp_path / "data" / "vapid.pem"
    public = load_vapid(file).public
    assert stat.S_IMODE(os.stat(file).st_mode) == 0o600
    assert load_vapid(file).public == public
    assert len(public) == 87
    assert [path.name for path in file.parent.iterdir()] == ["vapid.pem"]


def test_a_file_that_is_no_key_is_said_so(tmp_path: Path) -> None:
    file = tmp_path / "vapid.pem"
    file.write_text("nonsense")
    with pytest.raises(ConfigError, match="not a key"):
        load_vapid(file)


async def test_a_browser_subscribes_for_its_sign_in(as_: As, store: Store) -> None:
    client = await as_("thon1.camthuy")
    key = (await (await client.get("/api/v1/push-subscription")).json())["key"]
    assert len(key) == 87
    data = {"endpoint": "https://fcm.googleapis.com/fcm/send/x", "keys": Browser().keys}
    first = await (await client.post("/api/v1/push-subscription", data)).json()
    again = await (await client.post("/api/v1/push-subscription", data)).json()
    assert first == again
    (row,) = subscriptions(store)
    assert client.who is not None
    assert (row.account_id, row.session_id) == (client.who.account_id, client.who.session_id)
    other = await as_("camthuy")
    await other.post("/api/v1/push-subscription", data)  # another person signs in to the same browser
    (row,) = subscriptions(store)
    assert other.who is not None
    assert row.account_id == other.who.account_id


@pytest.mark.parametrize(
    "data",
    [
        {"endpoint": "https://10.0.0.1/x", "keys": {"p256dh": "A" * 87, "auth": "A" * 22}},
        {"endpoint": "https://fcm.googleapis.com/x", "keys": {"p256dh": "short", "auth": "A" * 22}},
        {"endpoint": "https://fcm.googleapis.com/" + "x" * 500, "keys": {"p256dh": "A" * 87, "auth": "A" * 22}},
    ],
)
async def test_what_is_no_subscription_is_refused(as_: As, store: Store, data: dict[str, Any]) -> None:
    client = await as_("camthuy")
    assert (await client.post("/api/v1/push-subscription", data)).status == 422
    assert subscriptions(store) == []


async def test_browsers_on_the_page_of_the_account(page_as: PageAs, store: Store, district: DistrictIds) -> None:
    page = await page_as("camthuy")
    key = browser(store, page.who)
    text = await (await page.get("/account")).text()
    assert "Chrome · Android" in text
    other = await page_as("vanthu.camthuy")
    assert (await other.post(f"/account/devices/{key}/forget")).status == 404
    assert (await page.post(f"/account/devices/{key}/forget")).status == 303
    assert subscriptions(store) == []


async def test_a_person_has_ten_browsers_at_most(store: Store, district: DistrictIds) -> None:
    who = district.who("camthuy")
    for number in range(12):
        browser(store, who, f"https://fcm.googleapis.com/{number}")
    assert [row.endpoint[-2:] for row in subscriptions(store)] == [f"/{n}" for n in range(2, 10)] + ["10", "11"]


async def test_the_worker_and_its_manifest_are_there_for_everybody(as_: As) -> None:
    nobody = await as_(None)
    script = await nobody.get("/sw.js")
    assert (script.status, script.content_type, script.headers["Cache-Control"]) == (200, "text/javascript", "no-cache")
    manifest = await nobody.get("/static/manifest.webmanifest")
    assert manifest.content_type == "application/manifest+json"
    for icon in (await manifest.json(content_type=None))["icons"]:
        assert (await nobody.get(icon["src"])).status == 200
    offline = await nobody.get("/offline", headers={"Accept": "text/html"})
    assert "vì mất mạng" in await offline.text()
