"""What only root may do: tests that need it fail in words where they may not, for a skipped test proves nothing."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

_HOW = "run the tests as root, or in a container of their own that may mount and open raw sockets"


def require_root(why: str) -> None:
    """Fail the test with one sentence unless we are root; `why` begins it."""
    if os.geteuid() != 0:
        pytest.fail(f"{why}: only root may, so {_HOW}.", pytrace=False)


@contextmanager
def small_disk(where: Path, size: str) -> Iterator[Path]:
    """A disk of a size ("384k") mounted on a new or empty folder, and taken away afterwards."""
    require_root("A small disk is mounted")
    where.mkdir(exist_ok=True)
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(where)], capture_output=True, text=True, check=False
    )
    if mounted.returncode:
        pytest.fail(f"A small disk is not mounted ({mounted.stderr.strip()}): {_HOW}.", pytrace=False)
    try:
        yield where
    finally:
        subprocess.run(["umount", "--lazy", str(where)], check=True)
