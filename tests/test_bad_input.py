"""What people and programs send that is wrong: refused in words and by a stable code, nothing changed, nothing broken.

`test_every_operation.py` walks all operations with whatever is wrong; here stand the cases that people really meet.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import aiohttp
import pytest
import socketio
from aiohttp import ClientResponse, web
from aiohttp.test_utils import TestClient

from server.channel import CHANNEL
from server.errors import UserError
from server.http.limits import Limiter
from server.meetings.conductor import CONDUCTOR
from server.meetings.service import attend, plan
from server.meetings.service.attend import Switches, Words
from server.meetings.service.plan import AgendaLine, Plan
from server.records.sending import recordings_folder
from server.store import Store
from tests.conftest import As, Clock, DistrictIds, PageAs
from tests.directives.files import pdf
from tests.directives.test_api import body as directive_body
from tests.directives.test_api import form
from tests.records.making import ended, make_record

HTML = "<script>alert('x')</script> & <b>đậm</b>"
DECEIVING = "gnp.\u202eexe"
LONG = "x" * 10_000
NUL = "a\0b"
Connect = Callable[[str], Awaitable[socketio.AsyncClient]]


@pytest.fixture
async def meeting(app: web.Application, store: Store, district: DistrictIds) -> int:
    """A running meeting of the district with Cam Thủy; Cam Tuyền is not invited."""
    invited = [district.unit("19606")]
    return store.write_now(plan.create, district.who("chutich"), Plan(title=HTML, units=invited))


@pytest.fixture
async def connect(app_client: TestClient[Any, Any], as_: As) -> AsyncIterator[Connect]:
    """A page's live connection, by username."""
    made: list[socketio.AsyncClient] = []

    async def connected(username: str) -> socketio.AsyncClient:
        client = socketio.AsyncClient(reconnection=False)
        token = (await as_(username)).token
        await client.connect(str(app_client.make_url("/")), auth={"token": token}, transports=["websocket"])
        made.append(client)
        return client

    yield connected
    for client in made:
        await client.disconnect()


async def code_of(answer: ClientResponse) -> tuple[int, str]:
    """Status and code of a refusal; its sentence is in Vietnamese."""
    problem = await answer.json(content_type=None)
    assert re.search(r"[^\x00-\x7f]", problem["title"]), problem
    return answer.status, problem["code"]


# ---- texts


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"title": LONG}, "invalid_input"),
        ({"title": ""}, "invalid_input"),
        ({"title": " \t "}, "no_title"),
        ({"title": DECEIVING}, "hidden_marks"),
        ({"title": NUL}, "hidden_marks"),
        ({"agenda": [{"title": DECEIVING}]}, "hidden_marks"),
        ({"agenda": [{"title": LONG}]}, "invalid_input"),
        ({"agenda": [{"title": "x"}] * 51}, "long_agenda"),
        ({"agenda": [{"title": "x", "minutes": -1}]}, "invalid_input"),
        ({"units": []}, "no_units"),
        ({"units": [2**70]}, "no_units"),
        ({"units": ["<b>"]}, "invalid_input"),
        ({"starts_at": "2020-01-01T00:00:00Z"}, "bad_time"),
        ({"starts_at": "9999-12-31T23:59:59+00:00"}, "bad_time"),
        ({"starts_at": "2026-12-01T00:00:00"}, "bad_time"),
        ({"starts_at": "hôm nay"}, "invalid_input"),
    ],
)
async def test_a_meeting_that_cannot_be(as_: As, district: DistrictIds, changes: dict[str, Any], expected: str) -> None:
    leader = await as_("chutich")
    answer = await leader.post("/api/v1/meetings", {"title": "Họp", "units": [district.unit("19606")], **changes})
    assert await code_of(answer) == (422, expected)
    lists = await (await leader.get("/api/v1/meetings")).json()
    assert lists == {"live": [], "planned": [], "past": []}


