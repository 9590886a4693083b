"""What browsers and servers said and did, for the report of a test that fails."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

LINES = 40


@dataclass
class Witness:
    """Something to ask after a failure; once it is `over`, only the test that saw the end of it asks."""

    title: Callable[[], str]
    tell: Callable[[], str]
    over: bool = False


_witnesses: list[Witness] = []


def add(title: Callable[[], str], tell: Callable[[], str]) -> Witness:
    """From now on a failure shows what `tell` gives, at most its last lines; until `over` is set."""
    made = Witness(title, tell)
    _witnesses.append(made)
    return made


def forget() -> None:
    """A new test begins: what is over is none of its business."""
    _witnesses[:] = [one for one in _witnesses if not one.over]


def accounts() -> Iterator[tuple[str, str]]:
    """A heading and the last lines of each witness."""
    for one in _witnesses:
        try:
            lines = one.tell().splitlines()
        except OSError as error:
            lines = [str(error)]
        yield one.title(), "\n".join(lines[-LINES:])


def watch(browser: Any) -> None:
    """Note for every page of a Playwright browser (of either API) where it goes, what it says, and what fails."""
    browser.on("context", lambda context: _Pages(context))  # Playwright remembers with a handler whose API it serves


class _Pages:
    """The pages of one browser context, most often one."""

    def __init__(self, context: Any) -> None:
        self.url = "about:blank"
        self.lines: deque[str] = deque(maxlen=LINES)
        self.begin = time.monotonic()
        witness = add(lambda: f"page {self.url}", lambda: "\n".join(self.lines))
        context.on("framenavigated", self._navigated)
        context.on("console", lambda said: self._note(f"{said.type}: {said.text}"))
        context.on("weberror", lambda found: self._note(f"uncaught: {found.error}"))
        context.on("requestfailed", lambda request: self._note(f"failed: {request.url} {request.failure}"))
        context.on("close", lambda _: setattr(witness, "over", True))

    def _navigated(self, frame: Any) -> None:
        if frame.parent_frame is None:
            self.url = frame.url
            self._note(f"at {frame.url}")

    def _note(self, line: str) -> None:
        self.lines.append(f"{time.monotonic() - self.begin:7.2f} s  {line}")
