"""The archive over HTTP: ranges, permissions, purposes, verification and packages."""

from __future__ import annotations

import asyncio
import io
import zipfile
from hashlib import sha256
from pathlib import Path
from typing import Any

import msgspec
import pytest

from server.records import finding, service
from server.records.archive import Archiver
from server.store import Store
from tests.records.making import CONTENT, ended, make_record

SIZE = len(CONTENT)


@pytest.fixture
async def record_id(store: Store, district: Any, root: Path) -> int:
    return make_record(store, root, ended(district))


def media(record_id: int) -> str:
    return f"/api/v1/records/{record_id}/media"


async def test_the_whole_file(as_: Any, record_id: int) -> None:
    reply = await (await as_("camthuy")).get(media(record_id))
    assert (reply.status, reply.content_type, await reply.read()) == (200, "video/webm", CONTENT)
    assert reply.headers["Accept-Ranges"] == "bytes"
    assert reply.headers["ETag"]
    assert "no-store" not in reply.headers["Cache-Control"]


@pytest.mark.parametrize(
    ("wanted", "content", "said"),
    [
        ("bytes=0-0", CONTENT[:1], f"bytes 0-0/{SIZE}"),
        ("bytes=100-199", CONTENT[100:200], f"bytes 100-199/{SIZE}"),
        (f"bytes={SIZE - 1}-", CONTENT[-1:], f"bytes {SIZE - 1}-{SIZE - 1}/{SIZE}"),
        ("bytes=-10", CONTENT[-10:], f"bytes {SIZE - 10}-{SIZE - 1}/{SIZE}"),
        (f"bytes=5-{SIZE * 2}", CONTENT[5:], f"bytes 5-{SIZE - 1}/{SIZE}"),
    ],
)
async def test_ranges(as_: Any, record_id: int, wanted: str, content: bytes, said: str) -> None:
    reply = await (await as_("vanthu")).get(media(record_id), headers={"Range": wanted})
    assert (reply.status, reply.headers["Content-Range"]) == (206, said)
    assert await reply.read() == content


@pytest.mark.parametrize("wanted", [f"bytes={SIZE}-", "bytes=9-2", "bytes=x-y", "lines=1-2"])
async def test_ranges_that_cannot_be(as_: Any, record_id: int, wanted: str) -> None:
    reply = await (await as_("vanthu")).get(media(record_id), headers={"Range": wanted})
    assert (reply.status, reply.headers["Content-Range"]) == (416, f"bytes */{SIZE}")


async def test_head_and_if_range(as_: Any, record_id: int, store: Store, district: Any) -> None:
    api = await as_("vanthu")
    head = await api.request("HEAD", media(record_id))
    assert (head.status, head.headers["Content-Length"], await head.read()) == (200, str(SIZE), b"")
    assert not [c for c in store.read_now(finding.get, district.who("vanthu"), record_id).custody if c.what == "viewed"]
    fresh = {"Range": "bytes=0-9", "If-Range": head.headers["Last-Modified"]}
    assert (await api.get(media(record_id), headers=fresh)).status == 206
    stale = {"Range": "bytes=0-9", "If-Range": "Mon, 01 Jan 2024 00:00:00 GMT"}
    assert (await api.get(media(record_id), headers=stale)).status == 200
    same = await api.get(media(record_id), headers={"If-None-Match": head.headers["ETag"]})
    assert same.status == 304


async def test_playing_is_logged_once(as_: Any, record_id: int, store: Store, district: Any) -> None:
    api = await as_("camthuy")
    for start in (0, 100, 200):
        await (await api.get(media(record_id), headers={"Range": f"bytes={start}-{start + 9}"})).read()
    links = store.read_now(finding.get, district.who("vanthu"), record_id).custody
    assert [link.purpose for link in links if link.what == "viewed"] == ["xem"]


@pytest.mark.parametrize(
    ("username", "status"), [(None, 401), ("thon1.camthuy", 403), ("quantri", 403), ("camtuyen", 404)]
)
async def test_who_may_not(as_: Any, record_id: int, username: str | None, status: int) -> None:
    api = await as_(username)
    for path in (f"/api/v1/records/{record_id}", media(record_id)):
        assert (await api.get(path)).status == status
    for path in ("download", "verification"):
        assert (await api.post(f"/api/v1/records/{record_id}/{path}", {"purpose": "x"})).status == status


async def test_who_may_not_keep(as_: Any, record_id: int) -> None:
    for username in ("chutich", "camthuy"):
        api = await as_(username)
        for path in ("export", "hold", "release"):
            assert (await api.post(f"/api/v1/records/{record_id}/{path}", {"purpose": "x"})).status == 403
        assert (await api.put(f"/api/v1/records/{record_id}/retention", {"retention": "2"})).status == 403