async def test_markup_in_names_is_shown_as_text(
    page_as: PageAs, district: DistrictIds, store: Store, meeting: int, app: web.Application
) -> None:
    leader = district.who("chutich")
    plans = Plan(title=HTML, units=[district.unit("19606")], agenda=[AgendaLine(title=HTML)])
    planned = store.write_now(plan.create, leader, plans)
    record = make_record(store, recordings_folder(app), ended(district, title=HTML))
    page = await page_as("chutich")
    for address in (
        "/",
        "/meetings",
        f"/meetings/{planned}",
        f"/meetings/{meeting}/check",
        "/records",
        f"/records/{record}",
    ):
        answer = await page.get(address)
        text = await answer.text()
        assert answer.status == 200
        assert "<script>alert" not in text and "<b>đậm" not in text, address
        assert address == "/" or "&lt;script&gt;alert" in text, address


@pytest.mark.parametrize("name", [LONG, DECEIVING, NUL, "", "   "])
async def test_a_person_s_name_that_cannot_be(page_as: PageAs, as_: As, district: DistrictIds, name: str) -> None:
    page, administrator = await page_as("quantri"), await as_("quantri")
    before = await (await administrator.get("/api/v1/people")).json()
    fields = {"username": "moi", "name": name, "unit_id": str(district.unit("19606")), "role": "cadre", "position": ""}
    answer = await page.post("/people/new", fields)
    assert answer.status == 422
    assert 'lang="vi"' in await answer.text()
    assert await (await administrator.get("/api/v1/people")).json() == before


# ---- files


@pytest.mark.parametrize(
    ("name", "content", "expected"),
    [
        ("văn bản.pdf", b"<html><script>alert(1)</script></html>", (422, "bad_file")),
        ("ảnh.png", b"\x89PNG\r\n\x1a\r" + bytes(100), (422, "bad_file")),
        ("trống.pdf", b"", (422, "bad_file")),
        ("cut.pdf", pdf()[:40], (422, "bad_file")),
    ],
)
async def test_a_file_that_is_not_what_it_says(
    as_: As, district: DistrictIds, clock: Clock, name: str, content: bytes, expected: tuple[int, str]
) -> None:
    clerk = await as_("vanthu")
    made = await (await clerk.post("/api/v1/directives", directive_body(clock, [district.unit("19606")]))).json()
    one = f"/api/v1/directives/{made['id']}"
    answer = await clerk.post(f"{one}/attachments", data=form((name, content, "application/pdf")))
    assert await code_of(answer) == expected
    assert (await (await clerk.get(one)).json())["directive"]["attachments"] == []


@pytest.mark.parametrize(
    ("name", "kept"),
    [
        ("../../x", "x.pdf"),
        ("..\\..\\windows\\x.exe", "x.exe.pdf"),
        ("/etc/passwd", "passwd.pdf"),
        ("a\u202efdp.exe", "afdp.exe.pdf"),
        ("x" * 5000 + ".pdf", "x" * 120 + ".pdf"),
        ("<img src=x>.pdf", "img src=x.pdf"),
    ],
)
async def test_a_file_is_kept_under_a_safe_name(
    as_: As, district: DistrictIds, clock: Clock, name: str, kept: str
) -> None:
    clerk = await as_("vanthu")
    made = await (await clerk.post("/api/v1/directives", directive_body(clock, [district.unit("19606")]))).json()
    data = aiohttp.FormData(quote_fields=False)
    data.add_field("files", pdf(), filename=name, content_type="application/pdf")
    answer = await clerk.post(f"/api/v1/directives/{made['id']}/attachments", data=data)
    assert answer.status == 201, await answer.text()
    (stored,) = (await answer.json())["attachments"]
    assert stored["name"] == kept
    download = await clerk.get(f"/api/v1/attachments/{stored['id']}")
    assert await download.read() == pdf()
    assert download.headers["X-Content-Type-Options"] == "nosniff"
    assert not set(download.headers["Content-Disposition"]) & set("\r\n<>\0")


