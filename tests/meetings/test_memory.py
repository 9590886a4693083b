"""The memory of a media node: in large pages, unless the operator wishes otherwise."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from server.meetings.places import MEMORY, NodePlace

LARGE = Path("/sys/kernel/mm/transparent_hugepage/enabled")
HEAP = "kept = [bytearray(3_000) for _ in range(5_000)]; print(open('/proc/self/smaps').read())"


def spawned(monkeypatch: pytest.MonkeyPatch, folder: Path) -> dict[str, str]:
    """The environment that a node would get."""
    seen: dict[str, Any] = {}
    monkeypatch.setattr(subprocess, "Popen", lambda command, **options: seen.update(options))
    place = NodePlace(
        number=1,
        socket=folder / "media.sock",
        log_file=folder / "media.log",
        udp_port=0,
        addresses=("127.0.0.1",),
        call_address="127.0.0.1",
        call_ports=(41_000, 41_999),
    )
    place.spawn()
    found: dict[str, str] = seen["env"]
    return found


def test_a_node_is_given_large_pages(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in MEMORY:
        monkeypatch.delenv(name, raising=False)
    environment = spawned(monkeypatch, tmp_path)
    assert MEMORY.items() <= environment.items()
    assert "PATH" in environment


def test_the_operator_may_know_better(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("GLIBC_TUNABLES", "glibc.malloc.hugetlb=0")
    assert spawned(monkeypatch, tmp_path)["GLIBC_TUNABLES"] == "glibc.malloc.hugetlb=0"


@pytest.mark.skipif(not LARGE.exists() or "[never]" in LARGE.read_text(), reason="the kernel has none")
def test_objects_then_lie_in_large_pages() -> None:
    """That of two such pages at least one is there is left to the kernel; that they are asked for is ours."""
    maps = subprocess.run([sys.executable, "-c", HEAP], env=MEMORY, capture_output=True, text=True, check=True).stdout
    heap = maps.partition("[heap]")[2].partition("VmFlags:")[2].splitlines()[0].split()
    assert "hg" in heap  # madvise(2), MADV_HUGEPAGE