async def test_a_record_that_is_still_being_made(
    as_: Any, store: Store, district: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def not_yet(self: Archiver, record_id: int) -> None:
        await asyncio.Event().wait()

    monkeypatch.setattr(Archiver, "archive", not_yet)
    record_id = store.write_now(service.create_record, ended(district))
    api = await as_("vanthu")
    assert (await (await api.get(f"/api/v1/records/{record_id}")).json())["state"] == "assembling"
    assert (await api.get(media(record_id or 0))).status == 409


async def test_a_file_that_is_gone(as_: Any, record_id: int, root: Path) -> None:
    (root / "record-1/programme.webm").unlink()
    reply = await (await as_("vanthu")).get(media(record_id))
    assert (reply.status, (await reply.json())["code"]) == (503, "file_missing")


async def test_search(as_: Any, record_id: int) -> None:
    api = await as_("vanthu")
    found = await (await api.get("/api/v1/records", params={"words": "giao ban", "since": "2026-11-24"})).json()
    assert (found["total"], found["records"][0]["id"], found["records"][0]["units"]) == (1, record_id, 2)
    assert (await (await api.get("/api/v1/records", params={"until": "2026-11-23"})).json())["total"] == 0
    for wrong in ({"page": "0"}, {"since": "hôm qua"}, {"words": "x" * 201}):
        assert (await api.get("/api/v1/records", params=wrong)).status == 422
    for odd in ({"since": "0001-01-01"}, {"until": "9999-12-31"}):
        assert (await (await api.get("/api/v1/records", params=odd)).json())["total"] == 1


async def test_a_download_has_a_purpose_and_a_safe_name(as_: Any, store: Store, district: Any, root: Path) -> None:
    title = 'Họp <b>"bão"</b> ../../etc \u202egnp.exe ' + "x" * 300
    record_id = make_record(store, root, ended(district, 2, title))
    api = await as_("camthuy")
    path = f"/api/v1/records/{record_id}/download"
    refused = await api.post(path, {"purpose": " "})
    assert (refused.status, (await refused.json())["field"]) == (422, "purpose")
    reply = await api.post(path, {"purpose": "làm biên bản"})
    assert await reply.read() == CONTENT
    said = reply.headers["Content-Disposition"]
    assert said.startswith("attachment; ")
    assert len(said) < 400
    assert not any(c in said for c in "/\\<>\u202e\r\n")


async def test_verify_says_which_file(as_: Any, record_id: int, root: Path, store: Store, district: Any) -> None:
    api = await as_("camthuy")
    path = f"/api/v1/records/{record_id}/verification"
    assert (await (await api.post(path)).json())["intact"] is True
    master = root / "rec-1/seg-1-video.webm"
    content = bytearray(master.read_bytes())
    content[5] ^= 1
    master.write_bytes(content)
    (root / "rec-1/seg-1-audio.webm").unlink()
    (root / "record-1/programme.webm").write_bytes(CONTENT + b"more")
    verdict = await (await api.post(path)).json()
    assert {(p["name"], p["what"]) for p in verdict["problems"]} == {
        ("rec-1/seg-1-video.webm", "changed"),
        ("rec-1/seg-1-audio.webm", "missing"),
        ("record-1/programme.webm", "size"),
    }
    info = store.read_now(finding.get, district.who("vanthu"), record_id)
    assert (info.state, info.custody[0].what) == ("damaged", "found_damaged")
    assert await store.head(district.unit("468")) == 2  # record.ready, record.damaged


async def test_a_restored_file_makes_it_whole_again(as_: Any, record_id: int, root: Path) -> None:
    api = await as_("vanthu")
    path = f"/api/v1/records/{record_id}/verification"
    playable = root / "record-1/programme.webm"
    playable.rename(root / "away")
    assert (await (await api.post(path)).json())["intact"] is False
    (root / "away").rename(playable)
    assert (await (await api.post(path)).json())["intact"] is True
    assert (await (await api.get(f"/api/v1/records/{record_id}")).json())["state"] == "ready"


async def test_verify_with_progress(as_: Any, record_id: int) -> None:
    headers = {"Accept": "application/x-ndjson"}
    reply = await (await as_("vanthu")).post(f"/api/v1/records/{record_id}/verification", headers=headers)
    lines = [msgspec.json.decode(line) for line in (await reply.read()).splitlines()]
    assert lines[-1]["intact"] is True
    assert [line["done"] for line in lines[:-1]] == sorted(line["done"] for line in lines[:-1])
    assert lines[-2]["done"] == lines[-2]["total"] == lines[-1]["bytes"]


async def test_a_package_is_a_valid_bag(as_: Any, record_id: int) -> None:
    api = await as_("vanthu")
    assert (await api.post(f"/api/v1/records/{record_id}/export", {})).status == 422
    reply = await api.post(f"/api/v1/records/{record_id}/export", {"purpose": "nộp lưu"})
    assert (reply.status, reply.content_type) == (200, "application/zip")
    with zipfile.ZipFile(io.BytesIO(await reply.read())) as bag:
        assert bag.testzip() is None
        content = {name.partition("/")[2]: bag.read(name) for name in bag.namelist()}
    for manifest, own in (("manifest-sha256.txt", "data/"), ("tagmanifest-sha256.txt", "")):
        lines = [line.split("  ", 1) for line in content[manifest].decode().splitlines()]
        assert lines
        for total, name in lines:
            assert sha256(content[name]).hexdigest() == total
            assert name.startswith(own)
    named = {line.split("  ", 1)[1] for line in content["manifest-sha256.txt"].decode().splitlines()}
    assert named == {name for name in content if name.startswith("data/")}
    info = content["bag-info.txt"].decode()
    size = sum(len(data) for name, data in content.items() if name.startswith("data/"))
    assert f"Payload-Oxum: {size}.{len(named)}\n" in info
    assert b'"exported"' in content["data/custody.jsonl"].splitlines()[-1]
