"""What must not be, over HTTP: a clear error with its code, no row changed, and who was refused what is kept."""

from __future__ import annotations

import logging
import re
from collections.abc import Awaitable, Callable
from datetime import timedelta
from functools import cache
from typing import Any

import pytest
import sqlalchemy as sa
from aiohttp import ClientResponse

from server.config import Settings
from server.refusals.model import refusal_table
from server.store import Store
from server.store.schema import metadata
from tests.conftest import ApiClient, As, Clock, DistrictIds, PageAs
from tests.directives.files import DOCUMENT, SHEET, office, pdf
from tests.directives.test_api import ROOT, body, form

Refused = Callable[[ApiClient, Awaitable[ClientResponse], int, str, str], Awaitable[dict[str, Any]]]
PARTS = (
    *("directive", "delivery", "response", "attachment", "extension", "register_counter", "number_gap", "event"),
    *("message", "alarm", "assignment"),
)


def rows(store: Store) -> dict[str, list[Any]]:
    """All that a refusal must leave as it was; a command that was refused is not remembered either.

    When the sweeper looks again at a delivery (`alarm_at`) is its own business: it runs meanwhile.
    """
    tables = [table for table in metadata.sorted_tables if table.name.startswith(PARTS)]
    assert len(tables) >= len(PARTS)
    queries = {table.name: sa.select(*(one for one in table.c if one.name != "alarm_at")) for table in tables}
    return store.read_now(lambda tx: {name: sorted(tx.all(query), key=repr) for name, query in queries.items()})


def kept(store: Store) -> list[Any]:
    """The refusals that are kept, oldest first."""
    query = sa.select(refusal_table).order_by(refusal_table.c.id)
    return store.read_now(lambda tx: tx.all(query))


@pytest.fixture
def refused(store: Store, caplog: pytest.LogCaptureFixture) -> Refused:
    """Send what must not be: `await refused(client, client.post(...), 409, "wrong_state", "đã hoàn thành")`."""
    caplog.set_level(logging.INFO, "giaoban.audit")

    async def send(
        client: ApiClient, sending: Awaitable[ClientResponse], status: int, code: str, words: str
    ) -> dict[str, Any]:
        before = rows(store)
        caplog.clear()
        answer = await sending
        problem: dict[str, Any] = await answer.json(content_type=None)
        assert (answer.status, problem["code"]) == (status, code), problem
        assert words in problem["title"]
        assert rows(store) == before
        assert client.who is not None
        line = rf"refused (POST|PUT) {re.escape(answer.url.path)} to {client.who.username}: {code}: "
        assert [one for one in caplog.messages if re.match(line, one)], caplog.messages
        entry = kept(store)[-1]
        assert (entry.account_id, entry.unit_id) == (client.who.account_id, client.who.unit_id)
        assert (entry.code, entry.status, entry.field) == (code, status, problem.get("field", ""))
        assert re.fullmatch(entry.route.replace("{id}", r"\d+"), answer.url.path)
        return problem

    return send


class Way:
    """One directive of the district to Cam Thủy, due in a week."""

    def __init__(self, leader: ApiClient, commune: ApiClient, id: int) -> None:
        self.leader, self.commune, self.path = leader, commune, f"{ROOT}/{id}"

    async def do(self, client: ApiClient, what: str, data: dict[str, Any] | None = None) -> dict[str, Any]:
        answer = await client.post(f"{self.path}/{what}", data)
        assert answer.status < 300, await answer.text()
        done: dict[str, Any] = await answer.json()
        return done


@pytest.fixture
async def way(as_: As, district: DistrictIds, clock: Clock) -> Way:
    leader = await as_("chutich")
    made = await leader.post(f"{ROOT}?issue=true", body(clock, [district.unit("19606")]))
    return Way(leader, await as_("camthuy"), (await made.json())["id"])


async def test_a_recall_of_a_completed_one(way: Way, refused: Refused, district: DistrictIds) -> None:
    await way.do(way.commune, "register")
    delivery = (await way.do(way.commune, "responses", {"text": "Xong."}))["id"]
    done = await way.leader.post(f"/api/v1/deliveries/{delivery}/accept")
    assert (await done.json())["state"] == "COMPLETED"
    recall = way.leader.post(f"{way.path}/recall", {"note": "Nhầm", "units": [district.unit("19606")]})
    await refused(way.leader, recall, 409, "wrong_state", "đã hoàn thành")


async def test_an_extension_after_the_deadline(way: Way, as_: As, refused: Refused, clock: Clock) -> None:
    await way.do(way.commune, "register")
    clock.advance(days=7, seconds=1)
    late = {"reason": "Nước chưa rút", "until": (clock() + timedelta(days=2)).isoformat()}
    again = await as_("camthuy")
    sending = again.post(f"{way.path}/extension", late)
    await refused(again, sending, 409, "past_deadline", "Đã quá hạn trả lời")