async def test_an_upload_over_the_limit(as_: As, district: DistrictIds, clock: Clock, app: web.Application) -> None:
    clerk = await as_("vanthu")
    made = await (await clerk.post("/api/v1/directives", directive_body(clock, [district.unit("19606")]))).json()
    data = form(("lớn.pdf", bytes(app._client_max_size + 1000), "application/pdf"))
    answer = await clerk.post(f"/api/v1/directives/{made['id']}/attachments", data=data)
    assert await code_of(answer) == (413, "too_large")


# ---- what is others'


async def test_others_meetings_records_and_deliveries(
    as_: As, page_as: PageAs, connect: Connect, store: Store, district: DistrictIds, clock: Clock, meeting: int,
    app: web.Application,
) -> None:  # fmt: skip
    record = make_record(store, recordings_folder(app), ended(district))
    leader = await as_("chutich")
    issued = await (
        await leader.post("/api/v1/directives?issue=true", directive_body(clock, [district.unit("19606")]))
    ).json()
    stranger, page, socket = await as_("camtuyen"), await page_as("camtuyen"), await connect("camtuyen")
    for address in (
        f"/meetings/{meeting}",
        f"/meetings/{meeting}/room",
        f"/records/{record}",
        f"/records/{record}/media",
    ):
        answer = await stranger.get(f"/api/v1{address}")
        assert answer.status == 404, address
    assert (await stranger.get(f"/api/v1/directives/{issued['id']}")).status == 404
    assert (await stranger.get("/api/v1/deliveries/1")).status == 404
    assert (await stranger.post(f"/api/v1/directives/{issued['id']}/register")).status == 404
    assert (await stranger.post(f"/api/v1/meetings/{meeting}/join", {"offer": "v=0"})).status in (403, 404, 503)
    for address in (f"/meetings/{meeting}", f"/meetings/{meeting}/check", f"/meetings/{meeting}/room"):
        answer = await page.get(address)
        assert answer.status in (403, 404), address
        assert HTML.split()[0] not in await answer.text() and "&lt;script" not in await answer.text()
    for name, data in (
        ("meeting.snapshot", {}),
        ("meeting.join", {"offer": "v=0"}),
        ("meeting.say", {"text": "x"}),
        ("meeting.raise_hand", {}),
        ("meeting.slots", {"wants": []}),
        ("meeting.leave", {}),
    ):
        answer = await socket.call(name, {"meeting": meeting, **data}, timeout=15)
        if name != "meeting.leave":
            assert answer["error"]["code"] in (
                "not_invited",
                "not_found",
                "no_meeting",
                "not_in_meeting",
                "media_away",
            ), (name, answer)
    watching = await socket.call("channel.watch", {"rooms": [f"meeting:{meeting}"]})
    assert "error" in watching
    assert (await (await leader.get(f"/api/v1/meetings/{meeting}")).json())["people"] == []


# ---- the live channel


WRONG_DATA: tuple[Any, ...] = (
    None, 1, "x", [], [1], {"meeting": None}, {"meeting": "1"}, {"meeting": 2**70}, {"meeting": -1}, {"meeting": 1.5},
    {"meeting": 1, "participant": 2**70}, {"meeting": 1, "text": LONG}, {"meeting": 1, "text": ""},
    {"meeting": 1, "text": NUL}, {"meeting": 1, "text": DECEIVING}, {"meeting": 1, "text": "\ud7ff"},
    {"meeting": 1, "offer": "garbage"}, {"meeting": 1, "offer": "v=0\r\n" * 3000}, {"meeting": 1, "mode": "x"},
    {"meeting": 1, "wants": [{"slot": -1}]}, {"meeting": 1, "wants": [{"slot": 2**70, "source": 2**70}]},
    {"meeting": 1, "microphone": "yes"}, {"seq": -1}, {"seq": 2**70}, {"rooms": ["meeting:" + "9" * 40]},
    {"rooms": ["board:\0"]}, {"rooms": ["unit:1", "account:1", "everybody", "records"]}, {"rooms": "x"},
)  # fmt: skip


