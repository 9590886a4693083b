"""The map of the media node (the docstring of its package) names every module there is."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import server.media

FOLDER = Path(server.media.__file__).parent
MODULES = sorted(path for path in FOLDER.rglob("*.py") if path.stem != "__init__")
CLOCK = r"\btime\.(monotonic|time|perf_counter)\b"
SHELL = {"commands", "node", "transport/udp"}  # who may read a clock, of all who deal with packets
AN_HOUR = 2_600  # lines
OWN_DOCUMENT = {"phone", "bandwidth"}  # folders that say themselves what is in them


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(FOLDER)))
def test_every_module_is_on_the_map(path: Path) -> None:
    folder = path.parent.name
    map_of_it = (path.parent if folder in OWN_DOCUMENT else FOLDER) / "__init__.py"
    assert re.search(rf"\b{path.stem}\b", map_of_it.read_text()), f"{path.stem} stands in no map"


def test_only_the_shell_reads_a_clock() -> None:
    """Telephones and recordings go by the beat of sounds and of disks; all else is told what time it is."""
    inner = (path for path in MODULES if path.parent.name not in ("phone", "recording"))
    found = {str(path.relative_to(FOLDER).with_suffix("")) for path in inner if re.search(CLOCK, path.read_text())}
    assert found == SHELL


def test_what_is_to_be_read_in_an_hour_is_no_more_than_that() -> None:
    starred = re.findall(r"^\*(\S+)", server.media.__doc__ or "", re.MULTILINE)
    lines = sum(len((FOLDER / f"{name}.py").read_text().splitlines()) for name in starred)
    assert len(starred) == 10 and lines <= AN_HOUR
