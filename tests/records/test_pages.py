"""The archive's pages without a script: what they say in each state, and that nothing typed becomes markup."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from server.records import keeping
from server.records.facts import PersonFacts
from server.store import Store
from tests.records.making import ended, make_record

EVIL = "<script>alert(1)</script>\u202eđảo\u202c"


@pytest.fixture
async def record_id(store: Store, district: Any, root: Path) -> int:
    return make_record(store, root, ended(district))


async def text(page: Any, path: str, status: int = 200, **options: Any) -> str:
    reply = await page.get(path, **options)
    assert reply.status == status
    return str(await reply.text())


async def test_an_empty_archive_says_what_will_come(page_as: Any, app_client: Any) -> None:
    shown = await text(await page_as("vanthu"), "/records")
    assert "Chưa có hồ sơ nào" in shown
    assert "autofocus" in shown


async def test_the_archive_finds(page_as: Any, record_id: int) -> None:
    page = await page_as("vanthu")
    assert "Giao ban tuần 47" in await text(page, "/records")
    assert "Tìm thấy 1 hồ sơ" in await text(page, "/records?words=giao+ban")
    missed = await text(page, "/records?words=kh%C3%B4ng+c%C3%B3")
    assert "Không thấy hồ sơ nào" in missed
    assert 'value="không có"' in missed
    assert "Ngày, giờ chưa đúng" in await text(page, "/records?since=x")


async def test_a_record_in_words(page_as: Any, record_id: int) -> None:
    shown = await text(await page_as("vanthu"), f"/records/{record_id}")
    for words in (
        "Mất 1,8 giây lúc 14:00:12 (máy chủ media dừng)",
        "Xã Cam Thủy",
        "Trần Thị Bình",
        "10 năm (đến hết ngày 31/12/2036)",
        "Nhật ký lưu giữ",
        f'src="/api/v1/records/{record_id}/media"',
    ):
        assert words in shown


async def test_a_record_in_english(page_as: Any, record_id: int) -> None:
    page = await page_as("vanthu")
    cookies = f"session={page.secret}; language=en"
    shown = await text(page, f"/records/{record_id}", headers={"Cookie": cookies})
    for words in ("1.8 seconds missing at 14:00:12 (the media server stopped)", "Custody log", "Verify integrity"):
        assert words in shown


async def test_others_see_no_custody_log(page_as: Any, record_id: int) -> None:
    shown = await text(await page_as("camthuy"), f"/records/{record_id}")
    assert "Nhật ký lưu giữ" not in shown
    assert "Xuất gói" not in shown
    assert "Tải bản ghi" in shown
    await text(await page_as("camtuyen"), f"/records/{record_id}", status=404)


async def test_names_are_text(page_as: Any, store: Store, district: Any, root: Path) -> None:
    people = [PersonFacts(name=EVIL, unit_id=district.unit("19606"))]
    meeting = ended(district, 5, EVIL, chair=EVIL, people=people)
    record_id = make_record(store, root, meeting)
    store.write_now(keeping.hold, district.who("vanthu"), record_id, EVIL)
    page = await page_as("vanthu")
    for path in ("/records", f"/records/{record_id}", "/records?words=%3Cscript%3E"):
        shown = await text(page, path)
        assert "<script>alert" not in shown
        assert "&lt;script&gt;" in shown


async def test_a_refused_form_keeps_the_page(page_as: Any, record_id: int) -> None:
    page = await page_as("vanthu")
    for path in ("download", "export", "hold"):
        reply = await page.post(f"/records/{record_id}/{path}", {"purpose": ""})
        shown = await reply.text()
        assert reply.status == 422
        assert "Xin ghi" in shown
        assert "Giao ban tuần 47" in shown


async def test_forms_do_what_they_say(page_as: Any, record_id: int, root: Path) -> None:
    page = await page_as("vanthu")
    address = f"/records/{record_id}"
    assert (await page.post(f"{address}/hold", {"purpose": "Thanh tra"})).status == 303
    assert "không được hủy" in await text(page, address)
    assert (await page.post(f"{address}/release", {"purpose": "Xong"})).status == 303
    assert (await page.post(f"{address}/retention", {"retention": "permanent"})).status == 303
    assert (await page.post(f"{address}/verification")).headers["Location"] == f"{address}#integrity"
    assert "Nguyên vẹn: mọi tệp" in await text(page, address)
    (root / "record-1/programme.webm").write_bytes(b"other")
    await page.post(f"{address}/verification")
    assert "Hồ sơ có sai lệch" in await text(page, address)
    download = await page.post(f"{address}/download", {"purpose": "xem lại"})
    assert (download.status, await download.read()) == (200, b"other")
    assert (await page.post(f"{address}/export", {"purpose": "nộp lưu"})).content_type == "application/zip"


async def test_a_form_needs_its_token(page_as: Any, record_id: int) -> None:
    page = await page_as("vanthu")
    assert (await page.post(f"/records/{record_id}/hold", {"purpose": "x", "csrf": "wrong"})).status == 403


async def test_a_clerk_sees_new_records_at_home(page_as: Any, record_id: int) -> None:
    assert "Hồ sơ mới (1)" in await text(await page_as("vanthu"), "/")
    assert "Hồ sơ mới" not in await text(await page_as("chutich"), "/")