@pytest.mark.parametrize("username", ["chutich", "camthuy", "quantri"])
async def test_every_message_with_wrong_data(
    app: web.Application, connect: Connect, meeting: int, username: str, caplog: pytest.LogCaptureFixture
) -> None:
    assert meeting == 1
    names = [*app[CHANNEL].messages, "no.such", "connect", "disconnect", "__proto__"]
    socket = await connect(username)
    ending = {"meeting.end", "meeting.leave", "meeting.join"}  # a right one of these would end the walk
    for name in names:
        for data in WRONG_DATA:
            if name in ending and isinstance(data, dict) and data.get("meeting") == 1:
                continue
            answer = await socket.call(name, data, timeout=15)
            if name in ("connect", "disconnect"):  # Socket.IO's own names
                assert answer is None
            elif "error" in answer:
                assert answer["error"]["code"] not in ("internal_error", ""), (name, data, answer)
                assert answer["error"]["message"]
    assert socket.connected
    assert [caller.who.username for caller in app[CHANNEL].callers()] == [username]
    assert not [record for record in caplog.records if record.levelname == "ERROR"]


async def test_a_room_that_is_not_ours_cannot_be_watched(connect: Connect, meeting: int) -> None:
    socket = await connect("camthuy")
    for room in ("unit:1", "account:1", "everybody", "records", "", ":", "board:1", "meeting:x", "meeting:9999"):
        answer = await socket.call("channel.watch", {"rooms": [room]})
        assert "error" in answer, room


async def test_an_offer_of_300_kb_ends_that_connection_and_nothing_else(
    connect: Connect, store: Store, district: DistrictIds, meeting: int, caplog: pytest.LogCaptureFixture
) -> None:
    bad, good = await connect("camthuy"), await connect("chutich")
    answer = await bad.call("meeting.join", {"meeting": meeting, "offer": "x" * 210_000}, timeout=15)
    assert answer["error"]["code"] == "invalid_input"
    await bad.emit("meeting.join", {"meeting": meeting, "offer": "x" * 300_000})
    async with asyncio.timeout(10):
        while bad.connected:
            await asyncio.sleep(0.05)
    assert (await good.call("meeting.snapshot", {"meeting": meeting}))["ok"]
    again = await connect("camthuy")
    assert (await again.call("meeting.snapshot", {"meeting": meeting}))["ok"]
    assert not [record for record in caplog.records if record.levelname == "ERROR"]


async def test_joins_without_end_are_refused_to_who_sends_them(
    app: web.Application, connect: Connect, meeting: int
) -> None:
    """A media node reads each offer between two packets of a meeting."""
    bad, good = await connect("camthuy"), await connect("chutich")
    app[CONDUCTOR].joins = Limiter(3)

    async def code(socket: socketio.AsyncClient) -> str:
        answer = await socket.call("meeting.join", {"meeting": meeting, "offer": "v=0"}, timeout=15)
        return str(answer["error"]["code"])

    codes = [await code(bad) for _ in range(6)]
    assert codes[3:] == ["too_many_requests"] * 3
    assert "too_many_requests" not in codes[:3]
    assert await code(good) != "too_many_requests"


async def test_chat_takes_markup_as_text_and_refuses_hidden_marks(
    store: Store, district: DistrictIds, meeting: int
) -> None:
    who = district.who("camthuy")
    store.write_now(attend.enter, who, meeting, Switches(microphone=False, camera=False), hall=False)
    store.write_now(attend.say, who, Words(meeting=meeting, text=HTML))
    store.write_now(attend.say, who, Words(meeting=meeting, text="Gia đình 👨‍👩‍👧 khỏe"))
    with pytest.raises(UserError) as refused:
        store.write_now(attend.say, who, Words(meeting=meeting, text=DECEIVING))
    assert refused.value.code == "hidden_marks"
    said = store.read_now(attend.look, who, meeting).snapshot.messages
    assert [line.text for line in said] == [HTML, "Gia đình 👨‍👩‍👧 khỏe"]
