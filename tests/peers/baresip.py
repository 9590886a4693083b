"""baresip, a telephone that we did not write: driven over its TCP control port, wherever it runs.

It says a file's tone all the time and keeps what it hears in a file. Only PCMA is offered, so that a tone stays one;
by a secure one only Opus, with SRTP by keys in the description (RFC 4568) and SIP over TLS.
"""

from __future__ import annotations

import json
import shutil
import socket
import subprocess
import wave
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from tests.e2e.harness import until
from tests.sounds import tone

CONTROL_PORT = 4_444
_RELEASED = "\x04"
PLAIN_RATE, SECURE_RATE = 8_000, 48_000  # Hz of what it hears; a secure one hears on two channels
_CONFIG = """
poll_method epoll
sip_listen {address}:5060
rtp_ports 30000-30100
rtcp_mux yes
module_path {modules}
module {codec}.so
module srtp.so
module account.so
module aufile.so
module sndfile.so
module_app menu.so
module_app ctrl_tcp.so
ctrl_tcp_listen {address}:{control}
audio_source aufile,{folder}/tone.wav
audio_buffer 20-160
snd_path {folder}
"""
_SECURE_CONFIG = """
sip_cafile {ca}
sip_verify_server yes
"""
_ACCOUNT = "<sip:0901234567@{address}{parameters}>;regint=0;answermode=manual;ptime=20{settings}\n"
_SECURE = {"parameters": ";transport=tls", "settings": ";mediaenc=srtp-mand;audio_codecs=opus/48000/2"}


def write_tone(path: Path, hertz: float, seconds: float, rate: int = PLAIN_RATE, channels: int = 1) -> None:
    """A file with a tone, the same on each channel."""
    samples = tone(hertz, seconds, rate)
    with wave.open(str(path), "wb") as file:
        file.setnchannels(channels)
        file.setsampwidth(2)
        file.setframerate(rate)
        file.writeframes(np.repeat(samples, channels).tobytes())


class Baresip:
    """One telephone at `address`, on the machine where `command` starts programs; `events` is what it has told.

    With `ca`, certificates (PEM) that it believes, it is a secure one.
    """

    def __init__(
        self, folder: Path, address: str, hertz: float, command: Sequence[str] = (), ca: Path | None = None
    ) -> None:
        program = shutil.which("baresip")
        assert program, "baresip is missing: apt-get install baresip-core"
        self._folder = folder
        folder.mkdir()
        modules = Path(program).parent.parent / "lib" / "baresip" / "modules"
        values = {"address": address, "modules": modules, "control": CONTROL_PORT, "folder": folder}
        config = _CONFIG.format(codec="opus" if ca else "g711", **values)
        (folder / "config").write_text(config + (_SECURE_CONFIG.format(ca=ca) if ca else ""))
        manner = _SECURE if ca else {"parameters": "", "settings": ""}
        (folder / "accounts").write_text(_ACCOUNT.format(address=address, **manner))
        (folder / "contacts").touch()
        write_tone(folder / "tone.wav", hertz, 180, *((SECURE_RATE, 2) if ca else (PLAIN_RATE, 1)))
        self._channels = 2 if ca else 1
        self.events: list[dict[str, Any]] = []
        self._printed = (folder / "log").open("wb")
        self._process = subprocess.Popen(
            [*command, program, "-f", str(folder)], stdin=subprocess.DEVNULL, stdout=self._printed, stderr=self._printed
        )
        self._socket = until(lambda: self._connected(address), 20, "baresip listens")
        self._socket.setblocking(False)
        self._read = b""

    def _connected(self, address: str) -> socket.socket | None:
        assert self._process.poll() is None, self.log()
        try:
            return socket.create_connection((address, CONTROL_PORT), 2)
        except OSError:
            return None

    def do(self, command: str, words: str = "") -> None:
        """Give a command as one types it."""
        said = json.dumps({"command": command, "params": words}).encode()
        self._socket.sendall(b"%d:%s," % (len(said), said))

    def _hear(self) -> None:
        """Netstrings of JSON."""
        try:
            self._read += self._socket.recv(65_536)
        except BlockingIOError:
            return
        while b":" in self._read:
            length, _, rest = self._read.partition(b":")
            if len(rest) <= int(length):
                return
            self.events.append(json.loads(rest[: int(length)]))
            self._read = rest[int(length) + 1 :]

    def told(self, kind: str, seconds: float = 20) -> dict[str, Any]:
        """Wait for an event; it and those before it are then forgotten."""

        def found() -> int | None:
            self._hear()
            return next((n for n, event in enumerate(self.events, 1) if event.get("type") == kind), None)

        number = until(found, seconds, f"baresip tells {kind}: {self.events}")
        event = self.events[number - 1]
        del self.events[:number]
        return event

    def press(self, keys: str) -> None:
        """Press keys one after the other (RFC 4733)."""
        for key in keys:
            self.do("sndcode", key)
            self.do("sndcode", _RELEASED)

    def heard(self) -> np.ndarray:
        """All that was heard in the newest call, on the first channel."""
        files = sorted(self._folder.glob("dump-*-dec.wav"), key=lambda path: path.stat().st_mtime_ns)
        data = files[-1].read_bytes()[44:] if files else b""
        return np.frombuffer(data[: len(data) // 4 * 4], "<i2")[:: self._channels]

    def log(self) -> str:
        """What it has printed."""
        return (self._folder / "log").read_text("utf-8", "replace")

    def close(self) -> None:
        """Put it away."""
        self._socket.close()
        self._process.terminate()
        self._process.wait(10)
        self._printed.close()
