"""Sound files that callers hear, and the voice that speaks what no file has: names and texts."""

from __future__ import annotations

import asyncio
import hashlib
import re
import shutil
import tomllib
from collections.abc import Iterable
from pathlib import Path

FOLDER = Path(__file__).parent
RECORDED = FOLDER / "recorded.toml"
"""By which text and file each prompt was recorded, as `digest` has it; written by `make_prompts`."""

NUMBERS = 60
"""There is a file for each number up to this."""

MUSIC, ENTER = "music", "enter"
SPEAK_SECONDS = 10.0
LONGEST_TEXT = 4_000  # characters, five minutes or so
KEPT = 300
"""Spoken texts that are kept, 100 kB or so each."""

_PROGRAM = "espeak-ng"
_PHONEMES = re.compile(r"\[{2,}")  # how they begin, in a text for it


def texts() -> dict[str, str]:
    """The text of each prompt by its name."""
    found: dict[str, str] = tomllib.loads((FOLDER / "texts.toml").read_text("utf-8"))["prompts"]
    return found


def spoken_prompts() -> dict[str, str]:
    """The same with the numbers."""
    return texts() | {f"n{value}": str(value) for value in range(NUMBERS + 1)}


def recorded() -> dict[str, str]:
    """The digest of each prompt as it was recorded, by its name."""
    found: dict[str, str] = tomllib.loads(RECORDED.read_text("utf-8"))
    return found


def digest(name: str, text: str) -> str:
    """Of a text and the file that says it: changes when either does."""
    return hashlib.sha256(text.encode() + b"\0" + Path(prompt(name)).read_bytes()).hexdigest()[:24]


def prompt(name: str) -> str:
    """The file of a prompt or sound."""
    return str(FOLDER / f"{name}.opus")


def number(value: int) -> list[str]:
    """Files that say a number: in one word up to `NUMBERS`, else digit by digit."""
    if 0 <= value <= NUMBERS:
        return [prompt(f"n{value}")]
    return [prompt(f"n{digit}") for digit in str(abs(value))]


def speech_command(path: Path) -> list[str]:
    """The program that reads a text from its standard input into a WAV file: a process of its own (GPL).

    Without `--stdin` it would take lines of more than 999 octets in parts, cut wherever they end.
    """
    return [_PROGRAM, "--stdin", "-v", "vi", "-s", "145", "-g", "3", "-w", str(path)]


class Voice:
    """Speaks texts into files of a folder, each once. Where espeak-ng is not installed it says nothing."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.able = shutil.which(_PROGRAM) is not None
        self._one_at_a_time = asyncio.Lock()

    async def speak(self, text: str) -> str | None:
        """The file of a text; None when it cannot be spoken."""
        text = _PHONEMES.sub("[", " ".join(text.split()))[:LONGEST_TEXT]
        if not self.able or not text:
            return None
        path = self._folder / f"{hashlib.sha256(text.encode()).hexdigest()[:24]}.wav"
        async with self._one_at_a_time:
            if not path.exists():
                self._folder.mkdir(parents=True, exist_ok=True)
                if not await self._make(text, path):
                    return None
        return str(path)

    @staticmethod
    async def _make(text: str, path: Path) -> bool:
        unfinished = path.with_suffix(".part")
        process = await asyncio.create_subprocess_exec(
            *speech_command(unfinished), stdin=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.DEVNULL
        )
        try:
            async with asyncio.timeout(SPEAK_SECONDS):
                await process.communicate(text.encode())
        except TimeoutError:
            process.kill()
            await process.wait()
        if process.returncode != 0 or not unfinished.exists():
            unfinished.unlink(missing_ok=True)
            return False
        unfinished.rename(path)
        _forget(path.parent)
        return True


def _forget(folder: Path) -> None:
    """Keep what was made last; what is asked for again is made again."""
    made = sorted(folder.glob("*.wav"), key=lambda path: path.stat().st_mtime, reverse=True)
    for path in made[KEPT:]:
        path.unlink(missing_ok=True)


def files(parts: Iterable[str | None]) -> list[str]:
    """Those that there are."""
    return [part for part in parts if part is not None]
