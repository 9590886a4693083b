"""The kept corpus of each target: few small inputs that together reach what long fuzzing has reached."""

from __future__ import annotations

import hashlib
import importlib
import sys
from collections.abc import Callable, Iterable
from pathlib import Path
from types import FrameType
from typing import Any

from server.config import ROOT
from server.errors import ProtocolError

FOLDER = Path(__file__).parent / "corpus"
LOOKED_AT = (
    *(str(ROOT / "server" / part) for part in ("media", "telephony", "directives")),
    "aioice",
    "rtcdtlstransport",
)
LARGEST = 36_000  # octets of one target's corpus

Step = tuple[str, int, int]  # file, line before, line


def folder(target: str) -> Path:
    """Where a target's inputs are."""
    return FOLDER / target


def inputs(target: str) -> list[Path]:
    """The kept inputs."""
    return sorted(folder(target).glob("*"))


def replay(target: str, data: bytes) -> None:
    """Anything but ProtocolError escapes."""
    try:
        _one(target)(data)
    except ProtocolError:
        return


def minimise(target: str, found: Path) -> list[bytes]:
    """Replace the kept inputs by the smallest of kept and found that reach all their steps; gives what is kept."""
    files = [path for path in [*inputs(target), *found.glob("*")] if not path.name.startswith(("crash-", "timeout-"))]
    seen: set[Step] = set()
    kept: list[bytes] = []
    for data in sorted({path.read_bytes() for path in files}, key=len):
        steps = _steps(target, data)
        if steps - seen and sum(map(len, kept)) + len(data) <= LARGEST:
            seen |= steps
            kept.append(data)
    _replace(target, kept)
    return kept


def _replace(target: str, kept: Iterable[bytes]) -> None:
    for path in inputs(target):
        path.unlink()
    folder(target).mkdir(parents=True, exist_ok=True)
    for data in kept:
        (folder(target) / hashlib.sha256(data).hexdigest()[:16]).write_bytes(data)


def _one(target: str) -> Callable[[bytes], None]:
    one: Callable[[bytes], None] = importlib.import_module(f"tests.fuzz.targets.{target}").one
    return one


def _steps(target: str, data: bytes) -> set[Step]:
    """From which line to which the node's code went."""
    steps: set[Step] = set()
    before: dict[FrameType, int] = {}

    def enter(frame: FrameType, event: str, argument: Any) -> Any:
        return line if any(part in frame.f_code.co_filename for part in LOOKED_AT) else None

    def line(frame: FrameType, event: str, argument: Any) -> Any:
        if event == "line":
            steps.add((frame.f_code.co_filename, before.get(frame, 0), frame.f_lineno))
            before[frame] = frame.f_lineno
        return line

    one = _one(target)
    sys.settrace(enter)
    try:
        one(data)
    except ProtocolError:
        pass
    finally:
        sys.settrace(None)
    return steps
