"""Drives a telephone by PJSIP (`pjsip_process`), wherever it runs."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from server.config import ROOT
from tests.e2e.harness import until
from tests.peers.baresip import write_tone

RATE = 16_000


class Pjsip:
    """One telephone at `address`, on the machine where `command` starts programs."""

    def __init__(self, folder: Path, address: str, hertz: float, command: Sequence[str] = ()) -> None:
        folder.mkdir()
        self._folder = folder
        write_tone(folder / "tone.wav", hertz, 10, RATE)
        program = [*command, sys.executable, "-m", "tests.peers.pjsip_process", address, str(folder)]
        with (folder / "log").open("wb") as log:
            self._process = subprocess.Popen(program, cwd=ROOT, stdin=subprocess.PIPE, stdout=log, stderr=log)
        self.told("ready")

    def do(self, *words: str) -> None:
        """Give a command: `call URI`, `accept`, `press KEYS`, `hang_up`."""
        assert self._process.stdin is not None
        self._process.stdin.write((" ".join(words) + "\n").encode())
        self._process.stdin.flush()

    def told(self, what: str, seconds: float = 20) -> None:
        """Wait until it has told this."""
        until(lambda: what in self._log(), seconds, f"PJSIP tells {what}")

    def _log(self) -> str:
        return (self._folder / "log").read_text("utf-8", "replace")

    def heard(self) -> np.ndarray:
        """All that was heard, at 16 kHz; what it has not yet written down is not there."""
        file = self._folder / "heard.wav"
        data = file.read_bytes()[44:] if file.exists() else b""
        return np.frombuffer(data[: len(data) // 2 * 2], "<i2")

    def close(self) -> None:
        """Put it away."""
        assert self._process.stdin is not None
        self._process.stdin.close()
        try:
            self._process.wait(10)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
