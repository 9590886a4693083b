"""Places where a test lets the server die as by `kill -9` (tests/directives/test_kills.py).

`GIAOBAN_FAULTS` names a file; the process ends at the place that stands in it, such as `committed create_and_issue`,
and takes the file away first, so that the next start lives. Without the variable a place costs one comparison. Only a
demonstration starts with it.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from pathlib import Path

VARIABLE = "GIAOBAN_FAULTS"
_FILE = os.environ.get(VARIABLE)


def place(name: str, of: str | Callable[..., object]) -> None:
    """Die here if a test asks for it: `name` says where, `of` in whose work (a text, or a function by its name)."""
    if _FILE is not None:
        _die_if_asked(Path(_FILE), name, of)


def _die_if_asked(file: Path, name: str, of: str | Callable[..., object]) -> None:
    whose = of if isinstance(of, str) else getattr(of, "__name__", "")
    if file.exists() and file.read_text("utf-8") == f"{name} {whose}":
        file.unlink()
        os.kill(os.getpid(), signal.SIGKILL)