async def test_a_registration_of_a_returned_one(way: Way, refused: Refused) -> None:
    await way.do(way.commune, "return", {"reason": "wrong_recipient"})
    await refused(way.commune, way.commune.post(f"{way.path}/register"), 409, "wrong_state", "đã trả lại")


async def test_the_same_command_with_another_content(way: Way, refused: Refused) -> None:
    await way.do(way.commune, "register")
    first = await way.do(way.commune, "responses", {"text": "Một.", "command_id": "a"})
    other = way.commune.post(f"{way.path}/responses", {"text": "Hai.", "command_id": "a"})
    await refused(way.commune, other, 409, "command_reused", "trùng mã")
    assert await way.do(way.commune, "responses", {"text": "Một.", "command_id": "a"}) == first


@cache
def bomb() -> bytes:
    """A workbook of 20 kB that would unpack to 20 MB."""
    made = office(SHEET, ("xl/worksheets/sheet1.xml", bytes(20 << 20)))
    assert len(made) < 100_000
    return made


@pytest.mark.parametrize(
    ("name", "content", "code"),
    [
        ("van-ban.pdf", b"<html><script>alert(1)</script></html>", "bad_file"),
        ("so-lieu.doc", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(600), "bad_file"),
        ("so-lieu.xlsx", bomb(), "unpacks_too_large"),
        ("so-lieu.pdf", bomb(), "unpacks_too_large"),
        ("bieu-mau.docx", office(DOCUMENT, ("word/vbaProject.bin", b"x")), "macros"),
        ("[MẬT] Kế hoạch.pdf", pdf(), "secret"),
        ("TUYỆT MẬT.docx", office(DOCUMENT), "secret"),
    ],
    ids=["html", "old word", "bomb", "bomb as pdf", "macros", "secret", "top secret"],
)
async def test_a_file_that_is_not_what_it_says(
    way: Way,
    as_: As,
    refused: Refused,
    district: DistrictIds,
    clock: Clock,
    settings: Settings,
    name: str,
    content: bytes,
    code: str,
) -> None:
    clerk = await as_("vanthu")
    draft = await (await clerk.post(ROOT, body(clock, [district.unit("19606")]))).json()
    sending = clerk.post(f"{ROOT}/{draft['id']}/attachments", data=form((name, content, "application/pdf")))
    problem = await refused(clerk, sending, 422, code, name)
    assert problem["field"] == "files"
    await way.do(way.commune, "register")
    report = way.commune.post(f"{way.path}/responses", data=form((name, content, "application/pdf"), text="Kèm tệp."))
    await refused(way.commune, report, 422, code, name)
    assert not list((settings.path(settings.storage.data) / "files").rglob("*"))  # nothing of it is on the disk


async def test_ten_thousand_recipients(as_: As, refused: Refused, clock: Clock) -> None:
    leader = await as_("chutich")
    sending = leader.post(f"{ROOT}?issue=true", body(clock, list(range(1, 10_001))))
    assert (await refused(leader, sending, 422, "too_many_recipients", "nhiều nhất 5000"))["field"] == "recipients"


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"secrecy": "Mật"}, "secrecy"),
        ({"subject": "[TỐI MẬT] Phương án bảo vệ kho"}, "subject"),
        ({"body": "Kính gửi các xã,\nĐộ mật: Mật\nNội dung."}, "body"),
    ],
)
async def test_a_secrecy_mark(
    as_: As, refused: Refused, district: DistrictIds, clock: Clock, changes: dict[str, str], field: str
) -> None:
    leader = await as_("chutich")
    sending = leader.post(f"{ROOT}?issue=true", body(clock, [district.unit("19606")], **changes))
    problem = await refused(leader, sending, 422, "secret", "Luật Bảo vệ bí mật nhà nước")
    assert problem["field"] == field


async def test_a_refused_form_leaves_a_line_too(
    way: Way, page_as: PageAs, store: Store, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "giaoban.audit")
    page, path = await page_as("chutich"), way.path.removeprefix("/api/v1")
    before = rows(store)
    for address, form_fields, code in (
        (f"{path}/recall", {"reason": " "}, "no_reason"),
        ("/deliveries/1/waive", {"reason": "TỐI MẬT"}, "secret"),
        ("/directives/new", {"kind": "Kế hoạch", "subject": "Độ mật: Mật", "action": "issue"}, "secret"),
        ("/registers/gaps", {"until": "x", "note": "y"}, "bad_until"),
        (f"{path}/issue", {}, "already_issued"),
    ):
        caplog.clear()
        answer = await page.post(address, form_fields)
        assert answer.status in (409, 422), address
        assert [one for one in caplog.messages if one.startswith(f"refused POST {address} to chutich: {code}: ")], (
            address
        )
        assert kept(store)[-1].code == code
    assert rows(store) == before


async def test_a_secrecy_mark_in_an_answer(way: Way, refused: Refused) -> None:
    await way.do(way.commune, "register")
    sending = way.commune.post(f"{way.path}/responses", {"text": "MẬT\nSố liệu kèm theo."})
    await refused(way.commune, sending, 422, "secret", "Luật Bảo vệ bí mật nhà nước")
