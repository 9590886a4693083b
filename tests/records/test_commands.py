"""`giaoban records` at the server: exit codes, names of damaged files, JSON, packages."""

from __future__ import annotations

import json
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

from server.cli import main
from server.config import Settings
from server.records import finding
from server.store import Store
from tests.records.making import ended, make_record


@pytest.fixture
def record_id(store: Store, district: Any, root: Path, settings: Settings, monkeypatch: pytest.MonkeyPatch) -> int:
    monkeypatch.setenv("GIAOBAN_DATABASE_URL", settings.database.url)
    monkeypatch.setenv("GIAOBAN_STORAGE_RECORDINGS", str(root))
    return make_record(store, root, ended(district))


def test_verify(record_id: int, root: Path, capsys: pytest.CaptureFixture[str], store: Store, district: Any) -> None:
    assert main(["records", "verify", str(record_id)]) == 0
    assert f"record {record_id}: intact, 3 files" in capsys.readouterr().out
    (root / "rec-1/seg-1-video.webm").write_bytes(b"other")
    (root / "rec-1/seg-1-audio.webm").unlink()
    assert main(["records", "verify", str(record_id)]) == 1
    out = capsys.readouterr().out
    assert "rec-1/seg-1-video.webm: size" in out
    assert "rec-1/seg-1-audio.webm: missing" in out
    assert "DAMAGED" in out
    assert main(["records", "verify", str(record_id), "--json"]) == 1
    verdict = json.loads(capsys.readouterr().out)
    assert (verdict["intact"], len(verdict["problems"])) == (False, 2)
    custody = store.read_now(finding.get, district.who("vanthu"), record_id).custody
    assert [link.what for link in custody[:3]] == ["found_damaged", "found_damaged", "verified"]


def test_an_unknown_record(record_id: int, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["records", "verify", "999"]) == 1
    assert "no_record" in capsys.readouterr().err


def test_list(record_id: int, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["records", "list"]) == 0
    assert "Giao ban tuần 47" in capsys.readouterr().out
    assert main(["records", "list", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["state"] == "ready"


def test_export(record_id: int, root: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    bag = tmp_path / "bag"
    assert main(["records", "export", str(record_id), str(bag)]) == 0
    lines = [line.split("  ", 1) for line in (bag / "manifest-sha256.txt").read_text("utf-8").splitlines()]
    assert {name for _sum, name in lines} >= {"data/record.json", "data/custody.jsonl"}
    for total, name in lines:
        assert sha256((bag / name).read_bytes()).hexdigest() == total
    described = json.loads((bag / "data/record.json").read_text("utf-8"))
    assert described["meeting"]["chair"] == "Nguyễn Văn An"
    assert main(["records", "export", str(record_id), str(bag)]) == 1
    assert "not_empty" in capsys.readouterr().err
